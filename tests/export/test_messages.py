"""One analysis as a message, made of what the worker has in hand: the same that a later export says."""

from __future__ import annotations

import json

import hl7
import pytest

from node import kinds
from node.export import exported, messages
from node.export.messages import Told
from node.ledger import AnalysisRow
from node.states import AnalysisState
from node.study import ResultObject
from tests.export.material import account
from tests.report.material import STARTED, STUDY, analysis, built, by_uid, header

RECEIVED_SERIES = f"{STUDY}.1"


def told() -> Told:
    """An analysis whose report has been made just now."""
    source = header()
    ((_, report),) = built(analysis(source), by_uid(source), [], [], ("sr",))
    row = AnalysisRow(
        id=7,
        study_instance_uid=STUDY,
        revision=2,
        plugin="chest-radiograph",
        plugin_version="1.2.0",
        route="films",
        series=(RECEIVED_SERIES,),
        destinations=("ris",),
        state=AnalysisState.CLASSIFIED,
        error="",
        summary="",
        attempts=0,
        not_before=0.0,
        created_at=STARTED,
        changed_at=STARTED,
    )
    result = ResultObject(report.SOPInstanceUID, report.SOPClassUID, report.SeriesInstanceUID, "sr", "work/7/sr.dcm")
    return Told(row, account(), report, (), ((result, report),))


def test_a_reported_analysis_stands_alone_with_its_report() -> None:
    one = told()
    study = messages.reported(one)
    (result,) = study.analyses
    assert (study.study_instance_uid, study.revision, result.standing) == (STUDY, 2, exported.Standing.GIVEN)
    assert result.report_sop_instance_uid == one.report.SOPInstanceUID
    assert result.account == one.account
    (series,) = study.series
    assert (series.plugin, series.modality) == (one.account.plugin, "SR")
    assert [instance.sop_instance_uid for instance in series.instances] == [one.report.SOPInstanceUID]


def test_patient_and_order_come_from_the_report_and_leave_only_where_they_may() -> None:
    study, patient = messages.reported(told()), str(told().report.PatientID)
    assert patient
    assert json.loads(messages.written(kinds.EVENT, study, "NODE"))["identity"] is None
    assert json.loads(messages.written(kinds.IDENTIFIED_EVENT, study, "NODE"))["identity"]["patient_id"] == patient
    message = hl7.parse(messages.written(kinds.ORU, study, "NODE").decode())
    assert str(message["PID.F3.R1.C1"]) == patient
    assert str(message.segment("MSH")(3)) == "NODE"


def test_what_is_taken_back_says_so_of_every_answer_and_why() -> None:
    study = messages.withdrawn(told(), "withdrawn by the operator: incorrect")
    message = hl7.parse(messages.written(kinds.ORU, study, "NODE").decode())
    answers = [one for one in message.segments("OBX") if str(one(2)) != "HD"]
    assert {str(one(11)) for one in answers} == {"W"}
    assert any("withdrawn by the operator: incorrect" in str(one) for one in message.segments("NTE"))
    assert all(not series.plugin for series in study.series)


@pytest.mark.parametrize("kind", messages.SUFFIX)
def test_the_same_analysis_gives_the_same_bytes_and_another_outcome_others(kind: str) -> None:
    given, again = messages.reported(told()), messages.reported(told())
    assert messages.written(kind, given, "NODE") == messages.written(kind, again, "NODE")
    taken = messages.withdrawn(told(), "")
    assert messages.written(kind, given, "NODE") != messages.written(kind, taken, "NODE")
    assert messages.SUFFIX[kind] in (".hl7", ".json")
