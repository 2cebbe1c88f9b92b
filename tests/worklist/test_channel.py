"""What a worklist server tells over its event channel: news are looked into, and a request to cancel is met."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from node.config import Destination
from node.errors import LedgerBusy
from node.ledger import Ledger, WorkitemState, workitems
from node.ledger.workitems import Workitems
from node.states import AnalysisState
from node.worklist import Channel, Server
from node.worklist import channel as channels
from node.worklist.performer import Performer
from tests.ledger.material import classified, completed, received, reported, routed
from tests.peers import Pki, until
from tests.peers.worklist_server import JSON, Refused, WorklistServer, value, values
from tests.worklist.conftest import Site, schedule


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody here waits for a quiet channel."""
    monkeypatch.setattr(channels, "_GLANCE_SECONDS", 0.02)


@contextmanager
def listening(site: Site, *destinations: Destination, **changes: Any) -> Iterator[tuple[Channel, Performer]]:
    """A channel, and a performer that looks by itself once an hour."""
    over = threading.Event()
    worklist = site.worklist(**{"every_seconds": 3600, "events": True, **changes})
    settings = site.settings(*destinations)
    channel = Channel(worklist, settings, site.ledger, over.is_set)
    performer = Performer(worklist, settings, site.ledger)

    def listen() -> None:
        while not over.wait(0.01):
            channel.step()

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        until(channel.news.is_set, lambda: f"it listens: {troubles(site.ledger)}")
        performer.glance(channel.news)
        yield channel, performer
    finally:
        over.set()
        thread.join()


def troubles(ledger: Ledger) -> str:
    return ledger.facts.troubles().get("events of worklist ris", "")


def ask_to_cancel(server: WorklistServer, uid: str = "1.9") -> None:
    """As another system does (PS3.18 11.8)."""
    told = [{"00741238": {"vr": "LT", "Value": ["KANARI is the wrong patient"]}}]
    url = f"{server.url}/workitems/{uid}/cancelrequest"
    assert requests.post(url, json=told, headers={"Content-Type": JSON}, timeout=5).status_code == 202


def test_what_is_scheduled_is_claimed_without_waiting_for_the_clock(site: Site, server: WorklistServer) -> None:
    site.answer()
    with listening(site) as (channel, performer):
        assert not channel.news.is_set()
        performer.glance(channel.news)
        looked = len(server.requests)
        performer.glance(channel.news)
        assert len(server.requests) == looked, "nothing is new"
        schedule(server, "1.9")
        until(channel.news.is_set, "it is told")
        performer.glance(channel.news)
    assert server.state("1.9") == "COMPLETED"
    assert ("POST", "/workitems/1.2.840.10008.5.1.4.34.5/subscribers/RADNODE", 201) in server.requests


@pytest.mark.parametrize(
    ("bring", "held"),
    [
        (lambda ledger: None, False),
        (received, False),
        (lambda ledger: routed(ledger), True),
        (lambda ledger: classified(ledger), True),
        (lambda ledger: reported(ledger), True),
    ],
    ids=["fetched", "coming in", "queued", "classified", "reported"],
)
def test_a_request_to_cancel_is_met_as_long_as_nothing_is_delivered(
    site: Site, server: WorklistServer, bring: Callable[[Ledger], object], held: bool
) -> None:
    away = Destination(name="archive", kind="dicom", ae_title="ARCHIVE", port=1, timeout_seconds=1)
    bring(site.ledger)
    schedule(server, "1.9")
    with listening(site, *([] if site.ledger.fetches.came("1.2") else [away])) as (_, performer):
        assert server.state("1.9") == "IN PROGRESS"
        ask_to_cancel(server)
        until(lambda: site.row().cancel, "it is heard")
        performer.step()
    assert (server.state("1.9"), site.row().state) == ("CANCELED", WorkitemState.CANCELED)
    (told,) = values(server.workitems["1.9"], "ProcedureStepProgressInformationSequence")
    assert value(told, "ReasonForCancellation") == "canceled at the request of RIS"
    assert [one.state for one in site.ledger.analyses.of_study("1.2")] == [AnalysisState.HELD] * held
    assert not [one for one in site.ledger.deliveries.of_study("1.2") if one.state == "DONE"]
    assert "KANARI" not in str([event.detail for event in site.ledger.events.latest(100)])


def test_while_its_study_is_being_routed_a_request_to_cancel_waits(site: Site, server: WorklistServer) -> None:
    completed(site.ledger)
    schedule(server, "1.9")
    with listening(site) as (_, performer):
        ask_to_cancel(server)
        until(lambda: site.row().cancel, "it is heard")
        performer.step()
        assert (server.state("1.9"), site.row().state) == ("IN PROGRESS", WorkitemState.ANALYSING)
        site.ledger.analyses.route("1.2", [], ["its workitem is canceled"])
        performer.step()
    assert server.state("1.9") == "CANCELED"


