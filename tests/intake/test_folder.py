"""A watched folder: what is whole is taken and goes, what is not stays, and nothing is ever lost."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from node.config import Settings, WatchedFolder
from node.intake.entry import Limits
from node.intake.folder import Watcher
from node.intake.visit import Visit
from node.reconcile import compare
from tests.intake.conftest import Ward
from tests.peers import Hospital, until

Watch = Callable[..., Watcher]


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def watch(ward: Ward, settings: Settings, inbox: Path) -> Watch:
    def begin(**changes: Any) -> Watcher:
        values = {"name": "EXPORT", "path": inbox, "settle_seconds": 0, **changes}
        return Watcher(WatchedFolder(**values), ward.intake, Limits.of(settings))

    return begin


def bring(path: Path, inbox: Path, name: str = "") -> Path:
    """As a program does that knows how: written under another name, and renamed."""
    target = inbox / (name or path.name)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    shutil.copy(path, part)
    return part.rename(target)


def left(inbox: Path) -> list[str]:
    return sorted(str(path.relative_to(inbox)) for path in inbox.rglob("*") if path.is_file() or path.is_symlink())


def test_files_are_taken_once_from_all_subfolders_and_go(
    ward: Ward, watch: Watch, inbox: Path, hospital: Hospital
) -> None:
    for number, path in enumerate(hospital.slices(3)):
        bring(path, inbox, f"a/{number}/image")
    watcher = watch()
    watcher.look()
    assert left(inbox) == []
    assert ward.actions() == ["received"] * 3
    study = ward.ledger.studies.get(hospital.study_uid())
    assert (study.images, study.sender, watcher.trouble) == (3, "EXPORT", "")
    assert ward.ledger.studies.streaming(hospital.study_uid()).associations == 1, "more may come"
    watcher.look()
    assert ward.ledger.studies.streaming(hospital.study_uid()).associations == 0


def test_what_was_taken_may_be_moved_and_what_is_there_stays(
    ward: Ward, watch: Watch, inbox: Path, hospital: Hospital
) -> None:
    watcher = watch(when_taken="move")
    film = hospital.film()
    for _ in range(2):
        bring(film, inbox, "ct/a.dcm")
        watcher.look()
    assert left(inbox) == ["taken/ct/a.dcm", "taken/ct/a.dcm.2"]
    assert (inbox / "taken/ct/a.dcm").read_bytes() == film.read_bytes()
    watcher.look()
    assert ward.actions() == ["received", "received again"]


def test_what_is_refused_is_put_aside_with_the_reason(
    ward: Ward, watch: Watch, inbox: Path, hospital: Hospital
) -> None:
    (inbox / "letter.pdf").write_bytes(b"%PDF-1.7")
    (inbox / "empty").write_bytes(b"")
    with (inbox / "bomb.dcm").open("wb") as stream:
        os.truncate(stream.fileno(), 1 << 40)  # no block of it on the disk
    cut = bring(hospital.film(), inbox, "sub/cut.dcm")
    os.truncate(cut, cut.stat().st_size - 10)
    watch().look()
    names = ["bomb.dcm", "empty", "letter.pdf", "sub/cut.dcm"]
    assert left(inbox) == sorted(f"refused/{name}{end}" for name in names for end in ("", ".txt"))
    told = {name: (inbox / f"refused/{name}.txt").read_text() for name in names}
    assert "it is no DICOM file" in told["letter.pdf"]
    assert "What to do: send Part 10 files" in told["letter.pdf"]
    assert "longer than receive.max_object_mb allows" in told["bomb.dcm"]
    assert told["sub/cut.dcm"].startswith("Set aside: truncated")
    (row,) = ward.ledger.studies.set_aside()
    assert row["reason"].startswith("truncated")
    assert len(ward.files()) == 1


def test_a_file_that_still_grows_is_not_taken(ward: Ward, watch: Watch, inbox: Path, hospital: Hospital) -> None:
    now = [0.0]
    watcher = watch(settle_seconds=5)
    watcher._settling._clock = lambda: now[0]
    data = hospital.film().read_bytes()
    path = inbox / "film.dcm"
    for size in (200, 1000, len(data)):
        path.write_bytes(data[:size])
        watcher.look()
        now[0] += 4.9
        watcher.look()
        assert left(inbox) == ["film.dcm"]
        now[0] += 0.05
    now[0] += 0.1
    watcher.look()
    assert (left(inbox), ward.actions()) == ([], ["received"])


def test_a_file_that_somebody_has_open_for_writing_is_not_taken_however_long_it_rests(
    ward: Ward, watch: Watch, inbox: Path, hospital: Hospital
) -> None:
    watcher, data = watch(), hospital.film().read_bytes()
    with (inbox / "film.dcm").open("wb", buffering=0) as stream:
        stream.write(data[:1000])
        watcher.look()
        assert left(inbox) == ["film.dcm"]
        stream.write(data[1000:])
    watcher.look()
    assert (left(inbox), ward.actions()) == ([], ["received"])


@pytest.mark.parametrize("name", ["a.part", "a.dcm.TMP", ".hidden", "taken/a", "refused/a.dcm", ".folder/a"])
def test_what_is_not_finished_or_was_put_aside_is_left_alone(
    ward: Ward, watch: Watch, inbox: Path, hospital: Hospital, name: str
) -> None:
    (inbox / name).parent.mkdir(exist_ok=True)
    shutil.copy(hospital.film(), inbox / name)
    watch().look()
    assert (left(inbox), ward.trail()) == ([name], [])


def test_links_are_not_followed(ward: Ward, watch: Watch, inbox: Path, tmp_path: Path, hospital: Hospital) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    film = shutil.copy(hospital.film(), outside / "film.dcm")
    (inbox / "film.dcm").symlink_to(film)
    (inbox / "folder").symlink_to(outside)
    (inbox / "refused").symlink_to(outside)
    (inbox / "letter.pdf").write_bytes(b"%PDF")
    os.mkfifo(inbox / "pipe")
    watcher = watch()
    watcher.look()
    assert "received" not in ward.actions()
    assert os.listdir(outside) == ["film.dcm"]
    assert "put away: Not a directory" in watcher.trouble or "put away: Too many levels" in watcher.trouble
    assert (inbox / "letter.pdf").exists()


def test_a_file_that_cannot_go_is_not_taken_again_and_goes_once_it_can(
    ward: Ward, watch: Watch, inbox: Path, hospital: Hospital
) -> None:
    watcher = watch(when_taken="move")
    (inbox / "taken").write_bytes(b"in the way")
    bring(hospital.film(), inbox, "film.dcm")
    for _ in range(3):
        watcher.look()
        assert left(inbox) == ["film.dcm", "taken"]
        assert "put away: Not a directory" in watcher.trouble
    assert ward.actions() == ["received"]
    assert ward.ledger.studies.streaming(hospital.study_uid()).associations == 0, "it holds no study open"
    (inbox / "taken").unlink()
    watcher.look()
    assert (left(inbox), watcher.trouble) == (["taken/film.dcm"], "")
    assert ward.actions() == ["received"]


def test_a_file_that_comes_in_the_place_of_another_meanwhile_is_not_removed_for_it(
    ward: Ward, watch: Watch, inbox: Path, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = hospital.film(1), hospital.film(2)
    bring(first, inbox, "film.dcm")
    keep = Visit.keep

    def slow(visit: Visit, *args: Any) -> Any:
        taken = keep(visit, *args)
        if len(ward.files()) == 1:
            bring(second, inbox, "film.dcm")
        return taken

    monkeypatch.setattr(Visit, "keep", slow)
    watcher = watch()
    watcher.look()
    watcher.look()
    assert (left(inbox), ward.actions()) == ([], ["received", "received"])


def test_a_file_that_was_about_to_go_when_the_node_was_killed_is_taken_again_and_keeps_its_name(
    ward: Ward, watch: Watch, inbox: Path, hospital: Hospital
) -> None:
    watcher = watch(when_taken="move")
    bring(hospital.film(), inbox, "film.dcm")
    watcher.look()
    (inbox / "taken/film.dcm").rename(inbox / f".radnode-{'0' * 32}-film.dcm")
    watcher.look()
    assert (left(inbox), ward.actions()) == (["taken/film.dcm"], ["received", "received again"])


def test_a_file_that_nobody_has_thought_of_keeps_no_other_out(
    ward: Ward, watch: Watch, inbox: Path, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(hospital.film(1), inbox, "a.dcm")
    bring(hospital.film(2), inbox, "b.dcm")
    keep, calls = Visit.keep, iter((1, 2))

    def fail_once(visit: Visit, *args: Any) -> Any:
        if next(calls) == 1:
            raise KeyError("a mistake of ours")
        return keep(visit, *args)

    monkeypatch.setattr(Visit, "keep", fail_once)
    watch().look()
    assert left(inbox) == ["refused/a.dcm", "refused/a.dcm.txt"]
    assert sorted(ward.actions()) == ["object refused", "received"]


def test_while_the_ledger_is_locked_files_stay_and_are_taken_later(
    ward: Ward, watch: Watch, inbox: Path, hospital: Hospital
) -> None:
    watcher = watch()
    bring(hospital.film(), inbox, "film.dcm")
    with ward.ledger._database.write():
        watcher.look()
    assert left(inbox) == ["film.dcm"]
    assert "the ledger does not answer" in watcher.trouble
    watcher.look()
    assert (left(inbox), watcher.trouble) == ([], "")


def test_a_folder_that_is_away_is_said_to_be(watch: Watch, inbox: Path) -> None:
    watcher = watch()
    inbox.rmdir()
    watcher.look()
    assert watcher.trouble == f"the folder cannot be read: it is not there [{inbox}]"
    inbox.mkdir()
    watcher.look()
    assert watcher.trouble == ""


# As a process


def started(config: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "node.intake", str(config), "--lifeline"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_killed_again_and_again_it_loses_nothing_and_takes_nothing_twice(
    ward: Ward, data: Path, inbox: Path, tmp_path: Path, hospital: Hospital
) -> None:
    config = tmp_path / "radnode.toml"
    config.write_text(
        f'[node]\ndata_dir = "{data}"\n[storage]\nmin_free_mb = 1\n'
        f'[[inputs]]\nname = "EXPORT"\npath = "{inbox}"\nsettle_seconds = 0\nlook_seconds = 0.01\n'
    )
    paths = hospital.slices(120)
    for path in paths[:60]:
        bring(path, inbox)
    for step in range(3):
        with started(config) as process:
            assert process.stdout is not None
            process.stdout.readline()
            goal = 15 * (step + 1)
            until(lambda goal=goal: len(ward.files()) >= goal, "it has begun")  # type: ignore[misc]
            process.kill()
    for path in paths[60:]:
        bring(path, inbox)
    with started(config) as process:
        until(lambda: left(inbox) == [], "all are taken")
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    study = ward.ledger.studies.get(hospital.study_uid())
    assert study.images == len(paths)
    actions = ward.actions()
    assert actions.count("received") == len(paths)
    assert set(actions) <= {"received", "received again"}
    assert compare(ward.ledger, ward.spool, until=1e12).clean
