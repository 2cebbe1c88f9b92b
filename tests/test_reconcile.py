"""Spool and ledger are compared: nothing that lies in one of them alone goes unseen."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from node import reconcile
from node.config import StorageSettings
from node.ledger import Ledger
from node.receive.kept import arrival_of, claim_of, digest_of, meta_of, name_of
from node.reconcile import GRACE_SECONDS, NOTED, TORN, compare
from node.retention import Retention
from node.spool import Spool
from node.states import StudyState
from node.study import Outcome
from tests.peers import Hospital

OLD = time.time() - 10 * GRACE_SECONDS


@dataclass
class Node:
    """Ledger, spool, and files that come in."""

    ledger: Ledger
    spool: Spool
    hospital: Hospital

    def keep(self, image: int = 1, written: float = OLD, **changes: object) -> str:
        """A film lies in the spool, and nobody knows of it yet; its path."""
        film = self.hospital.film(image=image, **changes)
        meta, start = meta_of(film)
        with self.spool.receive() as incoming:
            incoming.write(film.read_bytes())
            path = incoming.keep(name_of(claim_of(meta), digest_of(film, start)))
        os.utime(self.spool.path(path), (written, written))
        return path

    def receive(self, image: int = 1, **changes: object) -> str:
        """It was received in order."""
        path = self.keep(image, **changes)
        assert self.record(path) in (Outcome.NEW, Outcome.DUPLICATE)
        return path

    def record(self, path: str) -> Outcome:
        return self.ledger.arrivals.record([arrival_of(self.spool.path(path), path, "a1")])[0]

    def reconcile(self, *, whole: bool = True) -> reconcile.Difference:
        return reconcile.reconcile(self.ledger, self.spool, whole=whole)

    def purge(self) -> str:
        """A film came, is nobody's, and its files are removed; its path."""
        path = self.receive(1)
        (study,) = self.ledger.studies.latest(1)
        self.ledger.studies.complete(study, "quiet", partial=False, expected=None)
        self.ledger.analyses.route(study.study_instance_uid, [], ["nobody"], 1)
        assert self.grow_old() == 1
        assert self.files == []
        return path

    def grow_old(self) -> int:
        """What retention removes when all that lies here has done so for as long as it is kept."""
        retention = Retention(StorageSettings(keep_days=1), self.ledger, self.spool)
        return retention.purge(time.time() + 86401)

    @property
    def files(self) -> list[str]:
        return list(self.spool.files())

    @property
    def images(self) -> int:
        return sum(study.images for study in self.ledger.studies.latest(10))


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    ledger, spool = Ledger(tmp_path / "ledger.db"), Spool(tmp_path / "spool", 1)
    spool.prepare()
    yield Node(ledger, spool, Hospital(tmp_path / "hospital"))
    ledger.close()


def test_what_is_in_order_is_left_alone(node: Node) -> None:
    node.receive(1)
    node.receive(2)
    found = node.reconcile()
    assert (found.clean, found.files, found.instances, node.images) == (True, 2, 2, 2)


def test_a_file_without_a_row_is_taken_as_if_it_had_just_come(node: Node) -> None:
    path = node.keep()
    assert node.reconcile().without_row == (path,)
    (study,) = node.ledger.studies.latest(10)
    assert (study.state, study.images) == (StudyState.RECEIVING, 1)
    assert node.reconcile().clean
    assert node.images == 1


def test_it_is_taken_once_when_its_peer_sends_it_again(node: Node) -> None:
    path = node.keep()
    node.reconcile()
    assert node.record(path) is Outcome.DUPLICATE


def test_a_file_that_may_still_get_its_row_is_not_looked_at(node: Node) -> None:
    node.keep(written=time.time())
    assert node.reconcile().files == 0
    assert node.images == 0


def test_before_a_receiver_runs_every_file_is_looked_at(node: Node) -> None:
    node.keep(written=time.time() - 1)
    reconcile.reconcile(node.ledger, node.spool, whole=False, until=time.time())
    assert node.images == 1


def test_only_what_was_written_since_the_last_time_is_looked_at(node: Node) -> None:
    node.receive(1)
    node.ledger.facts.note_time(NOTED, time.time())
    node.keep(2)  # too old to be of a life after the last comparison
    assert node.reconcile(whole=False).files == 0
    assert compare(node.ledger, node.spool).files == 2
    node.ledger.facts.note_time(NOTED, 0.0)  # as after an older copy of the ledger was put back
    assert len(node.reconcile(whole=False).without_row) == 1
    assert node.ledger.facts.time_of(NOTED) == pytest.approx(time.time(), abs=60)


