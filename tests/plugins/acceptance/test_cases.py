"""From lines to cases, through the node's own door."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image as Pillow

from node.assemble import read_images
from node.classify.catalogue import Catalogue
from node.classify.runner import Runner
from node.plugin import Manifest
from radnode_kit.acceptance.cases import Answer, Bench, Case, Status, cases_of
from radnode_kit.acceptance.sources import Source, look_at, name_of
from radnode_kit.acceptance.table import Problem, Row
from radnode_kit.acceptance.traits import Traits
from tests.classify.material import write_plugin
from tests.peers import Hospital, install_plugin
from tests.plugins.acceptance.site import NAME, picture


def row(path: Path, line: int = 2, patient: str = "", series: str = "", truth: tuple[float, ...] = (1.0,)) -> Row:
    return Row(line, path.name, path, patient, series, truth, Traits())


def sources(*rows: Row) -> list[Source]:
    found, problems = look_at(rows)
    assert problems == []
    return found


def answers(name: str, cases: list[Case], manifest: Manifest | None = None) -> tuple[list[Answer], list[Problem]]:
    runner, problems = Runner(Catalogue(), "cpu"), []
    bench = Bench(runner, manifest or runner.manifest(name), problems.append)
    return list(bench.answers(cases)), problems


# Sources


def test_a_header_tells_what_the_csv_does_not(hospital: Hospital) -> None:
    film = hospital.film(1, PatientSex="F", PatientAge="045Y", ViewPosition="PA", Manufacturer="Maker")
    (source,) = sources(row(film))
    assert source.traits == Traits("F", 45.0, "PA", "", "Maker")
    assert source.patient == source.instance.patient_key
    (told,) = sources(replace(row(film, patient="17"), traits=Traits(sex="M", source="ward")))
    assert (told.patient, told.traits.sex, told.traits.source, told.traits.view) == ("17", "M", "ward", "PA")


def test_a_picture_alone_is_its_own_patient(tmp_path: Path) -> None:
    one, other = sources(row(picture(tmp_path / "a.png", 1, 0)), row(picture(tmp_path / "b.png", 1, 0)))
    assert one.patient != other.patient
    assert name_of(one) != name_of(other)


def test_files_that_are_not_there_or_broken_are_problems(tmp_path: Path, hospital: Hospital) -> None:
    cut = tmp_path / "cut.dcm"
    cut.write_bytes(hospital.film(1).read_bytes()[:200])
    found, problems = look_at((row(tmp_path / "none.dcm", 2), row(cut, 3), row(tmp_path, 4)))
    assert found == []
    assert [problem.line for problem in problems] == [2, 3, 4]
    assert "No such file" in problems[0].reason
    assert "check the path" in problems[0].reason
    assert "header" in problems[1].reason or "set it aside" in problems[1].reason


# Cases


def test_every_file_is_a_case_for_a_plugin_of_images(hospital: Hospital) -> None:
    cases, _ = cases_of(sources(*(row(path, n) for n, path in enumerate(hospital.slices(3)))), "image")
    assert [case.line for case in cases] == [0, 1, 2]


def test_files_of_a_series_are_one_case_for_a_plugin_of_series(tmp_path: Path, hospital: Hospital) -> None:
    dicom = [row(path, n) for n, path in enumerate(hospital.slices(3), start=2)]
    pictures = [row(picture(tmp_path / f"{n}.png", 1, 0), n, series="s") for n in (5, 6)]
    alone = row(picture(tmp_path / "7.png", 1, 0), 7)
    cases, problems = cases_of(sources(*dicom, *pictures, alone), "series")
    assert problems == []
    assert [len(case.sources) for case in cases] == [3, 2, 1]


def test_a_label_in_one_line_of_a_series_is_that_of_the_series(tmp_path: Path) -> None:
    first = row(picture(tmp_path / "a.png", 1, 0), 2, series="s", truth=(math.nan, 0.0))
    second = row(picture(tmp_path / "b.png", 1, 0), 3, series="s", truth=(1.0, math.nan))
    (case,), _ = cases_of(sources(first, second), "series")
    assert case.truth == (1.0, 0.0)


@pytest.mark.parametrize(
    ("changes", "words"), [({"truth": (0.0,)}, "different labels"), ({"patient": "18"}, "different patients")]
)
def test_a_series_that_contradicts_itself_is_a_problem(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    first = row(picture(tmp_path / "a.png", 1, 0), 2, patient="17", series="s")
    second = replace(first, path=picture(tmp_path / "b.png", 1, 0), line=3, **changes)
    cases, (problem,) = cases_of(sources(first, second), "series")
    assert cases == []
    assert problem.line == 2
    assert words in problem.reason


def test_a_series_of_dicom_and_pictures_is_a_problem(tmp_path: Path, hospital: Hospital) -> None:
    first, second = row(hospital.film(1), series="s"), row(picture(tmp_path / "a.png", 1, 0), series="s")
    _, (problem,) = cases_of(sources(first, second), "series")
    assert "DICOM files and pictures" in problem.reason


# Answers


def test_pictures_are_answered_with_their_maps(tmp_path: Path, colour: Manifest) -> None:
    cases, _ = cases_of(sources(row(picture(tmp_path / "a.png", 0.8, 0.2))), "image")
    (answer,), problems = answers(NAME, cases)
    assert problems == []
    assert answer.status is Status.ANSWERED
    assert answer.probabilities == pytest.approx((0.8, 0.2), abs=0.01)
    assert answer.residual < 1e-6
    assert answer.seconds > 0


def test_many_cases_keep_their_order_over_batches(tmp_path: Path, colour: Manifest) -> None:
    shades = [n / 40 for n in range(1, 40)]
    rows = [row(picture(tmp_path / f"{n}.png", shade, 0), n) for n, shade in enumerate(shades)]
    rows.insert(20, row(picture(tmp_path / "black.png", 0, 0, 0), 99))
    found, _ = answers(NAME, cases_of(sources(*rows), "image")[0])
    assert [answer.case.line for answer in found] == [each.line for each in rows]
    black = found.pop(20)
    assert (black.status, black.reason, black.probabilities) == (Status.ABSTAINED, "=black: 0.5 of it", ())
    assert [answer.probabilities[0] for answer in found] == pytest.approx(shades, abs=0.01)


def test_what_the_manifest_does_not_accept_is_refused_unseen(hospital: Hospital, colour: Manifest) -> None:
    cases, _ = cases_of(sources(row(hospital.film(1))), "image")
    (answer,), problems = answers(NAME, cases)
    assert answer.status is Status.REFUSED
    assert answer.reason == "modality is DX, wanted XC"
    assert problems == []


def test_dicom_is_decoded_as_the_node_decodes_it(hospital: Hospital, plugins: Path) -> None:
    write_plugin(plugins)  # it answers the mean of what a viewer shows
    film = hospital.film(1, PhotometricInterpretation="MONOCHROME1", WindowCenter="20", WindowWidth="400")
    (answer,), _ = answers("mean", cases_of(sources(row(film)), "image")[0])
    assert answer.probabilities[0] == pytest.approx(read_images(film, 1 << 20)[0].pixels.mean(), abs=1e-6)
    assert math.isnan(answer.residual)


def test_a_series_is_answered_at_once(hospital: Hospital, plugins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(install_plugin(plugins / "series")))
    cases, _ = cases_of(sources(*(row(path) for path in hospital.slices(4))), "series")
    (answer,), _ = answers("brightness", cases)
    assert answer.status is Status.ANSWERED


def test_a_plugin_that_raises_fails_its_case_only(tmp_path: Path, colour: Manifest) -> None:
    Pillow.new("L", (8, 8), 77).save(tmp_path / "grey.png")
    rows = [row(tmp_path / "grey.png", 2), row(picture(tmp_path / "a.png", 0.8, 0.2), 3)]
    (failed, good), (problem,) = answers(NAME, cases_of(sources(*rows), "image")[0])
    assert failed.status is Status.NOT_ASSESSED
    assert "the plugin raised ValueError" in failed.reason
    assert problem.line == 2
    assert good.status is Status.ANSWERED


def test_a_broken_picture_is_named_and_not_assessed(tmp_path: Path, colour: Manifest) -> None:
    (tmp_path / "a.png").write_text("no picture")
    (answer,), (problem,) = answers(NAME, cases_of(sources(row(tmp_path / "a.png", 7)), "image")[0])
    assert answer.status is Status.NOT_ASSESSED
    assert (problem.line, problem.file) == (7, "a.png")
    assert "no image" in problem.reason


def test_a_dicom_file_without_pixels_is_named(hospital: Hospital, plugins: Path) -> None:
    write_plugin(plugins)
    ds = hospital.image(1)
    del ds.PixelData
    (answer,), (problem,) = answers("mean", cases_of(sources(row(hospital.write(ds), 4)), "image")[0])
    assert answer.status is Status.NOT_ASSESSED
    assert problem.line == 4
    assert "no pixels" in problem.reason
