"""What the node answers over HTTP, asked by a real client through a real server."""

from __future__ import annotations

import time
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from node.classify.catalogue import Catalogue
from node.config import (
    GoLiveSettings,
    NodeSettings,
    QueueSettings,
    Route,
    Settings,
    TlsSettings,
    WatchSettings,
    WebSettings,
    frozen,
)
from node.ledger import Installed, Ledger, Watched
from node.ledger.reviews import Reviews
from node.spool import write_once
from node.stages import Stage
from node.watch.lateness import lateness
from node.web import tokens
from node.web.app import LONGEST_BODY
from node.web.durations import STAGES, Durations
from node.web.guard import HEADERS, WRONG_TOKENS
from node.web.metrics import exposition
from node.web.tokens import Role
from tests.ledger.material import reported, routed
from tests.peers import Pki
from tests.watch.builders import looked_at
from tests.web.conftest import REQUESTS, Running

ACCEPT = {"finding": "opacity", "judgement": "accepted"}


def test_a_review_is_taken_once_and_told(web: Running) -> None:
    done = web.post(ACCEPT, {"finding": "effusion", "outcome": "present"}, reader="reader-7")
    assert done.status_code == 200, done.text
    assert done.json() == {
        "taken": [
            {
                "plugin": "chest",
                "finding": "opacity",
                "laterality": "",
                "outcome": "present",
                "judgement": "accepted",
            },
            {
                "plugin": "chest",
                "finding": "effusion",
                "laterality": "",
                "outcome": "absent",
                "judgement": "corrected",
            },
        ],
        "unchanged": 0,
    }
    assert web.post(ACCEPT, reader="reader-7").json() == {"taken": [], "unchanged": 1}
    told = web.ask("GET", "/studies/1.2/reviews").json()["reviews"]
    assert [(one["finding"], one["judgement"], one["reader"]) for one in told] == [
        ("opacity", "accepted", "pacs: reader-7"),
        ("effusion", "corrected", "pacs: reader-7"),
    ]
    effusion, opacity = web.ask("GET", "/reviews/tally").json()["tally"]
    assert (effusion["npv"]["figure"], opacity["ppv"]["figure"], opacity["sender"]) == (0.0, 1.0, "SENDER")


def test_what_cannot_be_matched_is_told_and_nothing_is_taken(web: Running) -> None:
    done = web.post(ACCEPT, {"finding": "fracture", "judgement": "accepted"})
    assert done.status_code == 422
    assert done.json()["error"].startswith("the study has no such finding")
    assert done.json()["about"] == "fracture"
    assert web.ledger.reviews.of_study("1.2") == []


@pytest.mark.parametrize(
    ("study", "body", "kind", "status", "what"),
    [
        ("1.2", b"{", "application/json", 422, "no JSON"),
        ("1.2", b"{}", "text/plain", 415, "application/json"),
        ("1.2", b"a=b", "application/x-www-form-urlencoded", 415, "application/json"),
        ("1.2", b" " * (LONGEST_BODY + 1), "application/json; charset=utf-8", 413, "longer than 64 KiB"),
        ("9.9", b"{}", "application/json", 404, "there is no such study"),
        ("1", b"{}", "application/json", 404, "there is no such study"),
    ],
)
def test_what_is_wrong_is_said_in_json(
    web: Running, study: str, body: bytes, kind: str, status: int, what: str
) -> None:
    done = web.ask("POST", f"/studies/{study}/reviews", data=body, headers={"Content-Type": kind})
    assert (done.status_code, what in done.json()["error"]) == (status, True), done.text


@pytest.mark.parametrize("path", ["/studies/1.2/reviews", "/reviews/tally", "/studies/9.9/reviews"])
@pytest.mark.parametrize("token", ["", "wrong", "é"])
def test_without_a_token_nothing_is_told(web: Running, path: str, token: str) -> None:
    done = web.ask("GET", path, token="", headers={"Authorization": f"Bearer {token}".encode()} if token else {})
    assert done.status_code == 401
    assert done.headers["WWW-Authenticate"] == "Bearer"
    assert "radnode tokens add" in done.json()["error"]


def test_a_token_that_was_removed_counts_no_longer(web: Running) -> None:
    tokens.remove(web.folder / "tokens", "pacs")
    assert web.post(ACCEPT).status_code == 401