def test_a_set_aside_object_has_its_row_too(node: Node) -> None:
    node.receive(1)
    path = node.keep(2)
    arrival = arrival_of(node.spool.path(path), path, "a1")
    node.ledger.arrivals.record([replace(arrival, defect="it is broken")])
    assert node.reconcile().clean


#: A VR that there is not, in two places; a group length that is no number.
DAMAGES = {
    b"\x02\x00\x03\x00UI": b"\x02\x00\x03\x00UX",
    b"\x02\x00\x00\x00UL": b"\x02\x00\x00\x00UX",
    b"\x02\x00\x00\x00UL\x04\x00": b"\x02\x00\x00\x00UL\x03\x00",
}


@pytest.mark.parametrize("sound", DAMAGES)
def test_a_damaged_header_keeps_no_other_file_from_being_taken(node: Node, sound: bytes) -> None:
    damaged, whole = node.keep(1), node.keep(2)
    file = node.spool.path(damaged)
    data = file.read_bytes()
    file.write_bytes(data.replace(sound, DAMAGES[sound], 1))
    os.utime(file, (OLD, OLD))
    assert file.read_bytes() != data
    found = node.reconcile()
    assert (found.unreadable, found.without_row) == ((damaged,), (whole,))
    assert node.images == 1


def test_a_file_that_says_nothing_of_itself_is_named_and_left(node: Node) -> None:
    path = node.keep()
    node.spool.path(path).write_bytes(b"torn")
    os.utime(node.spool.path(path), (OLD, OLD))
    assert node.reconcile().unreadable == (path,)
    assert node.spool.path(path).exists()


@pytest.mark.parametrize("is_sound", [True, False])
def test_a_file_without_a_row_is_synced_before_it_has_one(
    node: Node, monkeypatch: pytest.MonkeyPatch, is_sound: bool
) -> None:
    path, synced, fsync = node.keep(), list[str](), os.fsync

    def watch(descriptor: int) -> None:
        if not is_sound:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        assert node.images == 0
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watch)
    node.reconcile()
    assert node.images == is_sound
    file = node.spool.path(path).resolve()
    assert synced == ([str(file), str(file.parent)] if is_sound else [])


def test_an_empty_file_is_named_and_gives_way_to_the_whole_one(node: Node) -> None:
    path = node.keep()
    whole = node.spool.path(path).read_bytes()
    os.truncate(node.spool.path(path), 0)
    os.utime(node.spool.path(path), (OLD, OLD))
    assert node.reconcile().unreadable == (path,)
    node.spool.path(path).write_bytes(whole)
    assert node.record(path) is Outcome.NEW
    assert node.reconcile().clean


def test_a_file_that_ends_where_an_element_does_is_torn_and_gives_way_to_the_whole_one(node: Node) -> None:
    path = node.keep()
    whole = node.spool.path(path).read_bytes()
    pixels = whole.rindex(b"\xe0\x7f\x10\x00OW")  # (7FE0,0010), the last element
    os.truncate(node.spool.path(path), pixels)
    os.utime(node.spool.path(path), (OLD, OLD))
    node.reconcile()
    assert node.images == 0
    assert [row["reason"] for row in node.ledger.studies.set_aside()] == [TORN]
    node.spool.path(path).write_bytes(whole)  # its peer, which had no answer, sends it again
    assert node.record(path) is Outcome.NEW
    assert node.images == 1
    assert node.reconcile().clean


def test_after_a_clock_that_was_ahead_every_file_is_looked_at(node: Node) -> None:
    node.ledger.facts.note_time(NOTED, time.time() + 86400)
    node.keep()
    assert len(node.reconcile(whole=False).without_row) == 1


