"""What lies in a file that was kept: the same facts that its receiver had, read from the file alone."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydicom.filereader import read_file_meta_info

from node.errors import PermanentError
from node.receive.header import Claim, read
from node.study import Arrival

_PREAMBLE = 128 + 4  # and "DICM", PS3.10 7.1
_GROUP_LENGTH_ELEMENT = 12  # (0002,0000) UL with its header
_PIECE = 1 << 20


def meta_of(path: Path) -> tuple[Any, int]:  # Any: pydicom is untyped here
    """File Meta Information and the offset of the dataset; raises PermanentError for what is no Part 10 file."""
    try:
        meta = read_file_meta_info(path)
        claim_of(meta), meta.get("SourceApplicationEntityTitle")  # elements are read when they are asked for
        return meta, _PREAMBLE + _GROUP_LENGTH_ELEMENT + int(meta.FileMetaInformationGroupLength)
    except Exception as error:  # an edge: a damaged header makes pydicom raise nearly anything
        hint = "only DICOM Part 10 files can be read"
        raise PermanentError(f"it is no DICOM file ({type(error).__name__})", about=str(path), hint=hint) from error


def claim_of(meta: Any) -> Claim:  # Any: pydicom is untyped here
    """What the peer said of the dataset."""
    return Claim(
        str(meta.get("MediaStorageSOPClassUID", "")).encode(),
        str(meta.get("MediaStorageSOPInstanceUID", "")).encode(),
        str(meta.get("TransferSyntaxUID", "")),
    )


def digest_of(path: Path, start: int) -> str:
    """sha256, hex, of the dataset that begins at byte `start`."""
    digest = sha256()
    with path.open("rb") as stream:
        stream.seek(start)
        while piece := stream.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def name_of(claim: Claim, digest: str) -> str:
    """The name of a received file: equal for equal objects, and never from a tag. Args: digest: of its dataset."""
    facts = (claim.sop_instance_uid, claim.sop_class_uid, claim.transfer_syntax_uid.encode(), digest.encode())
    return sha256(b"\0".join(sha256(fact).digest() for fact in facts)).hexdigest()


def arrival_of(path: Path, relative: str, association: str) -> Arrival:
    """The arrival of a file that lies in the spool. Raises PermanentError for what is no Part 10 file.

    Args:
        path: of the file.
        relative: the same for the ledger.
        association: what brings it.
    """
    meta, start = meta_of(path)
    claim = claim_of(meta)
    found = read(path, start, claim).arrival(claim, relative, association)
    calling = str(meta.get("SourceApplicationEntityTitle", "")).strip()
    return replace(
        found,
        size=path.stat().st_size,
        sha256=digest_of(path, start),
        attributes=replace(found.attributes, calling_ae=calling),
    )