def test_a_role_limits_what_its_holder_may_do_and_the_trail_says_who_tried(web: Running) -> None:
    reader = tokens.add(web.folder / "tokens", "ron", Role.READ)
    assert web.ask("GET", "/reviews/tally", token=reader).status_code == 200
    body = {"reviews": [ACCEPT]}
    done = web.ask("POST", "/studies/1.2/reviews", token=reader, json=body)
    assert (done.status_code, done.json()["error"]) == (
        403,
        "that needs a token with the role review; this one may read",
    )
    assert web.ask("POST", "/analyses/1/drop").status_code == 403
    tried = [event.detail for event in web.ledger.events.latest(9) if event.action == "request refused"]
    assert [(one["token"], one["wanted"]) for one in tried] == [("pacs", "operate"), ("ron", "review")]
    assert web.ledger.reviews.of_study("1.2") == []


def test_a_plugin_goes_silent_at_once_and_live_only_on_a_record(web: Running) -> None:
    token, name = tokens.add(web.folder / "tokens", "olga", Role.OPERATE), "chest-radiograph"
    assert web.ask("POST", f"/plugins/{name}/go-silent", token=token).status_code == 422, "it has never been here"
    manifest = Catalogue((name,)).manifests[name]
    installed = Installed(name, manifest.version, manifest.digest)
    web.ledger.stages.meet([installed], silent=False)
    assert web.ask("POST", f"/plugins/{name}/go-silent").status_code == 403
    assert web.ask("POST", f"/plugins/{name}/go-silent", token=token).json() == {"plugin": name, "stage": "SILENT"}
    refused = web.ask("POST", f"/plugins/{name}/go-live", token=token)
    assert (refused.status_code, refused.json()["error"]) == (422, "there is no record of an evaluation")
    assert web.ledger.stages.of(name, manifest.version).stage is Stage.SILENT
    record = {"version": manifest.version, "digest": manifest.digest, "accepted": True, "answered": 60}
    web.ledger.evaluations.add(name, {**record, "csv_sha256": "", "images_sha256": "", "findings": []}, "anna")
    serve_with(web, go_live=GoLiveSettings(min_cases=61))
    assert "60 cases were answered" in web.ask("POST", f"/plugins/{name}/go-live", token=token).json()["error"]
    serve_with(web, go_live=GoLiveSettings(min_cases=60))
    assert web.ask("POST", f"/plugins/{name}/go-live", token=token).json() == {"plugin": name, "stage": "LIVE"}
    staged = web.ledger.stages.of(name, manifest.version)
    assert (staged.stage, staged.operator, bool(staged.evaluation)) == (Stage.LIVE, "token olga", True)


def test_an_operator_acts_and_the_trail_says_who(web: Running) -> None:
    token = tokens.add(web.folder / "tokens", "olga", Role.OPERATE)
    number = waiting(web.ledger)
    acts = [("prioritise", "QUEUED"), ("hold", "HELD"), ("retry", "QUEUED"), ("drop", "DROPPED")]
    for action, state in acts:
        done = web.ask("POST", f"/analyses/{number}/{action}", token=token)
        assert (done.status_code, done.json()) == (200, {"analysis": number, "state": state})
    again = web.ask("POST", f"/analyses/{number}/drop", token=token)
    assert (again.status_code, "DROPPED" in again.json()["error"]) == (422, True)
    assert web.ask("POST", f"/analyses/{number}/destroy", token=token).status_code == 404
    assert web.ask("POST", "/analyses/999/drop", token=token).status_code == 422
    assert web.ask("POST", "/plugins/chest/pause", token=token).json() == {"plugin": "chest", "paused": True}
    assert web.ask("POST", "/plugins/chest/resume", token=token).json() == {"plugin": "chest", "paused": False}
    assert web.ask("POST", "/plugins/chest/resume", token=token).status_code == 422
    told = [event.detail for event in web.ledger.events.latest(20) if event.action == "operator's command"]
    assert {one["operator"] for one in told} == {"token olga"}
    assert [one["command"] for one in reversed(told)] == [
        *(f"queue {action}" for action, _ in acts),
        "plugins pause",
        "plugins resume",
    ]


def waiting(ledger: Ledger) -> int:
    (analysis,) = routed(ledger, "7.7")
    return analysis.id


def test_too_many_wrong_tokens_from_one_address_are_not_even_looked_at(web: Running) -> None:
    wrong = "x" * 43
    for _ in range(WRONG_TOKENS):
        assert web.ask("GET", "/reviews/tally", token=wrong).status_code == 401
    done = web.ask("GET", "/reviews/tally")
    assert (done.status_code, int(done.headers["Retry-After"]) > 0) == (429, True)


def test_too_many_requests_are_answered_429(web: Running) -> None:
    statuses = [web.ask("GET", "/healthz", token="").status_code for _ in range(REQUESTS + 20)]
    assert set(statuses) == {200, 429}
    assert statuses.index(429) >= REQUESTS


