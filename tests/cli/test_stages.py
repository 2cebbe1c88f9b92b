"""`radnode plugins go-live`, `go-silent`, `canary`: what they ask for, and what is told afterwards."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import typer

from node.account import FILE, account_bytes
from node.classify.catalogue import Catalogue
from node.cli.stages import moment, with_areas
from node.errors import PermanentError, PluginError
from node.evaluated import Criteria
from node.ledger import Installed, Ledger
from node.report import account_of
from node.spool import Spool
from node.stages import Stage, Staged
from node.states import AnalysisState
from tests.classify.material import importable, write_plugin
from tests.cli.conftest import Site
from tests.ledger.killing import is_killed_before
from tests.ledger.material import completed, plan, results
from tests.report.material import analysis, header

NAME = "mean"


@pytest.fixture
def mean(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Staged]:
    """The plugin `mean` is installed; its stage."""
    importable(tmp_path / "packages", monkeypatch)
    write_plugin(tmp_path / "packages")
    return lambda: site.ledger.stages.of(NAME, "1.0")


def record(site: Site, **changes: Any) -> None:
    manifest = Catalogue((NAME,)).manifests[NAME]
    found = {"name": "bright", "cases": 60, "positives": 20, "auroc": {"value": 0.9, "low": 0.8, "high": 0.95}}
    told = {"version": "1.0", "digest": manifest.digest, "accepted": True, "answered": 60, "findings": [found]}
    site.ledger.evaluations.add(NAME, {**told, "csv_sha256": "", "images_sha256": "", **changes}, "anna")


def test_nothing_goes_live_without_a_record(site: Site, mean: Callable[[], Staged]) -> None:
    site.run("plugins", "go-silent", NAME, "--reason", "new here")
    error = site.refusal("plugins", "go-live", NAME)
    assert (type(error), error.what) == (PermanentError, "there is no record of an evaluation")
    assert "radnode evaluate mean" in error.hint
    assert "no record" in site.refusal("plugins", "canary", NAME, "--percent", "10").what
    assert (mean().stage, mean().reason) == (Stage.SILENT, "new here")


def test_a_record_that_holds_takes_it_live_and_the_trail_says_on_which(site: Site, mean: Callable[[], Staged]) -> None:
    site.run("plugins", "go-silent", NAME)
    record(site)
    assert "mean 1.0 is live" in site.text("plugins", "go-live", NAME)
    newest = site.ledger.evaluations.newest(NAME)
    assert newest is not None
    assert (mean().stage, mean().evaluation) == (Stage.LIVE, newest.sha256)
    said = [one.detail for one in site.ledger.events.latest(5) if one.action == "plugin live"]
    assert [one["evaluation"] for one in said] == [newest.sha256]


def test_limits_of_the_command_line_count_instead_of_the_configurations(site: Site, mean: Callable[[], Staged]) -> None:
    record(site)
    assert "0.800, at least 0.9 is wanted" in site.refusal("plugins", "go-live", NAME, "--min-auroc", "0.9").what
    assert "at least 0.95" in site.refusal("plugins", "go-live", NAME, "--min-auroc", "bright=0.95").what
    assert "60 cases" in site.refusal("plugins", "go-live", NAME, "--min-cases", "61").what
    site.config.write_text(site.config.read_text() + "[go_live]\nmin_auroc_of = { bright = 0.85 }\n")
    assert "at least 0.85" in site.refusal("plugins", "go-live", NAME).what
    assert site.run("plugins", "go-live", NAME, "--min-auroc", "0.8").exit_code == 0


def test_the_record_of_another_model_is_none(site: Site, mean: Callable[[], Staged]) -> None:
    record(site, digest="b" * 64)
    assert "another model was measured" in site.refusal("plugins", "go-live", NAME).what


def test_without_an_evaluation_the_trail_has_the_reason_and_the_account(site: Site, mean: Callable[[], Staged]) -> None:
    site.run("plugins", "go-live", NAME, "--without-evaluation", "measured by the maker on our images")
    (said,) = [one.detail for one in site.ledger.events.latest(5) if one.action == "plugin live"]
    assert said["reason"] == "without an evaluation: measured by the maker on our images"
    assert said["operator"]
    assert said["evaluation"] == ""


def test_a_canary_needs_a_share_and_says_which(site: Site, mean: Callable[[], Staged]) -> None:
    record(site)
    assert site.run("plugins", "canary", NAME).exit_code == 2
    assert "CANARY: 10 % of the studies" in site.text("plugins", "canary", NAME, "--percent", "10")
    site.text("plugins", "canary", NAME, "--sender", "CT1, CT2")
    assert (mean().percent, mean().senders) == (100, ("CT1", "CT2"))


def test_the_list_and_the_status_tell_the_stage(site: Site, mean: Callable[[], Staged]) -> None:
    (shown,) = [one for one in site.json("plugins") if one["name"] == NAME]
    assert (shown["version"], shown["stage"]) == ("1.0", None)
    site.run("plugins", "go-silent", NAME, "--reason", "new here")
    assert "SILENT, by " in site.text("plugins")
    (shown,) = [one for one in site.json("plugins") if one["name"] == NAME]
    assert (shown["stage"]["stage"], shown["stage"]["reason"]) == ("SILENT", "new here")
    assert "mean 1.0: SILENT" in site.text("status")
    assert site.json("status")["stages"] == {"mean 1.0": "SILENT"}
    site.ledger.pauses.pause(NAME, "drift: ks mean")
    assert "new here, and paused: drift: ks mean\t" in site.text("plugins")
    (shown,) = [one for one in site.json("plugins") if one["name"] == NAME]
    assert shown["paused"] == "drift: ks mean"


def test_every_version_goes_silent_since_a_running_node_may_have_an_older_one(
    site: Site, mean: Callable[[], Staged]
) -> None:
    site.ledger.stages.meet([Installed(NAME, "0.9", "")], silent=False)
    site.run("plugins", "go-silent", NAME)
    assert site.ledger.stages.of(NAME, "0.9").stage is Stage.SILENT
    assert mean().stage is Stage.SILENT
    assert isinstance(site.refusal("plugins", "go-silent", "nothing"), PermanentError)
    assert isinstance(site.refusal("plugins", "go-live", "nothing"), PluginError)


def test_a_plugin_that_is_added_begins_silent_where_the_site_wants_it(site: Site, mean: Callable[[], Staged]) -> None:
    assert "silent" not in site.text("plugins", "add", NAME)
    assert mean().stage is Stage.LIVE
    assert "mean is silent" in site.text("plugins", "add", NAME, "--silent")
    assert mean().stage is Stage.SILENT


def test_a_plugin_that_is_new_begins_silent_by_the_setting(site: Site, mean: Callable[[], Staged]) -> None:
    site.config.write_text(site.config.read_text() + "[worker]\nsilent = true\n")
    assert "mean is silent" in site.text("plugins", "add", NAME)
    assert mean().reason == "worker.silent"
    site.run("plugins", "go-live", NAME, "--without-evaluation", "a test")
    assert "silent" not in site.text("plugins", "add", NAME), "it was here before"
    assert mean().stage is Stage.LIVE


GO_LIVE = ("plugins", "go-live", NAME, "--without-evaluation", "a test", "--deliver-since", "1d")


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_killed_before_any_statement_of_go_live_a_plugin_is_wholly_live_or_wholly_silent(
    site: Site, mean: Callable[[], Staged], tmp_path: Path
) -> None:
    site.run("plugins", "go-silent", NAME)
    completed(site.ledger)
    site.ledger.analyses.route("1.2", [plan(NAME)], [])
    (row,) = site.ledger.analyses.of_study("1.2")
    site.ledger.analyses.classified(row.id, "told")
    site.ledger.analyses.reported(row.id, results(), {"pacs": ("sc", "sr")})
    site.ledger.upkeep.back_up(tmp_path / "before.db")
    seen, killed = [], True
    while killed and sum(one[0] is Stage.LIVE for one in seen) < 3:  # the rest is the trail's
        folder = tmp_path / f"killed {len(seen)}"
        folder.mkdir()
        shutil.copy(site.config, folder)
        shutil.copy(tmp_path / "before.db", folder / "ledger.db")
        killed = is_killed_before(len(seen), partial(replace(site, config=folder / site.config.name).run, *GO_LIVE))
        seen.append(left_of(Ledger(folder / "ledger.db")))
    silent = (Stage.SILENT, AnalysisState.SILENT, 0, 0)
    live = (Stage.LIVE, AnalysisState.REPORTED, 2, 1)
    assert [one for one in seen if one not in (silent, live)] == []
    assert seen == sorted(seen, key=lambda one: one == live), "silent before the commit, live after it"
    assert min(seen.count(silent), seen.count(live)) > 1, "it was killed on either side of the commit"


def left_of(ledger: Ledger) -> tuple[Stage, AnalysisState, int, int]:
    """What a node finds that starts: the stage, the analysis, how much is to be sent, how often the trail says so."""
    ledger.stages.meet([Installed(NAME, "1.0", ledger.stages.of(NAME, "1.0").digest)], silent=True)
    (row,) = ledger.analyses.of_study("1.2")
    told = [one for one in ledger.events.latest(30) if one.action == "plugin live"]
    found = ledger.stages.of(NAME, "1.0").stage, row.state, len(ledger.deliveries.due("pacs", 300)), len(told)
    ledger.close()
    return found


def test_a_study_in_silence_is_told_and_not_exported(site: Site) -> None:
    row = site.ledger.analyses.of_study(site.failed)[0]
    site.ledger.analyses.retry(row.id)
    staged = Staged(row.plugin, row.plugin_version, Stage.SILENT, operator="anna", at=time.time())
    site.ledger.stages.set([staged])
    site.ledger.analyses.classified(row.id, "Pneumonia-like opacity 93% (present)")
    site.ledger.analyses.reported(row.id, [], {"pacs": ("sr",)})
    assert site.ledger.analyses.get(row.id).state is AnalysisState.SILENT
    why = site.text("why", site.failed)
    told = "no result: chest-radiograph: its plugin is silent: results are kept, not delivered: Pneumonia"
    assert told in why.replace("\n", " ")
    assert "radnode plugins go-live chest-radiograph" in why
    assert "93% (present) (its plugin is silent" in site.text("studies")
    assert "SILENT" in site.text("studies", "show", site.failed)
    assert "there is no result to export" in site.refusal("export-result", site.failed, "--format", "json").what


def test_times_and_limits_are_read() -> None:
    assert moment("", 1000.0) is None
    assert [moment(text, 100000.0) for text in ("30m", "12h", "1d")] == [98200.0, 56800.0, 13600.0]
    assert moment("2026-01-31T08:00:00+00:00", 0.0) == 1769846400.0
    with pytest.raises(typer.BadParameter, match="a time such as"):
        moment("soon", 0.0)
    criteria = Criteria(1, 1, 0.5, {"a": 0.7})
    assert with_areas(criteria, ["0.6", "b=0.8"]).auroc_of == {"b": 0.8}
    assert with_areas(criteria, ["b=0.8"]).auroc_of == {"a": 0.7, "b": 0.8}
    for wrong in ("x", "1.1", "a=", "-1"):
        with pytest.raises(typer.BadParameter, match="0 to 1"):
            with_areas(criteria, [wrong])


def test_two_versions_are_compared_on_the_studies_that_both_answered(site: Site, tmp_path: Path) -> None:
    assert "found: none" in site.refusal("plugins", "compare", "chest", "--since", "1d").what
    site.ledger.stages.meet([Installed("chest@1.1", "1.1", "")], silent=False)
    folder = tmp_path / "own-spool"
    folder.mkdir()
    (tmp_path / "spool").unlink()
    (tmp_path / "spool").symlink_to(folder)
    spool = Spool(tmp_path / "spool", 1)
    spool.prepare()
    for number, outcomes in enumerate(((0.9, 0.7), (0.9, 0.2), (0.1, 0.1))):
        both(site, spool, f"1.2.{number}", outcomes)
    told = site.json("plugins", "compare", "chest@1.1")
    assert (told["first"], told["second"]) == ("chest 1.0", "chest@1.1 1.1")
    (one,) = told["findings"]
    assert (one["studies"], one["same"], one["disagreeing"]) == (3, 2, ["1.2.1"])
    assert one["largest_difference"] == pytest.approx(0.7)
    text = site.text("plugins", "compare", "chest")
    assert "another outcome for 1 studies: 1.2.1" in text
    assert "2 (67%)" in text


def both(site: Site, spool: Spool, study: str, probabilities: tuple[float, float]) -> None:
    """Both versions have answered a study."""
    completed(site.ledger, study)
    names = ("chest", "chest@1.1")
    site.ledger.analyses.route(study, [plan(name) for name in names], [])
    for row, probability in zip(site.ledger.analyses.of_study(study), probabilities, strict=True):
        outcome = "present" if probability > 0.5 else "absent"
        told = account_of(analysis(header()), [])
        finding = replace(told.series[0].findings[0], outcome=outcome, probability=probability)
        changed = replace(told, series=(replace(told.series[0], findings=(finding,)),))
        spool.write(f"work/{row.id}/{FILE}", account_bytes(changed))
        site.ledger.analyses.classified(row.id, "told")
        version = "1.1" if "@" in row.plugin else "1.0"
        site.ledger.analyses.reported(row.id, results(f"{study}.{row.id}"), {}, version=version)
