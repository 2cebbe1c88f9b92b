"""The files behind the lines: what kind each is, and what a DICOM header tells, before anything is decoded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info

from node.errors import DecodeError
from node.receive.header import Claim
from node.receive.header import read as read_header
from node.study import Instance
from radnode_kit.acceptance.table import Problem, Row
from radnode_kit.acceptance.traits import Traits, traits_of

_PREAMBLE = 128 + 4  # and "DICM", PS3.10 7.1
_GROUP_LENGTH_ELEMENT = 12  # (0002,0000) UL with its header


@dataclass(frozen=True)
class Source:
    """A line with its file. `instance` is None for a picture that is no DICOM."""

    row: Row
    instance: Instance | None

    @property
    def patient(self) -> str:
        """As in the CSV, else by the header (a digest), else the file alone."""
        return self.row.patient or (self.instance.patient_key if self.instance else "") or f"file {self.row.path}"

    @property
    def series(self) -> str:
        """As in the CSV, else Series Instance UID, else the file alone."""
        return (
            self.row.series or (self.instance.series_instance_uid if self.instance else "") or f"file {self.row.path}"
        )

    @property
    def traits(self) -> Traits:
        """As in the CSV, and what is missing there by the header."""
        return self.row.traits | traits_of(self.instance.attributes) if self.instance else self.row.traits


def look_at(
    rows: tuple[Row, ...], advance: Callable[[int], None] = lambda done: None
) -> tuple[list[Source], list[Problem]]:
    """The files that are there and whose kind is known, and the others. Args: advance: is told of each line."""
    sources, problems = [], []
    for row in rows:
        try:
            sources.append(Source(row, _instance(row.path) if _is_dicom(row.path) else None))
        except OSError as error:
            problems.append(Problem(row.line, row.file, f"{error.strerror or 'it cannot be read'}: check the path"))
        except DecodeError as error:
            problems.append(Problem(row.line, row.file, error.what))
        advance(1)
    return sources, problems


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(_PREAMBLE)[-4:] == b"DICM"


def _instance(path: Path) -> Instance:
    """What the node's receiver would note of the file; raises :class:`DecodeError`."""
    meta, start = _meta(path)
    claim = Claim(
        str(meta.get("MediaStorageSOPClassUID", "")).encode(),
        str(meta.get("MediaStorageSOPInstanceUID", "")).encode(),
        str(meta.get("TransferSyntaxUID", "")),
    )
    header = read_header(path, start, claim)
    if header.defect:
        raise DecodeError(f"the node would set it aside: {header.defect}")
    return Instance(
        sop_instance_uid=header.sop_instance_uid,
        sop_class_uid=header.sop_class_uid,
        transfer_syntax_uid=claim.transfer_syntax_uid,
        study_instance_uid=header.study_instance_uid,
        series_instance_uid=header.series_instance_uid,
        path=str(path.absolute()),
        size=path.stat().st_size,
        sha256="",
        patient_key=header.patient_key,
        instance_number=header.instance_number,
        attributes=header.attributes,
    )


def _meta(path: Path) -> tuple[Any, int]:  # Any: pydicom is untyped here
    """File Meta Information and the offset of the dataset."""
    try:
        meta = read_file_meta_info(path)
        return meta, _PREAMBLE + _GROUP_LENGTH_ELEMENT + int(meta.FileMetaInformationGroupLength)
    except (InvalidDicomError, AttributeError, ValueError, EOFError, KeyError) as error:
        raise DecodeError(f"its DICOM header is broken ({type(error).__name__})") from error


def name_of(source: Source) -> str:
    """A UID for a picture that has none: it names the image between the node and the plugin, and goes no further."""
    number = int(sha256(str(source.row.path.absolute()).encode()).hexdigest()[:32], 16)
    return source.instance.sop_instance_uid if source.instance else f"2.25.{number}"
