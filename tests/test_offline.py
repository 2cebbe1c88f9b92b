"""Files in, result objects out, without a network; each step is the one that the node takes."""

from __future__ import annotations

import os
from pathlib import Path

import pydicom
import pytest

from node import offline
from node.config import Route
from node.errors import PermanentError, PluginError
from node.samples import sample_paths
from node.states import StudyState
from tests.classify.material import TALKATIVE, TALKATIVE_POINT, importable, write_plugin
from tests.peers import Hospital

CHEST = "chest-radiograph"


def rule(plugin: str) -> list[Route]:
    return [Route(name="run", plugin=plugin, accept_missing=True, include_excluded=True)]


def test_samples_are_classified_and_reported(tmp_path: Path) -> None:
    films = [path for path in sample_paths() if path.name == "film.dcm"][:2]
    with offline.bench(rule(CHEST), plugins=[CHEST]) as bench:
        assert bench.take(films) == []
        results = bench.analyse(tmp_path)
    assert len(results) == 2
    for result in results:
        assert result.error == ""
        assert "Pneumonia-like opacity" in result.summary
        found = {path.name.partition("-")[0]: pydicom.dcmread(path) for path in result.files}
        assert {ds.StudyInstanceUID for ds in found.values()} == {result.study_instance_uid}
        assert found["sr"].Modality == "SR"
        assert found["sr"].StudyInstanceUID == result.study_instance_uid
    captures = list(tmp_path.glob("sc-*.dcm"))
    assert captures
    png = offline.write_png(captures[0], tmp_path / "picture.png")
    assert png.read_bytes().startswith(b"\x89PNG")


def test_a_run_leaves_nothing_behind(tmp_path: Path) -> None:
    with offline.bench(rule(CHEST)) as bench:
        folder = bench.folder
        assert folder.is_dir()
    assert not folder.exists()


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "plugins"
    folder.mkdir()
    importable(folder, monkeypatch)
    return folder


def test_a_study_that_does_not_fit_says_why(tmp_path: Path, hospital: Hospital) -> None:
    with offline.bench(rule(CHEST), plugins=[CHEST]) as bench:
        bench.take([hospital.film(1, modality="US")])
        (result,) = bench.analyse(tmp_path / "out")
    assert result.error == "no series fits the plugin"
    assert any("modality is US" in reason for reason in result.reasons)
    assert not (tmp_path / "out").exists()


def test_a_study_of_two_patients_says_so(tmp_path: Path, hospital: Hospital) -> None:
    with offline.bench(rule(CHEST), plugins=[CHEST]) as bench:
        other = hospital.write(hospital.image(1, image=2, PatientID="SOMEBODYELSE"))
        bench.take([hospital.film(1), other])
        (result,) = bench.analyse(tmp_path / "out")
    assert "two patients" in result.error


