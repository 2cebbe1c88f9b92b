"""What peers say goes into the trail without a patient's words, and with all that an operator needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.deliver.discretion import discreet, of_message, of_object
from tests.peers import Hospital

PRIVATE = ["Müller-Lüdenscheidt^Erika", "PAT 4711", "19601230", "A1-2"]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("tablespace full (ORA-01653)", "tablespace full (ORA-01653)"),
        (
            "SOP class 1.2.840.10008.5.1.4.1.1.88.22 not supported",
            "SOP class 1.2.840.10008.5.1.4.1.1.88.22 not supported",
        ),
        ("", ""),
        ("unknown patient Erika MÜLLER", "unknown patient *** ***"),
        ("patient id=4711 locked", "patient id=*** locked"),
        ("merged into Mustermann^Max, see him", "merged into ***, see him"),
        ("born 1960-12-30?", "born ***"),
        ("no order for 20260101123", "no order for ***"),
        ("id pat4711x, name 'Lüdensch", "id ***, name '***"),
        ("study A1-2: exists", "study ***: exists"),
    ],
)
def test_words_of_a_patient_are_hidden_and_those_of_the_trouble_stay(said: str, kept: str) -> None:
    assert discreet(said, PRIVATE) == kept


def test_who_an_object_is_about_is_read_from_its_file(hospital: Hospital) -> None:
    path = hospital.film(PatientName="Müller^Jane", PatientID="X 9", SpecificCharacterSet="ISO_IR 100")
    assert {"Müller^Jane", "X 9"} <= set(of_object(path))
    assert discreet("100 objects of Müller", of_object(path)) == "100 objects of ***"


def test_who_a_message_is_about_is_read_from_its_segments(tmp_path: Path) -> None:
    message = b"MSH|^~\\&|A\rPID|1||4711^^^H||Doe^Jane\rPV1|1|I\rOBX|1|NM|x||0.9\r"
    assert discreet("Jane Doe (4711) is unknown, 0.9", of_message(message)) == "*** *** (***) is unknown, 0.9"
