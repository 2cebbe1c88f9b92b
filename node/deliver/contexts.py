"""Presentation contexts for what is sent, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import build_context
from pynetdicom.dsutils import split_dataset
from pynetdicom.presentation import PresentationContext

from node.deliver.outcome import Outgoing
from node.errors import DeliveryRefused

#: Context ids are the odd numbers of one byte (PS3.8 9.3.2.2).
MOST_CONTEXTS = 128


@dataclass(frozen=True)
class FileMeta:
    """What the File Meta Information (PS3.10 7.1) says of an object, and at which byte its dataset begins."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    offset: int = field(default=0, compare=False)

    @property
    def context(self) -> tuple[str, str]:
        """What has to be proposed for it: abstract syntax and transfer syntax."""
        return self.sop_class_uid, self.transfer_syntax_uid


def read_meta(path: Path) -> FileMeta:
    """Read the File Meta Information; raises :class:`DeliveryRefused` when the file has none or cannot be read."""
    try:
        meta, offset = split_dataset(path)
        sop_class, instance, syntax = (
            str(meta[keyword].value)
            for keyword in ("MediaStorageSOPClassUID", "MediaStorageSOPInstanceUID", "TransferSyntaxUID")
        )
    except FileNotFoundError as error:
        hint = "restore it, or retry the analysis so that it is made again"
        raise DeliveryRefused("the file is not there", about=str(path), hint=hint) from error
    except OSError as error:
        raise DeliveryRefused(f"the file cannot be read: {error.strerror}", about=str(path)) from error
    except Exception as error:  # an edge: a damaged header makes pydicom raise nearly anything
        raise DeliveryRefused("this is no DICOM file (PS3.10 7.1)", about=str(path)) from error
    return FileMeta(sop_class, instance, syntax, offset)


def contexts_for(wanted: Iterable[tuple[str, str]]) -> list[PresentationContext]:
    """One context for each abstract and transfer syntax; Explicit VR Little Endian may also travel as Implicit.

    PS3.5 10.1: every association has to offer the default transfer syntax for what can be converted to it.
    """
    return [build_context(UID(abstract), UID(syntax)) for abstract, syntax in pairs(wanted)]


def pairs(wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], None]:
    """What :func:`contexts_for` proposes, in its order."""
    pairs = dict.fromkeys(wanted)
    plain = {abstract for abstract, syntax in pairs if syntax == str(ExplicitVRLittleEndian)}
    return pairs | dict.fromkeys((abstract, str(ImplicitVRLittleEndian)) for abstract in sorted(plain))


def by_association(objects: Sequence[tuple[Outgoing, FileMeta]]) -> Iterator[list[tuple[Outgoing, FileMeta]]]:
    """Split objects so that the contexts of each part fit into one association; order is kept where it can be."""
    part: list[tuple[Outgoing, FileMeta]] = []
    found: set[tuple[str, str]] = set()
    for outgoing, meta in objects:
        if meta.context not in found and len(pairs([*found, meta.context])) > MOST_CONTEXTS:
            yield part
            part, found = [], set()
        part.append((outgoing, meta))
        found.add(meta.context)
    if part:
        yield part