def test_what_was_delivered_is_told_whoever_asks_to_cancel_it(site: Site, server: WorklistServer) -> None:
    reported(site.ledger)
    schedule(server, "1.9")
    with listening(site) as (_, performer):
        ask_to_cancel(server)
        until(lambda: site.row().cancel, "it is heard")
        for one in site.ledger.deliveries.of_study("1.2"):
            site.ledger.deliveries.done(one)
        performer.step()
    assert (server.state("1.9"), site.row().state) == ("COMPLETED", WorkitemState.COMPLETED)


def test_only_what_has_the_label_is_told_where_the_server_knows_filters(site: Site, server: WorklistServer) -> None:
    schedule(server, "1.8", label="OTHER")
    for knows in (True, False):
        server.knows_filters = knows
        with listening(site, label="AI & more") as (channel, _):
            assert server.subscribers["RADNODE"] == ([(["WorklistLabel"], "AI & more")] if knows else [])
            server.report("1.8", 1)
            server.channels["RADNODE"].ping().wait(5)
            assert channel.news.wait(0.2) is not knows


_NO_EVENTS = (
    *("no JSON", "[]", "{}", '{"00001002": {"Value": ["x"]}}', "[[]]", '"\\u0000"'),
    *('{"00001002": {"Value": [Infinity]}}', "[" * 99999),
)


@pytest.mark.parametrize("text", _NO_EVENTS)
def test_what_is_no_event_is_passed_over(site: Site, server: WorklistServer, text: str) -> None:
    schedule(server, "1.9")
    with listening(site) as (channel, _):
        channel.news.clear()
        server.channels["RADNODE"].send(text)
        server.report("1.9", 1)
        assert channel.news.wait(5)


def test_of_workitems_that_are_not_in_hand_nothing_is_written_down(site: Site, server: WorklistServer) -> None:
    schedule(server, "1.8", readiness="UNREADY")
    with listening(site) as (channel, _):
        server.report("1.8", 2)
        assert channel.news.wait(5)
    assert not [event for event in site.ledger.events.latest(100) if event.action == "workitem to be canceled"]


def test_a_channel_that_breaks_is_a_trouble_until_it_is_open_again(site: Site, server: WorklistServer) -> None:
    with listening(site):
        server.break_channels()
        until(lambda: troubles(site.ledger), "it is told")
        assert "it is asked by the clock meanwhile" in troubles(site.ledger)
    with listening(site):
        assert not troubles(site.ledger)


def test_a_server_that_knows_no_events_is_a_trouble_and_no_more(site: Site, server: WorklistServer) -> None:
    def refuse(method: str, path: str) -> None:
        if "subscribers" in path:
            raise Refused(501)

    server.before = refuse
    Channel(site.worklist(events=True), site.settings(), site.ledger).step()
    assert "HTTP 501" in troubles(site.ledger)


_ELSEWHERE = (
    *("ws://127.0.0.2:9/x", "ws://127.0.0.1@evil.example/x", "//evil.example/x", "http://127.0.0.1:9/x", "", "::::"),
    *("ws://[::1", "ws://127.0.0.1:99999/x"),
)


@pytest.mark.parametrize("told", _ELSEWHERE)
def test_the_token_goes_to_no_other_machine(site: Site, told: str) -> None:
    channel = Channel(site.worklist(events=True), site.settings(), site.ledger)
    own = site.server.url.replace("http", "ws")
    assert channel._place(told).geturl() == f"{own}/subscribers/RADNODE"


def test_on_its_own_machine_the_channel_is_where_the_server_says(site: Site) -> None:
    channel = Channel(site.worklist(events=True), site.settings(), site.ledger)
    assert channel._place("ws://u:p@127.0.0.1:9/x?y=1#z").geturl() == "ws://127.0.0.1:9/x?y=1"
    assert channel._place("/ws/x").geturl() == f"{site.server.url.replace('http', 'ws').rpartition('/')[0]}/ws/x"


def test_over_tls_with_a_token_it_is_heard_as_well(site: Site, pki: Pki, tmp_path: Path) -> None:
    pair, secret = pki.authority.pair("ris", "127.0.0.1"), "a-token"
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pair.certificate, pair.key)
    (tmp_path / "token").write_text(f"{secret}\n")
    with WorklistServer(secret, tls) as server:
        files = {"ca_file": pki.ca, "token_file": tmp_path / "token"}
        with listening(site, url=server.url, **files):
            assert list(server.channels) == ["RADNODE"]


