"""STOW-RS (PS3.18 10.5): many objects in one request, and an answer for each."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import requests

from node.config import Destination
from node.deliver.http import check_ourselves, session_for, unreachable, verdict_of
from node.deliver.kept import Kept
from node.deliver.multipart import Multipart
from node.deliver.outcome import Outcome, Outgoing, Sender, Verdict
from node.deliver.status import meaning_of, reason_of

_REFERENCED_SOP_SEQUENCE = "00081199"
_FAILED_SOP_SEQUENCE = "00081198"
_REFERENCED_SOP_INSTANCE_UID = "00081155"
_FAILURE_REASON = "00081197"
_WARNING_REASON = "00081196"

#: PS3.18 10.5.3.1: with 200 all were stored, with 202 not all or not as they were, with 409 none.
_OK, _ACCEPTED, _CONFLICT = 200, 202, 409

#: Objects in one request.
_BATCH = 100


class StowSender(Sender):
    """A STOW-RS client.

    Args:
        destination: of kind `stow`; its URL is that of the service, without `/studies`.
        keep_seconds: so long its connection stays open without anything to send.
    """

    def __init__(self, destination: Destination, keep_seconds: float = 0.0) -> None:
        self._destination = destination
        self._kept = Kept(lambda: session_for(destination), keep_seconds)
        self._url = destination.url.rstrip("/") + "/studies"

    def echo(self) -> None:
        """Ask for one study; raises DeliveryError or DeliveryRefused."""
        try:
            with self._kept.open() as session:
                answer = session.get(self._url, params={"limit": "1"}, headers={"Accept": "application/dicom+json"})
        except requests.RequestException as error:
            raise unreachable(error, self._destination) from error
        check_ourselves(answer.status_code, self._destination)

    def send(self, objects: Sequence[Outgoing]) -> Iterator[Outcome]:
        """As :meth:`node.deliver.outcome.Sender.send`."""
        readable = [outgoing for outgoing in objects if os.access(outgoing.path, os.R_OK)]
        for outgoing in objects:
            if outgoing not in readable:
                yield Outcome(outgoing, Verdict.UNSENDABLE, f"the file is not there, or not readable: {outgoing.path}")
        for first in range(0, len(readable), _BATCH):
            yield from self._store(readable[first : first + _BATCH])

    def rest(self, *, at_once: bool = False) -> None:
        """As :meth:`node.deliver.outcome.Sender.rest`."""
        self._kept.rest(at_once=at_once)

    def _store(self, batch: Sequence[Outgoing]) -> Iterator[Outcome]:
        """One request, and one more for each object when they were refused together: it may be for one of them."""
        answer = self._post(batch)
        check_ourselves(answer.status_code, self._destination)
        said = _json(answer)
        alone = _refused_together(batch, answer.status_code, said)
        yield from outcomes([one for one in batch if one not in alone], answer.status_code, said)
        for outgoing in alone:
            yield from self._store([outgoing])

    def _post(self, objects: Sequence[Outgoing]) -> requests.Response:
        body = Multipart([outgoing.path for outgoing in objects])
        headers = {"Content-Type": body.content_type, "Accept": "application/dicom+json"}
        try:
            with self._kept.open() as session:
                return session.post(self._url, data=body, headers=headers, allow_redirects=False)
        except requests.RequestException as error:
            raise unreachable(error, self._destination) from error
        finally:
            body.close()


def _refused_together(batch: Sequence[Outgoing], code: int, answer: Mapping[str, Any]) -> list[Outgoing]:
    """The objects of a refused request of which its answer says nothing; none when it held a single object."""
    if len(batch) == 1 or (code != _CONFLICT and verdict_of(code) is not Verdict.PERMANENT):
        return []
    sequences = (_REFERENCED_SOP_SEQUENCE, _FAILED_SOP_SEQUENCE)
    named = {uid for sequence in sequences for uid in _by_uid(answer, sequence, _FAILURE_REASON)}
    return [outgoing for outgoing in batch if outgoing.sop_instance_uid not in named]


def outcomes(objects: Sequence[Outgoing], code: int, answer: Mapping[str, Any]) -> Iterator[Outcome]:
    """What the answer says of each object. Args: answer: the Store Instances Response Module as DICOM JSON."""
    stored = _by_uid(answer, _REFERENCED_SOP_SEQUENCE, _WARNING_REASON)
    failed = _by_uid(answer, _FAILED_SOP_SEQUENCE, _FAILURE_REASON)
    for outgoing in objects:
        uid = outgoing.sop_instance_uid
        if uid in failed:
            yield _failed(outgoing, failed[uid])
        elif uid in stored:
            reason = reason_of(stored[uid])
            yield Outcome(outgoing, Verdict.WARNING if reason else Verdict.DELIVERED, reason)
        else:
            yield _not_mentioned(outgoing, code)


def _failed(outgoing: Outgoing, status: int) -> Outcome:
    verdict, reason = meaning_of(status).verdict, reason_of(status)
    if verdict is Verdict.DELIVERED:  # among the failed, but with the status of success
        verdict, reason = Verdict.TEMPORARY, "it was not stored, and no reason was given"
    return Outcome(outgoing, verdict, reason)


def _not_mentioned(outgoing: Outgoing, code: int) -> Outcome:
    if code == _OK:
        return Outcome(outgoing, Verdict.WARNING, "HTTP 200, but the answer does not name it")
    if code in (_ACCEPTED, _CONFLICT):
        return Outcome(outgoing, Verdict.TEMPORARY, f"HTTP {code}, and the answer does not name it")
    verdict = verdict_of(code)
    return Outcome(outgoing, Verdict.TEMPORARY if verdict is Verdict.DELIVERED else verdict, f"HTTP {code}")


def _json(answer: requests.Response) -> Mapping[str, Any]:
    """DICOM JSON (PS3.18 F.2): an object, or an array that holds it. Any: JSON's edge."""
    try:
        found = answer.json()
    except ValueError:
        return {}
    if isinstance(found, list):
        found = found[0] if found else {}
    return found if isinstance(found, dict) else {}


def _by_uid(answer: Mapping[str, Any], sequence: str, reason: str) -> dict[str, int]:
    """SOP Instance UID -> reason, 0 when none is given; items that are no DICOM JSON are passed over."""
    found = {}
    for item in _values(answer, sequence):
        uids = _values(item, _REFERENCED_SOP_INSTANCE_UID)
        reasons = _values(item, reason)
        if uids:
            found[str(uids[0])] = reasons[0] if reasons and isinstance(reasons[0], int) else 0
    return found


def _values(item: Any, tag: str) -> list[Any]:
    element = item.get(tag) if isinstance(item, dict) else None
    values = element.get("Value") if isinstance(element, dict) else None
    return values if isinstance(values, list) else []