def test_metrics_are_read_by_prometheus_own_parser_and_name_nobody(web: Running, pki: Pki) -> None:
    assert web.ask("GET", "/metrics", token="").status_code == 401
    waiting(web.ledger)
    web.ledger.pauses.pause("chest", "it crashed")
    web.ledger.facts.set_trouble("worker-0", "it does not start")
    web.ledger.measures.record(Watched("chest", "1.0"), lateness([True] * 300, WatchSettings()))
    done = web.ask("GET", "/metrics")
    assert done.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {one.name: one for one in text_string_to_metric_families(done.text)}
    told = {name: [(sample.labels, sample.value) for sample in family.samples] for name, family in families.items()}
    assert told["radnode_up"] == [({}, 0.0)]
    assert ({"state": "QUEUED"}, 1.0) in told["radnode_analyses"]
    assert told["radnode_analyses_due"] == [({}, 1.0)]
    assert told["radnode_plugin_paused"] == [({"plugin": "chest"}, 1.0)]
    assert told["radnode_trouble"] == [({"part": "worker-0"}, 1.0)]
    alarm = {"plugin": "chest", "kind": "latency", "metric": "late", "subject": ""}
    assert told["radnode_watch_alarm"] == [(alarm, 1.0)]
    assert told["radnode_disk_free_bytes"][0][1] > 0
    settings = Settings(tls=TlsSettings(enabled=True, certificate=pki.node.certificate, ca=pki.ca, key=pki.node.key))
    text = exposition(settings.model_copy(update={"node": NodeSettings(data_dir=web.folder)}), web.ledger).decode()
    ends = pki.node.made.not_valid_after_utc.timestamp()
    (line,) = [one for one in text.splitlines() if one.startswith("radnode_certificate") and "node.pem" in one]
    assert float(line.split()[1]) == pytest.approx(ends)


def delivered(web: Running, study: str) -> None:
    reported(web.ledger, study)
    for delivery in web.ledger.deliveries.of_study(study):
        web.ledger.deliveries.done(delivery)


def counted(web: Running) -> dict[tuple[str, str], float]:
    """Name of a sample and its stage -> value."""
    families = text_string_to_metric_families(web.ask("GET", "/metrics").text)
    samples = [sample for family in families for sample in family.samples]
    return {(one.name, one.labels.get("stage", "")): one.value for one in samples if "le" not in one.labels}


def test_how_long_results_took_is_counted_once_and_stage_by_stage(web: Running) -> None:
    assert ("radnode_results_total", "") not in counted(web)
    delivered(web, "1.7")
    delivered(web, "1.8")
    for _ in range(2):
        told = counted(web)
        assert told["radnode_results_total", ""] == told["radnode_results_in_time_total", ""] == 2
        assert {told["radnode_stage_seconds_count", stage] for stage in STAGES} == {2}
    assert told["radnode_result_objective_seconds", ""] == 300
    assert told["radnode_stage_seconds_sum", "door to result"] >= told["radnode_stage_seconds_sum", "delivery"] > 0


def test_results_beyond_the_objective_are_not_in_time(web: Running) -> None:
    durations = Durations(web.ledger, lambda: 1e-9)
    delivered(web, "1.7")
    durations.look()
    found = {one.name: one.value for family in durations.registry.collect() for one in family.samples}
    assert (found["radnode_results_total"], found["radnode_results_in_time_total"]) == (1, 0)


def test_results_that_waited_for_a_window_are_not_counted(web: Running) -> None:
    durations = Durations(web.ledger, lambda: 300, lambda: {"films"})
    delivered(web, "1.7")
    durations.look()
    assert not [one for family in durations.registry.collect() for one in family.samples if one.labels.get("plugin")]


def test_it_is_ready_when_a_main_process_serves(web: Running) -> None:
    done = web.ask("GET", "/readyz", token="")
    assert (done.status_code, done.json()["missing"]) == (503, ["no main process serves"])
    web.ledger.facts.beat(1)
    done = web.ask("GET", "/readyz", token="")
    assert (done.status_code, done.json()) == (200, {"status": "ready", "missing": []})


def test_changes_are_told_in_order_and_go_on_where_one_was(web: Running) -> None:
    assert web.ask("GET", "/changes", token="").status_code == 401
    first = web.ask("GET", "/changes?limit=2").json()
    assert [one["number"] for one in first["changes"]] == [1, 2]
    assert (first["last"], first["done"]) == (2, False)
    rest = web.ask("GET", f"/changes?since={first['last']}").json()
    assert rest["done"]
    assert [one["number"] for one in rest["changes"]] == list(range(3, rest["last"] + 1))
    assert {"study routes found", "analysis classified"} <= {one["action"] for one in rest["changes"]}
    assert web.ask("GET", f"/changes?since={rest['last']}").json()["changes"] == []


