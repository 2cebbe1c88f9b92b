"""From the CSV to the files in the folder, and the command with its exit status."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from node.cli.app import app
from node.errors import PermanentError, PluginError, RadnodeError
from node.plugin import Manifest
from node.samples import sample_paths
from radnode_kit.acceptance import files
from radnode_kit.acceptance.result import SCHEMA, cases_text, json_text, outcome
from radnode_kit.acceptance.run import Options, evaluate, kinds_of
from radnode_kit.acceptance.table import DatasetError
from tests.plugins.acceptance.site import NAME, colours, picture, write_colour_plugin, write_csv

QUICK = Options(rounds=100)


def command(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["evaluate", *(str(argument) for argument in arguments)])


def refusal(result: Result) -> RadnodeError:
    assert isinstance(result.exception, RadnodeError), result.output
    return result.exception


# The whole way


def test_a_good_plugin_is_accepted_with_its_figures(tmp_path: Path, colour: Manifest) -> None:
    found = evaluate(NAME, colours(tmp_path, good=1.0), QUICK)
    assert found.accepted
    assert (found.counts.lines, found.counts.cases, found.counts.patients, found.counts.answered) == (60, 60, 30, 60)
    assert [figures.name for figures in found.findings] == ["red", "green"]
    assert found.findings[0].discrimination.auroc.value == 1.0
    assert found.classes is not None
    assert found.classes.accuracy.value == 1.0
    assert found.unclaimed == {"neither": 20}
    assert found.residual < 1e-6


def test_a_bad_plugin_is_not_accepted(tmp_path: Path, colour: Manifest) -> None:
    found = evaluate(NAME, colours(tmp_path, good=0.5), QUICK)
    assert not found.accepted
    assert found.findings[0].operation.sensitivity.high < 0.9


def test_the_same_data_give_the_same_figures(tmp_path: Path, colour: Manifest) -> None:
    path = colours(tmp_path)
    first, second = (evaluate(NAME, path, QUICK) for _ in range(2))
    assert first.findings == second.findings
    assert first.classes == second.classes


def test_files_that_cannot_be_read_end_it_with_all_their_lines(tmp_path: Path, colour: Manifest) -> None:
    rows = [{"file": name, "label": "red"} for name in ("none.png", picture(tmp_path / "a.png", 1, 0).name, "no.png")]
    with pytest.raises(DatasetError) as caught:
        evaluate(NAME, write_csv(tmp_path / "site.csv", rows), QUICK)
    said = str(caught.value)
    assert "line 2 (none.png)" in said
    assert "line 4 (no.png)" in said
    assert "--keep-going" in said


def test_a_file_that_cannot_be_decoded_ends_it_too(tmp_path: Path, colour: Manifest) -> None:
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(DatasetError, match=r"line 2 \(a.png\): it is no image"):
        evaluate(NAME, write_csv(tmp_path / "site.csv", [{"file": "a.png", "label": "red"}]), QUICK)


def test_who_keeps_going_gets_them_counted_and_listed(tmp_path: Path, colour: Manifest) -> None:
    (tmp_path / "b.png").write_text("no picture")
    rows = [{"file": name, "label": "red"} for name in ("b.png", picture(tmp_path / "a.png", 0.9, 0).name, "none.png")]
    found = evaluate(NAME, write_csv(tmp_path / "site.csv", rows), Options(keep_going=True, rounds=50))
    assert found.counts.not_assessed == 2
    assert found.counts.answered == 1
    assert [(problem.line, problem.file) for problem in found.unreadable] == [(2, "b.png"), (4, "none.png")]


def test_a_series_that_contradicts_itself_ends_it_even_so(tmp_path: Path, plugins: Path) -> None:
    mr = [path for path in sample_paths() if path.name.startswith("mr-")][:2]
    rows = [{"file": path, "glioma": n, "patient": "1"} for n, path in enumerate(mr)]
    with pytest.raises(DatasetError, match="different labels"):
        evaluate("brain-tumour-mr", write_csv(tmp_path / "site.csv", rows), Options(keep_going=True))


def test_a_plugin_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="no such plugin"):
        evaluate("nobody", colours(tmp_path, 3), QUICK)


def test_progress_is_told(tmp_path: Path, colour: Manifest) -> None:
    from contextlib import contextmanager

    told: list[tuple[str, int, int]] = []

    @contextmanager
    def progress(what: str, total: int) -> Any:
        done: list[int] = []
        yield done.append
        told.append((what, total, sum(done)))

    evaluate(NAME, colours(tmp_path, 5), QUICK, progress)
    assert told == [("reading headers", 5, 5), ("classifying", 5, 5)]


def test_reasons_that_differ_in_numbers_are_one() -> None:
    assert kinds_of(["far: 1.2", "black", "far: 3", "far: 4.5"]) == {"far: 1.2": 3, "black": 1}


def test_a_shipped_plugin_measures_the_samples(tmp_path: Path) -> None:
    films = [path for path in sample_paths() if path.name == "film.dcm"]
    mr = next(path for path in sample_paths() if path.name.startswith("mr-"))
    rows = [{"file": path, "pneumonia": int("pneumonia" in path.parent.name)} for path in (*films, mr)]
    found = evaluate("chest-radiograph", write_csv(tmp_path / "site.csv", rows), QUICK)
    assert (found.counts.answered, found.counts.refused) == (4, 1)
    assert found.reasons == {"modality is MR, wanted CR or DX": 1}
    assert found.findings[0].cases == 4
    assert found.findings[0].positives == 2
    assert found.residual < 1e-3
    assert {row.name for row in found.findings[0].subgroups if row.trait == "sex"} >= {"F", "M"}


def test_the_cpu_path_loads_no_torch(tmp_path: Path) -> None:
    film = next(path for path in sample_paths() if path.name == "film.dcm")
    path = write_csv(tmp_path / "site.csv", [{"file": film, "pneumonia": 1}])
    program = (
        "import sys\nfrom typer.testing import CliRunner\nfrom node.cli.app import app\n"
        f"done = CliRunner().invoke(app, ['evaluate', 'chest-radiograph', {str(path)!r}, '--out', {str(tmp_path)!r}])\n"
        "assert 'ACCEPTED' in done.output, done.output\n"
        "loaded = {'torch', 'monai', 'sklearn', 'scipy', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(f'imported: {loaded}' if loaded else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# JSON and the table of cases

#: Of `report.json`: what programs may rely on. Whoever changes it raises SCHEMA.
KEYS = {
    "": "schema accepted provenance counts checks findings classes residual reasons unclaimed unreadable covering",
    "covering": "cases whole evidence elsewhere difference low high",
    "provenance": "plugin version title digest csv csv_sha256 date machine",
    "provenance.machine": "name system processor python radnode device seconds_per_image",
    "counts": "lines cases patients answered abstained refused not_assessed",
    "checks.0": "finding what promised found verdict remark",
    "findings.0": "name label cases positives patients abstained_positives abstained_negatives discrimination "
    "operation calibration certainty subgroups gaps",
    "findings.0.discrimination": "auroc auroc_delong average_precision prevalence roc precision_recall",
    "findings.0.discrimination.auroc": "value low high method",
    "findings.0.operation": "threshold sensitivity specificity ppv npv stated_sensitivity "
    "stated_specificity stated_source",
    "findings.0.operation.sensitivity": "value low high hits total",
    "findings.0.calibration": "ece ece_by_chance brier bins",
    "findings.0.calibration.bins.0": "predicted observed count",
    "findings.0.certainty": "undetermined_band undetermined missed false_alarms wrong_outside stated_error_rate "
    "risk_coverage aurc",
    "findings.0.subgroups.0": "trait name cases positives auroc sensitivity specificity",
    "findings.0.gaps.0": "trait figure best worst gap flagged",
    "classes": "names cases accuracy macro_auroc confusion risk_coverage aurc",
}


def inside(value: Any, path: str) -> Any:
    for part in filter(None, path.split(".")):
        value = value[int(part)] if part.isdigit() else value[part]
    return value


def test_the_json_has_the_keys_of_its_schema(tmp_path: Path, colour: Manifest) -> None:
    table = json.loads(json_text(evaluate(NAME, colours(tmp_path, 90), QUICK), phi=False))
    assert table["schema"] == SCHEMA == "radnode.evaluation/2"
    for path, keys in KEYS.items():
        assert set(inside(table, path)) == set(keys.split()), path
    assert table["provenance"]["digest"] == colour.digest
    assert len(table["provenance"]["csv_sha256"]) == 64
    assert table["provenance"]["date"].endswith("+00:00")


def test_what_is_no_number_is_null(tmp_path: Path, colour: Manifest) -> None:
    rows = [{"file": picture(tmp_path / "a.png", 0.9, 0).name, "label": "red"}]
    text = json_text(evaluate(NAME, write_csv(tmp_path / "site.csv", rows), QUICK), phi=False)
    table = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    assert table["findings"][0]["discrimination"]["auroc"]["value"] is None


def test_cases_have_a_line_each_and_no_identity(tmp_path: Path, colour: Manifest) -> None:
    picture(tmp_path / "DOE.png", 0.9, 0.05)
    picture(tmp_path / "black.png", 0, 0, 0)
    picture(tmp_path / "half.png", 0.5, 0.1)
    rows = [
        {"file": name, "patient": "ID-17", "label": label, "sex": "F", "maker": "=1+1"}
        for name, label in (("DOE.png", "red"), ("black.png", ""), ("half.png", "green"))
    ]
    found = evaluate(NAME, write_csv(tmp_path / "site.csv", rows), QUICK)
    text = cases_text(found, phi=False)
    sure, black, half = csv.DictReader(io.StringIO(text))
    assert "DOE" not in text
    assert "ID-17" not in text
    assert (sure["line"], sure["status"], sure["truth_red"], sure["outcome_red"]) == ("2", "answered", "1", "present")
    assert float(sure["probability_red"]) == pytest.approx(0.9, abs=0.01)
    assert (sure["outcome_green"], sure["sex"], sure["age"]) == ("absent", "F", "unknown")
    assert (black["status"], black["truth_red"], black["probability_red"]) == ("abstained", "", "")
    assert black["reason"] == "'=black: 0.5 of it", "no spreadsheet takes it for a formula"
    assert sure["maker"] == "'=1+1"
    assert half["outcome_red"] == "undetermined"
    named = list(csv.DictReader(io.StringIO(cases_text(found, phi=True))))
    assert (named[0]["file"], named[0]["patient"]) == ("DOE.png", "ID-17")


@pytest.mark.parametrize(
    ("probability", "word"), [(0.39, "absent"), (0.4, "undetermined"), (0.59, "undetermined"), (0.6, "present")]
)
def test_outcomes_are_those_of_the_report(probability: float, word: str) -> None:
    assert outcome(probability, 0.5, (0.4, 0.6)) == word


def test_without_a_band_the_threshold_decides() -> None:
    assert [outcome(p, 0.5, None) for p in (0.49, 0.5)] == ["absent", "present"]


# The command


def test_the_command_writes_three_files_and_accepts(tmp_path: Path, colour: Manifest) -> None:
    done = command(NAME, colours(tmp_path, good=1.0), "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"report.html", "report.json", "cases.csv"}
    lines = done.output.splitlines()
    assert lines[-2] == "ACCEPTED"
    assert any(line.startswith("red\tsensitivity\t0.900 or more\t1.000") for line in lines)
    assert any(line.startswith("red\tAUROC") for line in lines)
    assert "label 'neither' (20 lines) is no finding of the plugin" in done.output


def test_the_command_ends_with_one_when_a_promise_is_broken(tmp_path: Path, colour: Manifest) -> None:
    done = command(NAME, colours(tmp_path, good=0.5), "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert "NOT ACCEPTED" in done.output
    assert json.loads((tmp_path / "out" / "report.json").read_text())["accepted"] is False


def test_abstentions_above_the_limit_are_not_accepted(tmp_path: Path, colour: Manifest) -> None:
    path = colours(tmp_path, 30, good=1.0)
    for n in range(6):
        picture(tmp_path / f"{n}.png", 0, 0, 0)
    assert command(NAME, path, "--out", tmp_path / "out").exit_code == 1
    assert command(NAME, path, "--out", tmp_path / "out", "--max-abstained", "0.2").exit_code == 0


def test_evidence_that_does_not_add_up_is_not_accepted(tmp_path: Path, plugins: Path) -> None:
    write_colour_plugin(plugins, bias=5e-4)  # the runner would let it pass
    done = command(NAME, colours(tmp_path, good=1.0), "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert "-\tevidence adds up to the logit\twithin 0.0001\twithin 5.0e-04\tnot met" in done.output


def test_the_command_prints_json(tmp_path: Path, colour: Manifest) -> None:
    done = command(NAME, colours(tmp_path, good=1.0), "--out", tmp_path / "out", "--json")
    assert json.loads(done.stdout) == json.loads((tmp_path / "out" / "report.json").read_text())


def test_bad_lines_reach_the_user(tmp_path: Path, colour: Manifest) -> None:
    path = write_csv(tmp_path / "site.csv", [{"file": "a.png", "red": "maybe"}])
    assert "line 2 (a.png): red is 'maybe'" in str(refusal(command(NAME, path, "--out", tmp_path / "out")))


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("chest-radiograph", "none.csv", "--out", "out"), os.EX_USAGE, "does not exist"),
        (("nobody", "site.csv", "--out", "out"), os.EX_DATAERR, "no such plugin"),
        (("chest-radiograph", "site.csv", "--out", "out"), os.EX_DATAERR, "no column with labels"),
        (("chest-radiograph", "site.csv", "--out", "site.csv"), os.EX_DATAERR, "folder cannot be made"),
        (("chest-radiograph", "site.csv", "--out", "out", "--max-abstained", "2"), os.EX_USAGE, "max-abstained"),
    ],
)
def test_bad_input_has_a_status_of_its_own(tmp_path: Path, arguments: list[str], status: int, words: str) -> None:
    write_csv(tmp_path / "site.csv", [{"file": "a.png"}])
    program = "import sys; sys.argv[0] = 'radnode'; from node.cli import main; main()"
    command = [sys.executable, "-c", program, "evaluate", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=120)
    assert done.returncode == status, done.stderr
    assert words in done.stderr


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path, colour: Manifest) -> None:
    found = evaluate(NAME, colours(tmp_path, 3), QUICK)
    (tmp_path / "report.html").mkdir()
    with pytest.raises(PermanentError, match="cannot be written"):
        files.write(found, tmp_path, phi=False)
