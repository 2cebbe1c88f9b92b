"""An Orthanc whose changes are followed: series that become stable there are taken, but for what the node has made.

How far it was followed stands in the ledger, and is moved on only after all of a series is durable. Killed at any
moment the node asks again for the changes from there on, and takes what it had taken as `received again`. Where it has
never followed before it begins with what comes next; what is there already, `radnode fetch` brings.

Numbers of changes go back when somebody deletes the newest study, since Orthanc forgets its changes with it; they begin
anew when Orthanc is emptied, restored from a copy, or another one takes its place. Dates tell these apart: beside the
position stands the date of the change that it came to, and what bears a later one has not been seen.

A series or an instance that it announced and then does not have (404), as while it is changed there, stands in the
ledger before the position is moved on, and is asked for again, a few times in an hour. So is an instance that provoked
what nobody has thought of: the log and the trail say where.
"""

from __future__ import annotations

from calendar import timegm
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import strptime
from typing import Any

import orthanc_api_client as api
import requests
import structlog
from urllib3.exceptions import HTTPError

from node.config import Destination
from node.deliver.http import address_of, check_ourselves, prepare, unreachable
from node.errors import DeliveryError, TemporaryError, where
from node.intake.reasons import Refused
from node.intake.visit import Intake, Visit
from node.ledger import Ledger
from node.signals import is_uid
from node.study import MANUFACTURER

log = structlog.get_logger()

#: Changes that are asked for at a time.
_MANY = 100
_STABLE = "StableSeries"
_SERIES, _INSTANCES = "series", "instances"

_Change = dict[str, Any]  # JSON's edge