def test_a_plugin_that_ends_its_process_fails_the_study_with_that_reason(
    plugins: Path, tmp_path: Path, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_plugin(plugins, ask="import os; os._exit(9)")
    monkeypatch.setattr("node.pipeline.backoff_seconds", lambda *_: 0.0)
    with offline.bench(rule("mean"), plugins=["mean"]) as bench:
        bench.take([hospital.film(1)])
        (result,) = bench.analyse(tmp_path / "out")
    assert "the worker process ended (exit status 9)" in result.error
    assert "attempt 3" in result.error
    assert result.files == ()


def test_a_result_brings_the_account_of_what_was_answered(plugins: Path, tmp_path: Path, hospital: Hospital) -> None:
    write_plugin(plugins, code=TALKATIVE, point=TALKATIVE_POINT)
    with offline.bench(rule("mean"), plugins=["mean"]) as bench:
        bench.take([hospital.film(1), hospital.film(2, PixelData=b"\0" * 10)])
        results = {result.study_instance_uid: result for result in bench.analyse(tmp_path / "out")}
    answered, unreadable = (results[hospital.study_uid(patient)].account for patient in (1, 2))
    assert answered is not None
    assert unreadable is not None
    (series,) = answered.series
    assert (series.findings[0].outcome, len(series.findings[0].reasons)) == ("undetermined", 4)
    assert series.remarks == ("The header contradicts the pixels.",)
    assert unreadable.series == ()
    assert len(unreadable.not_assessed) == 1


def test_with_other_limits_the_same_film_has_results_of_its_own(
    plugins: Path, tmp_path: Path, hospital: Hospital
) -> None:
    film, names = hospital.film(1), []
    manifest = write_plugin(plugins, code=TALKATIVE, point=TALKATIVE_POINT) / "manifest.toml"
    for limits in ("[0.2, 0.8]", "[0.2, 0.5]"):
        manifest.write_text(manifest.read_text().replace("[0.2, 0.8]", limits))
        with offline.bench(rule("mean"), plugins=["mean"]) as bench:
            bench.take([film])
            (result,) = bench.analyse(tmp_path / "out")
        names.append({path.name for path in result.files})
    assert [len(one) for one in names] == [2, 2]
    assert not names[0] & names[1]


def test_a_plugin_whose_weights_were_changed_classifies_nothing(
    plugins: Path, tmp_path: Path, hospital: Hospital
) -> None:
    write_plugin(plugins, digest="0" * 64)
    with offline.bench(rule("mean"), plugins=["mean"]) as bench:
        bench.take([hospital.film(1)])
        with pytest.raises(PluginError, match="never used"):
            bench.analyse(tmp_path / "out")


def test_folders_are_searched_and_what_is_no_dicom_is_refused(tmp_path: Path, hospital: Hospital) -> None:
    film = hospital.film(1)
    (hospital.folder / "inner").mkdir()
    (hospital.folder / "inner" / "notes.txt").write_text("not an image")
    (hospital.folder / "empty").write_bytes(b"")
    (hospital.folder / "cut.dcm").write_bytes(film.read_bytes()[:140])
    with offline.bench(rule(CHEST)) as bench:
        refused = bench.take([hospital.folder])
        assert len(bench.series()) == 1
    assert {one.path.name: one.reason.partition(":")[0] for one in refused} == {
        "notes.txt": "it is no DICOM file",
        "empty": "it is no DICOM file",
        "cut.dcm": "there is no dataset in it",
    }


def test_the_same_file_twice_is_one_image(hospital: Hospital) -> None:
    film = hospital.film(1)
    with offline.bench(rule(CHEST)) as bench:
        assert bench.take([film, film]) == []
        assert [len(series.instances) for series in bench.series()] == [1]


def test_the_same_uid_with_other_content_is_refused(hospital: Hospital) -> None:
    film = hospital.film(1)
    other = hospital.write(hospital.image(1, size=16), "other")
    with offline.bench(rule(CHEST)) as bench:
        (refused,) = bench.take([film, other])
    assert "other content" in refused.reason


def test_a_path_that_is_not_there_is_an_error() -> None:
    with offline.bench(rule(CHEST)) as bench, pytest.raises(PermanentError, match="no such file or folder"):
        bench.take([Path("nowhere")])


def test_the_configuration_decides_when_no_routes_are_given(tmp_path: Path, hospital: Hospital) -> None:
    path = tmp_path / "radnode.toml"
    path.write_text('[[routes]]\nname = "films"\nmodality = ["DX"]\nplugin = "chest-radiograph"\n')
    with offline.bench(None, path) as bench:
        assert bench.settings.node.data_dir == bench.folder, "never the folder of the node itself"
        bench.take([hospital.film(1), hospital.film(2, modality="US")])
        for study in bench.ledger.studies.in_state(StudyState.RECEIVING):
            bench.ledger.studies.complete(study, "", partial=False, expected=None)
        bench.pipeline.route_studies()
        states = sorted(str(study.state) for study in bench.ledger.studies.latest(10))
    assert states == ["IGNORED", "ROUTED"]
    assert os.listdir(tmp_path / "hospital")
