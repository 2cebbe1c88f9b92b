"""Traces go to a collector over real HTTP, once, under a pseudonym; it may be away, or say no."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from node.cli import neighbours
from node.config import NodeSettings, Settings, TelemetrySettings
from node.ledger import Ledger
from node.telemetry import Teller
from tests.ledger.material import reported, results, routed

STAGES = ["study", "receive", "complete", "route", "classify", "report", "deliver"]


class Collector(HTTPServer):
    """Takes OTLP over HTTP, and answers as it is told to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.bodies, self.answer = 200, list[Any](), b"{}"
        self.paths: set[tuple[str, str]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def spans(self) -> list[dict[str, Any]]:
        scopes = [scope for body in self.bodies for one in body["resourceSpans"] for scope in one["scopeSpans"]]
        return [span for scope in scopes for span in scope["spans"]]


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.paths.add((self.path, self.headers["Content-Type"]))
        if self.server.status == 200:
            self.server.bodies.append(body)
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.server.answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.05,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path / "ledger.db")
    yield ledger
    ledger.close()


def teller(ledger: Ledger, folder: Path, url: str) -> Teller:
    settings = Settings(node=NodeSettings(data_dir=folder), telemetry=TelemetrySettings(url=url, timeout_seconds=2))
    return Teller(settings, ledger, lambda: False)


def deliver(ledger: Ledger) -> None:
    reported(ledger)
    for delivery in ledger.deliveries.of_study("1.2"):
        ledger.deliveries.done(delivery)


def said(span: dict[str, Any]) -> dict[str, Any]:
    return {one["key"]: next(iter(one["value"].values())) for one in span["attributes"]}


def test_every_stage_has_a_span_within_that_of_the_study(
    ledger: Ledger, tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    telling = teller(ledger, tmp_path, collector.url)
    telling.step()
    with monkeypatch.context() as clock:
        seconds = iter(range(1_000_000, 2_000_000))
        clock.setattr(time, "time", lambda: float(next(seconds)))
        deliver(ledger)
    assert telling.step() == 1
    assert collector.paths == {("/v1/traces", "application/json")}
    spans = collector.spans()
    assert [span["name"] for span in spans] == STAGES
    whole, *stages = spans
    times = [(int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])) for span in stages]
    assert all(begin <= end for begin, end in times)
    assert [end for _, end in times[:-1]] == [begin for begin, _ in times[1:]]
    assert (times[0][0], times[-1][1]) == (int(whole["startTimeUnixNano"]), int(whole["endTimeUnixNano"]))
    assert times[-1][1] - times[0][0] >= 5 * 10**9
    assert {span["parentSpanId"] for span in stages} == {whole["spanId"]}
    assert len({span["spanId"] for span in spans}) == len(STAGES)
    assert all(re.fullmatch("[0-9a-f]{16}", span["spanId"]) for span in spans)
    assert all(re.fullmatch("[0-9a-f]{32}", span["traceId"]) for span in spans)


@pytest.mark.parametrize(
    ("steps", "stage"), [(0, "classify"), (1, "report"), (2, "deliver")], ids=["classify", "report", "deliver"]
)
def test_what_failed_has_the_status_error_where_it_did(
    ledger: Ledger, tmp_path: Path, collector: Collector, steps: int, stage: str
) -> None:
    telling = teller(ledger, tmp_path, collector.url)
    telling.step()
    (analysis,) = routed(ledger)
    if steps:
        ledger.analyses.classified(analysis.id, "pneumonia 0.93")
    if steps == 2:
        ledger.analyses.reported(analysis.id, results(), {"pacs": ("sr",)})
    ledger.analyses.fail(analysis.id, "1.2.826.0.1.3680043.8.498.7: it has no pixels")
    assert telling.step() == 1
    spans = {span["name"]: span for span in collector.spans()}
    assert list(spans) == STAGES[: STAGES.index(stage) + 1]
    error = {"code": 2, "message": "(UID): it has no pixels"}
    assert {name: span["status"] for name, span in spans.items() if "status" in span} == {"study": error, stage: error}
    assert spans[stage]["endTimeUnixNano"] == spans["study"]["endTimeUnixNano"]
    ledger.analyses.retry(analysis.id)
    ledger.analyses.classified(analysis.id, "pneumonia 0.93")
    ledger.analyses.reported(analysis.id, results(), {"pacs": ("sr",)})
    for delivery in ledger.deliveries.of_study("1.2"):
        ledger.deliveries.done(delivery)
    assert telling.step() == 1
    again = collector.spans()[len(spans) :]
    assert [span["name"] for span in again] == STAGES
    assert not any("status" in span for span in again)
    assert {span["traceId"] for span in again}.isdisjoint(span["traceId"] for span in spans.values())


