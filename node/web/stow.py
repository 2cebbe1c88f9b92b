"""STOW-RS (PS3.18 10.5): objects in by POST; the answer says of each whether it is safe, or why not."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from node.config import ReceiveSettings
from node.intake import Intake
from node.intake.assembling import Assembling
from node.intake.multipart import Malformed, parameters
from node.intake.native import written
from node.intake.request import CANNOT_UNDERSTAND, Failed, Storing, TooMuch
from node.receive.header import Claim
from node.receive.places import Places
from node.receive.text import shown_uid

#: Requests at one time, and of them from one address.
MOST, MOST_PER_ADDRESS = 32, 16
_AGAIN = {"Retry-After": "30"}
#: Else the rest of a body would be read to its end, however far that is.
_CLOSE = {"Connection": "close"}
_MEDIA_TYPE = "application/dicom+json"
_ANSWERED = frozenset({"*/*", "application/*", "application/json", _MEDIA_TYPE})
_XML = "application/dicom+xml"
_UID = re.compile(r"[0-9]+(\.[0-9]+)+", re.ASCII)
_LONGEST_TITLE = 16  # PS3.5 6.2, AE

_RETRIEVE_URL, _FAILED, _REFERENCED, _OTHERS = "00081190", "00081198", "00081199", "0008119A"
_CLASS, _INSTANCE, _WARNING_REASON, _FAILURE_REASON = "00081150", "00081155", "00081196", "00081197"

Item = dict[str, Any]  # JSON's edge: an item of DICOM JSON (PS3.18 F.2)
#: What is answered, its status code, and headers.
Told = tuple[Item, int, Mapping[str, str] | None]


class StowService:
    """Args: intake: the door; limits: those of the receiver."""

    def __init__(self, intake: Intake, limits: ReceiveSettings) -> None:
        self._intake, self._limits = intake, limits
        self._places = Places(MOST, MOST_PER_ADDRESS)

    async def store(self, request: Request, holder: str) -> Response:
        """The answer to a POST. Args: holder: of the token; its name counts as calling AE title."""
        in_xml = _wants_xml(request)
        (boundary, inner), study = _body(request), request.path_params.get("uid", "")
        if study and (len(study) > 64 or not _UID.fullmatch(study)):
            raise HTTPException(400, "what stands behind studies/ is no UID")
        address = request.client.host if request.client else ""
        with self._places.take(address) as free:
            if not free:
                raise HTTPException(503, "too many objects are being stored already", _AGAIN)
            visit = self._intake.visit(holder[:_LONGEST_TITLE], address)
            of_kind = Assembling if inner in (_MEDIA_TYPE, _XML) else Storing
            storing = of_kind(visit, boundary, self._limits.max_object_mb << 20, study)
            try:
                table, status, headers = await self._receive(request, storing)
            finally:
                await run_in_threadpool(storing.close)
        if in_xml:
            return Response(written(table), status, headers, _XML)
        return JSONResponse(table, status, headers, _MEDIA_TYPE)

    async def _receive(self, request: Request, storing: Storing) -> Told:
        """Read the body as it comes, in pieces that uvicorn keeps small, and answer."""
        pieces = request.stream()
        try:
            while piece := await asyncio.wait_for(anext(pieces, b""), self._limits.network_seconds):
                await run_in_threadpool(storing.feed, piece)
                if storing.seconds > self._limits.message_seconds:
                    raise TimeoutError
            await run_in_threadpool(storing.finish)
        except (Malformed, TimeoutError, ClientDisconnect) as error:
            await run_in_threadpool(storing.tear)
            if not storing.stored:
                raise _refusal(error) from error
            return _answer(storing, [*storing.failed, Failed(None, CANNOT_UNDERSTAND)])
        except TooMuch:
            await run_in_threadpool(storing.tear)
            return _answer(storing, storing.failed, 413, _CLOSE)
        return _answer(storing, storing.failed)


def _wants_xml(request: Request) -> bool:
    """Whether the answer is to be XML: where JSON is not accepted."""
    accepted = {one.partition(";")[0].strip().lower() for one in request.headers.get("Accept", "*/*").split(",")}
    if not accepted & _ANSWERED and _XML not in accepted:
        raise HTTPException(406, f"the answer is {_MEDIA_TYPE} or {_XML}")
    return not accepted & _ANSWERED


def _body(request: Request) -> tuple[bytes, str]:
    """Boundary of a body that can be taken, and the media type of its first part."""
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise HTTPException(415, "the body is to come as it is: no Content-Encoding", {"Accept-Encoding": "identity"})
    try:
        kind, inner, boundary = parameters(request.headers.get("Content-Type", ""))
    except Malformed as error:
        raise HTTPException(400, str(error)) from error
    if kind != "multipart/related" or inner not in ("application/dicom", _MEDIA_TYPE, _XML, ""):
        types = f'"application/dicom", "{_MEDIA_TYPE}" or "{_XML}"'
        raise HTTPException(415, f"the body is to be multipart/related; type={types}")
    return boundary, inner


def _refusal(error: Exception) -> HTTPException:
    if isinstance(error, TimeoutError):
        return HTTPException(408, "the body does not come", _CLOSE)
    return HTTPException(400, str(error) or "the body ends before its last boundary")


def _answer(
    storing: Storing, failed: Sequence[Failed], status: int = 0, headers: Mapping[str, str] | None = None
) -> Told:
    """The Store Instances Response Module (PS3.18 10.5.3 and I.2)."""
    warned = any(one.warning for one in storing.stored)
    status = status or _status(bool(storing.stored), warned, failed)
    named = [(one.claim, _FAILURE_REASON, one.reason) for one in failed if one.claim is not None]
    stored = [(one.claim, _WARNING_REASON, one.warning) for one in storing.stored]
    others = [_us(_FAILURE_REASON, one.reason) for one in failed if one.claim is None]
    body: Item = {_RETRIEVE_URL: {"vr": "UR"}}
    body |= _sequence(_REFERENCED, (_item(*one) | {_RETRIEVE_URL: {"vr": "UR"}} for one in stored))
    body |= _sequence(_FAILED, (_item(*one) for one in named))
    body |= _sequence(_OTHERS, others)
    return body, status, _AGAIN if status == 503 else headers


def _status(any_stored: bool, warned: bool, failed: Sequence[Failed]) -> int:
    """PS3.18 table 10.5.3-1."""
    if any_stored:
        return 202 if failed or warned else 200
    if all(one.may_come_again for one in failed):
        return 503
    return 413 if all(one.is_too_long for one in failed) else 409


def _sequence(tag: str, items: Iterable[Item]) -> Mapping[str, Any]:  # JSON's edge
    value = list(items)
    return {tag: {"vr": "SQ", "Value": value}} if value else {}


def _item(claim: Claim, tag: str, reason: int) -> Item:
    uids = ((_CLASS, claim.sop_class_uid), (_INSTANCE, claim.sop_instance_uid))
    told: Item = {name: {"vr": "UI", "Value": [shown_uid(uid)]} for name, uid in uids}
    return told | _us(tag, reason) if reason else told


def _us(tag: str, value: int) -> Item:
    return {tag: {"vr": "US", "Value": [value]}}
