"""What is exported of a study: the newest of each plugin, as it stands, and why there is nothing else."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pydicom
import pytest

from node import config
from node.account import account_from
from node.errors import PermanentError
from node.export import ExportedStudy
from node.export.collect import STANDING, exported_study
from node.export.exported import Standing
from node.offline import Bench
from node.report.identity import derived_uid
from node.states import AnalysisState
from tests.export.conftest import Ward
from tests.peers.hospital import CANARY


def exported(ward: Ward, uid: str = "", *, identified: bool = False) -> ExportedStudy:
    return exported_study(ward.ledger, ward.spool, uid or ward.answered, identified=identified)


def refusal(ward: Ward, uid: str = "") -> str:
    with pytest.raises(PermanentError) as caught:
        exported(ward, uid)
    return str(caught.value)


def report_of(ward: Ward) -> Path:
    (path,) = ward.work(ward.answered).glob("*-sr.dcm")
    return path


def test_the_account_of_the_worker_is_exported_with_who_made_it(ward: Ward) -> None:
    study = exported(ward)
    (analysis,) = study.analyses
    stored = (ward.work(ward.answered) / "findings.json").read_bytes()
    assert analysis.account == account_from(stored)
    report = pydicom.dcmread(report_of(ward))
    assert analysis.report_sop_instance_uid == report.SOPInstanceUID
    assert analysis.algorithm.device_uid == report.ContributingEquipmentSequence[0].DeviceUID
    assert (analysis.algorithm.name, analysis.algorithm.manufacturer) == ("talkative", "test")
    assert (analysis.standing, analysis.revision, analysis.complete) == (Standing.GIVEN, 1, True)
    assert analysis.algorithm.research_only


def test_analysed_series_and_those_of_the_results_are_listed(ward: Ward) -> None:
    series = exported(ward).series
    assert [one.series_instance_uid for one in series] == sorted(one.series_instance_uid for one in series)
    assert sorted((one.modality, one.plugin) for one in series) == [
        ("DX", ""),
        ("OT", "talkative"),
        ("SR", "talkative"),
    ]
    results = ward.ledger.analyses.results(ward.ledger.analyses.of_study(ward.answered)[0].id)
    exported_uids = {one.sop_instance_uid for made in series for one in made.instances if made.plugin}
    assert exported_uids == {one.sop_instance_uid for one in results}


def test_nobody_is_named_unless_asked_for(ward: Ward) -> None:
    study = exported(ward)
    assert study.identity is None
    for secret in (CANARY, "19601230", "20260102", "A1-1"):
        assert secret not in repr(study)


def test_who_it_is_about_is_what_the_report_says(ward: Ward) -> None:
    identity = exported(ward, identified=True).identity
    assert identity is not None
    assert identity.patient_name == f"{CANARY}^Patient1"
    assert identity.patient_id == f"{CANARY}1"
    assert (identity.patient_birth_date, identity.patient_sex) == ("19601230", "F")
    assert (identity.accession_number, identity.study_date, identity.study_time) == ("A1-1", "20260102", "101112")


def test_the_pseudonym_is_that_of_the_patient_and_stays(ward: Ward) -> None:
    first, second = exported(ward), exported(ward, ward.half)
    assert len(first.pseudonym) == 64
    assert first.pseudonym == exported(ward).pseudonym
    assert first.pseudonym != second.pseudonym


def test_a_patient_without_an_id_has_the_pseudonym_of_the_study(ward: Ward) -> None:
    with sqlite3.connect(ward.folder / "ledger.db") as connection:
        connection.execute("UPDATE instances SET patient_key = ''")
    connection.close()
    assert exported(ward).pseudonym != exported(ward, ward.half).pseudonym


def test_a_study_is_found_by_the_end_of_its_uid(ward: Ward) -> None:
    assert exported(ward, ward.answered[-8:]).study_instance_uid == ward.answered


def test_a_plugin_that_failed_stands_beside_one_that_answered(ward: Ward) -> None:
    failed, answered = exported(ward, ward.half).analyses
    assert (failed.algorithm.name, failed.standing, failed.account) == ("failing", Standing.MISSING, None)
    assert "RuntimeError" in failed.reason
    assert (answered.algorithm.name, answered.standing) == ("talkative", Standing.GIVEN)


def test_a_study_that_nothing_analysed_says_so(ward: Ward) -> None:
    assert "nothing analysed the study, it is IGNORED" in refusal(ward, ward.ignored)


def test_a_study_that_is_not_there_is_refused(ward: Ward) -> None:
    assert "there is no such study" in refusal(ward, "9.9.9")


@pytest.mark.parametrize("state", ["QUEUED", "CLASSIFIED", "HELD", "DROPPED"])
def test_what_is_not_to_be_told_says_its_state(ward: Ward, state: str) -> None:
    ward.set_state(ward.answered, state, "the reason")
    assert f"talkative: the analysis is {state}. the reason" in refusal(ward)


def test_a_late_image_makes_the_earlier_answer_old(ward: Ward) -> None:
    with sqlite3.connect(ward.folder / "ledger.db") as connection:
        connection.execute(
            "INSERT INTO analyses (study_instance_uid, revision, plugin, plugin_version, route, series, destinations,"
            " state, created_at, changed_at) SELECT study_instance_uid, 2, plugin, plugin_version, route, series,"
            " destinations, 'QUEUED', created_at, changed_at FROM analyses WHERE study_instance_uid = ?",
            (ward.answered,),
        )
    connection.close()
    assert "the analysis is QUEUED" in refusal(ward)


def test_a_refused_delivery_makes_no_result_wrong(ward: Ward) -> None:
    ward.set_state(ward.answered, "FAILED", "1 of 2 deliveries were refused")
    (analysis,) = exported(ward).analyses
    assert (analysis.standing, analysis.reason) == (Standing.GIVEN, "1 of 2 deliveries were refused")


def test_what_was_withdrawn_is_exported_as_withdrawn_and_its_objects_are_not_listed(ward: Ward) -> None:
    ward.set_state(ward.answered, "WITHDRAWN", "withdrawn by the operator: incorrect")
    study = exported(ward, identified=True)
    (analysis,) = study.analyses
    assert (analysis.standing, analysis.reason) == (Standing.WITHDRAWN, "withdrawn by the operator: incorrect")
    assert analysis.account is not None
    assert [one.plugin for one in study.series] == [""]


def test_a_purged_study_says_so(ward: Ward) -> None:
    with sqlite3.connect(ward.folder / "ledger.db") as connection:
        connection.execute(
            "UPDATE studies SET state = 'CLOSED', last_at = 0 WHERE study_instance_uid = ?", (ward.answered,)
        )
    connection.close()
    (ward.folder / "spool" / "instances").unlink()
    assert Bench(ward.folder, config.load(ward.config)).pipeline.purge(1e9) == 1
    assert "talkative: its files were purged (storage.keep_days)" in refusal(ward)


@pytest.mark.parametrize("content", [None, b"", b"{}", b'{"series": 1, "not_assessed": []}', b"\xff"])
def test_an_account_that_is_missing_or_broken_says_so(ward: Ward, content: bytes | None) -> None:
    path = ward.work(ward.answered) / "findings.json"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert "what it answered is not in the spool" in refusal(ward)


def test_an_account_of_an_earlier_version_is_exported(ward: Ward) -> None:
    path = ward.work(ward.answered) / "findings.json"
    table = json.loads(path.read_text())
    del table["claims"]
    for key in ("code", "site", "laterality", "sensitivity_interval", "specificity_interval", "source"):
        del table["series"][0]["findings"][0][key]
    path.write_text(json.dumps(table))
    assert "what it answered is not in the spool" in refusal(ward), "it was changed after it was made"
    with ward.ledger._database.write() as connection:
        connection.execute("UPDATE analyses SET sealed = '{}'")  # no digest was noted then
    (analysis,) = exported(ward).analyses
    assert analysis.account is not None
    assert analysis.account.series[0].findings[0].code is None


def test_without_its_report_a_study_leaves_under_a_pseudonym_only(ward: Ward) -> None:
    report_of(ward).unlink()
    (analysis,) = exported(ward).analyses
    assert (analysis.account is not None, analysis.report_sop_instance_uid) == (True, "")
    with pytest.raises(PermanentError, match="the report that names the patient cannot be read"):
        exported(ward, identified=True)


def test_a_broken_report_is_as_good_as_none(ward: Ward) -> None:
    report_of(ward).write_bytes(bytes(200))
    assert exported(ward).analyses[0].report_sop_instance_uid == ""


def test_a_result_whose_file_is_gone_is_still_listed(ward: Ward) -> None:
    for path in ward.work(ward.answered).glob("*-sc.dcm"):
        path.unlink()
    assert "OT" in {one.modality for one in exported(ward).series if one.plugin}


def test_the_device_is_the_one_that_the_results_name(ward: Ward) -> None:
    algorithm = exported(ward).analyses[0].algorithm
    assert algorithm.device_uid == derived_uid("device", algorithm.serial_number)


@pytest.mark.parametrize("state", list(AnalysisState))
def test_every_state_of_an_analysis_has_its_standing(state: AnalysisState) -> None:
    assert isinstance(STANDING[state], Standing)


def test_what_a_silent_plugin_says_leaves_by_no_export(ward: Ward) -> None:
    alone = exported(ward)
    with sqlite3.connect(ward.folder / "ledger.db") as connection:
        connection.execute(
            "INSERT INTO analyses (study_instance_uid, revision, plugin, plugin_version, route, series, destinations,"
            " state, created_at, changed_at, sealed) SELECT study_instance_uid, revision, 'other', plugin_version,"
            " route, series, destinations, 'SILENT', created_at, changed_at, sealed FROM analyses"
            " WHERE study_instance_uid = ?",
            (ward.answered,),
        )
    assert exported(ward) == alone
    with sqlite3.connect(ward.folder / "ledger.db") as connection:
        connection.execute("UPDATE analyses SET state = 'SILENT'")
    connection.close()
    assert "there is no result to export: other: the analysis is SILENT" in refusal(ward)
