"""What the conformance statement says of STOW-RS, from the tables by which it works."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from node.intake.assembling import LONGEST_METADATA
from node.intake.bulk import MEDIA_TYPES
from node.intake.reasons import Reason
from node.intake.request import CANNOT_UNDERSTAND, MISMATCH_KEPT, OUT_OF_RESOURCES, PROCESSING_FAILURE


def origin_server(table: Callable[[list[str], list[list[str]]], str]) -> str:
    """In Markdown. Args: table: makes one of its headings and rows."""
    media = [[f"`{kind}`", ", ".join(f"`{uid}`" for uid in uids)] for kind, uids in MEDIA_TYPES.items()]
    reasons = [[f"{code:04X}", what] for code, what in _reasons()]
    return f"""\
As origin server, where `web.enabled` is set: the Store transaction (PS3.18 10.5), to `/dicom-web/studies` and
`/dicom-web/studies/{{study}}`, of `multipart/related` with type `application/dicom`, `application/dicom+json` or
`application/dicom+xml` (Native DICOM Model, PS3.19 A.1, one part for an instance, without a document type): metadata of
at most {LONGEST_METADATA >> 20} MiB, and bulk data in parts whose Content-Location is a BulkDataURI, in any order
behind them; compressed pixel data one frame to a part, numbered by `/frames/N` behind the URI or in their
order. Such an object is written in Explicit VR Little Endian or the transfer syntax of its pixel data, its text in
UTF-8 (`ISO_IR 192`). Media types of pixel data, and their transfer
syntaxes; that of a JPEG that names none is read from it:

{table(["media type", "transfer syntax, the usual one first"], media)}
The response is `application/dicom+json`, or `application/dicom+xml` where JSON is not accepted. Users are
known by bearer tokens. What is said of Success above holds for each
instance in the Referenced SOP Sequence; Warning Reason {MISMATCH_KEPT:04X}: it is kept, and set aside, since it is not
of the class or instance that its File Meta Information names. Failure Reasons:

{table(["Failure Reason", "meaning"], reasons)}"""


def _reasons() -> Sequence[tuple[int, str]]:
    return [
        (OUT_OF_RESOURCES, "out of resources: send it again later"),
        (PROCESSING_FAILURE, "processing failure"),
        (CANNOT_UNDERSTAND, "the body is torn, or the part is none that is taken"),
        *((one.failure, one.what) for one in Reason),
    ]
