"""What a message says: which studies it may be of, and what of it counts."""

from __future__ import annotations

import pytest

from node.review.hl7 import parse
from node.review.message import NO_TEXT, PRELIMINARY, Told, read_reports
from node.reviews import order_key, person_key
from tests.peers.ris import Report, document


def told(message: bytes) -> Told:
    (found,) = read_reports(parse(message))
    return found


def changed(**fields: str) -> bytes:
    """A report in which `fields` are put instead of what stands there, as `OBX_3="..."`."""
    lines = [line.split("|") for line in Report().message().decode().split("\r")]
    for name, value in fields.items():
        segment, number = name.split("_")
        line = next(one for one in lines if one[0] == segment)
        line += [""] * (int(number) + 1 - len(line))
        line[int(number)] = value
    return "\r".join("|".join(line) for line in lines).encode()


@pytest.mark.parametrize(
    ("obr", "obx", "status", "text"),
    [
        ("F", "F", "FINAL", "said"),
        ("C", "C", "CORRECTED", "said"),
        ("C", "F", "CORRECTED", "said"),
        ("F", "C", "CORRECTED", "said"),
        ("", "F", "FINAL", "said"),
        ("F", "", "FINAL", "said"),
        ("", "", "ASIDE", ""),
        ("P", "P", "ASIDE", ""),
        ("P", "F", "ASIDE", "said"),
        ("F", "P", "ASIDE", ""),
        ("R", "R", "ASIDE", ""),
        ("X", "X", "CORRECTED", ""),
        ("C", "W", "CORRECTED", ""),
        ("C", "D", "CORRECTED", ""),
    ],
)
def test_only_what_is_final_or_corrected_counts(obr: str, obx: str, status: str, text: str) -> None:
    found = told(changed(OBR_25=obr, OBX_11=obx, OBX_5="said"))
    heard = found.heard()
    assert (heard.status, found.text) == (status, text)
    assert heard.reason == (PRELIMINARY if status == "ASIDE" else "")


@pytest.mark.parametrize("kind", ["TX", "FT", "ST"])
def test_texts_of_every_type_count(kind: str) -> None:
    assert told(changed(OBX_2=kind, OBX_5="No pneumonia")).text == "No pneumonia"


@pytest.mark.parametrize("value", ["R91.8^No pneumonia^I10", "^^^^^^^^No pneumonia", "No pneumonia"])
def test_of_a_coded_value_the_words_count(value: str) -> None:
    assert told(changed(OBX_2="CWE", OBX_5=value)).text == "No pneumonia"


def test_a_picture_of_a_report_has_no_text() -> None:
    heard = told(changed(OBX_2="ED", OBX_5="^application^pdf^Base64^JVBERi0=")).heard()
    assert (heard.status, heard.reason) == ("ASIDE", NO_TEXT)


@pytest.mark.parametrize("name", ["11329-0^History^LN", "55115-0^Reason^LN", "XX^local^L^121060^History^DCM"])
def test_history_and_indication_do_not_count(name: str) -> None:
    assert told(changed(OBX_3=name)).heard().reason == NO_TEXT


UID = "1.2.840.113619.2.55.3"


@pytest.mark.parametrize(
    "message",
    [
        Report(study=UID).message(),
        Report().message() + f"OBX|2|HD|113014^DICOM Study^DCM||{UID}^^DICOM||||||F\r".encode(),
        Report().message() + f"OBX|2|ST|^Study Instance UID||{UID}||||||F\r".encode(),
        Report().message() + f"IPC|ACC1|RP1|{UID}|SPS1\r".encode(),
        changed(OBR_20=UID),
    ],
    ids=["ZDS", "OBX", "OBX without code", "IPC", "OBR"],
)
def test_a_study_instance_uid_is_found_wherever_senders_put_it(message: bytes) -> None:
    found = told(message)
    assert found.heard().names[0] == UID
    assert found.text == "No pneumonia."


def test_an_order_number_is_no_study_instance_uid() -> None:
    assert told(changed(OBR_3="2.71828", OBR_18="1.5")).uids == []


def test_an_accession_number_counts_with_each_id_of_the_patient() -> None:
    heard = told(changed(PID_3="A1^^^X~B2^^^Y", PID_2="C3", OBR_18="ACC9")).heard()
    assert heard.names[:3] == tuple(order_key("ACC9", one) for one in ("A1", "B2", "C3"))
    assert heard.patients == tuple(person_key(one) for one in ("A1", "B2", "C3"))


def test_nothing_of_the_patient_is_in_what_the_ledger_may_know() -> None:
    said = str(told(Report(study=UID).message()).heard())
    assert not [one for one in ("Canary", "PID1", "ACC1", "pneumonia") if one in said]


def test_each_order_of_a_message_is_a_report_of_its_own_patient() -> None:
    first, second = Report(accession="A1").message(), Report(accession="A2", patient="P2", text="Effusion").message()
    one, other = read_reports(parse(first + second.partition(b"\r")[2]))
    assert (one.patients, one.text, other.patients, other.text) == (["PID1"], "No pneumonia.", ["P2"], "Effusion")


def test_an_order_without_any_text_is_left_out_beside_one_with_text() -> None:
    message = Report().message().replace(b"OBR|1|", b"OBR|1|PL|OTHER\rOBR|2|")
    assert told(message).accessions[0] == "ACC1"


def test_a_reader_is_told_apart_without_a_name() -> None:
    one, other = told(Report().message()), told(changed(OBR_32="&Another"))
    assert one.reader.startswith("RIS HOSPITAL ")
    assert one.reader != other.reader
    assert "Reader" not in one.reader.replace("RIS HOSPITAL", "")


@pytest.mark.parametrize(
    ("event", "completion", "status"),
    [
        ("T02", "AU", "FINAL"),
        ("T02", "LA", "FINAL"),
        ("T02", "DI", "ASIDE"),
        ("T02", "", "ASIDE"),
        ("T06", "AU", "CORRECTED"),
        ("T06", "IN", "ASIDE"),
        ("T06", "AU||CA", "ASIDE"),
        ("T08", "AU||AV", "CORRECTED"),
        ("T08", "AU||UN", "ASIDE"),
        ("T08", "AU||OB", "CORRECTED"),
        ("T08", "AU", "CORRECTED"),
        ("T10", "LA", "CORRECTED"),
        ("T10", "IP", "ASIDE"),
    ],
)
def test_a_document_counts_once_it_is_signed(event: str, completion: str, status: str) -> None:
    found = told(document("No pneumonia.", event=event, completion=completion))
    assert found.heard().status == status
    assert found.heard().names == (order_key("ACC1", "PID1"),)
