"""Content of our own structured reports and notes (PS3.15 E.3.4): names of people go, findings stay.

Texts of ours are made of what plugins say and of our own words; names, dates and UIDs stand in content items of their
own kinds (PS3.3 C.17.3), and there they are replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pydicom.dataset import Dataset

_PERSON = "PNAME"
#: Concepts whose text was copied from the images, or typed by a person.
_COPIED = frozenset({"121106", "121005"})  # DCM: Comment; Observer Type is a code, never a text


def clean_content(items: Iterable[Dataset], made: Callable[[Dataset], Dataset]) -> list[Dataset]:
    """Content items without people. Args: made: applies the profile to all but the item's own content."""
    return [_clean(item, made) for item in items if not _is_copied(item)]


def _clean(item: Dataset, made: Callable[[Dataset], Dataset]) -> Dataset:
    copy = made(item)
    kind = item.get("ValueType", "")
    if kind == _PERSON:
        copy.PersonName = "ANONYMOUS"
    if kind == "TEXT" and "TextValue" in item:
        copy.TextValue = item.TextValue
    if "ContentSequence" in item:
        copy.ContentSequence = clean_content(item.ContentSequence, made)
    return copy


def _is_copied(item: Dataset) -> bool:
    names = item.get("ConceptNameCodeSequence") or ()
    return any(one.get("CodeValue", "") in _COPIED for one in names) and item.get("ValueType", "") == "TEXT"
