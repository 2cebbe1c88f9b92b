"""What comes as the bytes of a Part 10 file is taken as if it had come over C-STORE."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian

from node.config import Settings
from node.errors import LedgerBusy, SpoolError
from node.intake import Intake, Reason, Refused
from node.ledger import Ledger
from node.receive.server import Receiver
from node.reconcile import compare
from node.spool import Spool
from node.study import Outcome
from tests.intake.conftest import Ward
from tests.peers import Hospital, storescu
from tests.peers.ports import free_port

COLUMNS = (
    "sop_instance_uid, study_instance_uid, series_instance_uid, sop_class_uid, transfer_syntax_uid, path, sha256,"
    " patient_key, instance_number, size, set_aside"
)


def take(ward: Ward, *paths: Path, source: str = "EXPORT") -> list[Outcome]:
    with ward.intake.visit(source) as visit:
        found = []
        for path in paths:
            with path.open("rb") as stream:
                found.append(visit.take(stream).outcome)
    return found


def test_the_row_and_the_file_are_those_of_the_receiver(
    ward: Ward, settings: Settings, hospital: Hospital, tmp_path: Path
) -> None:
    paths = [*hospital.slices(2), hospital.film(5, size=900)]  # the last is longer than a buffer
    assert take(ward, *paths) == [Outcome.NEW] * 3
    spool, ledger = Spool(tmp_path / "spool"), Ledger(tmp_path / "ledger.db")
    spool.prepare()
    port = free_port()
    node = settings.node.model_copy(update={"port": port})
    with Receiver(settings.model_copy(update={"node": node}), spool, ledger):
        assert storescu(port, paths, calling="EXPORT").exit_status == 0
    sql = f"SELECT {COLUMNS}, attributes FROM instances ORDER BY sop_instance_uid"  # noqa: S608  ours
    received = [tuple(row) for row in ledger._database.read(sql)]
    ledger.close()
    assert [tuple(row) for row in ward.rows(sql)] == received
    ours, theirs = ([Path(root, row[5]).read_bytes() for row in received] for root in (ward.spool.root, spool.root))
    assert ours == theirs
    assert compare(ward.ledger, ward.spool, until=1e12).clean


def test_a_study_stays_open_as_long_as_the_visit_and_its_sender_is_the_source(ward: Ward, hospital: Hospital) -> None:
    with ward.intake.visit("EXPORT") as visit, hospital.film().open("rb") as stream:
        visit.take(stream)
        uid = hospital.study_uid()
        assert ward.ledger.studies.streaming(uid).associations == 1
    (row,) = ward.rows("SELECT calling_ae, called_ae, peer, ending FROM associations")
    assert tuple(row) == ("EXPORT", "RADNODE", "", "released")
    assert ward.ledger.studies.streaming(uid).associations == 0
    assert ward.ledger.studies.get(uid).sender == "EXPORT"
    (series,) = ward.ledger.studies.series(uid)
    assert (series.attributes.calling_ae, series.attributes.called_ae) == ("EXPORT", "RADNODE")


def test_the_same_bytes_again_change_nothing(ward: Ward, hospital: Hospital) -> None:
    film = hospital.film()
    assert take(ward, film, film, source="A") == [Outcome.NEW, Outcome.DUPLICATE]
    assert take(ward, film, source="ANOTHER") == [Outcome.DUPLICATE]
    assert ward.actions() == ["received", "received again", "received again"]
    assert len(ward.files()) == 1
    assert compare(ward.ledger, ward.spool).clean


def test_what_is_wrong_inside_is_kept_and_set_aside(ward: Ward, hospital: Hospital) -> None:
    cut = hospital.film(2)
    cut.write_bytes(cut.read_bytes()[:-100])
    other = hospital.film(3)  # its File Meta Information names another instance
    other.write_bytes(other.read_bytes().replace(b".3.1.1.1", b".3.1.1.2", 1))
    film = hospital.film(4)
    assert take(ward, film) == [Outcome.NEW]
    changed = hospital.film(4, PixelData=b"\1" * 2048)
    assert take(ward, cut, other, changed) == [Outcome.SET_ASIDE] * 3
    reasons = [row["reason"] for row in ward.ledger.studies.set_aside()]
    assert any("truncated" in reason for reason in reasons)
    assert any("another instance than" in reason for reason in reasons)
    assert any("other content" in reason for reason in reasons)
    assert len(ward.files()) == 4


def refused(ward: Ward, data: bytes) -> Refused:
    with ward.intake.visit("EXPORT") as visit, pytest.raises(Refused) as caught:
        visit.take(io.BytesIO(data))
    assert ward.files() == ward.unfinished() == []
    assert ward.rows("SELECT * FROM associations") == []
    return caught.value


def test_what_is_no_object_for_us_leaves_nothing_and_says_why(ward: Ward, hospital: Hospital) -> None:
    assert refused(ward, b"%PDF-1.7" * 100).reason is Reason.NO_DICOM
    assert refused(ward, b"").reason is Reason.NO_DICOM
    whole = hospital.film().read_bytes()
    long = hospital.film(2, size=1100).read_bytes()  # 2.4 MB, the limit is 2
    assert refused(ward, long).reason is Reason.TOO_LONG
    directory = whole.replace(b"1.2.840.10008.5.1.4.1.1.1.1\0", b"1.2.840.10008.1.3.10\0\0\0\0\0\0\0\0")
    error = refused(ward, directory)
    assert (error.reason, error.claim is not None) == (Reason.SOP_CLASS, True)
    assert refused(ward, whole.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.9.9.9\0")).reason is Reason.SYNTAX


def test_one_of_another_study_than_was_said_is_refused_before_it_is_kept(ward: Ward, hospital: Hospital) -> None:
    for size in (32, 900):
        with ward.intake.visit("EXPORT") as visit, hospital.film(size=size).open("rb") as stream:
            with visit.begin() as entry:
                entry.read(stream)
                with pytest.raises(Refused) as caught:
                    visit.keep(entry, "1.2.3")
            assert caught.value.reason is Reason.OTHER_STUDY
        assert ward.files() == ward.unfinished() == []
    with ward.intake.visit("EXPORT") as visit, hospital.film().open("rb") as stream, visit.begin() as entry:
        entry.read(stream)
        assert visit.keep(entry, hospital.study_uid()).outcome is Outcome.NEW


def test_a_bomb_in_a_deflated_object_is_not_inflated(ward: Ward, hospital: Hospital) -> None:
    ds = hospital.image(PixelData=b"\0" * (64 << 20))
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    assert take(ward, hospital.write(ds)) == [Outcome.NEW]
    assert sum(path.stat().st_size for path in ward.files()) < 1 << 20


def test_a_disk_that_is_full_and_a_ledger_that_is_locked_keep_nothing(
    ward: Ward, settings: Settings, data: Path, hospital: Hospital
) -> None:
    film = hospital.film()
    with ward.ledger._database.write(), pytest.raises(LedgerBusy):
        take(ward, film)
    assert take(ward, film) == [Outcome.NEW]
    full = Spool(data / "spool", min_free_mb=1 << 40)
    visit = Intake(settings, full, ward.ledger).visit("EXPORT")
    with film.open("rb") as stream, pytest.raises(SpoolError, match="watermark"):
        visit.take(stream)


def test_refusals_stand_in_the_trail_once_a_minute(ward: Ward) -> None:
    with ward.intake.visit("EXPORT") as visit:
        for _ in range(3):
            visit.refuse(Refused(Reason.NO_DICOM))
    ward.intake.__exit__()
    (event,) = ward.trail()
    assert (event.action, event.detail["calling_ae"]) == ("object refused", "EXPORT")
    assert "no DICOM file" in str(event.detail["why"])
