"""A worker decodes, classifies and reports; whatever goes wrong with one analysis stays with that one."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.uid import UID

from node import offline
from node.account import FILE, account_from
from node.classify.process import WorkerDied, WorkerProcess
from node.config import Destination, Route, Settings, StorageSettings, frozen, load
from node.ledger import AnalysisRow, job_table
from node.plugin import Finding, Manifest, Prediction
from node.states import StudyState
from node.worker.summary import summary
from node.worker.worker import Worker, configuration_digest
from tests.classify.material import TALKATIVE, TALKATIVE_POINT, importable, write_plugin
from tests.peers import Hospital
from tests.report import walk

CANARY = "PHICANARY^INEXCEPTION"


class Desk:
    """A worker in this process, with studies routed to the plugin `mean`."""

    def __init__(self, bench: offline.Bench) -> None:
        self.bench = bench
        self.worker = Worker(bench.settings, bench.catalogue, bench.spool)

    def take(self, *paths: Path) -> list[AnalysisRow]:
        assert self.bench.take(paths) == []
        studies = self.bench.ledger.studies
        for study in studies.in_state(StudyState.RECEIVING):
            studies.complete(study, "", partial=False, expected=None)
        self.bench.pipeline.route_studies()
        return self.bench.ledger.analyses.unfinished()

    def job(self, op: str, *rows: AnalysisRow) -> dict[str, Any]:
        """As it comes through the socket."""
        job: dict[str, Any] = {"op": op, "jobs": [job_table(self.bench.ledger.job(row)) for row in rows]}
        return json.loads(json.dumps(job))  # type: ignore[no-any-return]  # a dict stays one

    def ask(self, op: str, *rows: AnalysisRow) -> list[dict[str, Any]]:
        answers: list[dict[str, Any]] = json.loads(json.dumps(self.worker.handle(self.job(op, *rows))))["answers"]
        return answers


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    importable(tmp_path, monkeypatch)
    return tmp_path


@pytest.fixture
def desk(folder: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    write_plugin(folder, **getattr(request, "param", {}))
    rule = Route(name="run", plugin="mean", accept_missing=True, include_excluded=True)
    with offline.bench([rule], plugins=["mean"]) as bench:
        yield Desk(bench)


def test_a_film_becomes_a_prediction_and_then_objects(desk: Desk, hospital: Hospital) -> None:
    (row,) = desk.take(hospital.film())
    (answer,) = desk.ask("classify", row)
    assert answer["id"] == row.id
    assert answer["summary"].startswith("Bright ")
    assert answer["not_assessed"] == []
    assert desk.bench.spool.path(f"work/{row.id}/prediction.npz").is_file()
    (answer,) = desk.ask("report", row)
    assert {result["kind"] for result in answer["results"]} == {"sc", "sr"}
    for result in answer["results"]:
        ds = pydicom.dcmread(desk.bench.spool.path(result["path"]))
        assert result["sop_instance_uid"] == ds.SOPInstanceUID
        assert result["sha256"] == desk.bench.spool.sha256(result["path"])
        assert ds.StudyInstanceUID == row.study_instance_uid


def test_a_prediction_that_was_changed_after_it_was_made_is_not_reported(desk: Desk, hospital: Hospital) -> None:
    """Every plugin of every worker may write into the folder in which predictions lie."""
    (row,) = desk.take(hospital.film())
    (answer,) = desk.ask("classify", row)
    desk.bench.ledger.analyses.classified(row.id, answer["summary"], answer["sealed"])
    path = desk.bench.spool.path(f"work/{row.id}/prediction.npz")
    path.write_bytes(path.read_bytes() + b"x")
    (answer,) = desk.ask("report", desk.bench.ledger.analyses.get(row.id))
    assert answer["error"].startswith("its prediction was changed after it was made")
    assert not answer["temporary"]


@pytest.fixture
def talking(folder: Path) -> Iterator[Desk]:
    """A worker whose results go to those who read no DICOM, too."""
    write_plugin(folder)
    rule = Route(
        name="run", plugin="mean", accept_missing=True, include_excluded=True, destinations=("ris", "hook", "disk")
    )
    destinations = (
        Destination(name="ris", kind="hl7", port=2575),
        Destination(name="hook", kind="webhook", url="http://127.0.0.1"),
        Destination(name="disk", kind="folder", path=folder),
    )
    with offline.bench([rule], plugins=["mean"], destinations=destinations) as bench:
        yield Desk(bench)


def test_whoever_takes_messages_makes_them_be_written_each_kind_once(talking: Desk, hospital: Hospital) -> None:
    (row,) = talking.take(hospital.film())
    talking.ask("classify", row)
    (answer,) = talking.ask("report", row)
    made = {result["kind"]: result for result in answer["results"]}
    assert set(made) == {"sc", "sr", "oru", "event"}
    for kind, suffix in (("oru", ".hl7"), ("event", ".json")):
        assert (made[kind]["sop_class_uid"], made[kind]["series_instance_uid"]) == ("", "")
        assert UID(made[kind]["sop_instance_uid"]).is_valid
        assert made[kind]["path"].endswith(suffix)
    text = talking.bench.spool.path(made["oru"]["path"]).read_text(encoding="utf-8")
    assert text.startswith("MSH|^~\\&|RADNODE|")
    told = json.loads(talking.bench.spool.path(made["event"]["path"]).read_text(encoding="utf-8"))
    assert told["analyses"][0]["report_sop_instance_uid"] == made["sr"]["sop_instance_uid"]


def test_reporting_twice_writes_the_same_messages(talking: Desk, hospital: Hospital) -> None:
    (row,) = talking.take(hospital.film())
    talking.ask("classify", row)
    (first,) = talking.ask("report", row)
    files = {one["path"]: talking.bench.spool.path(one["path"]).read_bytes() for one in first["results"]}
    again = Desk(talking.bench)
    assert again.ask("report", row) == [first]
    assert {path: talking.bench.spool.path(path).read_bytes() for path in files} == files


def test_what_is_written_without_a_network_keeps_the_names_of_its_languages(
    talking: Desk, hospital: Hospital, tmp_path: Path
) -> None:
    talking.take(hospital.film())
    (result,) = talking.bench.analyse(tmp_path / "out")
    assert sorted(path.suffix for path in result.files) == [".dcm", ".dcm", ".hl7", ".json"]


def test_doing_it_twice_makes_the_same_objects(desk: Desk, hospital: Hospital) -> None:
    (row,) = desk.take(hospital.film())
    desk.ask("classify", row)
    (first,) = desk.ask("report", row)
    again = Desk(desk.bench)  # another process, nothing kept
    again.ask("classify", row)
    assert again.ask("report", row) == [first]


def test_a_batch_answers_each_analysis_in_order(desk: Desk, hospital: Hospital) -> None:
    rows = desk.take(*(hospital.film(patient) for patient in (1, 2, 3)))
    assert [answer["id"] for answer in desk.ask("classify", *rows)] == [row.id for row in rows]


def test_an_image_that_cannot_be_decoded_is_not_assessed_with_its_reason(desk: Desk, hospital: Hospital) -> None:
    (row,) = desk.take(hospital.film(PixelData=b"\0" * 10))
    (answer,) = desk.ask("classify", row)
    (missed,) = answer["not_assessed"]
    assert missed["reason"]
    assert "1 image not assessed" in answer["summary"]
    (answer,) = desk.ask("report", row)
    assert [result["kind"] for result in answer["results"]] == ["sr"], "that nothing could be assessed is a result"


_RAISES = {"one": f"if image_set.images[0].pixels.shape == (16, 16): raise ValueError('{CANARY}')"}


@pytest.mark.parametrize("desk", [_RAISES], indirect=True)
def test_what_the_plugin_makes_of_one_study_leaves_the_others(desk: Desk, hospital: Hospital) -> None:
    rows = desk.take(hospital.film(1), hospital.film(2, size=16), hospital.film(3))
    answers = {answer["id"]: answer for answer in desk.ask("classify", *rows)}
    failed = [answer for answer in answers.values() if "error" in answer]
    assert len(failed) == 1
    assert "the plugin raised ValueError at __init__.py:" in failed[0]["error"]
    assert failed[0]["temporary"] is False
    assert CANARY not in json.dumps(answers)
    assert desk.worker.handle(desk.job("classify", *rows))["tainted"] is True


def test_a_worker_is_not_tainted_by_what_went_well(desk: Desk, hospital: Hospital) -> None:
    (row,) = desk.take(hospital.film())
    assert desk.worker.handle(desk.job("classify", row))["tainted"] is False


def test_what_nobody_has_thought_of_fails_one_analysis(
    desk: Desk, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    (row,) = desk.take(hospital.film())

    def odd(*_: object) -> Any:
        raise MemoryError(CANARY)

    monkeypatch.setattr("node.assemble.read_image_set", odd)
    (answer,) = desk.ask("classify", row)
    assert answer["error"].startswith("unexpected MemoryError at test_worker.py:")
    assert answer["temporary"] is False
    assert CANARY not in answer["error"]


def test_a_purged_study_cannot_be_reported_and_says_what_to_do(desk: Desk, hospital: Hospital) -> None:
    (row,) = desk.take(hospital.film())
    desk.ask("classify", row)
    for path in desk.bench.ledger.studies.paths(row.study_instance_uid):
        desk.bench.spool.remove(path)
    (answer,) = desk.ask("report", row)
    assert "a file is not in the spool" in answer["error"]
    assert "send it again" in answer["error"]


def test_what_is_purged_in_part_is_analysed_when_all_of_it_has_come_again(desk: Desk, hospital: Hospital) -> None:
    bench, first, late = desk.bench, hospital.film(image=1), hospital.film(image=2)
    (row,) = desk.take(first)
    bench.ledger.analyses.drop(row.id)
    bench.pipeline.retention.settings = StorageSettings(keep_days=1)
    assert bench.pipeline.purge(time.time() + 86401) == 1
    (row,) = desk.take(late)
    (answer,) = desk.ask("classify", row)
    assert answer["error"].startswith("1 of its images were purged (storage.keep_days)")
    assert not answer["temporary"], "it would be tried again and again"
    bench.ledger.analyses.fail(row.id, answer["error"])
    *_, row = desk.take(first, late)
    (answer,) = desk.ask("classify", row)
    assert "error" not in answer
    assert row.revision == 3


def test_an_image_that_the_disk_has_lost_is_named_by_the_report_of_the_others(desk: Desk, hospital: Hospital) -> None:
    bench = desk.bench
    desk.take(hospital.film(image=1), hospital.film(image=2))
    lost = bench.ledger.upkeep.named(hospital.study_uid())[0]
    bench.ledger.upkeep.set_missing([lost])
    *_, row = desk.take(hospital.film(image=3))
    (answer,) = desk.ask("classify", row)
    (missed,) = answer["not_assessed"]
    assert missed["sop_instance_uid"] == lost.sop_instance_uid
    assert "not in the spool any more" in missed["reason"]
    (answer,) = desk.ask("report", row)
    (path,) = [one["path"] for one in answer["results"] if one["kind"] == "sr"]
    ds = pydicom.dcmread(bench.spool.path(path))
    assert ds.CompletionFlag == "PARTIAL", "what is said of a part must not pass for the whole"


@pytest.mark.parametrize("desk", [{"digest": "0" * 64}], indirect=True)
def test_a_plugin_with_other_weights_fails_its_analyses_and_is_named_at_the_start(
    desk: Desk, hospital: Hospital
) -> None:
    (problem,) = desk.worker.warm()
    assert "never used" in problem
    (row,) = desk.take(hospital.film())
    (answer,) = desk.ask("classify", row)
    assert "never used" in answer["error"]


def test_plugins_that_no_route_names_are_loaded_when_they_are_asked_for(folder: Path) -> None:
    write_plugin(folder)
    write_plugin(folder, name="other", load="raise RuntimeError('loaded')")
    with offline.bench([Route(name="run", plugin="mean")], plugins=["mean", "other"]) as bench:
        assert Worker(bench.settings, bench.catalogue, bench.spool).warm() == []
    with offline.bench([Route(name="run", plugin="other")], plugins=["mean", "other"]) as bench:
        (problem,) = Worker(bench.settings, bench.catalogue, bench.spool).warm()
        assert "the plugin cannot be loaded" in problem


def test_series_are_decoded_once_for_both_steps(
    desk: Desk, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    from node import assemble

    calls: list[object] = []
    read = assemble.read_image_set
    monkeypatch.setattr("node.assemble.read_image_set", lambda *a: calls.append(a) or read(*a))
    (row,) = desk.take(hospital.film())
    desk.ask("classify", row)
    desk.ask("report", row)
    assert len(calls) == 1


def test_what_is_kept_has_a_limit(desk: Desk, hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> None:
    one = 32 * 32 * 8
    monkeypatch.setattr("node.worker.worker._KEPT_BYTES", 2 * one)
    rows = desk.take(*(hospital.film(patient) for patient in (1, 2, 3)))
    desk.ask("classify", *rows)
    assert list(desk.worker._kept) == [rows[1].id, rows[2].id]


def test_summaries_say_present_absent_and_why_not() -> None:
    from tests.test_pipeline import manifest

    present = Prediction((Finding("f", 1.0, 0.5),))
    absent = Prediction((Finding("f", 1.0, 0.49),))
    abstained = Prediction(abstained="unlike the training images")
    text = summary(manifest("chest"), [present, absent, abstained], 2)
    assert text == "F 50% (present); F 49% (absent); abstained: unlike the training images; 2 images not assessed"
    assert summary(manifest("chest"), [], 0) == "nothing was assessed"


def _claims(count: int, limits: tuple[float, float] | None = None) -> Manifest:
    from tests.test_pipeline import manifest

    plain = manifest("chest")
    (spec,) = plain.findings
    point = replace(spec.operating_point, undetermined=limits, error_rate=0.1)
    names = [f"f{number}" for number in range(count)]
    return replace(plain, findings=tuple(replace(spec, name=n, label=n.upper(), operating_point=point) for n in names))


def _answer(*probabilities: float, **changes: Any) -> Prediction:
    return Prediction(tuple(Finding(f"f{n}", 1.0, p) for n, p in enumerate(probabilities)), **changes)


def test_summaries_say_undetermined_and_remark_what_the_model_remarks() -> None:
    answer = _answer(0.5, remarks=("The header contradicts the pixels.",))
    text = summary(_claims(1, (0.4, 0.6)), [answer], 0)
    assert text == "F0 50% (undetermined); The header contradicts the pixels"


def test_of_many_findings_a_summary_lists_those_to_be_looked_at() -> None:
    answer = _answer(0.9, 0.5, 0.05, 0.3, *[0.1] * 10)
    text = summary(_claims(14, (0.4, 0.6)), [answer], 0)
    assert text == "F0 90% (present); F1 50% (undetermined); 12 findings absent, the most probable F3 30%"


def test_six_findings_are_all_listed() -> None:
    text = summary(_claims(6), [_answer(*[0.1] * 6)], 0)
    assert text.count("(absent)") == 6


@pytest.mark.parametrize("desk", [{"code": TALKATIVE, "point": TALKATIVE_POINT}], indirect=True)
def test_all_that_a_plugin_says_reaches_report_picture_and_account(desk: Desk, hospital: Hospital) -> None:
    (row,) = desk.take(hospital.film())
    (answer,) = desk.ask("classify", row)
    assert answer["summary"] == "Bright 50% (undetermined); The header contradicts the pixels"
    (answer,) = desk.ask("report", row)
    objects = {result["kind"]: pydicom.dcmread(desk.bench.spool.path(result["path"])) for result in answer["results"]}
    sentences = walk.texts(objects["sr"], "121106")
    assert walk.coded(objects["sr"], "121052") == ["Undetermined"]
    assert sentences == [
        "Undetermined, though assessed: 50 % lies between the two limits 20 % and 80 %, set so that beyond them "
        "at most 10 % of each kind is called wrongly.",
        "The upper right region of the image as displayed contributes +1.50 of 1.00 logits; the other regions +0.00 "
        "and the baseline -0.50.",
        "1 of 1 images reaches the operating point on its own.",
        "Nearest training cases: cxr_nih/00001280_004 (present, similarity 0.93), cxr_nih/00000013_001 (absent, "
        "similarity 0.83); 1 of 2 carry the finding.",
        "The header contradicts the pixels.",
    ]
    assert "Bright: undetermined, 50 %" in objects["sc"].DerivationDescription
    account = account_from(desk.bench.spool.path(f"work/{row.id}/{FILE}").read_bytes())
    assert [*account.series[0].findings[0].reasons, *account.series[0].remarks] == sentences


def test_other_settings_that_shape_a_result_give_another_digest() -> None:
    plain = configuration_digest(Settings())
    assert plain == configuration_digest(Settings.model_validate({"node": {"port": 104}}))
    assert plain != configuration_digest(Settings.model_validate({"node": {"station_name": "CT1"}}))
    assert plain != configuration_digest(Settings.model_validate({"node": {"ae_title": "OTHER"}}))
    assert plain != configuration_digest(Settings.model_validate({"report": {"layout": "overlay"}}))


# The process


@pytest.fixture
def process(folder: Path) -> Iterator[WorkerProcess]:
    routes = [{"name": "run", "plugin": "mean"}]
    (folder / "settings.json").write_bytes(
        frozen(Settings.model_validate({"node": {"data_dir": folder}, "routes": routes}))
    )
    worker = WorkerProcess([sys.executable, "-m", "node.worker", str(folder / "settings.json")])
    yield worker
    worker.kill()


def test_a_worker_process_loads_its_plugins_and_answers(folder: Path, process: WorkerProcess) -> None:
    write_plugin(folder)
    assert process.start(60)["problems"] == []
    assert process.ask({"op": "classify", "jobs": []}, 30) == {"answers": [], "tainted": False}


def test_a_worker_whose_settings_are_gone_says_so(folder: Path, process: WorkerProcess) -> None:
    (folder / "settings.json").unlink()
    with pytest.raises(WorkerDied, match="cannot start: the configuration cannot be read: No such file"):
        process.start(60)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (f"raise RuntimeError('{CANARY}')", r"RuntimeError at highdicom\.py:1"),
        ("import nowhere_to_be_found", r"ModuleNotFoundError at highdicom\.py:1: nowhere_to_be_found"),
        ("raise SystemExit(3)", r"SystemExit at highdicom\.py:1"),
    ],
)
def test_a_library_that_cannot_be_loaded_is_named(folder: Path, process: WorkerProcess, code: str, reason: str) -> None:
    (folder / "highdicom.py").write_text(code)
    with pytest.raises(WorkerDied, match=reason) as caught:
        process.start(60)
    assert CANARY not in str(caught.value)


def test_a_plugin_that_is_broken_is_a_problem_and_no_death(folder: Path, process: WorkerProcess) -> None:
    write_plugin(folder, code="raise SystemExit(3)")
    (problem,) = process.start(60)["problems"]
    assert "cannot be loaded: SystemExit at __init__.py:1" in problem


def test_a_worker_is_at_home_where_it_may_write(folder: Path, process: WorkerProcess) -> None:
    """Libraries keep notes at home, see that they are there, and fail when they cannot be read."""
    (folder / "highdicom.py").write_text(
        "import tempfile\n"
        "from pathlib import Path\n"
        "(Path.home() / 'note').write_text('x')\n"
        "assert Path(tempfile.gettempdir()) == Path.home()\n"
        "raise LookupError\n"
    )
    with pytest.raises(WorkerDied, match="LookupError"):
        process.start(60)


def test_a_worker_that_may_do_everything_says_so(folder: Path, process: WorkerProcess) -> None:
    write_plugin(folder)
    settings = load(folder / "settings.json")
    free = settings.model_copy(update={"worker": settings.worker.model_copy(update={"unconfined": True})})
    (folder / "settings.json").write_bytes(frozen(free))
    assert process.start(60)["lacking"] == ["workers may use the network and any file: worker.unconfined"]


def test_limits_hold_before_anything_large_is_loaded(folder: Path, process: WorkerProcess) -> None:
    (folder / "highdicom.py").write_text(
        "import os, resource\n"
        "assert resource.getrlimit(resource.RLIMIT_AS)[0] == 8192 << 20\n"
        "assert resource.getrlimit(resource.RLIMIT_CORE)[0] == 0\n"
        "assert os.environ['OMP_NUM_THREADS'] == '2'\n"
        "raise LookupError\n"
    )
    with pytest.raises(WorkerDied, match="LookupError"):
        process.start(60)


def test_the_settings_of_a_process_are_those_of_the_node_whatever_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "radnode.toml").write_text(
        '[node]\nport = 104\n[study]\nquiet_seconds = { default = 3 }\n[[destinations]]\nname = "f"\nkind = "folder"\n'
        'path = "out"\n[[routes]]\nname = "r"\nplugin = "p"\ndestinations = ["f", "@sender"]\n'
    )
    monkeypatch.setenv("RADNODE_NODE__PORT", "105")
    settings = load(tmp_path / "radnode.toml")
    (tmp_path / "copy.json").write_bytes(frozen(settings))
    monkeypatch.setenv("RADNODE_NODE__PORT", "106")
    assert load(tmp_path / "copy.json") == settings
    assert settings.node.port == 105
