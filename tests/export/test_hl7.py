"""The HL7 message: parsed back by python-hl7, and held against the tables of v2.5.1 by hl7apy."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import hl7
import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message
from hypothesis import given
from hypothesis import strategies as st

from node.export import ExportedStudy, Identity, Parties, message
from node.plugin import Code
from node.report import account_of
from tests.export.material import (
    ALGORITHM,
    IDENTITY,
    KEY,
    SECRETS,
    STUDIES,
    STUDY,
    account,
    exported_analysis,
    of_an_earlier_version,
    study,
)
from tests.report import walk
from tests.report.material import analysis, built, by_uid, comparison, header, manifest, read_back

#: hl7apy's tables are closed. Table 0396 takes in every coding system that comes to be (SCT, UCUM), and 99zzz (local);
#: OBX-2 may name any data type of chapter 2A.
FOREIGN = re.compile(
    r"Warning: Value (SCT|UCUM|99\w+) not in table HL70396 .*|Warning: Value HD not in table HL70125 .*"
)


def parsed(of: ExportedStudy) -> hl7.Message:
    return hl7.parse(message(of))


def text(field: object) -> str:
    return str(field)


def observations(of: ExportedStudy) -> list[hl7.Segment]:
    return list(parsed(of).segments("OBX"))


def notes(of: ExportedStudy) -> list[str]:
    told = parsed(of)
    return [told.unescape(str(one[3])) for one in told if str(one[0]) == "NTE"]


# What HL7 wants


@pytest.mark.parametrize("name", STUDIES)
def test_a_message_is_an_oru_r01_of_version_2_5_1(name: str, tmp_path: Path) -> None:
    read = parse_message(message(STUDIES[name]), validation_level=VALIDATION_LEVEL.STRICT, find_groups=True)
    findings = tmp_path / "findings"
    assert read.validate(report_file=str(findings))
    remaining = [line for line in findings.read_text().splitlines() if line and not FOREIGN.fullmatch(line)]
    assert remaining == []


@pytest.mark.parametrize("name", STUDIES)
def test_segments_end_with_a_carriage_return_and_hold_none(name: str) -> None:
    told = message(STUDIES[name])
    assert told.endswith("\r")
    assert "\n" not in told
    assert all(re.match(r"(MSH|PID|OBR|OBX|NTE)\|", line) for line in told.removesuffix("\r").split("\r"))


def test_the_header_says_what_it_is_and_in_which_characters() -> None:
    msh = parsed(study()).segment("MSH")
    assert (text(msh[9]), text(msh[11]), text(msh[12]), text(msh[18])) == (
        "ORU^R01^ORU_R01",
        "P",
        "2.5.1",
        "UNICODE UTF-8",
    )
    assert text(msh[7]) == "20250615150640+0000"


def test_sender_and_receiver_are_named_and_cannot_break_the_header() -> None:
    told = hl7.parse(message(study(), Parties("ra|d", "Ward^1", "RIS", "Hospital & Co")))
    msh = told.segment("MSH")
    assert [told.unescape(text(msh[number])) for number in range(3, 7)] == ["ra|d", "Ward^1", "RIS", "Hospital & Co"]


def test_the_control_id_follows_from_the_content() -> None:
    def control_id(of: ExportedStudy, parties: Parties = Parties()) -> str:  # noqa: B008  frozen
        return text(hl7.parse(message(of, parties)).segment("MSH")[10])

    assert re.fullmatch("[0-9A-F]{20}", control_id(study()))
    assert control_id(study()) == control_id(study())
    others = [one for name, one in STUDIES.items() if name != "nobody is named"]  # as under a pseudonym
    assert len({control_id(one) for one in others}) == len(others)
    assert control_id(study()) != control_id(study(), Parties(receiving_application="RIS"))


# What it says


def test_a_finding_is_an_outcome_and_a_probability_with_one_sub_id() -> None:
    uid, outcome, probability, *_ = observations(study())
    assert (text(uid[2]), text(uid[5])) == ("HD", f"^{STUDY}^ISO")
    assert (text(outcome[2]), text(outcome[3])) == ("CE", "125147008^Opacity of the lung^SCT")
    assert (text(outcome[5]), text(outcome[8]), text(outcome[11])) == ("52101004^Present^SCT", "A", "P")
    assert (text(probability[2]), text(probability[3])) == ("NM", "111012^Certainty of Finding^DCM")
    assert (text(probability[5]), text(probability[6]), text(probability[7])) == ("87", "%^percent^UCUM", "<50")
    assert text(outcome[4]) == text(probability[4]) == "1"


@pytest.mark.parametrize(
    ("then", "now", "told"),
    [
        (0.1, 0.9, "7147002^New^SCT"),
        (0.9, 0.1, "723506003^Resolved^SCT"),
        (0.6, 0.95, "35105006^Increased^SCT"),
        (0.95, 0.6, "1250004^Decreased^SCT"),
        (0.85, 0.87, "260388006^No status change^SCT"),
    ],
)
def test_a_change_is_coded_below_its_finding_as_the_report_codes_it(then: float, now: float, told: str) -> None:
    claims = manifest(repeatability=0.2)
    made = analysis(header(), probability=now, manifest=claims, comparison=comparison(then))
    uid, outcome, probability, change, before = observations(study(exported_analysis(account_of(made, []))))
    assert [text(one[1]) for one in (uid, outcome, probability, change, before)] == ["1", "2", "3", "4", "5"]
    assert [text(one[4]) for one in (outcome, probability, change, before)] == ["1", "1", "1.1", "1.1"]
    assert [text(change[number]) for number in (2, 3, 5)] == ["CE", "111049^Qualitative Difference^DCM", told]
    assert text(before[3]) == "prior-probability^Probability on the prior study^99RADNODE"
    assert (text(before[5]), text(before[6]), text(before[14])) == (f"{100 * then:g}", "%^percent^UCUM", "20250301")
    (item,) = walk.named(read_back(built(made, by_uid(header()), (), (), kinds=("sr",))[0][1]), "111049")
    coded = item.ConceptCodeSequence[0]
    assert f"{coded.CodeValue}^{coded.CodeMeaning}^{coded.CodingSchemeDesignator}" == told


def test_what_is_not_comparable_is_told_in_words_alone() -> None:
    made = analysis(header(), probability=0.9, comparison=comparison(0.6))
    told = study(exported_analysis(account_of(made, [])))
    assert len(observations(told)) == 3
    assert any("Not comparable with the study of 2025-03-01" in one for one in notes(told))


def test_only_what_is_present_is_flagged() -> None:
    outcomes = [one for one in observations(study()) if text(one[2]) == "CE"]
    assert [text(one[8]) for one in outcomes] == ["A", "", ""]
    assert [text(one[4]) for one in outcomes] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("probability", "told"), [(0.0, "0"), (1.0, "100"), (1e-7, "0"), (0.123456789, "12.3457"), (0.3, "30")]
)
def test_a_probability_is_a_plain_number(probability: float, told: str) -> None:
    made = account()
    (series,) = made.series
    findings = (replace(series.findings[0], probability=probability), *series.findings[1:])
    analysis = exported_analysis(replace(made, series=(replace(series, findings=findings),)))
    assert text(observations(study(analysis))[2][5]) == told


def test_an_abstention_has_no_value_no_probability_and_its_reason() -> None:
    told = STUDIES["abstained"]
    _, *findings = observations(told)
    assert [(text(one[2]), text(one[5]), text(one[11])) for one in findings] == [("CE", "", "X")] * 3
    assert notes(told).count("Not assessed: the image is too dark") == 3


def test_reasons_stand_below_their_finding_and_nobody_has_verified_anything() -> None:
    lines = message(study()).split("\r")
    first = next(number for number, line in enumerate(lines) if line.startswith("OBX|2|"))
    below = []
    for line in lines[first + 1 :]:
        if not line.startswith("NTE|"):
            break
        below.append(line)
    assert "No person has verified it." in below[0]
    assert any("upper right region" in line for line in below)
    assert [line.split("|")[1] for line in below] == [str(n) for n in range(1, len(below) + 1)]


def test_the_order_is_that_of_the_study_and_not_verified() -> None:
    obr = parsed(study()).segment("OBR")
    assert text(obr[3]) == text(obr[18]) == "A-77"
    assert text(obr[4]).startswith("363679005^Imaging procedure^SCT^chest-radiograph^")
    assert (text(obr[7]), text(obr[22])) == ("20250614101112+0200", "20250615150640+0000")
    assert (text(obr[24]), text(obr[25]), text(obr[44])) == ("RAD", "R", "^Thorax")
    assert text(obr[16]) == "^Ref^Erring^^^^^^^L^^^^^A"


def test_photographs_are_no_radiology() -> None:
    (series, made) = study().series
    told = study(series=(replace(series, modality="XC"), made))
    assert text(parsed(told).segment("OBR")[24]) == "OTH"


def test_the_patient_is_named_with_prefix_and_suffix_where_hl7_has_them() -> None:
    pid = parsed(study()).segment("PID")
    assert text(pid[3]) == "P-1^^^HOSPITAL^PI"
    names = text(pid[5]).split("~")
    assert names[0] == "Doe^Jane^Q^III^Dr^^L^A"
    assert names[1] == "土井^ジェーン^^^^^L^I"
    assert (text(pid[7]), text(pid[8])) == ("19600102", "F")


def test_under_a_pseudonym_nobody_is_named() -> None:
    told = study(identity=None)
    pid = parsed(told).segment("PID")
    assert text(pid[3]) == f"{KEY}^^^radnode^ANON"
    assert text(pid[5]) == "~^^^^^^S"
    assert text(parsed(told).segment("OBR")[3]) == STUDY
    for secret in SECRETS:
        assert secret not in message(told)


def test_a_patient_without_name_and_id_is_nobody_else() -> None:
    pid = parsed(study(identity=Identity())).segment("PID")
    assert text(pid[3]).endswith("^ANON")
    assert text(pid[5]) == "~^^^^^^S"


def test_what_was_withdrawn_is_posted_as_wrong() -> None:
    told = STUDIES["withdrawn"]
    assert text(parsed(told).segment("OBR")[25]) == "C"
    assert {text(one[11]) for one in observations(told)[1:]} == {"W"}
    assert "This result is withdrawn: it must not be used." in notes(told)


@pytest.mark.parametrize(("name", "status"), [("one failed", "X"), ("one awaited", "I")])
def test_an_analysis_without_a_result_has_an_order_that_says_so(name: str, status: str) -> None:
    orders = list(parsed(STUDIES[name]).segments("OBR"))
    assert [text(one[1]) for one in orders] == ["1", "2"]
    assert [text(one[25]) for one in orders] == ["R", status]


def test_a_finding_without_a_code_has_its_words() -> None:
    told = study(exported_analysis(of_an_earlier_version()))
    assert text(observations(told)[1][3]) == "^Opacity of the lung"


# Texts of strangers

texts = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), max_size=30).map(str.strip)


@given(label=texts.filter(bool), value=texts.filter(bool), reason=texts.filter(bool), patient_id=texts.filter(bool))
def test_whatever_strangers_write_comes_back(label: str, value: str, reason: str, patient_id: str) -> None:
    made = account()
    (series,) = made.series
    claims = (replace(made.claims[0], label=label, code=Code(value, "99X", label)), *made.claims[1:])
    made = replace(made, claims=claims, series=(replace(series, findings=(), abstained=reason),))
    told = study(exported_analysis(made, algorithm=ALGORITHM), identity=replace(IDENTITY, patient_id=patient_id))
    read = hl7.parse(message(told))
    _, first, *_ = list(read.segments("OBX"))
    assert len(read) == len(message(told).split("\r")) - 1, "no text began a segment"
    assert [read.unescape(str(first[3][0][n])) for n in (0, 1)] == [value, label]
    assert read.unescape(str(read.segment("PID")[3][0][0])) == patient_id
    assert f"Not assessed: {reason}" in notes(told)
