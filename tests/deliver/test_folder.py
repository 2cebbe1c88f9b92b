"""Results in a folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.config import Destination
from node.deliver import Outgoing, Verdict, sender_for
from node.deliver.folder import folder_name, is_uid
from node.errors import DeliveryError
from tests.deliver.material import STUDY, results


def folder(path: Path) -> Destination:
    return Destination(name="folder", kind="folder", path=path)


def test_objects_lie_under_their_study(tmp_path: Path) -> None:
    objects = results(tmp_path)
    outcomes = list(sender_for(folder(tmp_path / "a" / "out"), "NODE").send(objects))
    assert [outcome.verdict for outcome in outcomes] == [Verdict.DELIVERED] * 2
    for outgoing in objects:
        target = tmp_path / "a" / "out" / STUDY / f"{outgoing.sop_instance_uid}.dcm"
        assert target.read_bytes() == outgoing.path.read_bytes()


def test_the_names_of_new_folders_are_on_the_disk_before_anything_counts_as_delivered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (outgoing,), synced = results(tmp_path, 1), list[Path]()
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        synced.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    out = tmp_path / "a" / "out"
    (outcome,) = sender_for(folder(out), "NODE").send([outgoing])
    assert outcome.delivered
    assert {tmp_path, tmp_path / "a", out, out / STUDY} <= set(synced)
    synced.clear()
    assert [one.delivered for one in sender_for(folder(out), "NODE").send([outgoing])] == [True]
    assert out not in synced, "only once"


def test_sending_twice_leaves_one_file_and_no_rest(tmp_path: Path) -> None:
    sender, objects = sender_for(folder(tmp_path / "out"), "NODE"), results(tmp_path, 1)
    assert all(outcome.delivered for _ in range(2) for outcome in sender.send(objects))
    assert len(list((tmp_path / "out").rglob("*"))) == 2  # the study's folder and the file


@pytest.mark.parametrize("uid", ["../../etc/passwd", "1.2/3", "", "1.2.03", "1." * 40 + "1", "1.2\n", "1..2", "１.2"])
def test_what_is_no_uid_is_no_part_of_a_path(tmp_path: Path, uid: str) -> None:
    assert not is_uid(uid)
    (outcome,) = sender_for(folder(tmp_path / "out"), "NODE").send([Outgoing(uid, "1.2", STUDY, tmp_path)])
    assert outcome.verdict is Verdict.UNSENDABLE
    assert not (tmp_path / "out").exists()


@given(st.text())
def test_a_study_instance_uid_from_outside_never_leaves_the_folder(uid: str) -> None:
    name = folder_name(uid)
    assert Path(name).name == name
    assert name not in (".", "..")
    assert name == uid or name.startswith("study-")
    assert folder_name(uid) == name


def test_a_study_without_a_proper_uid_has_a_folder_of_its_own(tmp_path: Path) -> None:
    (outgoing,) = results(tmp_path, 1)
    strange = Outgoing(outgoing.sop_instance_uid, outgoing.sop_class_uid, "../x", outgoing.path)
    (outcome,) = sender_for(folder(tmp_path / "out"), "NODE").send([strange])
    assert outcome.delivered
    assert (tmp_path / "out" / folder_name("../x") / f"{outgoing.sop_instance_uid}.dcm").is_file()


def test_a_folder_that_cannot_be_written_fails_as_a_whole_and_for_now(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    sender = sender_for(folder(blocker / "out"), "NODE")
    with pytest.raises(DeliveryError, match="cannot be written"):
        list(sender.send(results(tmp_path)))
    with pytest.raises(DeliveryError, match="cannot be written"):
        sender.echo()


def test_a_full_disk_is_temporary_and_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objects, out = results(tmp_path), tmp_path / "out"

    def no_space(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(DeliveryError, match="No space left on device") as caught:
        list(sender_for(folder(out), "NODE").send(objects))
    assert caught.value.temporary
    assert "A700" not in str(caught.value)
    assert [path for path in out.rglob("*") if path.is_file()] == []


def test_a_source_that_cannot_be_read_is_refused_alone(tmp_path: Path) -> None:
    good, bad = results(tmp_path)
    bad.path.unlink()
    outcomes = {o.outgoing: o.verdict for o in sender_for(folder(tmp_path / "out"), "NODE").send([bad, good])}
    assert outcomes == {good: Verdict.DELIVERED, bad: Verdict.UNSENDABLE}


def test_echo_makes_the_folder(tmp_path: Path) -> None:
    sender_for(folder(tmp_path / "out"), "NODE").echo()
    assert (tmp_path / "out").is_dir()