@pytest.mark.parametrize("torn", [False, True])
def test_an_acknowledged_object_whose_file_is_gone_or_torn_is_said_to_be_missing(node: Node, torn: bool) -> None:
    path = node.receive(1)
    node.receive(2)
    if torn:
        os.truncate(node.spool.path(path), 500)
    else:
        node.spool.remove(path)
    (missing,) = node.reconcile().missing
    assert missing.path == path
    assert node.images == 1
    assert len(node.ledger.studies.series(missing.study_instance_uid)[0].instances) == 1
    assert "1 acknowledged objects have lost their files" in node.ledger.facts.troubles()["spool"]
    assert node.ledger.events.of_study(missing.study_instance_uid)[-1].action == "file missing"
    assert node.reconcile().missing == (), "it is told once, and shown until it is back"
    assert "spool" in node.ledger.facts.troubles()


def test_what_was_missing_counts_again_when_it_is_sent_again(node: Node) -> None:
    path = node.receive(1)
    node.receive(2)
    (study,) = node.ledger.studies.latest(1)
    assert node.ledger.studies.complete(study, "quiet", partial=False, expected=None)
    node.spool.remove(path)
    node.reconcile()
    node.receive(1)
    (study,) = node.ledger.studies.latest(1)
    assert (study.images, study.state, study.revision) == (2, StudyState.RECEIVING, 2)
    assert node.reconcile().clean
    assert node.ledger.facts.troubles() == {}


def test_files_of_a_study_that_was_purged_are_not_missing(node: Node) -> None:
    path = node.receive(1)
    (study,) = node.ledger.studies.latest(1)
    node.ledger.studies.complete(study, "quiet", partial=False, expected=None)
    node.ledger.analyses.route(study.study_instance_uid, [], ["nobody"], 1)
    assert node.ledger.studies.begin_purge(study.study_instance_uid, time.time() + 1) == [path]
    node.spool.remove(path)
    assert node.reconcile().clean


# What comes again of a study whose files are gone, or comes late


def test_what_was_purged_before_a_late_image_came_is_not_lost_and_the_late_one_is_watched(node: Node) -> None:
    node.purge()
    late = node.receive(2)
    assert node.reconcile().clean, "the rule removed it"
    assert node.ledger.facts.troubles() == {}
    node.spool.remove(late)
    (missing,) = node.reconcile().missing
    assert missing.path == late
    assert "1 acknowledged objects have lost their files" in node.ledger.facts.troubles()["spool"]


def test_a_late_image_is_purged_in_its_turn(node: Node) -> None:
    node.purge()
    node.receive(2)
    (study,) = node.ledger.studies.latest(1)
    node.ledger.studies.complete(study, "quiet", partial=False, expected=None)
    node.ledger.analyses.route(study.study_instance_uid, [], ["nobody"], study.revision)
    assert (node.grow_old(), node.files) == (1, [])
    assert node.reconcile().clean


def test_a_purge_that_was_killed_before_a_late_image_came_leaves_files_that_count_again(
    node: Node,
) -> None:
    path = node.receive(1)
    (study,) = node.ledger.studies.latest(1)
    node.ledger.studies.complete(study, "quiet", partial=False, expected=None)
    node.ledger.analyses.route(study.study_instance_uid, [], ["nobody"], 1)
    assert node.ledger.studies.begin_purge(study.study_instance_uid, time.time()) == [path]  # and here it is killed
    node.receive(2)
    assert node.ledger.studies.purged(study.study_instance_uid) == 1
    assert node.reconcile().without_row == (path,)
    assert (node.images, node.ledger.studies.purged(study.study_instance_uid)) == (2, 0)
    assert node.reconcile().clean


@pytest.mark.parametrize("changes", [{}, {"BodyPartExamined": "HAND"}])
def test_what_comes_again_of_a_purged_study_is_kept_as_long_as_any_file_and_then_goes(
    node: Node, changes: dict[str, object]
) -> None:
    node.purge()
    path = node.keep(1, **changes)
    assert node.record(path) is (Outcome.SET_ASIDE if changes else Outcome.DUPLICATE)
    assert node.reconcile().clean, "no other object of it is missed"
    assert (node.images, node.ledger.studies.expired(time.time() - 60)) == (1, [])
    assert node.grow_old() == 1
    assert node.files == []
    assert node.grow_old() == 0


def test_a_result_of_ours_that_comes_back_to_a_purged_study_goes_too(node: Node) -> None:
    node.purge()
    assert node.record(node.keep(2, Manufacturer="radnode")) is Outcome.OWN_RESULT
    assert node.grow_old() == 1
    assert node.files == []


