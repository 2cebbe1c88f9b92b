"""Files of other people, sent from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.config import Destination
from node.deliver import Outcome, Verdict, send_files
from tests.deliver.material import SC, STUDY, dicom_file, results
from tests.deliver.peers import EvilPacs, dicom, free_port

# pynetdicom drops the socket of a connection that was refused without closing it.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


def by_name(outcomes: list[Outcome]) -> dict[str, Verdict]:
    return {outcome.outgoing.path.name: outcome.verdict for outcome in outcomes}


def test_every_file_has_one_outcome_and_progress_hears_of_each(tmp_path: Path) -> None:
    objects, note, heard = results(tmp_path, 3), tmp_path / "note.txt", []
    note.write_text("no image")
    paths = [note, *(one.path for one in objects), objects[0].path]
    with EvilPacs() as pacs:
        outcomes = send_files(dicom(pacs.port), paths, "CALLER", heard.append)
    assert outcomes == heard
    assert by_name(outcomes) == {note.name: Verdict.UNSENDABLE} | {one.path.name: Verdict.DELIVERED for one in objects}
    assert pacs.calling == ["CALLER"]
    (reason,) = [outcome.reason for outcome in outcomes if not outcome.delivered]
    assert reason == "this is no DICOM file (PS3.10 7.1)"


def test_two_files_of_one_object_are_two_files(tmp_path: Path) -> None:
    first = dicom_file(tmp_path)
    copy = tmp_path / "copy.dcm"
    copy.write_bytes(first.path.read_bytes())
    with EvilPacs() as pacs:
        outcomes = send_files(dicom(pacs.port), [first.path, copy], "CALLER")
    assert by_name(outcomes) == {first.path.name: Verdict.DELIVERED, "copy.dcm": Verdict.DELIVERED}
    assert pacs.stored == [first.sop_instance_uid] * 2


def test_a_destination_that_is_gone_is_the_outcome_of_every_file_it_did_not_take(tmp_path: Path) -> None:
    outcomes = send_files(dicom(free_port()), [one.path for one in results(tmp_path)], "CALLER")
    assert [outcome.verdict for outcome in outcomes] == [Verdict.TEMPORARY] * 2
    assert all("cannot be reached" in outcome.reason for outcome in outcomes)


def test_a_destination_that_rejects_us_is_the_outcome_too(tmp_path: Path) -> None:
    with EvilPacs(reject=[(1, 1, 3)]) as pacs:
        (outcome,) = send_files(dicom(pacs.port), [dicom_file(tmp_path).path], "STRANGER")
    assert outcome.verdict is Verdict.PERMANENT
    assert "calling AE title not recognized" in outcome.reason


def test_one_refused_class_leaves_the_other_files_alone(tmp_path: Path) -> None:
    heatmap, report = results(tmp_path)
    with EvilPacs(takes=[SC]) as pacs:
        outcomes = send_files(dicom(pacs.port), [report.path, heatmap.path], "CALLER")
    assert by_name(outcomes) == {heatmap.path.name: Verdict.DELIVERED, report.path.name: Verdict.PERMANENT}


def test_a_folder_as_destination_is_ordered_by_study(tmp_path: Path) -> None:
    outgoing = dicom_file(tmp_path)
    folder = Destination(name="out", kind="folder", path=tmp_path / "out")
    (outcome,) = send_files(folder, [outgoing.path], "CALLER")
    assert outcome.delivered
    assert (tmp_path / "out" / STUDY / f"{outgoing.sop_instance_uid}.dcm").is_file()


def test_nothing_to_send_is_no_error(tmp_path: Path) -> None:
    assert send_files(dicom(free_port()), [], "CALLER") == []
    (outcome,) = send_files(dicom(free_port()), [tmp_path / "gone.dcm"], "CALLER")
    assert outcome.reason == "the file is not there"
