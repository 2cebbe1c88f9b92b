"""A worklist server (UPS-RS, PS3.18 11) that is as strict as the standard, and knows nothing of the node.

States and their moves are those of PS3.4 CC.1.1; what has to be there to create a workitem, and before a final state,
is that of table CC.2.5-3; statuses are those of PS3.18 11.4 to 11.11. Subscribers are told over a WebSocket (8.10.4),
and of what happens while they are not connected they hear nothing.
"""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from pydicom.datadict import tag_for_keyword
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

Table = dict[str, Any]  # DICOM JSON
JSON = "application/dicom+json"

#: Table CC.2.5-3: N-CREATE type 1, and those of type 2, which may be empty but have to be there.
_VALUED = (
    *("ProcedureStepState", "InputReadinessState", "ScheduledProcedureStepPriority", "ProcedureStepLabel"),
    "ScheduledProcedureStepStartDateTime",
)
_PRESENT = (
    *("WorklistLabel", "ScheduledWorkitemCodeSequence", "InputInformationSequence", "PatientName", "PatientID"),
    *("AdmissionID", "ReferencedRequestSequence", "UnifiedProcedureStepPerformedProcedureSequence"),
)
#: Final state P (COMPLETED) and X (CANCELED), and where those attributes stand.
_PERFORMED = (
    *("PerformedStationNameCodeSequence", "PerformedProcedureStepStartDateTime", "PerformedWorkitemCodeSequence"),
    *("PerformedProcedureStepEndDateTime", "OutputInformationSequence"),
)
_DISCONTINUED = ("ProcedureStepCancellationDateTime", "ProcedureStepDiscontinuationReasonCodeSequence")
_NUMBERS = ("DS", "IS", "US", "UL")
#: Those that stand for all workitems, and for those of a filter (PS3.4 table CC.2.3-1).
_WORKLIST, _FILTERED = "1.2.840.10008.5.1.4.34.5", "1.2.840.10008.5.1.4.34.5.1"
#: Event Type IDs (PS3.4 table CC.2.4-1).
_STATE_REPORT, _CANCEL_REQUESTED = 1, 2
_MOVES = {("SCHEDULED", "IN PROGRESS"), ("IN PROGRESS", "COMPLETED"), ("IN PROGRESS", "CANCELED")}


def tag(keyword: str) -> str:
    found = tag_for_keyword(keyword)
    assert found is not None, keyword
    return f"{found:08X}"


def values(ds: Table, keyword: str) -> list[Any]:
    return list(ds.get(tag(keyword), {}).get("Value", []))


def value(ds: Table, keyword: str) -> Any:
    return next(iter(values(ds, keyword)), "")


class Refused(Exception):
    """Args: status: of HTTP; warning: what the header says."""

    def __init__(self, status: int, warning: str = "") -> None:
        super().__init__(warning)
        self.status, self.warning = status, warning


@dataclass
class Answer:
    status: int
    body: list[Table] | None = None
    headers: dict[str, str] = field(default_factory=dict)