def _date(change: _Change) -> float:
    """When it happened there, epoch seconds."""
    return float(timegm(strptime(str(change["Date"]), "%Y%m%dT%H%M%S")))


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
                self._ask_again(session)
            except (KeyError, TypeError, ValueError) as error:
                raise self._unreadable(f"it is no JSON of Orthanc ({where(error)})") from error

    def _go_on(self, session: requests.Session) -> None:
        since = self._ledger.facts.position(self._place)
        answer = self._json(session, "changes?last")
        last, newest = int(answer["Last"]), answer["Changes"]
        if since is None:
            since = self._reach(last, None, _date(newest[0]) if newest else 0.0)
        if self._has_begun_anew(session, since, last, newest):
            log.warning("Orthanc has begun anew", input=self._orthanc.name, known=since, last=last)
            self._see(session, 0, last, seen=self._seen_until)
        else:
            self._see(session, since, last)

    def _see(self, session: requests.Session, since: int, last: int, *, seen: float | None = None) -> None:
        """All changes up to the last. Args: seen: until then they were seen, and are passed over; None: none was."""
        while since < last and not self._is_stopping():
            reached = self._follow(session, since, seen)
            if reached <= since and not self._is_stopping():
                raise self._unreadable(f"no change comes after {since}, and the last is {last}")
            since = reached
        if seen is not None and not self._is_stopping():
            self._ledger.facts.set_position(self._place, since)  # now that it is one of these numbers

    def _has_begun_anew(self, session: requests.Session, since: int, last: int, newest: list[_Change]) -> bool:
        """Whether the numbers are others than those that the position is one of."""
        if not newest:
            return last < since
        if last <= since:
            return _date(newest[0]) > self._seen_until
        if since == 0:
            return False
        (there,) = self._json(session, f"changes?since={since - 1}&limit=1")["Changes"]
        if int(there["Seq"]) != since:  # what the position was of has been deleted
            (there,) = self._json(session, "changes?since=0&limit=1")["Changes"]
        return _date(there) > self._seen_until

    @property
    def _seen_until(self) -> float:
        """Date of the newest change that was seen, epoch seconds."""
        facts = self._ledger.facts
        return facts.time_of(self._place) or facts.position_set_at(self._place)

    def _follow(self, session: requests.Session, since: int, seen: float | None) -> int:
        """The next changes; how far it came."""
        answer = self._json(session, f"changes?since={since}&limit={_MANY}")
        for change in answer["Changes"]:
            if self._is_stopping():
                return since
            if change["ChangeType"] == _STABLE and not (seen and _date(change) < seen):
                self._take_series(session, str(change["ID"]))
                since = self._reach(int(change["Seq"]), seen, _date(change))
        date = _date(answer["Changes"][-1]) if answer["Changes"] else 0.0
        return self._reach(max(since, int(answer["Last"])), seen, date)

    def _reach(self, number: int, seen: float | None, date: float) -> int:
        """The number, once the ledger has it, and the date before it: too late a date loses nothing."""
        if date and not (seen and date < seen):
            self._ledger.facts.note_time(self._place, date)
        if seen is None:
            self._ledger.facts.set_position(self._place, number)
        return number

    def _ask_again(self, session: requests.Session) -> None:
        """For what was not there, where that is due."""
        name = self._orthanc.name
        for one in self._ledger.absences.due(name):
            if self._is_stopping():
                return
            if self._came(session, one.resource):
                log.info("came after all", input=name, resource=one.resource, tries=one.tries)
                self._ledger.absences.settle(name, one.resource)

    def _came(self, session: requests.Session, resource: str) -> bool:
        kind, _, number = resource.partition("/")
        if kind == _SERIES:
            return self._take_series(session, number)
        with self._visit() as visit:
            is_there = self._take(session, number, visit)
        if not is_there:
            self._note(resource)
        return is_there

    def _take_series(self, session: requests.Session, series: str) -> bool:
        """Whether it is there."""
        found = self._json(session, f"{_SERIES}/{series}", missing=True)
        if found is None:
            self._note(f"{_SERIES}/{series}")
            return False
        if str(found["MainDicomTags"].get("Manufacturer", "")).casefold() == MANUFACTURER:
            return True  # it is ours
        with self._visit() as visit:
            gone = [one for one in map(str, found["Instances"]) if not self._take(session, one, visit)]
        if gone:
            study_instance_uid = self._study_of(session, series)
            for one in gone:
                self._note(f"{_INSTANCES}/{one}", study_instance_uid)
        return True

    def _study_of(self, session: requests.Session, series: str) -> str:
        """Its Study Instance UID; empty when the archive does not say."""
        found = self._json(session, f"{_SERIES}/{series}/study", missing=True)
        uid = str(found["MainDicomTags"].get("StudyInstanceUID", "")) if found else ""
        return uid if is_uid(uid) else ""

    def _take(self, session: requests.Session, instance: str, visit: Visit) -> bool:
        """Whether it is there, and need not be asked for again."""
        with self._asked(session, f"{_INSTANCES}/{instance}/file", stream=True, missing=True) as answer:
            if answer is None:
                return False
            try:
                visit.take(answer.raw)
            except Refused as error:
                visit.refuse(error)
            except (TemporaryError, OSError, HTTPError):  # a requests.RequestException is an OSError
                raise
            except Exception as error:  # an edge: one instance that nobody has thought of must not hold up the others
                visit.fail(error, resource=f"{_INSTANCES}/{instance}")
                return False
            return True

    def _visit(self) -> Visit:
        return self._intake.visit(self._orthanc.name, address_of(self._orthanc))

    def _note(self, resource: str, study_instance_uid: str = "") -> None:
        """Something is not there: it stands in the ledger, and is asked for again."""
        found = self._ledger.absences.note(self._orthanc.name, resource, study_instance_uid)
        said = {"resource": resource, "study_instance_uid": found.study_instance_uid, "tries": found.tries}
        log.warning("announced and not there", input=self._orthanc.name, is_given_up=found.again_at is None, **said)

    @contextmanager
    def _session(self) -> Iterator[requests.Session]:
        client = api.OrthancApiClient(self._orthanc.url.rstrip("/") + "/")
        try:
            prepare(client._http_session, self._orthanc, answer_seconds=self._intake.message_seconds)
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

    def _unreadable(self, why: str) -> DeliveryError:
        return DeliveryError(f"its answer cannot be used: {why}", about=address_of(self._orthanc), hint="check url")
