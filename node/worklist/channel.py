"""What a worklist server tells of itself: subscribed to, and heard over a WebSocket (PS3.18 11.10 and 8.10.4).

An event is no more than a reason to look: what a workitem is, the server is asked. A request to cancel is the
exception, since it stands nowhere else: it is in the ledger before anything is made of it. What the server tells while
the channel is closed is lost, so that every time it opens is such a reason, too.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

import structlog

from node.config import Settings, Worklist
from node.deliver.backoff import ceiling_seconds
from node.deliver.http import shown
from node.deliver.tls import context_for
from node.errors import LedgerBusy
from node.fetch.errand import run_apart
from node.ledger import Ledger
from node.worklist.server import Server

log = structlog.get_logger()

#: Event Type IDs (PS3.4 table CC.2.4-1): those after which there may be something to do.
_STATE_REPORT, _CANCEL_REQUESTED, _ASSIGNED = 1, 2, 5
_EVENT_TYPE, _INSTANCE, _REQUESTING_AE = "00001002", "00001000", "00741236"
#: How often a channel that is quiet looks whether the node is being stopped, seconds.
_GLANCE_SECONDS = 0.5
_LONGEST_EVENT = 1 << 20
#: A channel that breaks is opened again after so long, doubled each time up to the second; it begins anew with one that
#: was open for so long. Seconds.
_FIRST_SECONDS, _LONGEST_SECONDS, _STEADY_SECONDS = 5.0, 300.0, 60.0
_PORTS = {"ws": 80, "wss": 443}


class Channel:
    """Of one worklist.

    Args:
        worklist: that is subscribed to; with a label only what has it.
        settings: of this node; its AE title is the subscriber's.
        ledger: is told who wants what to be canceled.
        is_stopping: the node is.

    Attributes:
        news: set whenever there may be something to do.
    """

    def __init__(
        self, worklist: Worklist, settings: Settings, ledger: Ledger, is_stopping: Callable[[], bool] = lambda: False
    ) -> None:
        self._worklist, self._ledger, self._is_stopping = worklist, ledger, is_stopping
        self._subscriber = settings.node.ae_title.strip()
        self._name = f"events of worklist {worklist.name}"
        self._breaks, self._next = 0, 0.0
        self.news = threading.Event()

    def step(self) -> None:
        """Subscribe, and listen until the channel breaks or the node is being stopped; nothing before it is time."""
        began = time.monotonic()
        if began < self._next:
            return
        run_apart(self._name, self._listen, self._ledger, self._is_stopping)
        self._breaks = 1 if time.monotonic() - began > _STEADY_SECONDS else self._breaks + 1
        self._next = time.monotonic() + ceiling_seconds(self._breaks, _FIRST_SECONDS, _LONGEST_SECONDS)

    def _listen(self) -> str:
        """Why nothing is heard any more. Raises :class:`~node.errors.DeliveryError` and the like."""
        from websockets.exceptions import WebSocketException

        with Server(self._worklist) as server:
            place, headers = self._place(server.subscribe(self._subscriber, self._worklist.label)), server.credentials()
        try:
            with self._open(place, headers) as channel:
                self._ledger.facts.set_trouble(self._name, "")
                log.info("event channel open", worklist=self._worklist.name)
                self.news.set()  # for what was told before
                self._hear_all(channel)
        except (OSError, ValueError, WebSocketException) as error:  # ValueError: it points elsewhere
            return f"its event channel is closed ({type(error).__name__}): it is asked by the clock meanwhile"
        return ""

    def _open(self, place: SplitResult, headers: dict[str, str]) -> Any:  # Any: mypy need not have the library
        """The channel. A socket of our own, since the library would follow wherever an answer points."""
        from websockets.sync.client import connect

        seconds = self._worklist.timeout_seconds
        context = context_for(self._worklist.server) if place.scheme == "wss" else None
        opened = socket.create_connection((place.hostname or "", _port(place)), seconds)
        opened.settimeout(None)
        return connect(
            place.geturl(),
            sock=opened,
            additional_headers=headers,
            ssl=context,
            proxy=None,
            open_timeout=seconds,
            close_timeout=1,
            ping_timeout=seconds,
            max_size=_LONGEST_EVENT,
            user_agent_header=None,
        )

    def _hear_all(self, channel: Any) -> None:  # Any: as above
        while not self._is_stopping():
            try:
                text = channel.recv(timeout=_GLANCE_SECONDS)
            except TimeoutError:
                continue
            try:
                events = list(_events(text))
            except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError):
                log.warning("event not understood", worklist=self._worklist.name)
                continue
            for event in events:
                self._hear(*event)

    def _hear(self, kind: int, uid: str, who: str) -> None:
        if kind == _CANCEL_REQUESTED:
            self._write_down(uid, f"canceled at the request of {who}" if who else "canceled at request")
        if kind in (_STATE_REPORT, _CANCEL_REQUESTED, _ASSIGNED):
            self.news.set()

    def _write_down(self, uid: str, why: str) -> None:
        """That it is to be canceled: nobody says so twice, so that a ledger that is busy is asked until it answers."""
        while not self._is_stopping():
            try:
                if self._ledger.workitems.ask_to_cancel(self._worklist.name, uid, why):
                    log.info("workitem to be canceled", worklist=self._worklist.name, workitem=uid)
                return
            except LedgerBusy as error:
                log.warning("request to cancel waits for the ledger", worklist=self._worklist.name, error=str(error))
                time.sleep(_GLANCE_SECONDS)

    def _place(self, told: str) -> SplitResult:
        """Where the channel is: as the server says, on its own machine and no less safe, or where it should be."""
        own = urlsplit(self._worklist.url)
        scheme, host = "wss" if own.scheme == "https" else "ws", own.netloc.rpartition("@")[2]
        path = f"{own.path.rstrip('/')}/subscribers/{quote(self._subscriber)}"
        usual = SplitResult(scheme, host, path, "", "")
        try:
            other = urlsplit(told)
            if not other.scheme and not other.netloc and other.path.startswith("/"):
                return usual._replace(path=other.path, query=other.query)
            is_ours = other.scheme in ("wss", scheme) and other.hostname == own.hostname and _port(other) > 0
            return other._replace(netloc=other.netloc.rpartition("@")[2], fragment="") if is_ours else usual
        except ValueError:  # it is no address
            return usual


def _port(place: SplitResult) -> int:
    """Its own, or the usual one; raises ValueError when it is none."""
    return place.port or _PORTS[place.scheme]


def _events(text: str | bytes) -> Iterator[tuple[int, str, str]]:
    """Event Type, UID of the workitem and who asks, of each event in a message; raises what a decoder raises."""
    told = json.loads(text)
    for event in told if isinstance(told, list) and told else [told]:
        who = shown(_value(event, _REQUESTING_AE) or "")[:16]
        yield int(_value(event, _EVENT_TYPE)), str(_value(event, _INSTANCE)), who


def _value(event: Any, tag: str) -> Any:  # JSON's edge
    return next(iter(event.get(tag, {}).get("Value") or ()), None)
