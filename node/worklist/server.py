"""A worklist server over UPS-RS (PS3.18 11): searched, and told."""

from __future__ import annotations

import json
from enum import Enum
from types import TracebackType
from typing import Any
from urllib.parse import quote

import requests
import structlog
from pydicom.dataset import Dataset

from node import logs
from node.config import Worklist
from node.deliver.http import address_of, check_ourselves, first_line, prepare, unreachable
from node.errors import DeliveryError
from node.worklist.workitem import PRIORITIES, SCHEDULED, Workitem, state_change, workitem_of

_JSON = "application/dicom+json"
#: Most workitems of one search, and longest answer, bytes.
_MOST, _LONGEST = 100, 1 << 24
_MISSING = (404, 410)
#: PS3.4 table CC.2.3-1: the well-known instances that stand for all workitems, and for those of a filter.
_WORKLIST, _FILTERED_WORKLIST = "1.2.840.10008.5.1.4.34.5", "1.2.840.10008.5.1.4.34.5.1"
_REFUSED = (400, 409)


log = structlog.get_logger()


class Said(Enum):
    """What the server makes of a request about one workitem."""

    YES = "yes"
    NO = "no"  # the state of the workitem, its Transaction UID, or what it was told does not allow it
    GONE = "gone"


class Server:
    """As a context manager it keeps its connection.

    Raises :class:`DeliveryError` for what passes by itself, :class:`~node.errors.DeliveryRefused` for what does not.
    """

    def __init__(self, worklist: Worklist) -> None:
        self._worklist, self._server = worklist, worklist.server
        self._url = worklist.url.rstrip("/") + "/workitems"
        self._session = requests.Session()

    def __enter__(self) -> Server:
        prepare(self._session, self._server)
        if self._worklist.token_file is not None:
            token = first_line(self._worklist.token_file, "token", self._server)
            self._session.headers["Authorization"] = f"Bearer {token}"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._session.close()

    def search(self, code: str) -> list[Workitem]:
        """Scheduled workitems of that code whose input is ready (PS3.18 11.9). Args: code: VALUE^SCHEME.

        A server may tell so many and no more, the urgent not first: where there are more than can be in hand, and none
        of them is urgent, these are asked for, too.
        """
        value, _, scheme = code.partition("^")
        query = {
            "ProcedureStepState": SCHEDULED,
            "InputReadinessState": "READY",
            "ScheduledWorkitemCodeSequence.CodeValue": value,
            "ScheduledWorkitemCodeSequence.CodingSchemeDesignator": scheme,
            **({"WorklistLabel": self._worklist.label} if self._worklist.label else {}),
        }
        found = self._found(query)
        if len(found) > self._worklist.at_most and all(one.priority != PRIORITIES[0] for one in found.values()):
            found |= self._found({**query, "ScheduledProcedureStepPriority": PRIORITIES[0]})
        return list(found.values())

    def _found(self, query: dict[str, str]) -> dict[str, Workitem]:
        """UID -> workitem."""
        status, body = self._ask("GET", self._url, params={**query, "includefield": "all", "limit": str(_MOST)})
        if status == 204:
            return {}
        self._check(status)
        return {one.uid: one for one in self._workitems(body)}

    def retrieve(self, uid: str) -> Workitem | None:
        """One of them as it is now (PS3.18 11.5); None: it is gone, or says nothing."""
        status, body = self._ask("GET", f"{self._url}/{uid}")
        if status in _MISSING:
            return None
        self._check(status)
        return next((one for one in self._workitems(body) if one.uid in ("", uid)), None)

    def update(self, uid: str, change: Dataset) -> Said:
        """Attributes of a workitem that is ours (PS3.18 11.6). Args: change: with the Transaction UID."""
        return self._tell("POST", f"{self._url}/{uid}?{change.TransactionUID}", change)

    def change(self, uid: str, transaction_uid: str, state: str) -> Said:
        """Its Procedure Step State (PS3.18 11.7)."""
        return self._tell("PUT", f"{self._url}/{uid}/state", state_change(transaction_uid, state))

    def subscribe(self, subscriber: str, label: str = "") -> str:
        """To what becomes of workitems (PS3.18 11.10); the address of the channel, as far as the answer names one.

        Args:
            subscriber: our AE title.
            label: only workitems with this Worklist Label, unless the server knows no filters.
        """
        status, place = 403, ""
        if label:
            url = f"{self._url}/{_FILTERED_WORKLIST}/subscribers/{quote(subscriber)}"
            status, place = self._subscribe(
                f"{url}?deletionlock=false&filter={quote(f'WorklistLabel={label}', safe='=')}"
            )
        if status == 403:
            url = f"{self._url}/{_WORKLIST}/subscribers/{quote(subscriber)}"
            status, place = self._subscribe(f"{url}?deletionlock=false")
        self._check(status)
        return place

    def credentials(self) -> dict[str, str]:
        """The headers by which it knows us."""
        request = self._session.prepare_request(requests.Request("GET", self._url))
        return {name: text for name, text in request.headers.items() if name.lower() == "authorization"}

    def _subscribe(self, url: str) -> tuple[int, str]:
        try:
            with self._session.post(url, headers={"Accept": _JSON}, allow_redirects=False, stream=True) as answer:
                return answer.status_code, answer.headers.get("Content-Location", "")
        except requests.RequestException as error:
            raise unreachable(error, self._server) from error

    def _tell(self, method: str, url: str, ds: Dataset) -> Said:
        body = json.dumps([ds.to_json_dict()])
        status, _ = self._ask(method, url, data=body, headers={"Content-Type": _JSON})
        if status in _MISSING:
            return Said.GONE
        if status in _REFUSED:
            return Said.NO
        self._check(status)
        return Said.YES

    def _ask(self, method: str, url: str, **more: Any) -> tuple[int, bytes]:  # Any: passed through
        headers = {"Accept": _JSON, **more.pop("headers", {})}
        try:
            with self._session.request(
                method, url, headers=headers, allow_redirects=False, stream=True, **more
            ) as answer:
                body = bytearray()
                for piece in answer.iter_content(1 << 16):
                    body += piece
                    if len(body) > _LONGEST:
                        raise self._unusable("it is longer than any")
                return answer.status_code, bytes(body)
        except requests.RequestException as error:
            raise unreachable(error, self._server) from error

    def _check(self, status: int) -> None:
        check_ourselves(status, self._server)
        if not 200 <= status < 300:
            raise self._unusable(f"HTTP {status}")

    def _workitems(self, body: bytes) -> list[Workitem]:
        """DICOM JSON (PS3.18 F.2): an array of datasets, or a single one. One that cannot be read keeps no other."""
        try:
            told = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise self._unusable("it is no DICOM JSON") from error
        tables = (told if isinstance(told, list) else [told])[:_MOST]
        with logs.pydicom_silent():
            read = [_dataset(one) for one in tables]
            if tables and not any(ds is not None for ds in read):
                raise self._unusable("it is no DICOM JSON")
            found = [one for ds in read if ds is not None and (one := workitem_of(ds)) is not None]
        if len(found) < len(tables):
            unread = len(tables) - len(found)
            log.warning("workitems not understood", worklist=self._worklist.name, count=unread, of=len(tables))
        return found

    def _unusable(self, why: str) -> DeliveryError:
        return DeliveryError(f"its answer cannot be used: {why}", about=address_of(self._server), hint="check url")


def _dataset(table: Any) -> Dataset | None:  # JSON's edge
    try:
        return Dataset.from_json(table)
    except Exception:  # the decoder raises anything on what is no DICOM JSON
        return None
