"""`radnode run`: every finding with its outcome and its reasons, for a person and for a program."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
import pytest
from typer.testing import CliRunner, Result

from node.account import Account, FindingAccount, SeriesAccount
from node.cli.app import app
from node.cli.results import MOST_EXPLAINED, as_table, lines
from node.offline import StudyResult
from node.plugin import Neighbour
from tests.classify.material import TALKATIVE, TALKATIVE_POINT, importable, write_plugin
from tests.metamorphic.film import LOSSLESS, sample, save
from tests.peers import Hospital

REASON = "The upper right region of the image as displayed contributes +1.90 of 2.40 logits; the baseline +0.50."


def finding(label: str = "Opacity", outcome: str = "present", **changes: Any) -> FindingAccount:
    values: dict[str, Any] = {
        "finding": label.lower(),
        "label": label,
        "outcome": outcome,
        "probability": 0.93,
        "logit": 2.4,
        "threshold": 0.58,
        "undetermined": None,
        "error_rate": 0.0,
        "sensitivity": 0.87,
        "specificity": 0.93,
        "sop_instance_uid": "1.2.3",
        "frame": 1,
        "reasons": (REASON,),
    }
    return FindingAccount(**(values | changes))


def result(*findings: FindingAccount, **changes: Any) -> StudyResult:
    series = SeriesAccount("1.2.9", "DX", 1, findings, **changes)
    account = Account("chest", "1.0", "Chest film", (series,))
    return StudyResult("1.2", "chest", "a line", files=(Path("out/sr-1.dcm"),), account=account)


def shown(of: StudyResult) -> str:
    return "\n".join(lines(of))


def test_a_finding_is_shown_with_probability_outcome_operating_point_and_reasons() -> None:
    assert shown(result(finding())).splitlines() == [
        "study 1.2",
        "  Chest film (chest 1.0)",
        "  Opacity    93 %  present       (operating point 58 %; sensitivity 87 %, specificity 93 %)",
        f"      {REASON}",
        "  wrote sr-1.dcm",
    ]


def test_limits_are_shown_beside_the_operating_point() -> None:
    limited = finding(outcome="undetermined", undetermined=(0.4, 0.625), error_rate=0.1)
    assert "undetermined  (operating point 58 %, undetermined 40 % to 62.5 %;" in shown(result(limited))


def test_figures_that_nobody_measured_are_called_so() -> None:
    blind = result(finding(sensitivity=None, specificity=None))
    assert "(operating point 58 %; sensitivity and specificity not measured)" in shown(blind)
    assert "0 %" not in shown(blind)
    (told,) = json.loads(json.dumps(as_table(blind), default=str))["series"][0]["findings"]
    assert told["sensitivity"] is None


def test_findings_stand_in_columns() -> None:
    text = shown(result(finding("Opacity"), finding("Pleural effusion", "absent", probability=0.004)))
    rows = [line for line in text.splitlines() if "operating point" in line]
    assert len({line.index("(operating") for line in rows}) == 1
    assert "< 1 %" in rows[1]


def test_of_many_findings_the_absent_ones_are_shown_without_their_reasons() -> None:
    many = [finding(f"F{number}", "absent") for number in range(MOST_EXPLAINED + 4)]
    text = shown(result(finding(), *many))
    assert text.count("absent  ") == len(many)
    assert text.count(REASON) == 1
    assert f"(the reasons of {len(many)} absent findings are in --json and in the report)" in text


def test_an_abstention_says_that_nothing_was_assessed_and_why() -> None:
    text = shown(result(abstained="the image is unlike those the model knows"))
    assert "not assessed, the model does not answer: the image is unlike those the model knows" in text
    assert "undetermined" not in text


def test_remarks_and_images_that_were_not_assessed_are_shown() -> None:
    made = result(finding(), remarks=("The header contradicts the pixels.",))
    assert made.account is not None
    text = shown(replace(made, account=replace(made.account, not_assessed=(("1.2.3.4", "the codestream is cut off"),))))
    assert "  remark: The header contradicts the pixels." in text
    assert "  not assessed: 1.2.3.4: the codestream is cut off" in text


def test_several_series_are_told_apart() -> None:
    made = result(finding())
    assert made.account is not None
    (series,) = made.account.series
    both = replace(made.account, series=(series, replace(series, series_instance_uid="1.2.10", images=30)))
    text = shown(replace(made, account=both))
    assert "  series 1.2.9 (DX, 1 image)" in text
    assert "  series 1.2.10 (DX, 30 images)" in text


def test_what_failed_says_why() -> None:
    assert shown(StudyResult("1.2", "chest", error="the plugin raised")).splitlines() == [
        "study 1.2",
        "  failed: the plugin raised",
    ]


def test_texts_of_a_plugin_cannot_paint_the_screen() -> None:
    text = shown(result(finding("\x1b[31mred"), abstained="\x1b[31mred", remarks=("\x1b[31mred",)))
    assert "\x1b" not in text


def test_json_has_the_account_beside_the_facts() -> None:
    case = Neighbour("opacity", "set/1", 0.9, present=True)
    table = json.loads(json.dumps(as_table(result(finding(neighbours=(case,)))), default=str))
    assert (table["study_instance_uid"], table["plugin"], table["title"]) == ("1.2", "chest", "Chest film")
    (told,) = table["series"][0]["findings"]
    assert (told["outcome"], told["reasons"]) == ("present", [REASON])
    assert told["neighbours"] == [{"finding": "opacity", "case": "set/1", "similarity": 0.9, "present": True}]


def test_json_of_what_failed_has_the_same_keys() -> None:
    failed = as_table(StudyResult("1.2", "chest", error="no"))
    assert failed.keys() == as_table(result(finding())).keys()
    assert (failed["series"], failed["not_assessed"], failed["error"]) == ([], [], "no")


# The command


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    folder = tmp_path / "plugins"
    folder.mkdir()
    importable(folder, monkeypatch)
    write_plugin(folder, code=TALKATIVE, point=TALKATIVE_POINT)
    return lambda *more: CliRunner().invoke(app, ["run", *more, "--plugin", "mean", "--out", str(tmp_path / "out")])


def test_a_run_shows_all_that_a_plugin_says(run: Callable[..., Result], hospital: Hospital) -> None:
    done = run(str(hospital.film(1)))
    assert done.exit_code == 0, done.output
    for words in (
        f"study {hospital.study_uid(1)}",
        "Bright    50 %  undetermined  (operating point 50 %, undetermined 20 % to 80 %;",
        "The upper right region of the image as displayed contributes +1.50",
        "1 of 1 images reaches the operating point on its own.",
        "cxr_nih/00001280_004 (present, similarity 0.93)",
        "1 of 2 carry the finding",
        "remark: The header contradicts the pixels.",
        "wrote sr-2.25.",
    ):
        assert words in done.stdout


def test_a_run_tells_a_program_the_same(run: Callable[..., Result], hospital: Hospital) -> None:
    done = run(str(hospital.film(1)), "--json", "--png")
    told = json.loads(done.stdout)
    (study,) = told["studies"]
    (found,) = study["series"][0]["findings"]
    assert (found["outcome"], found["undetermined"], found["error_rate"]) == ("undetermined", [0.2, 0.8], 0.1)
    assert found["contributions"]["upper right"] == pytest.approx(1.5)
    assert sum(found["contributions"].values()) == pytest.approx(found["logit"], abs=1e-3)
    assert [case["case"] for case in found["neighbours"]] == ["cxr_nih/00001280_004", "cxr_nih/00000013_001"]
    assert study["series"][0]["remarks"] == ["The header contradicts the pixels."]
    assert len(told["png"]) == 1


def outline(folder: Path, of: str) -> npt.NDArray[np.float64]:
    """(n, 2): columns and rows of the marked place that the presentation state of an image draws."""
    states = [pydicom.dcmread(path) for path in folder.glob("gsps-*.dcm")]
    (state,) = [ds for ds in states if of in str(ds.ReferencedSeriesSequence)]
    shapes = [shape for item in state.GraphicAnnotationSequence for shape in item.get("GraphicObjectSequence", [])]
    (polygon,) = [shape for shape in shapes if shape.NumberOfGraphicPoints > 8]
    assert polygon.GraphicAnnotationUnits == "PIXEL"
    return np.array(polygon.GraphicData).reshape(-1, 2)


def test_pixels_that_are_not_square_change_neither_the_answer_nor_what_is_seen(tmp_path: Path) -> None:
    film = sample("2-adult-pneumonia")
    forms = [film.written(), film.written(np.repeat(film.grey, 2, axis=0), PixelAspectRatio=[1, 2])]
    paths, out = [str(save(ds, tmp_path)) for ds in forms], tmp_path / "out"
    options = ("--plugin", "chest-radiograph", "--profile", "all", "--out", str(out), "--json")
    done = CliRunner().invoke(app, ["run", *paths, *options])
    told = {study["study_instance_uid"]: study for study in json.loads(done.stdout)["studies"]}
    (square,), (stretched,) = (told[ds.StudyInstanceUID]["series"][0]["findings"] for ds in forms)
    assert stretched["probability"] == pytest.approx(square["probability"], abs=LOSSLESS)
    assert sum(stretched["contributions"].values()) == pytest.approx(stretched["logit"], abs=1e-3)
    one, other = (pydicom.dcmread(path).pixel_array.astype(int) for path in out.glob("sc-*.dcm"))
    assert one.shape == other.shape
    assert np.abs(one - other).mean() < 1.0
    as_is, twice = (outline(out, ds.SOPInstanceUID) for ds in forms)
    for end in (np.min, np.max):
        np.testing.assert_allclose(end(twice, axis=0), end(as_is, axis=0) * (1, 2), atol=8)


def test_a_run_of_what_is_no_dicom_says_so(run: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not an image")
    done = run(str(tmp_path / "notes.txt"))
    assert done.exit_code == os.EX_DATAERR
    assert "no file could be taken" in done.stdout
    assert "not taken: it is no DICOM file" in done.stderr