class WorklistServer:
    """Args: token: that every request has to bring; tls: over TLS with this context.

    Attributes:
        workitems: UID -> dataset as it is now, its Transaction UID included.
        requests: method, path and status of each.
        before: called with method and path before a request is worked on; may raise :class:`Refused`.
        subscribers: AE title -> what a workitem has to have to be told of; empty: any.
        channels: AE title -> its connection.
        knows_filters: else a filtered subscription is refused.
        moved_to: an address that who opens a channel is sent to.
        loses_answer: of a request that was worked on, the connection is closed instead.
    """

    def __init__(self, token: str = "", tls: ssl.SSLContext | None = None) -> None:
        self.workitems: dict[str, Table] = {}
        self.requests: list[tuple[str, str, int]] = []
        self.asked_to_cancel: list[str] = []
        self.before: Callable[[str, str], None] = lambda method, path: None
        self.loses_answer: Callable[[str, str], bool] = lambda method, path: False
        self.subscribers: dict[str, list[tuple[list[str], str]]] = {}
        self.channels: dict[str, ServerConnection] = {}
        self.knows_filters = True
        self.moved_to = ""
        self._events = serve(self._tell_events, "127.0.0.1", 0, ssl=tls, process_request=self._admit, close_timeout=0.5)
        self._token, self._lock = token, threading.RLock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        if tls is not None:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        self._scheme = "https" if tls else "http"

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        threading.Thread(target=self._events.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.break_channels()
        self._events.shutdown()
        self._http.shutdown()
        self._http.server_close()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._http.server_port}/dicom-web"

    # As its user sees it

    def state(self, uid: str) -> str:
        return str(value(self.workitems[uid], "ProcedureStepState"))

    def told(self, keyword: str) -> list[tuple[str, str, int]]:
        """The requests of that method, or whose path ends so."""
        return [one for one in self.requests if one[0] == keyword or one[1].endswith(keyword)]

    def break_channels(self) -> None:
        for one in list(self.channels.values()):
            one.close()

    # What it tells

    def _admit(self, _: ServerConnection, request: Request) -> Response | None:
        if self._token and request.headers.get("Authorization") != f"Bearer {self._token}":
            return Response(401, "Unauthorized", Headers())
        if self.moved_to:
            return Response(302, "Found", Headers({"Location": self.moved_to}))
        known = request.path.removeprefix("/dicom-web/subscribers/") in self.subscribers
        return None if known else Response(404, "Not Found", Headers())

    def _tell_events(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        subscriber = connection.request.path.rpartition("/")[2]
        self.channels[subscriber] = connection
        with contextlib.suppress(ConnectionClosed):
            connection.recv()  # it has nothing to say
        if self.channels.get(subscriber) is connection:
            del self.channels[subscriber]

    def report(self, uid: str, kind: int, **more: str) -> None:
        """An event (PS3.4 CC.2.4) to those who have subscribed to it."""
        ds = self.workitems[uid]
        event = {
            "00000002": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.34.6.4"]},
            "00001000": {"vr": "UI", "Value": [uid]},
            "00001002": {"vr": "US", "Value": [kind]},
            tag("InputReadinessState"): ds[tag("InputReadinessState")],
            tag("ProcedureStepState"): ds[tag("ProcedureStepState")],
            **{tag(keyword): {"vr": "LT", "Value": [text]} for keyword, text in more.items()},
        }
        for subscriber, connection in list(self.channels.items()):
            if all(_matches(ds, *one) for one in self.subscribers.get(subscriber, [])):
                with contextlib.suppress(ConnectionClosed):
                    connection.send(json.dumps(event))

    # What it answers

    def handle(self, method: str, target: str, headers: Any, body: bytes) -> Answer:  # Any: a message's headers
        parts = urlsplit(target)
        path = parts.path.removeprefix("/dicom-web")
        with self._lock:
            try:
                self._check_headers(method, headers)
                self.before(method, path)
                answer = self._dispatch(method, path.strip("/").split("/"), parts.query, body)
            except Refused as refused:
                warned = {"Warning": f"299 {self.url}: {refused.warning}"} if refused.warning else {}
                answer = Answer(refused.status, None, warned)
            self.requests.append((method, path, answer.status))
        return answer

    def _check_headers(self, method: str, headers: Any) -> None:
        if self._token and headers.get("Authorization") != f"Bearer {self._token}":
            raise Refused(401)
        if method == "GET" and JSON not in headers.get("Accept", ""):
            raise Refused(406)
        has_body = headers.get("Content-Length", "0") != "0"
        if method in ("POST", "PUT") and has_body and headers.get("Content-Type") != JSON:
            raise Refused(415)

    def _dispatch(self, method: str, path: list[str], query: str, body: bytes) -> Answer:
        match (method, path):
            case ("POST", ["workitems"]):
                return self._create(query, _dataset(body))
            case ("GET", ["workitems"]):
                return self._search(parse_qsl(query, keep_blank_values=True))
            case ("GET", ["workitems", uid]):
                return Answer(200, [_shown(self._known(uid))])
            case ("POST", ["workitems", worklist, "subscribers", subscriber]):
                return self._subscribe(worklist, subscriber, query)
            case ("POST", ["workitems", uid]):
                return self._update(self._known(uid), unquote(query), _dataset(body))
            case ("PUT", ["workitems", uid, "state"]):
                return self._change(self._known(uid), _dataset(body))
            case ("POST", ["workitems", uid, "cancelrequest"]):
                return self._request_cancel(uid, self._known(uid), _dataset(body) if body else {})
        raise Refused(404)

    def _subscribe(self, worklist: str, subscriber: str, query: str) -> Answer:
        told = dict(parse_qsl(query, keep_blank_values=True))
        if worklist not in (_WORKLIST, _FILTERED) or set(told) - {"deletionlock", "filter"}:
            raise Refused(400)
        if (worklist == _FILTERED) != ("filter" in told):
            raise Refused(400, "a filter, and that alone, makes a filtered subscription")
        if worklist == _FILTERED and not self.knows_filters:
            raise Refused(403, "Filtered Worklist Subscriptions are not supported.")
        pairs = [one.partition("=") for one in told.get("filter", "").split(",") if one]
        self.subscribers[subscriber] = [(key.split("."), text) for key, _, text in pairs]
        host, port = self._events.socket.getsockname()[:2]
        place = f"{self._scheme.replace('http', 'ws')}://{host}:{port}/dicom-web/subscribers/{subscriber}"
        return Answer(201, None, {"Content-Location": place})

    def _known(self, uid: str) -> Table:
        if uid not in self.workitems:
            raise Refused(404, "The target UPS instance does not exist.")
        return self.workitems[uid]

    def _create(self, uid: str, ds: Table) -> Answer:
        if uid in self.workitems:
            raise Refused(409, "The submitted UPS instance exists already.")
        missing = [one for one in _VALUED if not values(ds, one)] + [one for one in _PRESENT if tag(one) not in ds]
        if missing or value(ds, "ProcedureStepState") != "SCHEDULED" or tag("TransactionUID") in ds:
            raise Refused(400, f"not as table CC.2.5-3 wants it: {missing}")
        self.workitems[uid] = {**ds, tag("SOPInstanceUID"): {"vr": "UI", "Value": [uid]}}
        self.report(uid, _STATE_REPORT)
        return Answer(201, None, {"Content-Location": f"{self.url}/workitems/{uid}"})

    def _search(self, query: Iterable[tuple[str, str]]) -> Answer:
        wanted = [(key.split("."), text) for key, text in query if key not in ("includefield", "limit", "offset")]
        found = [ds for ds in self.workitems.values() if all(_matches(ds, *one) for one in wanted)]
        return Answer(200, [_shown(ds) for ds in found]) if found else Answer(204)

    def _update(self, known: Table, transaction_uid: str, ds: Table) -> Answer:
        state = value(known, "ProcedureStepState")
        if state in ("COMPLETED", "CANCELED"):
            raise Refused(409, "The submitted request is inconsistent with the current state of the UPS Instance.")
        if state == "IN PROGRESS":
            self._check_transaction(known, transaction_uid, value(ds, "TransactionUID"))
        kept = {tag(one) for one in ("ProcedureStepState", "SOPInstanceUID", "SOPClassUID", *_VALUED)}
        if kept & set(ds):
            raise Refused(400, "that is not to be updated")
        known.update({key: element for key, element in ds.items() if key != tag("TransactionUID")})
        return Answer(200)

    def _change(self, known: Table, ds: Table) -> Answer:
        if set(ds) != {tag("TransactionUID"), tag("ProcedureStepState")}:
            raise Refused(400, "a change of state has two attributes (table CC.2.1-1)")
        before, after = value(known, "ProcedureStepState"), value(ds, "ProcedureStepState")
        transaction_uid = value(ds, "TransactionUID")
        if before == after and after in ("COMPLETED", "CANCELED"):
            said = f"299 {self.url}: The UPS is already in the requested state of {after}."
            return Answer(200, None, {"Warning": said})
        if (before, after) not in _MOVES or not transaction_uid:
            raise Refused(409, "The submitted request is inconsistent with the current state of the UPS Instance.")
        if before == "SCHEDULED":
            known[tag("TransactionUID")] = {"vr": "UI", "Value": [transaction_uid]}
        else:
            self._check_transaction(known, transaction_uid, transaction_uid)
            _check_final(known, after)
        known[tag("ProcedureStepState")] = {"vr": "CS", "Value": [after]}
        self.report(value(known, "SOPInstanceUID"), _STATE_REPORT)
        return Answer(200)

    def _check_transaction(self, known: Table, *given: str) -> None:
        if any(one != value(known, "TransactionUID") for one in given):
            raise Refused(400, "The Transaction UID is missing, or is not that of the UPS Instance.")

    def _request_cancel(self, uid: str, known: Table, ds: Table) -> Answer:
        state = value(known, "ProcedureStepState")
        if state == "COMPLETED":
            raise Refused(409, "The UPS is COMPLETED.")
        if state == "SCHEDULED":
            known[tag("ProcedureStepState")] = {"vr": "CS", "Value": ["CANCELED"]}
            self.report(uid, _STATE_REPORT)
        elif state == "IN PROGRESS":
            reason = value(ds, "ReasonForCancellation") or "none"
            self.report(uid, _CANCEL_REQUESTED, RequestingAE="RIS", ReasonForCancellation=reason)
        self.asked_to_cancel.append(uid)
        return Answer(202)


def _check_final(ds: Table, state: str) -> None:
    keyword, wanted = (
        ("UnifiedProcedureStepPerformedProcedureSequence", _PERFORMED)
        if state == "COMPLETED"
        else ("ProcedureStepProgressInformationSequence", _DISCONTINUED)
    )
    items = values(ds, keyword)
    missing = [one for item in items for one in wanted if not values(item, one)]
    if not items or missing:
        raise Refused(409, f"not all attributes are there that {state} needs: {missing or keyword}")
    for output in values(items[0], "OutputInformationSequence"):
        for one in ("TypeOfInstances", "StudyInstanceUID", "SeriesInstanceUID", "ReferencedSOPSequence"):
            if not values(output, one):
                raise Refused(409, f"an output without {one} (PS3.3 table 10-3b)")


def _matches(ds: Table, path: list[str], text: str) -> bool:
    if len(path) > 1:
        return any(_matches(item, path[1:], text) for item in values(ds, path[0]))
    return any(str(one) == text for one in values(ds, path[0]))


def _shown(ds: Table) -> Table:
    """PS3.4 CC.2.7.3: the Transaction UID is told to nobody."""
    return {key: element for key, element in ds.items() if key != tag("TransactionUID")}


def _dataset(body: bytes) -> Table:
    try:
        told = json.loads(body)
        (ds,) = told if isinstance(told, list) else [told]
        _check_model(ds)
    except (ValueError, TypeError, AttributeError, KeyError, AssertionError) as error:
        raise Refused(400, f"no DICOM JSON: {error}") from error
    return dict(ds)


def _check_model(ds: Table) -> None:
    """PS3.18 F.2."""
    for key, element in ds.items():
        assert len(key) == 8, key
        assert int(key, 16) >= 0, key
        assert key == key.upper(), key
        assert set(element) <= {"vr", "Value", "InlineBinary", "BulkDataURI"}, element
        for one in element.get("Value", []):
            if element["vr"] == "SQ":
                _check_model(one)
            else:
                assert isinstance(one, (int, float)) == (element["vr"] in _NUMBERS), element
                assert one != "", key


def _handler(server: WorklistServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = server.handle(self.command, self.path, self.headers, body)
            if server.loses_answer(self.command, self.path):
                self.close_connection = True
                return
            data = json.dumps(answer.body).encode() if answer.body is not None else b""
            self.send_response(answer.status)
            for name, text in answer.headers.items():
                self.send_header(name, text)
            if data:
                self.send_header("Content-Type", JSON)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = _do  # noqa: N815  named by the library

        def log_message(self, *_: object) -> None:
            pass

    return Handler
