"""A plugin runs in silence, is evaluated, and goes live: what an archive gets of it, and how often."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from node.stages import Stage
from node.states import AnalysisState, StudyState
from tests.peers import Hospital, RealStorescp, RunningNode, storescu, until
from tests.peers.brightness import install_version

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(200)]

ROOT = Path(__file__).parents[2]
ROUTE = {"name": "everything", "plugin": "brightness", "destinations": ["archive"]}


def site(folder: Path, hospital: Hospital, cases: int = 40) -> Path:
    """Labelled films: every other one is bright, which is what the plugin orders them by."""
    path = folder / "site.csv"
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("file", "patient", "bright"))
        for number in range(cases):
            film = hospital.image(500 + number)
            level = 3900 if number % 2 else 100
            film.PixelData = level.to_bytes(2, "little") * (film.Rows * film.Columns)
            writer.writerow((hospital.write(film, f"site-{number}"), f"p{number}", number % 2))
    return path


def answered(node: RunningNode, hospital: Hospital, patient: int) -> str:
    """A film is sent and has been worked off; its study."""
    film = hospital.film(patient)
    assert storescu(node.port, [film]).taken == [film]
    uid = hospital.study_uid(patient)
    node.await_ended([uid])
    return uid


def state(node: RunningNode, uid: str) -> AnalysisState:
    return node.ledger.analyses.of_study(uid)[-1].state


def test_silent_then_evaluated_then_live(
    tmp_path: Path, hospital: Hospital, storescp: RealStorescp, brightness: Path
) -> None:
    node = RunningNode(
        tmp_path / "node",
        destinations=[storescp.destination("archive")],
        routes=[ROUTE],
        python_path=[brightness, ROOT / "plugins"],
        worker={"silent": True},
        go_live={"accepted": False, "min_auroc": 0.8},  # it calls every film bright, and orders them well
    )
    with node:
        kept = answered(node, hospital, 1)
        assert state(node, kept) is AnalysisState.SILENT
        told = node.json("studies", "show", kept)
        assert (told["state"], told["analyses"][0]["state"]) == (StudyState.CLOSED, "SILENT")
        assert {"sr", "sc"} <= {one["kind"] for one in told["results"]}
        assert all((node.data / "spool" / one["path"]).is_file() for one in told["results"])
        why = node.run_cli("why", kept).stdout
        assert "its plugin is silent: results are kept, not delivered" in why
        assert "takes none of the kinds" not in why, "the destination was not even asked"

        refused = node.run_cli("plugins", "go-live", "brightness")
        assert (refused.returncode, "no record of an evaluation" in refused.stderr) == (65, True)
        measured = node.run_cli("evaluate", "brightness", str(site(tmp_path, hospital)), "--out", str(tmp_path / "out"))
        assert "the record of this evaluation is kept" in measured.stderr, measured.stdout + measured.stderr
        weak = node.run_cli("plugins", "go-live", "brightness", "--min-auroc", "0.95")
        assert "the lower limit of its AUROC is 0.899, at least 0.95 is wanted" in weak.stderr
        assert node.run_cli("plugins", "go-live", "brightness").returncode == 0

        live = answered(node, hospital, 2)
        assert state(node, live) is AnalysisState.DELIVERED
        assert state(node, kept) is AnalysisState.SILENT
        assert {one.study for one in storescp.objects()} == {live}
        assert sorted(one.kind for one in storescp.objects()) == ["sc", "sr"]

        # killed while what was kept is on its way: all of it arrives, and each object once
        released = node.run_cli("plugins", "go-live", "brightness", "--deliver-since", "1d")
        assert "1 analyses that were kept in silence" in released.stdout
        node.kill("group")
        node.restart()
        until(
            lambda: state(node, kept) is AnalysisState.DELIVERED, lambda: f"it is delivered; log:\n{node.log()[-2000:]}"
        )
        kinds = {study: sorted(one.kind for one in storescp.objects() if one.study == study) for study in (kept, live)}
        assert kinds == {kept: ["sc", "sr"], live: ["sc", "sr"]}
        assert len({one.uid for one in storescp.objects()}) == 4

        node.run_cli("plugins", "go-silent", "brightness")
        assert state(node, answered(node, hospital, 3)) is AnalysisState.SILENT
        assert len(storescp.objects()) == 4
        assert node.ledger.stages.of("brightness", "1.0.0").stage is Stage.SILENT


@pytest.mark.slow
def test_a_plugin_goes_live_or_does_not_when_it_is_killed_at_it(
    hospital: Hospital, storescp: RealStorescp, start_node: Callable[..., RunningNode]
) -> None:
    node = start_node(destinations=[storescp.destination("archive")], routes=[ROUTE])
    assert node.run_cli("plugins", "go-silent", "brightness").returncode == 0
    uids = [answered(node, hospital, patient) for patient in (1, 2, 3)]
    assert {state(node, uid) for uid in uids} == {AnalysisState.SILENT}
    words = ("plugins", "go-live", "brightness", "--without-evaluation", "a test", "--deliver-since", "1d")
    node.kill("group")
    assert node.run_cli(*words).returncode == 0, "the ledger is enough: no process serves"
    assert node.run_cli(*words).returncode == 0, "and given twice it does no more"
    node.restart()
    node.await_ended(uids)
    until(lambda: {state(node, uid) for uid in uids} == {AnalysisState.DELIVERED}, "all are delivered")
    assert len(storescp.objects()) == len({one.uid for one in storescp.objects()}) == 2 * len(uids)


def test_two_versions_answer_and_the_live_one_is_delivered_until_they_are_swapped(
    hospital: Hospital, storescp: RealStorescp, brightness: Path, start_node: Callable[..., RunningNode]
) -> None:
    install_version(brightness, "1.1.0")
    node = start_node(destinations=[storescp.destination("archive")], routes=[ROUTE])

    def states(uid: str) -> dict[str, AnalysisState]:
        return {row.plugin: row.state for row in node.ledger.analyses.of_study(uid)}

    first = answered(node, hospital, 1)
    assert states(first) == {"brightness": AnalysisState.DELIVERED, "brightness@1.1.0": AnalysisState.SILENT}
    compared = node.json("plugins", "compare", "brightness")
    assert [(one["studies"], one["same"], one["largest_difference"]) for one in compared["findings"]] == [(1, 1, 0.0)]
    swapped = node.run_cli("plugins", "go-live", "brightness@1.1.0", "--without-evaluation", "a test")
    assert swapped.returncode == 0, swapped.stderr
    second = answered(node, hospital, 2)
    assert states(second) == {"brightness": AnalysisState.SILENT, "brightness@1.1.0": AnalysisState.DELIVERED}
    kinds = {uid: sorted(one.kind for one in storescp.objects() if one.study == uid) for uid in (first, second)}
    assert kinds == {first: ["sc", "sr"], second: ["sc", "sr"]}


@pytest.mark.slow
def test_a_canary_fails_and_what_the_live_version_has_kept_arrives_once_over_a_kill(
    hospital: Hospital, storescp: RealStorescp, brightness: Path, start_node: Callable[..., RunningNode]
) -> None:
    install_version(brightness, "1.1.0")
    code = brightness / "brightness_next" / "__init__.py"
    code.write_text(code.read_text().replace("(time.sleep(1.5), answer(image_set))[1]", "(time.sleep(5), 1 / 0)"))
    node = start_node(destinations=[storescp.destination("archive")], routes=[ROUTE])
    canary = ("plugins", "canary", "brightness@1.1.0", "--percent", "99.999", "--without-evaluation", "a test")
    assert node.run_cli(*canary).returncode == 0
    uid, film = hospital.study_uid(1), hospital.film(1, BodyPartExamined="SLOW")

    def states() -> list[AnalysisState]:
        return [row.state for row in node.ledger.analyses.of_study(uid)]

    assert storescu(node.port, [film]).taken == [film]
    until(lambda: states() == [AnalysisState.SILENT, AnalysisState.QUEUED], lambda: f"it is kept: {states()}")
    assert storescp.objects() == []
    node.kill("group")
    node.restart()
    node.await_ended([uid])
    until(lambda: states() == [AnalysisState.DELIVERED, AnalysisState.FAILED], lambda: f"it is delivered: {states()}")
    assert sorted(one.kind for one in storescp.objects()) == ["sc", "sr"]
    assert sum(event.action == "analysis released" for event in node.trail(uid)) == 1
    assert node.run_cli("queue", "retry", str(node.ledger.analyses.of_study(uid)[1].id)).returncode == 0
    until(lambda: states() == [AnalysisState.DELIVERED, AnalysisState.FAILED], "the canary has failed again")
    assert len(storescp.objects()) == 2
