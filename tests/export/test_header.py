"""Who and what a result object names, whatever a stranger had written there."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from node.export.exported import Identity
from node.export.header import algorithm, identity, number, read_header, text
from tests.export.material import account
from tests.report.material import analysis, built, by_uid, header


def report() -> Dataset:
    """A report as the node makes it."""
    source = header(TimezoneOffsetFromUTC="+0200")
    ((_, ds),) = built(analysis(source), by_uid(source), [], [], kinds=("sr",))
    return ds


def test_the_identity_is_that_of_the_source() -> None:
    assert identity(report()) == Identity(
        patient_name="Doe^Jane",
        patient_id="P-1",
        issuer_of_patient_id="HOSPITAL",
        patient_birth_date="19600102",
        patient_sex="F",
        accession_number="A-77",
        study_id="S1",
        study_date="20250614",
        study_time="101112",
        timezone_offset_from_utc="+0200",
        study_description="Thorax",
        referring_physician_name="Ref^Erring",
    )


def test_an_object_that_names_nobody_is_about_nobody() -> None:
    assert set(astuple(identity(Dataset()))) == {""}


def test_every_representation_of_a_name_is_kept() -> None:
    ds = Dataset()
    ds.PatientName = "Doi^Hiro=土井^弘=どい^ひろ"
    assert identity(ds).patient_name == "Doi^Hiro=土井^弘=どい^ひろ"


def test_several_values_are_one_text() -> None:
    ds = Dataset()
    ds.SoftwareVersions = ["1.2.0", "radnode 0.1.0"]
    assert text(ds, "SoftwareVersions") == "1.2.0\\radnode 0.1.0"


def test_the_algorithm_is_the_contributing_equipment() -> None:
    ds = report()
    made = algorithm(account(), ds)
    (equipment,) = ds.ContributingEquipmentSequence
    assert (made.device_uid, made.serial_number) == (equipment.DeviceUID, equipment.DeviceSerialNumber)
    assert (made.name, made.version, made.manufacturer) == ("chest-radiograph", "1.2.0", "radnode authors")
    assert made.research_only


def test_what_no_report_names_is_research_all_the_same() -> None:
    made = algorithm(account(), Dataset())
    assert (made.name, made.device_uid, made.research_only) == ("chest-radiograph", "", True)


def test_a_product_is_no_research() -> None:
    ds = report()
    ds.ContentQualification = "PRODUCT"
    assert not algorithm(account(), ds).research_only


@pytest.mark.parametrize("content", [b"", b"no DICOM at all", bytes(132), bytes(128) + b"DICM" + b"\x02\x00\x10"])
def test_a_file_that_cannot_be_read_says_nothing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.dcm"
    path.write_bytes(content)
    assert len(read_header(path)) == 0
    assert len(read_header(tmp_path / "missing.dcm")) == 0


def test_a_file_is_read_without_its_pixels(tmp_path: Path) -> None:
    report().save_as(tmp_path / "sr.dcm", enforce_file_format=True)
    assert text(read_header(tmp_path / "sr.dcm"), "Modality") == "SR"


def test_a_missing_instance_number_is_nought() -> None:
    ds = Dataset()
    assert number(ds) == 0
    ds.InstanceNumber = 10_001
    assert number(ds) == 10_001
