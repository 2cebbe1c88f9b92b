"""Presentation contexts for what is sent, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import build_context
from pynetdicom.presentation import PresentationContext

from node.deliver.outcome import Outgoing
from node.errors import DeliveryRefused

#: Context ids are the odd numbers of one byte (PS3.8 9.3.2.2).
MOST_CONTEXTS = 128


@dataclass(frozen=True)
class FileMeta:
    """What the File Meta Information (PS3.10 7.1) says of an object."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str

    @property
    def context(self) -> tuple[str, str]:
        """What has to be proposed for it: abstract syntax and transfer syntax."""
        return self.sop_class_uid, self.transfer_syntax_uid

    @property
    def is_explicit_little_endian(self) -> bool:
        """Whether it can travel as Implicit VR too."""
        return self.transfer_syntax_uid == str(ExplicitVRLittleEndian)


def read_meta(path: Path) -> FileMeta:
    """Read the File Meta Information; raises :class:`DeliveryRefused` when the file has none or cannot be read."""
    try:
        meta = read_file_meta_info(path)
        found = (meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID, meta.TransferSyntaxUID)
    except FileNotFoundError as error:
        hint = "restore it, or retry the analysis so that it is made again"
        raise DeliveryRefused("the file is not there", about=str(path), hint=hint) from error
    except OSError as error:
        raise DeliveryRefused(f"the file cannot be read: {error.strerror}", about=str(path)) from error
    except (InvalidDicomError, AttributeError, ValueError, EOFError, KeyError) as error:
        raise DeliveryRefused("this is no DICOM file (PS3.10 7.1)", about=str(path)) from error
    return FileMeta(*(str(value) for value in found))


def contexts_for(wanted: Iterable[tuple[str, str]]) -> list[PresentationContext]:
    """One context for each abstract and transfer syntax; Explicit VR Little Endian may also travel as Implicit.

    PS3.5 10.1: every association has to offer the default transfer syntax for what can be converted to it.
    """
    return [build_context(UID(abstract), UID(syntax)) for abstract, syntax in _pairs(wanted)]


def _pairs(wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], None]:
    pairs = dict.fromkeys(wanted)
    plain = {abstract for abstract, syntax in pairs if syntax == str(ExplicitVRLittleEndian)}
    return pairs | dict.fromkeys((abstract, str(ImplicitVRLittleEndian)) for abstract in sorted(plain))


def by_association(objects: Sequence[tuple[Outgoing, FileMeta]]) -> Iterator[list[tuple[Outgoing, FileMeta]]]:
    """Split objects so that the contexts of each part fit into one association; order is kept where it can be."""
    part: list[tuple[Outgoing, FileMeta]] = []
    pairs: set[tuple[str, str]] = set()
    for outgoing, meta in objects:
        if meta.context not in pairs and len(_pairs([*pairs, meta.context])) > MOST_CONTEXTS:
            yield part
            part, pairs = [], set()
        part.append((outgoing, meta))
        pairs.add(meta.context)
    if part:
        yield part
