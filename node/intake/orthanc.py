"""An Orthanc whose changes are followed: series that become stable there are taken, but for what the node has made.

How far it was followed stands in the ledger, and is moved on only after all of a series is durable. Killed at any
moment the node asks again for the changes from there on, and takes what it had taken as `received again`. Where it has
never followed before it begins with what comes next; what is there already, `radnode fetch` brings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orthanc_api_client as api
import requests
import structlog
from urllib3.exceptions import HTTPError

from node.config import Destination
from node.deliver.http import address_of, check_ourselves, prepare, unreachable
from node.errors import DeliveryError
from node.intake.reasons import Refused
from node.intake.visit import Intake, Visit
from node.ledger import Ledger
from node.study import MANUFACTURER

log = structlog.get_logger()

#: Changes that are asked for at a time.
_MANY = 100
_STABLE = "StableSeries"


class Follower:
    """Of one Orthanc.

    Args:
        orthanc: a destination of kind `orthanc`; its name counts as calling AE title.
        intake: takes what it has.
        ledger: keeps the position.
        is_stopping: the node is.
    """

    def __init__(
        self, orthanc: Destination, intake: Intake, ledger: Ledger, is_stopping: Callable[[], bool] = lambda: False
    ) -> None:
        self._orthanc, self._intake, self._ledger, self._is_stopping = orthanc, intake, ledger, is_stopping
        self._place = f"changes of {orthanc.name}"

    def look(self) -> None:
        """Take what has become stable since the last look.

        Raises :class:`~node.errors.DeliveryError`, :class:`~node.errors.DeliveryRefused` for what Orthanc, or the way
        to it, does not let happen, and what :meth:`Visit.take` raises: the next look goes on there.
        """
        with self._session() as session:
            try:
                self._go_on(session)
            except (KeyError, TypeError, ValueError) as error:
                raise self._unreadable() from error

    def _go_on(self, session: requests.Session) -> None:
        since = self._ledger.facts.position(self._place)
        last = int(self._json(session, "changes?last")["Last"])
        if since is None or since > last:
            if since is not None:
                log.warning("Orthanc has begun anew", input=self._orthanc.name, known=since, last=last)
            since = last if since is None else 0
            self._ledger.facts.set_position(self._place, since)
        while since < last and not self._is_stopping():
            reached = self._follow(session, since)
            if reached <= since and not self._is_stopping():
                raise self._unreadable(f"no change comes after {since}, and the last is {last}")
            since = reached

    def _follow(self, session: requests.Session, since: int) -> int:
        """The next changes; how far it came."""
        answer = self._json(session, f"changes?since={since}&limit={_MANY}")
        for change in answer["Changes"]:
            if self._is_stopping():
                return since
            if change["ChangeType"] == _STABLE:
                self._take_series(session, str(change["ID"]))
                since = int(change["Seq"])
                self._ledger.facts.set_position(self._place, since)
        since = max(since, int(answer["Last"]))
        self._ledger.facts.set_position(self._place, since)
        return since

    def _take_series(self, session: requests.Session, series: str) -> None:
        found = self._json(session, f"series/{series}", missing=True)
        if found is None or str(found["MainDicomTags"].get("Manufacturer", "")).casefold() == MANUFACTURER:
            return  # it is gone again, or ours
        with self._intake.visit(self._orthanc.name, address_of(self._orthanc)) as visit:
            for instance in found["Instances"]:
                self._take(session, str(instance), visit)

    def _take(self, session: requests.Session, instance: str, visit: Visit) -> None:
        with self._asked(session, f"instances/{instance}/file", stream=True, missing=True) as answer:
            if answer is None:
                return
            try:
                visit.take(answer.raw)
            except Refused as error:
                visit.refuse(error)

    @contextmanager
    def _session(self) -> Iterator[requests.Session]:
        client = api.OrthancApiClient(self._orthanc.url.rstrip("/") + "/")
        try:
            prepare(client._http_session, self._orthanc)
            yield client._http_session
        finally:
            client.close()

    def _json(self, session: requests.Session, path: str, missing: bool = False) -> Any:  # JSON's edge
        with self._asked(session, path, missing=missing) as answer:
            return None if answer is None else answer.json()

    @contextmanager
    def _asked(
        self, session: requests.Session, path: str, *, stream: bool = False, missing: bool = False
    ) -> Iterator[requests.Response | None]:
        """The answer; None where `missing` is allowed and there is no such thing."""
        try:
            url, headers = f"{self._orthanc.url.rstrip('/')}/{path}", {"Accept-Encoding": "identity"}
            with session.get(url, headers=headers, stream=stream) as answer:
                if missing and answer.status_code == 404:
                    yield None
                    return
                check_ourselves(answer.status_code, self._orthanc)
                if not answer.ok:
                    raise self._unreadable(f"HTTP {answer.status_code}")
                yield answer
        except (requests.RequestException, HTTPError, OSError) as error:
            raise unreachable(error, self._orthanc) from error

    def _unreadable(self, why: str = "it is no JSON of Orthanc") -> DeliveryError:
        return DeliveryError(f"its answer cannot be used: {why}", about=address_of(self._orthanc), hint="check url")