def test_no_uid_leaves_and_the_pseudonym_is_that_of_the_key(
    ledger: Ledger, tmp_path: Path, collector: Collector
) -> None:
    telling = teller(ledger, tmp_path, collector.url)
    telling.step()
    deliver(ledger)
    telling.step()
    text = json.dumps(collector.bodies)
    assert not re.search(r'"1\.2[.\d]*"', text)
    first = said(collector.spans()[0])
    assert first == {"radnode.study": first["radnode.study"], "radnode.plugin": "chest", "radnode.retried": False}
    other = tmp_path / "other"
    other.mkdir()
    ledger.facts.set_position("telemetry", 0)
    teller(ledger, other, collector.url).step()
    ledger.facts.set_position("telemetry", 0)
    teller(ledger, tmp_path, collector.url).step()
    by_key = [said(span)["radnode.study"] for span in collector.spans()[:: len(STAGES)]]
    assert by_key[0] == by_key[2] != by_key[1]
    assert collector.spans()[0]["traceId"] == collector.spans()[2 * len(STAGES)]["traceId"], "sent twice, told apart"


def test_what_was_before_is_left_out_and_nothing_is_told_twice(
    ledger: Ledger, tmp_path: Path, collector: Collector
) -> None:
    deliver(ledger)
    assert teller(ledger, tmp_path, collector.url).step() == 0
    assert teller(ledger, tmp_path, collector.url).step() == 0
    assert collector.bodies == []


def test_a_collector_that_is_away_is_told_when_it_is_back(ledger: Ledger, tmp_path: Path, collector: Collector) -> None:
    away = teller(ledger, tmp_path, "http://127.0.0.1:9")
    away.step()
    deliver(ledger)
    assert away.step() == 0
    assert "it cannot be reached: ConnectionError" in ledger.facts.troubles()["telemetry collector"]
    here = teller(ledger, tmp_path, collector.url)
    collector.status = 503
    assert here.step() == 0
    assert "for now: HTTP 503" in ledger.facts.troubles()["telemetry collector"]
    collector.status = 200
    assert here.step() == 1
    assert ledger.facts.troubles() == {}
    assert len(collector.spans()) == len(STAGES)


def test_what_is_refused_for_good_holds_nothing_up(ledger: Ledger, tmp_path: Path, collector: Collector) -> None:
    telling = teller(ledger, tmp_path, collector.url)
    telling.step()
    deliver(ledger)
    collector.status = 400
    assert telling.step() == 1
    assert "it refuses traces: HTTP 400" in ledger.facts.troubles()["telemetry collector"]
    collector.status = 200
    assert telling.step() == 0
    assert collector.bodies == []


def test_spans_that_are_refused_in_a_request_that_was_taken_are_told(
    ledger: Ledger, tmp_path: Path, collector: Collector
) -> None:
    telling = teller(ledger, tmp_path, collector.url)
    telling.step()
    deliver(ledger)
    collector.answer = b'{"partialSuccess": {"rejectedSpans": "7", "errorMessage": "too old"}}'
    assert telling.step() == 1, "the same is not sent again"
    assert "it refuses traces: 7 spans of a request" in ledger.facts.troubles()["telemetry collector"]
    ledger.facts.set_position("telemetry", 0)
    collector.answer = b"no JSON"
    assert telling.step() == 1
    assert ledger.facts.troubles() == {}


@pytest.mark.parametrize(
    ("status", "found"),
    [(200, "takes traces at"), (404, "it refuses traces: HTTP 404"), (503, "it takes no traces for now: HTTP 503")],
)
def test_the_doctor_asks_the_collector_and_sends_it_nothing(collector: Collector, status: int, found: str) -> None:
    collector.status = status
    settings = Settings(telemetry=TelemetrySettings(url=collector.url, timeout_seconds=2))
    ((name, ok, said),) = neighbours._traces(settings)
    assert (name, ok) == ("telemetry collector", status == 200)
    assert found in said
    assert collector.paths == {("/v1/traces", "application/json")}
    assert collector.spans() == []


def test_the_doctor_says_that_the_collector_is_away_and_asks_none_where_there_is_none() -> None:
    away = Settings(telemetry=TelemetrySettings(url="http://127.0.0.1:9", timeout_seconds=2))
    ((_, ok, said),) = neighbours._traces(away)
    assert not ok
    assert "it cannot be reached: ConnectionError [http://127.0.0.1:9] - is it running" in said
    assert list(neighbours._traces(Settings())) == []
