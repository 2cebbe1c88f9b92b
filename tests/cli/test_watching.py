"""`radnode watch` and what `status` says of it, on a node whose plugin has answered a hundred films."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pypdf
import pytest

from node import config
from tests.cli.conftest import Site
from tests.ledger.material import results
from tests.watch.builders import answered, observations

NAME = "chest-radiograph"
_SETTINGS = "\n[watch]\nbaseline = 60\nwindow = 60\nleast = 40\nleast_of_sender = 20\n"


@pytest.fixture
def watched(site: Site) -> Site:
    """With its baseline."""
    site.config.write_text(site.config.read_text() + _SETTINGS)
    site.ledger._database.connection.execute("PRAGMA synchronous = OFF")
    answered(site.ledger, observations(60), plugin=NAME)
    assert site.run("watch", "look").exit_code == 0
    return site


def drifted(site: Site) -> Any:
    answered(site.ledger, observations(60, 2.0, seed=1), 100, NAME)
    return site.run("watch", "look")


def test_nobody_has_looked_yet(site: Site) -> None:
    assert "no model has been looked at yet" in site.text("watch")
    assert site.json("watch") == []


def test_the_settings_that_are_served_count_while_the_node_runs(watched: Site) -> None:
    served = config.load(watched.config)
    served.serving_path.write_bytes(config.frozen(served))
    watched.config.write_text(watched.config.read_text().replace("least = 40", "least = 61").replace("60\n", "70\n"))
    watched.ledger.facts.beat(os.getpid())
    assert "the newest 60 answers are the baseline" in watched.text("watch", "baseline", NAME)
    watched.ledger.facts.beat(None)
    assert "61 patients are needed" in str(watched.refusal("watch", "baseline", NAME))


def test_a_quiet_model_is_shown_with_its_limits(watched: Site) -> None:
    answered(watched.ledger, observations(60, seed=1), 100, NAME)
    assert watched.run("watch", "look").exit_code == 0
    shown = watched.text("watch")
    assert "ks pneumonia" in shown
    assert "as before" in shown
    assert "alarm" not in shown
    found = {(one["metric"], one["reference"]): one for one in watched.json("watch")}
    assert found["mmd", "site"]["value"] <= found["mmd", "site"]["threshold"]
    assert "sex F" not in shown
    assert "present pneumonia\tsex F" in watched.text("watch", "show", "--rates")


def test_drift_is_an_exit_status_a_problem_and_an_event_until_it_was_meant(watched: Site) -> None:
    assert drifted(watched).exit_code == 1
    assert watched.run("watch").exit_code == 1
    said = watched.text("status")
    assert f"{NAME} sees or answers something else than it did: " in said
    assert "the brightness of the images: ks mean " in said
    assert f"`radnode watch baseline {NAME}`" in said
    assert "drift" in watched.text("audit")
    assert "the newest 60 answers are the baseline" in watched.text("watch", "baseline", NAME)
    assert watched.run("watch").exit_code == 0
    assert "something else" not in watched.text("status")
    assert "baseline set" in watched.text("audit")


def test_late_results_are_an_exit_status_and_a_problem_of_another_kind(watched: Site) -> None:
    watched.config.write_text(
        f"{watched.config.read_text()}late_level = 0.001\n\n[web]\nresult_objective_seconds = 1e-9\n"
    )
    for number in range(1, 51):
        (row,) = watched.ledger.analyses.of_study(f"1.2.{number}")
        watched.ledger.analyses.reported(row.id, results(f"1.2.{number}"), {"pacs": ("sr",)})
        for delivery in watched.ledger.deliveries.of_study(f"1.2.{number}"):
            watched.ledger.deliveries.done(delivery)
    assert watched.run("watch", "look").exit_code == 1
    said = watched.text("status")
    assert f"{NAME}: results come late: 100.0% of the newest 50 took longer than web.result_objective_seconds" in said
    assert "something else" not in said
    assert "late" in watched.text("watch")
    assert "results come late" in watched.text("audit")


def test_too_few_answers_are_no_baseline(site: Site) -> None:
    answered(site.ledger, observations(3), plugin=NAME)
    assert "100 patients are needed" in str(site.refusal("watch", "baseline", NAME))
    assert "no such plugin has answered" in str(site.refusal("watch", "baseline", "nobody"))


def test_a_report_on_screen_and_on_paper_says_the_same_without_patients(watched: Site, tmp_path: Path) -> None:
    watched.config.write_text(watched.config.read_text() + 'pause_on = ["inputs", "scores"]\n')
    drifted(watched)
    path = tmp_path / "week.html"
    assert str(path) in watched.text("watch", "report", "--out", str(path))
    page = path.read_text()
    assert page.count("<svg") >= 4
    assert "Alarm: " in page
    paused = watched.ledger.pauses.paused()[NAME]
    assert paused.count("(limit ") == 3
    assert paused.endswith("; ...; see `radnode watch`")
    assert f"Paused: {paused}. Analyses that wait: " in page
    assert "<script" not in page
    assert "patient 1" not in page
    watched.text("watch", "report", "--out", str(path.with_suffix(".pdf")))
    text = "".join(one.extract_text() for one in pypdf.PdfReader(path.with_suffix(".pdf")).pages)
    for words in (f"{NAME} 1.0", "ks pneumonia", "Share of the limit"):
        assert words in text
        assert words in page


def test_a_report_of_another_kind_is_refused(site: Site, tmp_path: Path) -> None:
    assert ".html or .pdf" in str(site.refusal("watch", "report", "--out", str(tmp_path / "week.docx")))