@pytest.mark.parametrize("query", ["since=x", "since=-1", "limit=1e3", "since=" + "9" * 30])
def test_a_position_that_is_no_number_is_refused(web: Running, query: str) -> None:
    assert web.ask("GET", f"/changes?{query}").status_code == 400


def test_health_needs_no_token(web: Running) -> None:
    done = web.ask("GET", "/healthz", token="")
    assert (done.status_code, done.json()) == (200, {"status": "ok"})


def test_a_ledger_that_does_not_answer_is_said_to_be_busy(web: Running) -> None:
    with web.ledger._database.write():
        done = web.post(ACCEPT)
    assert (done.status_code, done.headers["Retry-After"]) == (503, "5")
    assert web.post(ACCEPT).status_code == 200


@pytest.mark.parametrize(("host", "status"), [("radnode.hospital", 200), ("evil.example", 400)])
def test_only_known_host_names_are_answered(web: Running, host: str, status: int) -> None:
    assert web.ask("GET", "/healthz", headers={"Host": host}).status_code == status


def test_answers_are_not_kept_by_caches_and_are_what_they_say(web: Running) -> None:
    for done in (web.post(ACCEPT), web.ask("GET", "/nothing"), web.ask("GET", "/healthz", headers={"Host": "evil"})):
        assert {name: done.headers[name] for name in HEADERS} == HEADERS
        assert "server" not in done.headers


@pytest.mark.parametrize("path", ["/x", "/static/../app.py", "/studies/1.2/x", "/docs"])
def test_there_is_nothing_else(web: Running, path: str) -> None:
    assert web.ask("GET", path).status_code in (404, 405)


def serve_with(running: Running, **changes: Any) -> None:
    """As the main process leaves other settings after `radnode reload`."""
    settings = Settings(node=NodeSettings(data_dir=running.folder), **changes)
    write_once(running.folder / "serving.json", frozen(settings))


def test_what_the_node_took_over_counts_from_the_next_request_on(web: Running) -> None:
    hosts = [{"Host": name} for name in ("radnode.hospital", "radnode.clinic")]

    def statuses() -> list[int]:
        return [web.ask("GET", "/reviews/tally", headers=one).status_code for one in hosts]

    assert statuses() == [200, 400]
    serve_with(web, web=WebSettings(allowed_hosts=("radnode.clinic",), result_objective_seconds=1e-9))
    assert statuses() == [400, 200]
    delivered(web, "1.7")
    told = counted(web)
    assert told["radnode_result_objective_seconds", ""] == 1e-9
    assert (told["radnode_results_total", ""], told["radnode_results_in_time_total", ""]) == (1, 0)
    serve_with(web, web=WebSettings(requests_per_minute=2))
    assert [web.ask("GET", "/healthz").status_code for _ in range(3)] == [200, 200, 429]


def test_windows_and_watching_are_told_as_the_node_took_them_over(web: Running) -> None:
    waiting(web.ledger)
    looked_at(web.ledger, 0.5)
    looks = "radnode_watch_look_timestamp_seconds"
    told = counted(web)
    assert told["radnode_analyses_due", ""] == 1
    assert (looks, "") in told
    begin, end = (time.strftime("%H:%M", time.gmtime(time.time() + hours * 3600)) for hours in (6, 7))
    route = Route(name="films", plugin="chest", window=f"{begin}-{end}")
    serve_with(web, routes=(route,), queue=QueueSettings(time_zone="UTC"), watch=WatchSettings(enabled=False))
    told = counted(web)
    assert told["radnode_analyses_due", ""] == 0
    assert (looks, "") not in told


def test_what_nobody_has_thought_of_is_said_with_its_place_and_without_the_patient(
    web: Running, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("KANARI^P is no name")

    monkeypatch.setattr(Reviews, "of_study", fail)
    done = web.ask("GET", "/studies/1.2/reviews")
    assert (done.status_code, done.json()["hint"]) == (500, "its log says where")
    assert done.headers["X-Content-Type-Options"] == "nosniff", "it takes the way of every answer"
    monkeypatch.undo()
    assert web.ask("GET", "/studies/1.2/reviews").status_code == 200
    said = "".join(capfd.readouterr())
    assert "request failed" in said
    assert "ValueError at test_app.py:" in said
    assert "KANARI" not in said
