"""Copies as files: whole or not there, and nothing lost or said that should not be."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from node.confidentiality import Choices
from node.deidentify import Deidentifier, Export, Exported, Pseudonyms, Region
from node.errors import PermanentError
from tests.deidentify.material import CANARY, PSEUDONYMS, item
from tests.peers import Hospital

HEAD = Region(boxes=((0, 0, 32, 4),), modality="US")


def exported(out: Path, *files: tuple[Path, bool], regions: tuple[Region, ...] = (), **choices: Any) -> list[Exported]:
    return list(Export(out, Deidentifier(PSEUDONYMS, Choices(**choices), regions)).write(files))


def capture_of(hospital: Hospital, source: Dataset) -> Path:
    """A heatmap of this node."""
    reference = item(ReferencedSOPClassUID=source.SOPClassUID, ReferencedSOPInstanceUID=source.SOPInstanceUID)
    return hospital.write(hospital.image(series=9, Modality="OT", SourceImageSequence=[reference]))


def test_a_copy_lies_under_new_names_alone_and_its_preamble_is_empty(hospital: Hospital, tmp_path: Path) -> None:
    ds = hospital.image()
    ds.preamble = CANARY.encode().ljust(128, b"\1")
    (made,) = exported(tmp_path / "out", (hospital.write(ds), False))
    path = tmp_path / "out" / made.path
    assert made.path == f"{PSEUDONYMS.uid(ds.StudyInstanceUID)}/{PSEUDONYMS.uid(ds.SOPInstanceUID)}.dcm"
    data = path.read_bytes()
    assert data[:132] == b"\0" * 128 + b"DICM"
    assert CANARY.encode() not in data
    assert path.stat().st_mode & 0o077 == 0
    assert [one.name for one in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("syntax", [None, "RLELossless"])
def test_pixels_are_the_same_bytes_in_the_same_transfer_syntax(
    hospital: Hospital, tmp_path: Path, syntax: str | None
) -> None:
    ds = hospital.image(modality="CT")
    if syntax:
        ds.compress(getattr(pydicom.uid, syntax), generate_instance_uid=False)
    (made,) = exported(tmp_path / "out", (hospital.write(ds), False))
    copy = pydicom.dcmread(tmp_path / "out" / made.path)
    assert copy.PixelData == ds.PixelData
    assert copy.file_meta.TransferSyntaxUID == ds.file_meta.TransferSyntaxUID


@pytest.mark.parametrize(
    ("regions", "believed", "leaves"), [((), False, False), ((HEAD,), False, False), ((), True, True)]
)
def test_a_heatmap_leaves_only_if_its_source_left_untouched(
    hospital: Hospital, tmp_path: Path, regions: tuple[Region, ...], believed: bool, leaves: bool
) -> None:
    source = hospital.image(modality="US")
    files = ((hospital.write(source), False), (capture_of(hospital, source), True))
    made = exported(tmp_path / "out", *files, regions=regions, pixels_are_clean=believed)[1]
    assert bool(made.path) is leaves
    assert leaves or "shows an image that may bear a patient's name" in made.reason


def test_a_heatmap_whose_source_is_not_there_stays(hospital: Hospital, tmp_path: Path) -> None:
    (made,) = exported(tmp_path / "out", (capture_of(hospital, hospital.image(modality="CT")), True))
    assert made.path == ""


def test_what_is_no_dicom_or_gone_is_left_out_and_the_rest_is_written(hospital: Hospital, tmp_path: Path) -> None:
    (tmp_path / "text.dcm").write_text(f"no DICOM {CANARY}")
    files = [(tmp_path / "text.dcm", False), (tmp_path / "gone.dcm", False), (hospital.film(), False)]
    text, gone, film = exported(tmp_path / "out", *files)
    assert "cannot be read as DICOM" in text.reason
    assert "not in the spool any more" in gone.reason
    assert CANARY not in text.reason + gone.reason
    assert film.path


def test_values_that_pydicom_warns_of_are_not_told(
    hospital: Hospital, tmp_path: Path, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    path = hospital.film()
    data = path.read_bytes().replace(b"20260102", b"KANARI_X").replace(b"CHEST ", b"kan,ri")
    path.write_bytes(data)
    exported(tmp_path / "out", (path, False))
    told = capfd.readouterr()
    assert "KANARI_X" not in told.out + told.err
    assert [str(one.message) for one in recwarn.list] == []


def test_a_folder_that_cannot_be_written_is_named_with_a_hint(hospital: Hospital, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(PermanentError, match=r"cannot be written: .* - is --out a folder"):
        exported(tmp_path / "out", (hospital.film(), False))


def test_a_full_disk_leaves_no_part_of_a_file(
    hospital: Hospital, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(PermanentError):
        exported(tmp_path / "out", (hospital.film(), False))
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


def test_an_export_that_was_killed_leaves_whole_files_and_the_next_one_tidies_up(
    hospital: Hospital, tmp_path: Path
) -> None:
    files = [(path, False) for path in hospital.slices(6)]
    program = (
        "import os, sys; from pathlib import Path; from tests.deidentify.test_files import exported;"
        "rename, left = Path.rename, [3]\n"
        "def dying(self, to):\n    left[0] -= 1\n    os._exit(9) if left[0] < 0 else None\n"
        "    return rename(self, to)\n"
        "Path.rename = dying; exported(Path(sys.argv[1]), *[(Path(one), False) for one in sys.argv[2:]])"
    )
    out = tmp_path / "out"
    command = [sys.executable, "-c", program, str(out), *[str(path) for path, _ in files]]
    assert subprocess.run(command, cwd=Path(__file__).parents[2], check=False).returncode == 9
    (folder,) = out.iterdir()
    assert len(list(folder.glob(".*.part"))) == 1
    assert [pydicom.dcmread(path).SOPInstanceUID for path in folder.glob("*.dcm") if not path.name.startswith(".")]
    assert all(one.path for one in exported(out, *files))
    assert sorted(path.suffix for path in folder.iterdir()) == [".dcm"] * 6


def test_another_export_writes_the_same_bytes(hospital: Hospital, tmp_path: Path) -> None:
    film = hospital.film()
    found = [(tmp_path / name / exported(tmp_path / name, (film, False))[0].path).read_bytes() for name in "ab"]
    assert found[0] == found[1]


def test_a_key_that_several_make_at_one_time_is_one(tmp_path: Path) -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(Pseudonyms.of(tmp_path).uid("1.2"))) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(set(found)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["deidentification.key"]
    assert (tmp_path / "deidentification.key").stat().st_mode & 0o077 == 0


def test_a_damaged_key_is_refused_and_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "deidentification.key").write_bytes(b"short")
    with pytest.raises(PermanentError, match="put it back from a backup"):
        Pseudonyms.of(tmp_path)
    assert (tmp_path / "deidentification.key").read_bytes() == b"short"


def test_the_copy_names_its_maker_and_nobody_else_in_the_meta_information(hospital: Hospital, tmp_path: Path) -> None:
    ds = hospital.image()
    ds.file_meta.SourceApplicationEntityTitle = ds.file_meta.SendingApplicationEntityTitle = CANARY
    ds.file_meta.PrivateInformationCreatorUID, ds.file_meta.PrivateInformation = "1.2.3", CANARY.encode()
    (made,) = exported(tmp_path / "out", (hospital.write(ds), False))
    meta = pydicom.dcmread(tmp_path / "out" / made.path).file_meta
    assert {one.tag for one in meta} <= {Tag(2, number) for number in (0, 1, 2, 3, 16, 18, 19)}
    assert meta.MediaStorageSOPInstanceUID == PSEUDONYMS.uid(ds.SOPInstanceUID)
