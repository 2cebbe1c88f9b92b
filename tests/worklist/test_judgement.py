"""How far a workitem is, where its plugin is silent or has two versions."""

from __future__ import annotations

from pathlib import Path

from node.ledger import Installed, Ledger
from node.stages import Stage, Staged
from node.worklist.judgement import Done, Failed, Judgement, Waiting, judge
from tests.ledger.material import KINDS, completed, plan, results


def judged(ledger: Ledger) -> Judgement:
    return judge(ledger.studies.get("1.2"), 1, ledger.analyses.of_study("1.2"), "chest")


def test_a_silent_plugin_gives_a_worklist_nothing_and_says_why(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    ledger.stages.set([Staged("chest", "1.0", Stage.SILENT)])
    completed(ledger)
    ledger.analyses.route("1.2", [plan("chest")], [])
    (row,) = ledger.analyses.of_study("1.2")
    ledger.analyses.classified(row.id, "pneumonia 0.93")
    ledger.analyses.reported(row.id, results(), KINDS)
    found = judged(ledger)
    assert isinstance(found, Failed)
    assert found.reason == "the analysis is SILENT: its plugin is silent: results are kept, not delivered"
    ledger.close()


def test_the_version_that_is_delivered_answers_a_workitem(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    ledger.stages.meet([Installed("chest", "1.0", "a"), Installed("chest@1.1", "1.1", "b")], silent=False)
    completed(ledger)
    ledger.analyses.route("1.2", [plan("chest@1.1"), plan("chest")], [])
    newer, older = ledger.analyses.of_study("1.2")
    for row, version in ((newer, "1.1"), (older, "1.0")):
        assert isinstance(judged(ledger), Waiting)
        ledger.analyses.classified(row.id, "pneumonia 0.93")
        ledger.analyses.reported(row.id, results(f"1.2.{row.id}"), KINDS, version=version)
    for delivery in ledger.deliveries.due("pacs", 300):
        ledger.deliveries.done(delivery)
    found = judged(ledger)
    assert isinstance(found, Done)
    assert [one.plugin for one in found.analyses] == ["chest"]
    ledger.close()
