"""`radnode deidentify`: what it writes, says, notes and refuses."""

from __future__ import annotations

import csv
from pathlib import Path

import pydicom
import pytest

from node.cli.operator import operator
from node.ledger import Event
from tests.cli.conftest import Site
from tests.peers.hospital import CANARY


def noted(site: Site, study: str) -> list[Event]:
    return [one for one in site.ledger.events.of_study(study) if "deidentify" in str(one.detail.get("command"))]


def test_copies_of_several_studies_lie_in_folders_of_their_own(site: Site, tmp_path: Path) -> None:
    out, mapping = tmp_path / "out", tmp_path / "map.csv"
    said = site.text("deidentify", site.answered, site.failed, "--out", str(out), "--map", str(mapping))
    assert said == f"wrote 2 of 2 objects to {out}\n"
    copies = [pydicom.dcmread(path) for path in sorted(out.rglob("*.dcm"))]
    assert len({ds.StudyInstanceUID for ds in copies}) == len(list(out.iterdir())) == 2
    assert CANARY not in str(copies)
    with mapping.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["study_instance_uid"] for row in rows} == {site.answered, site.failed}
    assert {row["pseudonym"] for row in rows} == {str(ds.PatientID) for ds in copies}
    assert mapping.stat().st_mode & 0o077 == 0


def test_who_gave_what_away_stands_in_the_trail(site: Site, tmp_path: Path) -> None:
    site.run("deidentify", site.answered, "--out", str(tmp_path / "out"), "--dates", "shift", "--keep", "patient")
    begun, event = noted(site, site.answered)
    assert begun.detail["command"] == "begin deidentify --dates shift --keep patient", "also if it is killed then"
    assert event.detail == {
        "command": "deidentify --dates shift --keep patient",
        "operator": operator(),
        "objects": 1,
        "left_out": 0,
    }


def test_what_is_left_out_is_named_with_the_reason_and_the_status_says_so(site: Site, tmp_path: Path) -> None:
    done = site.run("deidentify", site.ignored, "--out", str(tmp_path / "out"))  # an ultrasound image
    assert done.exit_code == 1
    assert "usually bear a patient's name" in done.output
    assert "--pixels-are-clean" in done.output
    assert CANARY not in done.output
    (one,) = site.json("deidentify", site.ignored, "--out", str(tmp_path / "out"))
    assert (one["path"], "usually bear" in one["reason"]) == ("", True)
    assert site.run("deidentify", site.ignored, "--out", str(tmp_path / "out"), "--pixels-are-clean").exit_code == 0


def test_regions_of_the_operator_count(site: Site, tmp_path: Path) -> None:
    regions, out = tmp_path / "regions.toml", tmp_path / "out"
    regions.write_text('[[regions]]\nmodality = "US"\nboxes = [[0, 0, 32, 8]]\n')
    assert site.run("deidentify", site.ignored, "--out", str(out), "--regions", str(regions)).exit_code == 0
    (path,) = out.rglob("*.dcm")
    assert not pydicom.dcmread(path).pixel_array[:8].any()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("1.2.3.4.5",), "there is no such study"),
        (("ANSWERED", "--regions", "nowhere.toml"), "it is no table of regions"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_written(
    site: Site, tmp_path: Path, arguments: tuple[str, ...], why: str
) -> None:
    given = [one.replace("ANSWERED", site.answered) for one in arguments]
    error = site.refusal("deidentify", *given, "--out", str(tmp_path / "out"))
    assert why in str(error)
    assert not (tmp_path / "out").exists()
    assert noted(site, site.answered) == []


def test_an_export_that_breaks_off_is_noted_as_far_as_it_came(site: Site, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("no folder")
    error = site.refusal("deidentify", site.answered, "--out", str(tmp_path / "out"))
    assert "is --out a folder that you may write" in str(error)
    _, event = noted(site, site.answered)
    assert event.detail["objects"] == 0


def test_the_key_of_the_pseudonyms_is_for_the_node_alone(site: Site, tmp_path: Path) -> None:
    site.run("deidentify", site.answered, "--out", str(tmp_path / "out"))
    assert (site.config.parent / "deidentification.key").stat().st_mode & 0o077 == 0