def test_killed_before_the_server_is_told_it_is_canceled_all_the_same(
    site: Site, server: WorklistServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """As kill -9: nothing catches it."""

    def die(*_: object) -> None:
        raise Killed

    reported(site.ledger)
    schedule(server, "1.9")
    site.look()
    assert site.ledger.workitems.ask_to_cancel("ris", "1.9", "canceled at request")
    for place in ((workitems, "move_analysis"), (Workitems, "withdraw"), (Server, "update")):
        with monkeypatch.context() as patch:
            patch.setattr(*place, die)
            with pytest.raises(Killed):
                site.performer()._look()
        (analysis,), held = site.ledger.analyses.of_study("1.2"), site.row().state is WorkitemState.CANCELING
        assert (analysis.state is AnalysisState.HELD, server.state("1.9")) == (held, "IN PROGRESS"), "both or neither"
    assert held
    site.look()
    assert (server.state("1.9"), site.row().state) == ("CANCELED", WorkitemState.CANCELED)


def test_half_a_result_is_delivered_to_its_end(site: Site, server: WorklistServer) -> None:
    reported(site.ledger)
    schedule(server, "1.9")
    site.look()
    first, *others = site.ledger.deliveries.of_study("1.2")
    site.ledger.deliveries.done(first)
    assert site.ledger.workitems.ask_to_cancel("ris", "1.9", "canceled at request")
    site.look()
    (analysis,) = site.ledger.analyses.of_study("1.2")
    assert (analysis.state, server.state("1.9")) == (AnalysisState.REPORTED, "IN PROGRESS")
    for one in others:
        site.ledger.deliveries.done(one)
    site.look()
    assert server.state("1.9") == "COMPLETED"


def test_what_another_workitem_wants_is_not_held(site: Site, server: WorklistServer) -> None:
    routed(site.ledger)
    for uid in ("1.9", "1.10"):
        schedule(server, uid)
    site.look()
    assert site.ledger.workitems.ask_to_cancel("ris", "1.9", "canceled at request")
    site.look()
    (analysis,) = site.ledger.analyses.of_study("1.2")
    assert (analysis.state, server.state("1.9"), server.state("1.10")) == ("QUEUED", "CANCELED", "IN PROGRESS")


@pytest.mark.parametrize("bring", [routed, received], ids=["held", "not made"])
def test_who_asks_again_after_it_was_canceled_gets_it(
    site: Site, server: WorklistServer, bring: Callable[[Ledger], object]
) -> None:
    bring(site.ledger)
    schedule(server, "1.9")
    site.look()
    assert site.ledger.workitems.ask_to_cancel("ris", "1.9", "canceled at request")
    site.look()
    assert server.state("1.9") == "CANCELED"
    if bring is received:
        site.ledger.studies.complete(site.ledger.studies.get("1.2"), "quiet", partial=False, expected=None)
        site.ledger.analyses.route("1.2", [], [f"chest: its workitem is {site.row().cancel}"])
    schedule(server, "1.10")
    site.look()
    assert (server.state("1.10"), site.row("1.10").state) == ("IN PROGRESS", WorkitemState.ANALYSING)
    assert [one.state for one in site.ledger.analyses.of_study("1.2")] == ["QUEUED"] * (bring is routed)
    assert site.ledger.studies.get("1.2").state == ("ROUTED" if bring is routed else "COMPLETE")


def test_a_channel_that_breaks_is_opened_again_and_what_was_missed_is_found(
    site: Site, server: WorklistServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "_FIRST_SECONDS", 0.05)
    site.answer()
    with listening(site) as (channel, performer):
        server.break_channels()
        server.subscribers.clear()
        schedule(server, "1.9")  # while nobody hears it
        until(channel.news.is_set, "it is open again")
        before = len(server.requests)
        performer.glance(channel.news)
        assert server.state("1.9") == "COMPLETED"
        assert [one[:2] for one in server.requests[before:]].count(("GET", "/workitems")) == 1
        assert len([one for one in server.requests if "/subscribers/" in one[1]]) == 2
        until(lambda: not troubles(site.ledger), "all is well")


def test_a_channel_that_cannot_be_opened_is_tried_ever_more_seldom(site: Site, server: WorklistServer) -> None:
    def refuse(method: str, path: str) -> None:
        raise Refused(503)

    server.before = refuse
    channel = Channel(site.worklist(events=True), site.settings(), site.ledger)
    waits = []
    for _ in range(8):
        channel._next = 0.0
        channel.step()
        waits.append(round(channel._next - time.monotonic()))
        asked = len(server.requests)
        channel.step()
        assert len(server.requests) == asked, "it is not yet time"
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300]


def test_a_request_to_cancel_waits_for_a_ledger_that_is_busy(
    site: Site, server: WorklistServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, busy = Workitems.ask_to_cancel, [LedgerBusy("the ledger does not answer")]

    def ask(*arguments: Any) -> bool:
        if busy:
            raise busy.pop()
        return real(*arguments)

    monkeypatch.setattr(Workitems, "ask_to_cancel", ask)
    routed(site.ledger)
    schedule(server, "1.9")
    with listening(site):
        ask_to_cancel(server)
        until(lambda: site.row().cancel, "it is heard")
    assert not busy


def test_an_answer_that_points_elsewhere_is_not_followed(site: Site, server: WorklistServer) -> None:
    asked: list[str] = []

    def note(_: ServerConnection, request: Request) -> Response:
        asked.append(request.path)
        return Response(404, "Not Found", Headers())

    with serve(lambda _: None, "127.0.0.1", 0, process_request=note) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        server.moved_to = f"ws://127.0.0.1:{other.socket.getsockname()[1]}/trap"
        channel = Channel(site.worklist(events=True), site.settings(), site.ledger)
        channel.step()
        other.shutdown()
    assert (asked, list(server.channels)) == ([], [])
    assert "its event channel is closed (ValueError)" in troubles(site.ledger)
