"""A ledger that is built in bulk is one that the node would have written, and the bench measures both."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.ledger import Ledger
from node.states import AnalysisState, StudyState
from tests.bench import growth, router
from tests.bench.grown import build


def test_a_built_ledger_is_sound_chained_and_answers_like_another(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    instances = build(path, 60)
    ledger = Ledger(path)
    assert ledger.upkeep.problems() == []
    verified = ledger.events.verify()
    assert (verified.broken, verified.unchained) == (None, 0)
    assert verified.events > instances
    counts = ledger.studies.count_by_state()
    assert sum(counts.values()) == 60
    assert ledger.analyses.count_by_state() == {AnalysisState.DELIVERED: counts[StudyState.CLOSED]}
    study = next(one for one in ledger.studies.latest(60) if one.state is StudyState.CLOSED)
    assert sum(len(one.instances) for one in ledger.studies.series(study.study_instance_uid)) == study.images
    assert {one.state for one in ledger.deliveries.of_study(study.study_instance_uid)} == {"DONE"}
    ledger.close()


@pytest.mark.integration
@pytest.mark.slow
def test_growth_measures_both_nodes_and_its_section_says_what_is_wanted(tmp_path: Path) -> None:
    rows = growth.measure(tmp_path, 1, studies=40, idle_seconds=0.5)
    assert all(len(one["empty"]) == len(one["grown"]) == 1 for one in rows.values())
    assert rows[growth.LEDGER]["grown"] > rows[growth.LEDGER]["empty"]
    text = growth.section(rows)
    assert text.startswith("## Growth\n")
    assert all(f"| {what} |" in text for what in (growth.START, growth.RECEIVING, growth.IDLE, "`radnode status`, s"))
    assert all(goal.figure is not None for goal in growth.goals(rows))
    assert {goal.verdict for goal in growth.goals({})} == {"not measured"}


def test_a_node_that_asked_for_nothing_while_it_was_watched_has_no_ratio() -> None:
    assert "| 0 | 2 |  |" in growth.section({growth.IDLE: {"empty": [0.0], "grown": [2.0]}})


def test_the_section_of_the_router_has_a_column_for_each(tmp_path: Path) -> None:
    text = router.section({router.ALONE: {"radnode": [2.4, 2.5], "dicom-ai-router": [3.0]}})
    assert "|  | radnode | dicom-ai-router |" in text
    assert f"| {router.ALONE} | 2.45 (2.4-2.5) | 3 |" in text
