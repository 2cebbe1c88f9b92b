"""The order of the work, over a real ledger and spool; only the worker process is played by an object."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from node import states
from node.classify.catalogue import Catalogue
from node.classify.process import WorkerDied, WorkerLate, WorkerProcess
from node.config import Destination, QueueSettings, Route, Settings, StorageSettings, StudySettings, WorkerSettings
from node.errors import LedgerBusy
from node.ledger import AnalysisRow, Input, Ledger, StudyRow, WorkitemState
from node.pipeline import Pipeline
from node.plugin import Accepts, Code, FindingSpec, Interval, Manifest, OperatingPoint
from node.priority import Priority
from node.spool import Spool
from node.states import AnalysisState, StudyState
from node.study import Arrival, Attributes
from tests.ledger.material import workitem_row

DX = "1.2.840.10008.5.1.4.1.1.1.1"
QUIET = 2.0
_ONE = Interval(1, 1, 1)


def manifest(name: str, **accepts: Any) -> Manifest:
    finding = FindingSpec("f", "F", Code("1", "99TEST", "F"), OperatingPoint(0.5, _ONE, _ONE, ""))
    return Manifest(
        name=name,
        version="1.0",
        title=name,
        manufacturer="test",
        intended_use="tests",
        licence="MIT",
        level="image",
        series_number=9000,
        accepts=Accepts(**accepts),
        findings=(finding,),
        weights={},
        seconds_limit=7,
    )


class PlayedWorker:
    """Answers as a test wants; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[int], float]] = []
        self.kills = 0
        self.answer: Callable[[str, int], dict[str, Any]] = good
        self.before: Callable[[], None] = lambda: None
        self.tainted = False

    def ask(self, job: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        ids = [one["row"]["id"] for one in job["jobs"]]
        self.asked.append((job["op"], ids, seconds))
        self.before()
        answers = [{"id": number, **self.answer(job["op"], number)} for number in ids]
        return {"answers": answers, "tainted": self.tainted}

    def kill(self) -> None:
        self.kills += 1


def good(op: str, number: int) -> dict[str, Any]:
    if op == "classify":
        return {"summary": "F 93% (present)", "not_assessed": []}
    return {"results": [result(number, "sc"), result(number, "sr")]}


def result(number: int, kind: str) -> dict[str, str]:
    uid = f"2.25.{number}{len(kind)}{ord(kind[1])}"
    path = f"work/{number}/{kind}.dcm"
    return {"sop_instance_uid": uid, "sop_class_uid": "1", "series_instance_uid": "2", "kind": kind, "path": path}


class Bench:
    """A pipeline with a clock in the test's hand."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.now = 1000.0
        self.spool = Spool(folder / "spool")
        self.spool.prepare()
        self.ledger = Ledger(folder / "ledger.db")
        usual = {
            "study": StudySettings(quiet_seconds={"default": QUIET}, settled_seconds=1, missing_wait_seconds=30),
            "routes": (Route(name="films", plugin="chest", modality=("DX",)),),
        }
        self.settings = Settings(**{**usual, **settings})
        catalogue = cast(Catalogue, SimpleNamespace(manifests={name: manifest(name) for name in ("chest", "other")}))
        self.pipeline = Pipeline(
            self.settings, self.ledger, self.spool, catalogue, owner="test", clock=lambda: self.now
        )
        self.worker = PlayedWorker()
        self.count = 0

    def receive(self, study: str = "1.2", modality: str = "DX", **facts: Any) -> Arrival:
        self.count += 1
        uid = f"{study}.1.{self.count}"
        with self.spool.receive() as incoming:
            incoming.write(b"x")
            path = incoming.keep(f"{self.count:064x}")
        attributes = Attributes(modality=modality, sop_class_uid=DX, calling_ae=facts.pop("calling_ae", "CR1"))
        arrival = Arrival(
            sop_instance_uid=uid,
            sop_class_uid=DX,
            transfer_syntax_uid="1.2.840.10008.1.2.1",
            study_instance_uid=study,
            series_instance_uid=f"{study}.1",
            path=path,
            size=1,
            sha256=uid,
            patient_key="p",
            association=facts.pop("association", "a"),
            peer="127.0.0.1",
            attributes=attributes,
        )
        self.ledger.arrivals.record([replace(arrival, **facts)])
        return arrival

    def tick(self, seconds: float = 0) -> None:
        self.now += seconds
        self.pipeline.close_studies()
        self.pipeline.route_studies()

    def settle(self) -> None:
        """Let every study become quiet and be routed."""
        self.tick()
        self.tick(QUIET)

    def work(self, times: int = 1) -> bool:
        done = False
        for _ in range(times):
            done = self.pipeline.work(cast(WorkerProcess, self.worker))
        return done

    def due_now(self) -> None:
        """Let no wait of an earlier failure hold an analysis back."""
        for row in self.ledger.analyses.unfinished():
            self.ledger._database.connection.execute("UPDATE analyses SET not_before = 0 WHERE id = ?", (row.id,))

    def study(self, uid: str = "1.2") -> StudyRow:
        return self.ledger.studies.get(uid)

    def analysis(self, study: str = "1.2") -> AnalysisRow:
        return self.ledger.analyses.of_study(study)[-1]

    def trail(self, study: str = "1.2") -> list[str]:
        return [event.action for event in self.ledger.events.of_study(study)]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


# When a study is complete


def test_a_study_is_complete_after_quiet(bench: Bench) -> None:
    bench.receive()
    bench.tick()
    bench.tick(QUIET - 0.1)
    assert bench.study().state is StudyState.RECEIVING
    bench.tick(0.2)
    assert bench.study().state is StudyState.ROUTED


def test_each_new_image_starts_the_wait_again(bench: Bench) -> None:
    for _ in range(5):
        bench.receive()
        bench.tick(QUIET - 0.1)
    assert bench.study().state is StudyState.RECEIVING
    bench.tick(QUIET)
    assert bench.study().state is StudyState.ROUTED


@pytest.mark.parametrize("jump", [86400.0, -86400.0, 0.0])
def test_a_wall_clock_that_is_set_closes_nothing_early_and_forgets_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    bench.receive()
    bench.tick()
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + jump)
    bench.tick(QUIET / 2)
    assert bench.study().state is StudyState.RECEIVING
    bench.tick(QUIET)
    assert bench.study().state is StudyState.ROUTED
    bench.work(2)
    assert bench.analysis().state is AnalysisState.DELIVERED


def test_a_clock_that_was_set_back_holds_no_retry_for_days(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.receive()
    bench.settle()
    bench.worker.before = _raising(WorkerDied("the worker process ended"))
    bench.work()
    bench.worker.before = lambda: None
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 5 * 86400)
    assert bench.work()
    assert bench.analysis().state is AnalysisState.CLASSIFIED


def test_an_open_association_holds_its_study_open(bench: Bench) -> None:
    bench.ledger.arrivals.open_association("a", "CR1", "RADNODE", "127.0.0.1")
    bench.receive()
    bench.tick()
    bench.tick(100)
    assert bench.study().state is StudyState.RECEIVING
    bench.ledger.arrivals.close_association("a", "released")
    bench.tick()
    assert bench.study().state is StudyState.ROUTED


def test_an_association_that_stays_open_for_ever_does_not(bench: Bench) -> None:
    bench.ledger.arrivals.open_association("a", "CR1", "RADNODE", "127.0.0.1")
    bench.receive()
    bench.tick()
    bench.tick(bench.settings.study.open_association_seconds + QUIET)
    assert bench.study().state is StudyState.ROUTED


def test_a_study_with_all_announced_images_does_not_wait_for_quiet(bench: Bench) -> None:
    bench.receive(study_images=2)
    bench.tick()
    bench.tick(QUIET + 1)
    assert bench.study().state is StudyState.RECEIVING, "one of two"
    bench.receive(study_images=2)
    bench.tick()
    bench.tick(1)
    assert bench.study().state is StudyState.ROUTED
    assert bench.study().reason.startswith("chest")


def test_the_operator_closes_a_study_at_once(bench: Bench) -> None:
    bench.receive()
    bench.tick()
    bench.ledger.studies.ask("1.2")
    bench.tick()
    assert bench.study().state is StudyState.ROUTED


def test_an_image_that_comes_while_the_study_is_closed_keeps_it_open(bench: Bench) -> None:
    bench.receive()
    bench.tick()
    stale = bench.study()
    bench.receive()
    assert not bench.ledger.studies.complete(stale, "", partial=False, expected=None)
    assert bench.study().state is StudyState.RECEIVING


def test_many_studies_do_not_wait_for_each_other(bench: Bench) -> None:
    bench.receive("1.2")
    bench.tick()
    bench.receive("1.3")
    bench.tick(QUIET)
    assert bench.study("1.2").state is StudyState.ROUTED
    assert bench.study("1.3").state is StudyState.RECEIVING


# Routing


def test_a_series_becomes_an_analysis_of_its_plugin(bench: Bench) -> None:
    bench.receive()
    bench.settle()
    row = bench.analysis()
    assert (row.plugin, row.state, row.series, row.route) == ("chest", AnalysisState.QUEUED, ("1.2.1",), "films")


def test_a_study_that_no_route_takes_is_ignored_with_reasons(bench: Bench) -> None:
    bench.receive(modality="US")
    bench.settle()
    assert bench.study().state is StudyState.IGNORED
    (routed,) = [event for event in bench.ledger.events.of_study("1.2") if event.action == "routed"]
    assert any("modality is US" in reason for reason in routed.detail["reasons"])


def test_two_routes_to_two_plugins_are_two_analyses(tmp_path: Path) -> None:
    bench = Bench(tmp_path, routes=(Route(name="a", plugin="chest"), Route(name="b", plugin="other")))
    bench.receive()
    bench.settle()
    assert {row.plugin for row in bench.ledger.analyses.of_study("1.2")} == {"chest", "other"}


_PACS = Destination(name="pacs", kind="dicom", ae_title="PACS", profile="all")
_BACK = Destination(name="back", kind="dicom", ae_title="CR1", profile="sr")
_FOLDER = Destination(name="folder", kind="folder", path=Path("x"), ae_title="CR1")


def _to(*names: str) -> tuple[Route, ...]:
    return (Route(name="films", plugin="chest", destinations=names),)


def test_sender_is_the_destination_with_the_senders_title(tmp_path: Path) -> None:
    bench = Bench(tmp_path, destinations=(_PACS, _FOLDER, _BACK), routes=_to("@sender", "pacs"))
    bench.receive(calling_ae="CR1")
    bench.settle()
    assert bench.analysis().destinations == ("back", "pacs")


def test_a_sender_that_no_destination_has_is_a_reason_in_the_trail(tmp_path: Path) -> None:
    bench = Bench(tmp_path, destinations=(_PACS, _BACK), routes=_to("@sender", "pacs"))
    bench.receive(calling_ae="STRANGER")
    bench.settle()
    assert bench.analysis().destinations == ("pacs",)
    (routed,) = [event for event in bench.ledger.events.of_study("1.2") if event.action == "routed"]
    assert "@sender: no destination has the AE title 'STRANGER' of the sender" in routed.detail["reasons"]


def test_a_plan_for_an_earlier_revision_is_never_carried_out(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.receive()
    bench.tick()
    bench.now += QUIET
    bench.pipeline.close_studies()
    routing = bench.pipeline.routing

    def late(series: Any) -> Any:
        monkeypatch.setattr(bench.pipeline, "routing", routing)
        bench.receive()
        bench.ledger.studies.ask("1.2")
        bench.pipeline.close_studies()
        return routing(series)

    monkeypatch.setattr(bench.pipeline, "routing", late)
    bench.pipeline.route_studies()
    assert bench.study().state is StudyState.COMPLETE
    assert bench.ledger.analyses.of_study("1.2") == []
    bench.pipeline.route_studies()
    assert bench.analysis().revision == 2


def test_a_study_that_cannot_be_routed_is_quarantined_and_holds_up_no_other(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    routing = bench.pipeline.routing

    def odd(series: Any) -> Any:
        if series[0].instances[0].study_instance_uid == "1.2":
            raise ZeroDivisionError("PHICANARY")
        return routing(series)

    monkeypatch.setattr(bench.pipeline, "routing", odd)
    bench.receive("1.2")
    bench.receive("1.3")
    bench.settle()
    assert bench.study("1.2").state is StudyState.QUARANTINED
    assert bench.study("1.2").reason.startswith("it cannot be routed: ZeroDivisionError at ")
    assert bench.study("1.3").state is StudyState.ROUTED


# Analyses


def test_an_analysis_goes_its_way_to_the_end(bench: Bench) -> None:
    bench.receive()
    bench.settle()
    assert bench.work()
    assert bench.analysis().state is AnalysisState.CLASSIFIED
    assert bench.analysis().summary == "F 93% (present)"
    assert bench.work()
    assert bench.analysis().state is AnalysisState.DELIVERED, "there is no destination to wait for"
    assert bench.study().state is StudyState.CLOSED
    assert not bench.work()
    assert [(op, seconds) for op, _, seconds in bench.worker.asked] == [("classify", 127.0), ("report", 127.0)]


def test_each_destination_gets_the_kinds_it_asked_for(tmp_path: Path) -> None:
    bench = Bench(tmp_path, destinations=(_PACS, _BACK), routes=_to("pacs", "back"))
    bench.receive()
    bench.settle()
    bench.work(2)
    assert bench.analysis().state is AnalysisState.REPORTED
    waiting = {(d.destination, d.kind) for d in bench.ledger.deliveries.of_study("1.2")}
    assert waiting == {("pacs", "sc"), ("pacs", "sr"), ("back", "sr")}


def test_a_destination_that_left_the_configuration_gets_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path, destinations=(_PACS,), routes=_to("pacs"))
    bench.receive()
    bench.settle()
    bench.ledger._database.connection.execute("UPDATE analyses SET destinations = '[\"gone\"]'")
    bench.work(2)
    assert bench.analysis().state is AnalysisState.DELIVERED


def test_what_is_nearly_done_is_finished_before_new_work_begins(bench: Bench) -> None:
    bench.receive("1.2")
    bench.settle()
    bench.work()
    bench.receive("1.3")
    bench.settle()
    bench.work(2)
    assert [op for op, _, _ in bench.worker.asked] == ["classify", "report", "classify"]


def test_analyses_of_one_plugin_go_together(tmp_path: Path) -> None:
    bench = Bench(tmp_path, worker=WorkerSettings(batch=3))
    for number in range(5):
        bench.receive(f"1.{number}")
    bench.settle()
    bench.work()
    assert len(bench.worker.asked[0][1]) == 3


def test_a_disk_that_is_full_for_long_fails_no_analysis(bench: Bench) -> None:
    bench.receive()
    bench.settle()
    bench.worker.answer = lambda op, number: {"error": "the spool cannot be written", "temporary": True}
    for _ in range(10):
        assert bench.work()
        assert not bench.work(), "nobody works while nothing can be kept"
        bench.now += 5
    row = bench.analysis()
    assert (row.state, row.attempts, row.error) == (AnalysisState.QUEUED, 0, "the spool cannot be written")
    assert bench.trail().count("analysis tried again later") == 1, "told once"
    bench.worker.answer = good
    bench.work(2)
    assert bench.analysis().state is AnalysisState.DELIVERED


def test_what_a_worker_could_not_settle_in_a_locked_ledger_it_takes_again(bench: Bench) -> None:
    bench.receive()
    bench.settle()
    blocker = sqlite3.connect(bench.ledger._database.path, isolation_level=None)
    bench.ledger._database.connection.execute("PRAGMA busy_timeout = 10")
    bench.worker.before = lambda: blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerBusy):
        bench.work()
    blocker.execute("ROLLBACK")
    bench.worker.before = lambda: None
    bench.work(2)
    assert bench.analysis().state is AnalysisState.DELIVERED


def test_a_permanent_error_fails_at_once(bench: Bench) -> None:
    bench.receive()
    bench.settle()
    bench.worker.answer = lambda op, number: {"error": "the plugin raised ValueError at x.py:3", "temporary": False}
    bench.work()
    assert bench.analysis().state is AnalysisState.FAILED
    assert bench.analysis().error == "the plugin raised ValueError at x.py:3"


def test_one_failure_of_a_batch_leaves_the_others(bench: Bench) -> None:
    for uid in ("1.2", "1.3", "1.4"):
        bench.receive(uid)
    bench.settle()
    bad = bench.analysis("1.3").id
    bench.worker.answer = lambda op, n: {"error": "no", "temporary": False} if n == bad else good(op, n)
    bench.work()
    assert [bench.analysis(uid).state for uid in ("1.2", "1.3", "1.4")] == [
        AnalysisState.CLASSIFIED,
        AnalysisState.FAILED,
        AnalysisState.CLASSIFIED,
    ]


def _raising(error: Exception) -> Callable[[], None]:
    def before() -> None:
        raise error

    return before


@pytest.mark.parametrize("error", [WorkerDied("signal SIGSEGV"), WorkerLate("no answer within 7 s")])
def test_a_batch_that_took_the_worker_down_is_taken_apart(bench: Bench, error: Exception) -> None:
    for uid in ("1.2", "1.3"):
        bench.receive(uid)
    bench.settle()
    bench.worker.before = _raising(error)
    bench.work()
    assert [bench.analysis(uid).state for uid in ("1.2", "1.3")] == [AnalysisState.QUEUED] * 2
    bench.worker.before = lambda: None
    bench.work(2)
    assert [len(ids) for op, ids, _ in bench.worker.asked if op == "classify"] == [2, 1], "apart, and at once"


def test_who_kills_the_worker_alone_fails_after_its_attempts(bench: Bench) -> None:
    bench.receive()
    bench.settle()
    bench.worker.before = _raising(WorkerDied("the worker process ended (signal SIGSEGV)"))
    for _ in range(3):
        bench.due_now()
        bench.work()
    assert bench.analysis().state is AnalysisState.FAILED
    assert "SIGSEGV" in bench.analysis().error
    assert len(bench.worker.asked) == 3


def test_who_is_late_alone_fails_at_once(bench: Bench) -> None:
    bench.receive()
    bench.settle()
    bench.worker.before = _raising(WorkerLate("no answer within 7 s"))
    bench.work()
    assert bench.analysis().state is AnalysisState.FAILED


def test_a_study_behind_a_deadly_one_is_worked_off(bench: Bench) -> None:
    for uid in ("1.2", "1.3"):
        bench.receive(uid)
    bench.settle()
    deadly = bench.analysis("1.2").id

    def before() -> None:
        if deadly in bench.worker.asked[-1][1]:
            raise WorkerDied("signal SIGSEGV")

    bench.worker.before = before
    for _ in range(8):
        bench.due_now()
        bench.work()
    assert bench.analysis("1.2").state is AnalysisState.FAILED
    assert bench.analysis("1.3").state is AnalysisState.DELIVERED


def test_a_worker_whose_plugin_raised_is_ended(bench: Bench) -> None:
    bench.receive()
    bench.settle()
    bench.worker.tainted = True
    bench.work()
    assert bench.worker.kills == 1
    assert bench.analysis().state is AnalysisState.CLASSIFIED


def test_images_that_were_not_assessed_are_in_the_trail_with_reasons(bench: Bench) -> None:
    bench.receive()
    bench.settle()
    missed = [{"sop_instance_uid": "1.2.9", "reason": "the JPEG is broken"}]
    bench.worker.answer = lambda op, number: {"summary": "1 image not assessed", "not_assessed": missed}
    bench.work()
    (event,) = [e for e in bench.ledger.events.of_study("1.2") if e.action == "images not assessed"]
    assert event.detail["reasons"] == ["1.2.9: the JPEG is broken"]


# Races


def test_a_late_image_takes_a_running_analysis_away(bench: Bench) -> None:
    bench.receive()
    bench.settle()
    bench.worker.before = lambda: cast(None, bench.receive())
    bench.work()
    first = bench.ledger.analyses.of_study("1.2")[0]
    assert (first.state, bench.study().state) == (AnalysisState.DROPPED, StudyState.RECEIVING)
    bench.worker.before = lambda: None
    bench.settle()
    bench.work(2)
    assert (bench.analysis().revision, bench.analysis().state) == (2, AnalysisState.DELIVERED)


@pytest.mark.parametrize("error", [WorkerDied("gone"), WorkerLate("late")])
def test_a_late_image_while_the_worker_dies_changes_nothing_of_the_dropped_one(bench: Bench, error: Exception) -> None:
    bench.receive()
    bench.settle()

    def before() -> None:
        bench.receive()
        raise error

    bench.worker.before = before
    bench.work()
    row = bench.analysis()
    assert (row.state, row.attempts) == (AnalysisState.DROPPED, 0)
    assert row.error == "a late image came: the next revision takes its place"


@pytest.mark.parametrize(
    ("take", "state"), [("hold", AnalysisState.HELD), ("drop", AnalysisState.DROPPED)], ids=["held", "dropped"]
)
@pytest.mark.parametrize(
    "answer",
    [good, lambda op, n: {"error": "x", "temporary": True}, lambda op, n: {"error": "x", "temporary": False}],
    ids=["good", "temporary", "permanent"],
)
def test_what_the_operator_takes_away_stays_away(
    bench: Bench, take: str, state: AnalysisState, answer: Callable[..., Any]
) -> None:
    bench.receive()
    bench.settle()
    bench.worker.answer = answer
    bench.worker.before = lambda: getattr(bench.ledger.analyses, take)(bench.analysis().id)
    bench.work()
    assert bench.analysis().state is state
    assert bench.analysis().error.endswith("by the operator")


def test_a_held_analysis_goes_on_when_it_is_retried(bench: Bench) -> None:
    bench.receive()
    bench.settle()
    bench.ledger.analyses.hold(bench.analysis().id)
    assert not bench.work()
    bench.ledger.analyses.retry(bench.analysis().id)
    bench.work(2)
    assert bench.analysis().state is AnalysisState.DELIVERED


def test_what_is_leased_is_not_taken_twice(bench: Bench) -> None:
    bench.receive()
    bench.settle()
    taken: list[bool] = []
    bench.worker.before = lambda: (
        taken.append(bench.pipeline.work(cast(WorkerProcess, PlayedWorker()))) if not taken else None
    )
    bench.work()
    assert taken == [False]


def test_a_lease_of_an_earlier_life_holds_nothing(bench: Bench) -> None:
    bench.receive()
    bench.settle()
    bench.worker.before = _raising(KeyboardInterrupt())  # type: ignore[arg-type]  # as a kill in the middle
    with pytest.raises(KeyboardInterrupt):
        bench.work()
    bench.worker = PlayedWorker()
    assert not bench.work()
    bench.ledger.analyses.free_leases()
    assert bench.work()


# Retention


def _purge_all(bench: Bench) -> int:
    return bench.pipeline.purge(time.time() + 40 * 86400)


def test_only_what_ended_is_purged(bench: Bench) -> None:
    done, running = bench.receive("1.2"), bench.receive("1.3")
    bench.settle()
    bench.spool.write("work/1/prediction.npz", b"x")
    bench.work(2)
    assert bench.study("1.2").state is StudyState.CLOSED or bench.study("1.3").state is StudyState.CLOSED
    bench.receive("1.3")
    bench.work(4)
    assert _purge_all(bench) == 1
    assert not bench.spool.path(done.path).exists()
    assert not bench.spool.path("work/1").exists()
    assert bench.spool.path(running.path).exists()
    assert bench.trail()[-1] == "files purged"
    assert _purge_all(bench) == 0


def test_a_clock_that_leaps_makes_nothing_old_for_a_day(bench: Bench) -> None:
    path, now = bench.receive(modality="US").path, time.time()
    bench.settle()
    bench.pipeline.purge(now)
    assert _purge_all(bench) == 0
    assert bench.ledger.facts.troubles()["clock"].startswith("more than two days on since the node last looked")
    bench.pipeline.purge(now + 600)  # it was set right
    assert (bench.ledger.facts.troubles(), bench.spool.path(path).exists()) == ({}, True)
    assert _purge_all(bench) == 0  # and now it is that day indeed
    assert bench.pipeline.purge(now + 40.9 * 86400) == 0
    assert bench.pipeline.purge(now + 41.1 * 86400) == 1
    assert (bench.ledger.facts.troubles(), bench.spool.path(path).exists()) == ({}, False)


def test_young_studies_and_nodes_without_retention_keep_their_files(bench: Bench, tmp_path: Path) -> None:
    bench.receive(modality="US")
    bench.settle()
    assert bench.pipeline.purge(time.time()) == 0
    keeping = Bench(tmp_path / "other", storage=StorageSettings(keep_days=0))
    keeping.receive(modality="US")
    keeping.settle()
    assert _purge_all(keeping) == 0


def test_rows_follow_the_files_where_somebody_said_so(bench: Bench, tmp_path: Path) -> None:
    forgetting = Bench(tmp_path / "other", storage=StorageSettings(keep_days=30, keep_rows_days=35))
    for one in (bench, forgetting):
        one.receive(modality="US")
        one.settle()
        assert [_purge_all(one) for _ in range(2)] == [1, 0]
    assert bench.ledger.studies.series("1.2") != ()
    assert forgetting.ledger.studies.series("1.2") == ()
    assert forgetting.ledger.events.latest(1)[0].action == "trail shortened"


def test_an_image_that_comes_during_the_purge_is_kept(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    old = bench.receive(modality="US")
    bench.settle()
    late: list[Arrival] = []
    remove = bench.spool.remove

    def removing(path: str) -> None:
        if not late:
            late.append(bench.receive())
        remove(path)

    monkeypatch.setattr(bench.spool, "remove", removing)
    _purge_all(bench)
    assert not bench.spool.path(old.path).exists()
    assert bench.spool.path(late[0].path).exists()
    assert bench.study().state is StudyState.RECEIVING


def test_an_image_that_comes_before_the_purge_stops_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    old = bench.receive(modality="US")
    bench.settle()
    expired = bench.ledger.studies.expired
    monkeypatch.setattr(bench.ledger.studies, "expired", lambda before: [*expired(before), bench.receive() and ""][:1])
    assert _purge_all(bench) == 0
    assert bench.spool.path(old.path).exists()


def test_a_purge_that_was_killed_is_finished_by_the_next(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = bench.receive(modality="US"), bench.receive(modality="US")
    bench.settle()
    with monkeypatch.context() as patch:
        patch.setattr(bench.spool, "remove", _raising(KeyboardInterrupt()))  # type: ignore[arg-type]
        with pytest.raises((KeyboardInterrupt, TypeError)):
            _purge_all(bench)
    assert _purge_all(bench) == 1
    assert not bench.spool.path(first.path).exists()
    assert not bench.spool.path(second.path).exists()


def test_every_state_that_needs_work_has_somebody_who_does_it() -> None:
    """A state from which nothing leads on by itself must be one in which nothing is left to do, or a person decides."""
    people = {states.StudyMove.IMAGE_ARRIVED, states.StudyMove.RELEASED, states.StudyMove.REOPENED}
    stuck = {
        state
        for state in StudyState
        if not [move for (begin, move) in states.STUDY_MOVES if begin is state and move not in people]
    }
    assert stuck == {StudyState.CLOSED, StudyState.IGNORED, StudyState.QUARANTINED}


# Room on the disk


def _tight(bench: Bench, monkeypatch: pytest.MonkeyPatch, studies: int) -> None:
    """So little room that the files of that many studies have to go."""
    left = [studies]
    purge = bench.pipeline.retention.remove

    def purged(uid: str, before: float) -> bool:
        left[0] -= 1
        return purge(uid, before)

    monkeypatch.setattr(bench.pipeline.retention, "remove", purged)
    monkeypatch.setattr(bench.spool, "free_bytes", lambda: 0 if left[0] > 0 else 1 << 50)


def _make_room(bench: Bench) -> int:
    return bench.pipeline.make_room(time.time() + 7200)


def test_while_there_is_room_nothing_is_purged_early(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.receive(modality="US")
    bench.settle()
    _tight(bench, monkeypatch, 0)
    assert _make_room(bench) == 0


def test_the_oldest_studies_make_room_first(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [bench.receive(f"1.{number}", modality="US").path for number in range(4)]
    bench.settle()
    monkeypatch.setattr(bench.ledger.studies, "delivered", partial(bench.ledger.studies.delivered, count=1))
    _tight(bench, monkeypatch, 2)
    assert _make_room(bench) == 2
    assert [bench.spool.path(path).exists() for path in files] == [False, False, True, True]


def test_what_is_young_or_not_delivered_stays_however_tight_it_is(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting, failed = bench.receive("1.2"), bench.receive("1.3")
    bench.settle()
    bench.ledger.analyses.fail(bench.analysis("1.3").id, "broken")
    _tight(bench, monkeypatch, 9)
    assert _make_room(bench) == 0
    young = bench.receive("1.4", modality="US")
    bench.settle()
    assert bench.pipeline.make_room(time.time()) == 0
    assert all(bench.spool.path(one.path).exists() for one in (waiting, failed, young))


# Settings that change while it runs


def _elsewhere(settings: Settings) -> Settings:
    """The same, with a destination that films go to."""
    new = Destination(name="new", kind="folder", path=Path("new"))
    routes = tuple(route.model_copy(update={"destinations": ("new",)}) for route in settings.routes)
    return settings.model_copy(update={"destinations": (new,), "routes": routes})


def test_a_worker_of_older_settings_gets_nothing_that_newer_ones_have_routed(bench: Bench) -> None:
    old, new = bench.settings, _elsewhere(bench.settings)
    worker = cast(WorkerProcess, bench.worker)
    bench.receive()
    bench.pipeline.use(new)
    bench.settle()
    assert not bench.pipeline.work(worker, old)
    assert bench.worker.asked == []
    assert bench.pipeline.work(worker, new)
    assert bench.pipeline.work(worker, new)
    assert {row.destination for row in bench.ledger.deliveries.of_study("1.2")} == {"new"}
    assert "analysis tried again later" not in bench.trail()


def test_what_a_worker_is_at_ends_with_the_settings_that_it_was_begun_with(bench: Bench) -> None:
    old, new = _elsewhere(bench.settings), bench.settings
    worker = cast(WorkerProcess, bench.worker)
    bench.pipeline.use(old)
    bench.receive()
    bench.settle()
    assert bench.pipeline.work(worker, old)
    bench.worker.before = lambda: bench.pipeline.use(new)
    assert bench.pipeline.work(worker, old)
    assert {row.destination for row in bench.ledger.deliveries.of_study("1.2")} == {"new"}


def test_other_quiet_times_count_for_studies_that_are_arriving(bench: Bench) -> None:
    bench.receive()
    bench.tick()
    study = StudySettings(quiet_seconds={"default": 1}, settled_seconds=1)
    bench.pipeline.use(bench.settings.model_copy(update={"study": study}))
    bench.tick(1.1)
    assert bench.study().state is StudyState.ROUTED


# Who goes first


def _tagged(priority: str) -> Attributes:
    return Attributes(modality="DX", sop_class_uid=DX, calling_ae="CR1", priority=priority)


def test_a_stat_study_is_begun_before_older_ones_and_before_they_are_reported(tmp_path: Path) -> None:
    bench = Bench(tmp_path, worker=WorkerSettings(batch=1))
    for study in ("1.2", "1.3"):
        bench.receive(study)
    bench.settle()
    bench.work()
    bench.receive("1.4", attributes=_tagged("STAT"))
    bench.settle()
    routine, waiting, stat = (bench.analysis(study) for study in ("1.2", "1.3", "1.4"))
    assert (stat.priority, stat.priority_reason) == ("stat", "Requested Procedure Priority is STAT")
    assert "analysis prioritised" in bench.trail("1.4")
    bench.work(5)
    assert [(op, ids) for op, ids, _ in bench.worker.asked] == [
        ("classify", [routine.id]),
        ("classify", [stat.id]),
        ("report", [stat.id]),
        ("report", [routine.id]),
        ("classify", [waiting.id]),
        ("report", [waiting.id]),
    ]


def test_no_stream_of_stat_holds_up_for_ever_what_has_waited_long(tmp_path: Path) -> None:
    bench = Bench(tmp_path, worker=WorkerSettings(batch=1), queue=QueueSettings(ageing_minutes=1 / 60))
    bench.receive("1.2")
    bench.settle()
    old = bench.analysis("1.2").id
    with bench.ledger._database.write() as connection:
        connection.execute("UPDATE analyses SET rank = rank - 3")  # seconds: it has waited for more than two classes
    for number in range(3, 9):
        bench.receive(f"1.{number}", attributes=_tagged("STAT"))
    bench.settle()
    bench.work(4)
    assert old in [number for _, ids, _ in bench.worker.asked for number in ids]


def test_outside_its_window_a_route_is_not_begun_but_for_stat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    night = Route(name="nights", plugin="chest", modality=("DX",), window="20:00-06:00")
    bench = Bench(tmp_path, routes=(night,), queue=QueueSettings(time_zone="Europe/Berlin"))
    clock = [datetime(2026, 11, 27, 12, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()]
    monkeypatch.setattr(time, "time", lambda: clock[0])
    bench.receive("1.2")
    bench.receive("1.3", attributes=_tagged("STAT"))
    bench.settle()
    assert not bench.work(3)
    assert (bench.analysis("1.2").state, bench.analysis("1.3").state) == (AnalysisState.QUEUED, AnalysisState.DELIVERED)
    assert bench.analysis("1.2").waits_until(bench.settings.shut(clock[0])) == clock[0] + 8 * 3600
    clock[0] += 8 * 3600
    bench.work(2)
    assert bench.analysis("1.2").state is AnalysisState.DELIVERED


def test_a_prior_is_assessed_in_the_place_of_the_report_that_waits_for_it(tmp_path: Path) -> None:
    hour = (time.gmtime().tm_hour + 12) % 24
    night = Route(
        name="nights",
        plugin="chest",
        modality=("DX",),
        window=f"{hour:02}:00-{hour:02}:01",
        compare_with_prior=True,
    )
    bench = Bench(tmp_path, routes=(night,), queue=QueueSettings(time_zone="UTC"))
    bench.receive("1.3", attributes=_tagged("STAT"))
    bench.settle()
    bench.work()
    asker = bench.analysis("1.3")
    assert bench.ledger.priors.mark("1.2", "CR1")
    bench.ledger.comparisons.ask(asker.id, "the prior of 2026-03-01", "1.2")
    bench.receive("1.2", attributes=_tagged(""))
    bench.settle()
    prior = bench.analysis("1.2")
    assert (prior.priority, prior.priority_reason) == ("stat", "a report waits for it, to be compared with")
    bench.work()
    assert prior.id in [number for _, ids, _ in bench.worker.asked for number in ids]


def test_a_window_that_the_configuration_lost_holds_nothing_any_longer(bench: Bench) -> None:
    never = bench.settings.routes[0].model_copy(update={"window": "00:00-00:01"})
    other = bench.settings.routes[0].model_copy(update={"window": "00:01-24:00"})
    bench.pipeline.use(bench.settings.model_copy(update={"routes": (never, other)}))
    bench.receive()
    bench.settle()
    bench.pipeline.use(bench.settings)
    assert bench.work()


def test_the_operators_word_outlives_a_late_image(bench: Bench) -> None:
    bench.receive()
    bench.settle()
    bench.ledger.analyses.prioritise(bench.analysis().id, Priority.HIGH, 0)
    bench.receive()
    bench.settle()
    assert (bench.analysis().revision, bench.analysis().priority) == (2, Priority.HIGH)


def test_what_a_workitem_orders_at_once_is_stat_for_that_plugin(bench: Bench) -> None:
    item = workitem_row()
    bench.ledger.workitems.add(item)
    bench.ledger.workitems.add(replace(item, workitem_uid="1.10", inputs=(Input("1.3"),), plugin="other"))
    for study in ("1.2", "1.3"):
        bench.receive(study)
    bench.settle()
    assert [bench.analysis(study).priority for study in ("1.2", "1.3")] == [Priority.STAT, Priority.ROUTINE]


def test_of_a_workitem_that_is_to_be_canceled_nothing_is_made_until_another_asks_for_it(bench: Bench) -> None:
    bench.ledger.workitems.add(workitem_row())
    assert bench.ledger.workitems.ask_to_cancel("ris", "1.9", "canceled at the request of RIS")
    assert not bench.ledger.workitems.ask_to_cancel("ris", "1.9", "canceled at the request of another")
    assert not bench.ledger.workitems.ask_to_cancel("other", "1.9", "canceled by another server")
    bench.receive()
    bench.settle()
    assert (bench.ledger.studies.get("1.2").state, bench.ledger.analyses.of_study("1.2")) == (StudyState.IGNORED, [])
    (routed,) = [event for event in bench.ledger.events.of_study("1.2") if event.action == "routed"]
    assert "chest: its workitem is canceled at the request of RIS" in routed.detail["reasons"]
    bench.ledger.workitems.add(workitem_row(workitem_uid="1.10", state=WorkitemState.ANALYSING, claimed_at=1))
    bench.receive()
    bench.settle()
    assert bench.analysis().state is AnalysisState.QUEUED


def test_a_request_to_cancel_that_came_too_late_keeps_nothing_from_being_made(bench: Bench) -> None:
    bench.ledger.workitems.add(workitem_row())
    assert bench.ledger.workitems.ask_to_cancel("ris", "1.9", "canceled at request")
    bench.ledger.workitems.move(workitem_row(), WorkitemState.COMPLETED)
    bench.receive()
    bench.settle()
    assert bench.analysis().state is AnalysisState.QUEUED