def test_what_came_again_without_its_row_is_found_and_goes(node: Node) -> None:
    path = node.purge()
    assert node.keep(1) == path  # and here the receiver was killed
    assert compare(node.ledger, node.spool).without_row == (path,)
    node.reconcile()
    assert compare(node.ledger, node.spool).clean
    assert (node.files, node.grow_old(), node.files) == ([path], 1, [])


def test_a_file_that_the_disk_does_not_let_go_keeps_no_other(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = node.receive(patient=1)
    node.receive(patient=2)
    for study in node.ledger.studies.latest(2):
        node.ledger.studies.complete(study, "quiet", partial=False, expected=None)
        node.ledger.analyses.route(study.study_instance_uid, [], ["nobody"], 1)
    unlink = Path.unlink

    def refused(path: Path, missing_ok: bool = False) -> None:
        if path.name == Path(stuck).name:
            raise OSError(errno.EIO, "Input/output error")
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", refused)
    with capture_logs() as logs:
        assert (node.grow_old(), node.files) == (1, [stuck])
    assert [(one["event"], one["path"]) for one in logs] == [("file cannot be removed", stuck)]
    monkeypatch.undo()
    assert (node.grow_old(), node.files) == (1, []), "the next purge goes on with it"


def test_of_what_was_set_aside_what_went_is_noted_though_one_stays(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck, gone = node.keep(1), node.keep(2)
    for path in (stuck, gone):
        node.ledger.arrivals.record([replace(arrival_of(node.spool.path(path), path, "a1"), defect="it is broken")])
    remove = node.spool.remove

    def refused(relative: str) -> None:
        if relative == stuck:
            raise OSError(errno.EIO, "Input/output error")
        remove(relative)

    monkeypatch.setattr(node.spool, "remove", refused)
    node.grow_old()
    assert (node.files, node.ledger.studies.count_set_aside()) == ([stuck], 1)
    monkeypatch.undo()
    node.grow_old()
    assert (node.files, node.ledger.studies.count_set_aside()) == ([], 0)


def test_what_comes_again_while_its_study_is_purged_goes_with_the_next_purge(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, remove = node.receive(1), node.spool.remove

    def removed(relative: str) -> None:
        remove(relative)
        if relative == path:
            monkeypatch.undo()
            assert node.record(node.keep(1)) is Outcome.DUPLICATE

    (study,) = node.ledger.studies.latest(1)
    node.ledger.studies.complete(study, "quiet", partial=False, expected=None)
    node.ledger.analyses.route(study.study_instance_uid, [], ["nobody"], 1)
    monkeypatch.setattr(node.spool, "remove", removed)
    assert Retention(StorageSettings(), node.ledger, node.spool).remove(study.study_instance_uid, time.time())
    assert (node.files, node.grow_old(), node.files) == ([path], 1, [])


def test_nothing_is_changed_by_who_only_looks_or_has_to_stop(node: Node) -> None:
    node.keep(1)
    node.spool.remove(node.receive(2))
    assert not compare(node.ledger, node.spool).clean
    assert not reconcile.reconcile(node.ledger, node.spool, whole=True, stopping=lambda: True).clean
    assert node.images == 1
    assert node.ledger.facts.time_of(NOTED) == 0.0


# What was set aside, and is of no study


def test_what_was_set_aside_goes_after_as_many_days_as_any_file(node: Node) -> None:
    path = node.keep(1)
    node.ledger.arrivals.record([replace(arrival_of(node.spool.path(path), path, "a1"), defect="it is broken")])
    assert Retention(StorageSettings(keep_days=1), node.ledger, node.spool).purge(time.time()) == 0
    assert node.files == [path]
    node.grow_old()
    assert (node.files, node.ledger.studies.count_set_aside()) == ([], 0)
    assert node.reconcile().clean
    assert node.ledger.events.latest(1)[0].action == "files purged"
    node.grow_old()
    assert node.ledger.events.latest(1)[0].detail == {"set_aside": 1}


def test_without_days_what_was_set_aside_stays(node: Node) -> None:
    path = node.keep(1)
    node.ledger.arrivals.record([replace(arrival_of(node.spool.path(path), path, "a1"), defect="it is broken")])
    Retention(StorageSettings(keep_days=0), node.ledger, node.spool).purge(time.time() + 86400)
    assert node.files == [path]
