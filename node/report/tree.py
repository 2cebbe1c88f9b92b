"""Content items of a Structured Report, each in one call; a tree is these calls nested.

They are highdicom's value types, but for what those cannot hold: a NUM without a value (PS3.3 C.18.1).

Making one takes longer than all else about it, and a report says much of every finding and image alike. So the items of
:func:`code`, :func:`num` and :func:`fact` are the same objects for the same arguments: they may stand in many places,
in many reports, and are never changed. Who puts something below an item has it made apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
from highdicom.sr import (
    CodeContentItem,
    CodedConcept,
    ContainerContentItem,
    ContentItem,
    DateContentItem,
    ImageContentItem,
    NumContentItem,
    ScoordContentItem,
    TextContentItem,
    UIDRefContentItem,
)
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence

from node.study import Region

CONTAINS = "CONTAINS"
MODIFIER = "HAS CONCEPT MOD"
CONTEXT = "HAS OBS CONTEXT"
ACQUISITION = "HAS ACQ CONTEXT"
SELECTED = "SELECTED FROM"
INFERRED = "INFERRED FROM"


def container(
    name: CodedConcept, children: Iterable[ContentItem], relation: str | None = CONTAINS, template: str | None = None
) -> ContentItem:
    """A CONTAINER with its children; `template` is a TID of PS3.16."""
    item = ContainerContentItem(name=name, relationship_type=relation, template_id=template)
    return _with_children(item, children)


def _with_children(item: ContentItem, children: Iterable[ContentItem]) -> ContentItem:
    """`item`, with these content items below it."""
    below = list(children)
    if below:
        # highdicom's own sequence class refuses roots and mixes; a plain one encodes the same
        Dataset.__setattr__(item, "ContentSequence", DicomSequence(below))
    return item


def code(name: CodedConcept, value: CodedConcept, relation: str = CONTAINS) -> ContentItem:
    """A CODE."""
    return _code(name, value, relation, (name.meaning, value.meaning))


@lru_cache(maxsize=512)
def _code(name: CodedConcept, value: CodedConcept, relation: str, _meanings: tuple[str, str]) -> ContentItem:
    """The meanings are told apart too: to highdicom, concepts of the same code are equal whatever they are called."""
    return CodeContentItem(name=name, value=value, relationship_type=relation)


def code_above(
    name: CodedConcept, value: CodedConcept, children: Iterable[ContentItem], relation: str = CONTAINS
) -> ContentItem:
    """A CODE of its own, with these content items below it."""
    return _with_children(CodeContentItem(name=name, value=value, relationship_type=relation), children)


@lru_cache(maxsize=1024)
def fact(name: CodedConcept, value: str, relation: str = CONTAINS) -> ContentItem:
    """A TEXT that many findings or reports say alike, under a name of our own (never a plugin's)."""
    return text(name, value, relation)


def text(name: CodedConcept, value: str, relation: str = CONTAINS) -> ContentItem:
    """A TEXT."""
    return TextContentItem(name=name, value=value, relationship_type=relation)


def uidref(name: CodedConcept, value: str, relation: str = CONTEXT) -> ContentItem:
    """A UIDREF."""
    return UIDRefContentItem(name=name, value=value, relationship_type=relation)


def date(name: CodedConcept, value: str, relation: str = CONTAINS) -> ContentItem:
    """A DATE; `value` is YYYYMMDD."""
    return DateContentItem(name=name, value=value, relationship_type=relation)


def num(name: CodedConcept, value: float, unit: CodedConcept, relation: str = CONTAINS) -> ContentItem:
    """A NUM; `value` is rounded to four decimals, whole numbers stay whole."""
    return _num(name, _rounded(value), unit, relation, (name.meaning, unit.meaning))


@lru_cache(maxsize=512)
def _num(
    name: CodedConcept, value: float, unit: CodedConcept, relation: str, _meanings: tuple[str, str]
) -> ContentItem:
    return NumContentItem(name=name, value=value, unit=unit, relationship_type=relation)


def _rounded(value: float) -> float:
    return round(value, 4) if value % 1 else int(value)


def num_above(
    name: CodedConcept, value: float, unit: CodedConcept, children: Iterable[ContentItem], relation: str = CONTAINS
) -> ContentItem:
    """A NUM of its own, with these content items below it."""
    item = NumContentItem(name=name, value=_rounded(value), unit=unit, relationship_type=relation)
    return _with_children(item, children)


def num_without_value(name: CodedConcept, unit: CodedConcept, reason: CodedConcept) -> ContentItem:
    """A NUM that says why it has no value: an empty Measured Value Sequence with a qualifier (PS3.3 C.18.1)."""
    item = NumContentItem(name=name, value=0, unit=unit, qualifier=reason, relationship_type=CONTAINS)
    item.MeasuredValueSequence = DicomSequence()
    return item


def image(name: CodedConcept, reference: tuple[str, str, int | None], relation: str = CONTAINS) -> ContentItem:
    """An IMAGE; `reference` is SOP Class UID, SOP Instance UID, frame number (None for single-frame images)."""
    return image_above(name, reference, (), relation)


def image_above(
    name: CodedConcept,
    reference: tuple[str, str, int | None],
    children: Iterable[ContentItem],
    relation: str = CONTAINS,
) -> ContentItem:
    """An IMAGE of its own, with these content items below it."""
    sop_class_uid, sop_instance_uid, frame = reference
    item = ImageContentItem(name, sop_class_uid, sop_instance_uid, frame, relationship_type=relation)
    return _with_children(item, children)


def region(
    name: CodedConcept, place: Region, reference: tuple[str, str, int | None], source: CodedConcept
) -> ContentItem:
    """A closed POLYLINE (PS3.3 C.18.6.1.2) that carries the image it was selected from."""
    points: Sequence[tuple[float, float]] = (*place.polygon, place.polygon[0])
    item = ScoordContentItem(name, "POLYLINE", np.asarray(points, dtype=np.float32), relationship_type=CONTAINS)
    return _with_children(item, [image(source, reference, SELECTED)])
