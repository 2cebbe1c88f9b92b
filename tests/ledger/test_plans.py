"""A ledger grows for years: what the running node asks again and again looks at no more rows than it answers."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.claims import Outcome
from node.commitment import Reference
from node.comparison import Comparison, PriorRule
from node.ledger import Ledger, Wanted, database
from node.reviews import Answer, Heard, HeardReport, Judgement, ReportStatus, Review, order_key, person_key
from node.signals import Kind, Named, Notification, Step, StepStatus
from node.states import AnalysisState, StudyState
from node.study import Attributes
from tests.ledger.material import arrival, plan, reported, results

#: Tables of which nothing is ever removed, or not for years.
GROWS = (
    "studies|instances|quarantine|associations|analyses|results|deliveries|events|documents|reviews|commitments|fetches"
    "|workitems|inputs|forgotten"
    "|reports|report_names|signals|signal_studies|signal_instances|absences|comparisons|assessments|priors"
)
#: Their aliases in the queries.
ALIASES = "s|i|a|r|d|c|t|p|n|o|q"
SCAN = re.compile(rf"SCAN ({GROWS}|{ALIASES})\b")
#: No scan, whatever it is called: one row from the end of a table, a condition that nothing meets, and the few rows
#: that a partial index holds.
LITTLE = re.compile(
    r"ORDER BY id DESC LIMIT 1$|WHERE id IN \(\)"
    r"|INDEX (documents_due|reports_due|commitments_due|deliveries_unkept|comparisons_open)\b"
)

asked: list[tuple[str, Any]] = []


class Recording(sqlite3.Connection):
    """Notes what is asked of it."""

    def execute(self, sql: str, values: Any = ()) -> sqlite3.Cursor:
        asked.append((sql, values))
        return super().execute(sql, values)

    def executemany(self, sql: str, values: Any) -> sqlite3.Cursor:
        listed = list(values)
        asked.append((sql, listed[0] if listed else None))
        return super().executemany(sql, listed)


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    connect = sqlite3.connect
    monkeypatch.setattr(
        database.sqlite3, "connect", lambda path, **options: connect(path, factory=Recording, **options)
    )
    found = Ledger(tmp_path / "ledger.db")
    asked.clear()
    yield found
    found.close()


def plans(ledger: Ledger) -> list[str]:
    """How SQLite finds the rows of each statement since the last call, with the statement."""
    noted, found = [*asked], []
    for sql, values in noted:
        if values is not None and sql.split()[0] in ("SELECT", "UPDATE", "DELETE", "INSERT"):
            told = sqlite3.Connection.execute(ledger._database.connection, f"EXPLAIN QUERY PLAN {sql}", values)
            found += [f"{line[3]}: {sql}" for line in told.fetchall()]
    asked.clear()
    return found


def scans(ledger: Ledger) -> list[str]:
    """Those that look at a whole table that grows, or at a whole index of one."""
    return [one for one in plans(ledger) if SCAN.search(one.partition(":")[0]) and not LITTLE.search(one)]


def test_receiving_scans_nothing(ledger: Ledger) -> None:
    ledger.arrivals.open_association("a1", "CT", "RADNODE", "127.0.0.1")
    reported(ledger)
    ledger.arrivals.record([arrival(1), arrival(2), arrival(1, sha256="other"), arrival(3, patient_key="other")])
    report = {"sop_class_uid": "1.2.840.10008.5.1.4.1.1.88.33"}
    ledger.arrivals.record([arrival(4, **report), arrival(5, sop_instance_uid="1.2.7.1")])
    ledger.arrivals.close_association("a1", "released")
    ledger.arrivals.close_associations_of(1, "killed")
    named = (Named("1.2.9", "1.2.9.1"),)
    ledger.signals.begin("1.5.1", "CT", Step(StepStatus.IN_PROGRESS, ("1.2",), named))
    ledger.signals.change("1.5.1", "CT", Step(StepStatus.COMPLETED, ("1.2",), named))
    ledger.signals.notify("1.5.2", "PACS", Notification("1.2", named))
    assert scans(ledger) == []


def test_ticks_scan_nothing(ledger: Ledger) -> None:
    reported(ledger)
    now = time.time()
    ledger.studies.in_state(StudyState.RECEIVING)
    ledger.studies.series("1.2")
    ledger.studies.streaming("1.2")
    ledger.fetches.of_study("1.2")
    ledger.fetches.came("1.2")
    ledger.fetches.lacking("1.2", ["1.2.9.1"])
    ledger.absences.note("orthanc", "series/s1")
    ledger.absences.due("orthanc")
    ledger.absences.of_study("1.2")
    ledger.absences.settle("orthanc", "series/s1")
    ledger.arrivals.receivers()
    ledger.workitems.open("ris")
    ledger.workitems.get("1.9")
    ledger.workitems.of_study("1.2")
    ledger.workitems.is_fetching("1.2")
    ledger.workitems.try_again("1.9")
    ledger.signals.words()
    ledger.signals.of_study("1.2")
    ledger.signals.named("1.2", Kind.STEP)
    ledger.signals.forget(now)
    ledger.reviews.unread()
    ledger.commitments.due(300)
    ledger.commitments.held([Reference("1.2", "1.2.9.1")])
    ledger.criticals.escalate(now)
    ledger.facts.beat(1)
    ledger.facts.set_trouble("spool", "full")
    ledger.studies.expired(now)
    ledger.studies.delivered(now)
    ledger.studies.begin_purge("1.2", now)
    ledger.studies.mark_purged("1.2", time.time() + 1)
    for state in (AnalysisState.QUEUED, AnalysisState.CLASSIFIED):
        ledger.analyses.lease(state, "me", 60, 4, 300)
    assert scans(ledger) == []


def test_what_comes_of_a_purged_study_and_what_is_set_aside_of_none_is_looked_at_alone(ledger: Ledger) -> None:
    reported(ledger)
    with ledger._database.write() as connection:
        connection.execute("UPDATE studies SET state = 'CLOSED'")
    asked.clear()
    later = time.time() + 1
    paths = ledger.studies.begin_purge("1.2", later)
    ledger.studies.mark_purged("1.2", time.time() - 9, paths)
    ledger.arrivals.record([arrival(1), arrival(2), arrival(1), arrival(3, study="1.9", defect="broken")])
    ledger.studies.purged("1.2", ["1.2.9"])
    ledger.studies.lost("1.2", ["1.2.9"])
    ledger.studies.complete(ledger.studies.get("1.2"), "quiet", partial=False, expected=None)
    ledger.analyses.route("1.2", [plan()], [])
    ledger.studies.series("1.2", missed=False)
    ledger.upkeep.set_missing(ledger.upkeep.named("1.2"))
    ledger.strays.mark_purged(ledger.strays.expired(later), later)
    assert scans(ledger) == []


def test_reports_in_messages_are_matched_and_forgotten_without_a_scan(ledger: Ledger) -> None:
    reports, key = ledger.reports, order_key("A1", "P1")
    report = HeardReport(ReportStatus.FINAL, ("1.2", key), (person_key("P1"),), "an order", "20260101120000")
    for control_id in ("1", "2", "2"):
        heard = Heard("RIS", "10.0.0.1", control_id, "digest", f"reports/{control_id}.hl7", (report,))
        reports.came(heard)
        reports.record(heard)
    reported(ledger)
    answer = Answer(1, "chest", "1.0", "pneumonia", "", "", None, Outcome.PRESENT, 0.9)
    for row in reports.due():
        said = Review(answer, Judgement.ACCEPTED, None, "RIS 1", row.origin, "HL7 RIS")
        reports.settle(row, reports.match(row), [said])
    reports.knows("reports/1.hl7")
    reports.of_study("1.2")
    reports.files_of("1.2")
    reports.files_gone("1.2")
    for row in [*reports.expired(time.time()), *reports.of_study("1.2")]:
        reports.others_need(row, time.time())
    reports.forget(reports.of_study("1.2"))
    assert scans(ledger) == []


def test_what_is_long_over_is_forgotten_without_a_scan(ledger: Ledger) -> None:
    reported(ledger)
    reported(ledger, "1.3")
    with ledger._database.write() as connection:
        connection.execute("UPDATE studies SET state = 'CLOSED', purged = 1")
        connection.execute("UPDATE analyses SET state = 'DELIVERED'")
    asked.clear()
    now = time.time()
    assert ledger.forgetting.studies(now) == ["1.2"]
    assert ledger.forgetting.forget("1.2", now)
    ledger.arrivals.record([arrival(1), arrival(1, sha256="other"), arrival(2), arrival(3, sop_instance_uid="1.2.7.1")])
    assert ledger.forgetting.shorten(now)
    assert scans(ledger) == []


def test_priors_are_found_without_a_scan(ledger: Ledger) -> None:
    ledger.priors.mark("1.2", "PACS")
    ledger.arrivals.record([arrival(1), arrival(1, attributes=Attributes(calling_ae="OTHER"))])
    ledger.studies.complete(ledger.studies.get("1.2"), "quiet", partial=False, expected=None)
    ledger.analyses.route("1.2", [plan(prior=PriorRule())], [])
    (row,) = ledger.analyses.of_study("1.2")
    ledger.analyses.classified(row.id, "", {}, assessment="{}")
    ledger.comparisons.candidates("1.2", "chest")
    ledger.comparisons.ask(row.id, "the prior of 2025-03-01", "1.3")
    ledger.comparisons.tried(row.id, "1.3", "the prior of 2025-03-01")
    ledger.comparisons.spend(row.id, "there is no further one")
    ledger.comparisons.tell(row.id, ())
    ledger.comparisons.settle(row.id, Comparison(None, "there is none"))
    ledger.comparisons.of_analysis(row.id)
    ledger.comparisons.unsettled()
    ledger.priors.has("1.2")
    assert scans(ledger) == []


def test_a_canary_that_fails_is_answered_for_without_a_scan(ledger: Ledger) -> None:
    reported(ledger)
    (row,) = ledger.analyses.of_study("1.2")
    ledger.analyses.hold(row.id)
    told = plans(ledger)
    assert any("INDEX silent_kept_for" in one for one in told)
    assert [one for one in told if re.match(r"SCAN [akx]\b", one)] == []


def test_deliveries_and_promises_scan_nothing(ledger: Ledger) -> None:
    _, made = reported(ledger)
    pledges, (first, second) = ledger.pledges, ledger.deliveries.due("pacs", 300)
    ledger.deliveries.done(first, ask=True)
    ledger.deliveries.postpone(second, "busy", 0)
    ledger.deliveries.refuse(second, "refused")
    pledges.ask("pacs", "1.9", pledges.wanted("pacs"))
    pledges.report("1.9", [], {made[0].sop_instance_uid: "lost"}, attempts=5, seconds=1)
    pledges.ask_again("pacs", time.time())
    pledges.waiting("pacs")
    ledger.analyses.retry(first.analysis_id)
    ledger.analyses.classified(first.analysis_id, "again")
    ledger.analyses.reported(first.analysis_id, results(), {"pacs": ("sr",)})
    assert scans(ledger) == []


def test_how_long_results_took_scans_nothing(ledger: Ledger) -> None:
    reported(ledger)
    for delivery in ledger.deliveries.of_study("1.2"):
        ledger.deliveries.done(delivery)
    before = ledger.audited.newest() - 50
    assert len(ledger.pace.delivered_after(before)) == len(ledger.pace.ended_after(before)) == 1
    assert scans(ledger) == []


def test_a_later_revision_looks_at_its_own_study_alone(ledger: Ledger) -> None:
    analysis, _ = reported(ledger)
    for delivery in ledger.deliveries.of_study("1.2"):
        ledger.deliveries.done(delivery)
    ledger.analyses.delivered_before(analysis)
    ledger.withdrawals.planned("1.2")
    assert [one for one in plans(ledger) if re.search(r"SEARCH \w+ .*\(state=\?\)", one)] == []


def test_audit_messages_scan_nothing(ledger: Ledger) -> None:
    reported(ledger)
    ledger.audited.after(ledger.audited.newest() - 1, 10)
    ledger.audited.sop_class("1.2.9.1")
    ledger.audited.peer("1.2.9.1")
    ledger.audited.patient_key("1.2")
    ledger.audited.files("1.2")
    assert scans(ledger) == []


def test_the_start_of_a_node_scans_nothing(ledger: Ledger) -> None:
    reported(ledger)
    ledger.arrivals.close_all_associations("stopped")
    ledger.analyses.free_leases()
    ledger.pledges.ask_only([])
    ledger.pledges.ask_only(["pacs"])
    ledger.facts.troubles()
    ledger.events.head()
    ledger.upkeep.named("1.2")
    ledger.upkeep.count_missing()
    assert scans(ledger) == []


def test_a_screen_of_the_node_counts_on_indexes_alone(ledger: Ledger) -> None:
    reported(ledger)
    ledger.studies.count_by_state()
    ledger.analyses.count_by_state()
    ledger.deliveries.count_by_state()
    ledger.deliveries.refused()
    ledger.criticals.open()
    ledger.pauses.waiting("chest")
    ledger.analyses.unfinished()
    ledger.studies.latest(50)
    ledger.events.latest(5)
    assert [one for one in scans(ledger) if "COVERING INDEX" not in one and "LIMIT" not in one] == []


def test_the_dashboard_scans_nothing(ledger: Ledger) -> None:
    analysis, made = reported(ledger)
    now, overview = time.time(), ledger.overview
    overview.studies_in(list(StudyState))
    overview.analyses_in([AnalysisState.QUEUED, AnalysisState.FAILED])
    overview.oldest(AnalysisState.QUEUED)
    overview.queued_for("chest")
    overview.by_hour(now - 86400)
    overview.waiting("pacs")
    for wanted in (Wanted(), Wanted(state=StudyState.ROUTED), Wanted(modality="DX", begin=now - 60, before=(now, "1"))):
        overview.page(wanted, 20)
    overview.beginning_so("1.2", 20)
    overview.modalities("1.2")
    overview.attributes("1.2")
    overview.result(made[0].sop_instance_uid)
    overview.analyses_from(now - 60, now + 60, 100)
    ledger.analyses.results(analysis.id)
    assert [one for one in scans(ledger) if "coalesce(max(id), 0)" not in one] == []


def test_a_study_of_many_plans_is_routed_without_a_scan(ledger: Ledger) -> None:
    ledger.arrivals.record([arrival(1), arrival(2)])
    ledger.studies.complete(ledger.studies.get("1.2"), "quiet", partial=False, expected=None)
    ledger.analyses.route("1.2", [plan("one"), plan("two")], [])
    ledger.studies.find("1.2")
    ledger.deliveries.of_study("1.2")
    ledger.events.of_study("1.2")
    assert scans(ledger) == []


def test_who_asks_why_is_answered_without_a_scan(ledger: Ledger) -> None:
    analysis, _ = reported(ledger)
    for name in ("1.2", "1.2.9.1", "1.2.7.1", str(analysis.id), "9.9"):
        ledger.inquiries.subject(name)
    ledger.inquiries.near("1.3")
    ledger.inquiries.senders("1.2")
    ledger.inquiries.left_out("1.2")
    ledger.inquiries.files_gone("1.2")
    ledger.inquiries.lease(analysis.id)
    ledger.inquiries.before(analysis.id)
    ledger.inquiries.running(time.time())
    assert scans(ledger) == []
