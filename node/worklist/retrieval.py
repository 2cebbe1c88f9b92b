"""Retrieves a study over WADO-RS (PS3.18 10.4), where a workitem says that it is to be had so.

Only from services that are configured, and only that study: what else an address leads to is not followed, and nobody
else gets to see credentials. What comes is kept by the code of STOW-RS (:mod:`node.intake`), with its limits and
promises.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import requests
from urllib3.exceptions import HTTPError

from node.config import Destination, Settings
from node.deliver.http import address_of, check_ourselves, prepare, unreachable
from node.errors import DeliveryError, DeliveryRefused
from node.intake import Intake
from node.intake.multipart import Malformed, parameters
from node.intake.request import Storing, TooMuch
from node.ledger import Ledger
from node.spool import Spool

#: Part of a study (below its address) -> addresses that have it, any of which will do, each with its service.
Places = dict[str, list[tuple[str, Destination]]]

_ACCEPT = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_PIECE = 1 << 16
_OK, _MISSING = 200, (404, 410)
_BROKEN_OFF = "it was broken off: nobody waits for it, or the node is being stopped"
#: Of a whole study.
_LONGEST_SECONDS = 4 * 3600.0
_UID = r"[0-9]+(\.[0-9]+)*"
_BELOW = re.compile(rf"(/series/{_UID}(/instances/{_UID})?)?", re.ASCII)


def places(sources: Iterable[str], study_instance_uid: str, settings: Settings) -> Places:
    """Of the addresses those of the study, of its series or of its instances, that a configured service has.

    Where the whole study has one, that is enough.
    """
    found: Places = {}
    services = [one for one in settings.destinations if one.kind == "stow"]
    for url in sources:
        for service in services:
            base = f"{service.url.rstrip('/')}/studies/{study_instance_uid}"
            below = url[len(base) :].rstrip("/")
            if study_instance_uid and url.startswith(base) and _BELOW.fullmatch(below):
                found.setdefault(below, []).append((url, service))
                break
    return {"": found[""]} if "" in found else found


class Retrieval:
    """Of one study.

    Args:
        settings: of this node.
        ledger: is told.
        operator: who wants it, for the trail.
        is_stopping: whether the rest is wanted no more: what is broken off so has no end in the ledger.
    """

    def __init__(self, settings: Settings, ledger: Ledger, operator: str, is_stopping: Callable[[], bool]) -> None:
        self._settings, self._ledger, self._operator, self._is_stopping = settings, ledger, operator, is_stopping
        self._stored = self._failed = 0
        self._end = time.monotonic() + _LONGEST_SECONDS

    def run(self, study_instance_uid: str, found: Places) -> str:
        """Why not all of it came, or empty. Raises :class:`~node.errors.LedgerBusy`. Args: found: :func:`places`."""
        names = ", ".join(sorted({one.name for several in found.values() for _, one in several}))
        self._ledger.fetches.ask(study_instance_uid, names, None, self._operator)
        with self._intake() as intake:
            reasons = [self._from_any(intake, several, study_instance_uid) for several in found.values()]
        reason = "; ".join(dict.fromkeys(one for one in reasons if one))
        if reason and self._is_stopping():
            return reason
        stored, failed = self._stored, self._failed
        self._ledger.fetches.end(
            study_instance_uid, reason, completed=stored, failed=failed, archive=names, operator=self._operator
        )
        return reason

    def _intake(self) -> Intake:
        """Spool and ledger as a receiver has them."""
        limits, storage, data_dir = self._settings.receive, self._settings.storage, self._settings.node.data_dir
        most_bytes = limits.max_study_mb << 20
        ledger = Ledger(data_dir / "ledger.db", storage.busy_seconds, limits.max_study_objects, most_bytes)
        return Intake(self._settings, Spool(data_dir / "spool", storage.min_free_mb), ledger)

    def _from_any(self, intake: Intake, several: Sequence[tuple[str, Destination]], study_instance_uid: str) -> str:
        """Why none of these services has sent it, or empty."""
        reasons: list[str] = []
        for url, service in several:
            if self._is_stopping():
                return "; ".join([*reasons, _BROKEN_OFF])
            try:
                reason = self._retrieve(intake, service, url, study_instance_uid)
            except (DeliveryError, DeliveryRefused) as error:
                reason = str(error)
            if not reason:
                return ""
            reasons.append(reason)
        return "; ".join(reasons)

    def _retrieve(self, intake: Intake, service: Destination, url: str, study_instance_uid: str) -> str:
        try:
            with requests.Session() as session:
                prepare(session, service, answer_seconds=_LONGEST_SECONDS)
                headers = {"Accept": _ACCEPT, "Accept-Encoding": "identity"}
                with session.get(url, headers=headers, stream=True, allow_redirects=False) as answer:
                    if answer.status_code in _MISSING:
                        return f"{service.name} does not have it"
                    check_ourselves(answer.status_code, service)
                    if not answer.ok:
                        raise _unusable(service, f"HTTP {answer.status_code}")
                    reason = self._take(intake, service, answer, study_instance_uid)
                    is_whole = answer.status_code == _OK  # PS3.18 10.4.3: 206 is a part of it
                    return reason if is_whole else f"{service.name} sends a part of it (HTTP {answer.status_code})"
        except (requests.RequestException, HTTPError, OSError) as error:
            raise unreachable(error, service) from error

    def _take(self, intake: Intake, service: Destination, answer: requests.Response, study_instance_uid: str) -> str:
        """All that is in an answer, as it comes."""
        try:
            kind, _, boundary = parameters(answer.headers.get("Content-Type", ""))
        except Malformed as error:
            raise _unusable(service, str(error)) from error
        if kind != "multipart/related":
            raise _unusable(service, "it is no multipart/related")
        longest = self._settings.receive.max_object_mb << 20
        storing = Storing(intake.visit(service.name, address_of(service)), boundary, longest, study_instance_uid)
        try:
            for piece in self._pieces(answer, storing):
                storing.feed(piece)
            storing.finish()
        except (Malformed, TooMuch) as error:
            storing.tear()
            raise _unusable(service, str(error) or "it goes on without end") from error
        finally:
            storing.close()
            self._stored, self._failed = self._stored + len(storing.stored), self._failed + len(storing.failed)
        lost = len(storing.failed)
        return f"{lost} objects of {service.name} were not taken: `radnode trail` says why" if lost else ""

    def _pieces(self, answer: requests.Response, storing: Storing) -> Iterator[bytes]:
        longest = self._settings.receive.message_seconds
        while piece := answer.raw.read1(_PIECE, decode_content=True):  # as it comes, however little
            if self._is_stopping():
                raise Malformed(_BROKEN_OFF)
            if storing.seconds > longest or time.monotonic() > self._end:
                raise TooMuch
            yield piece


def _unusable(service: Destination, why: str) -> DeliveryError:
    return DeliveryError(f"its answer cannot be used: {why}", about=address_of(service), hint="check url")
