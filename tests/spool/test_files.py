"""Files that are whole or not there."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from node.errors import SpoolError
from node.spool import Spool, safely, write_once
from node.spool.background import Sync
from node.spool.buffers import ROOM

ROOT = Path(__file__).parents[2]


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    one = Spool(tmp_path / "spool")
    one.prepare()
    return one


def parts(spool: Spool) -> list[Path]:
    """Everything that was left half-done."""
    return list(spool.root.rglob("*.part"))


def fails(number: int) -> Callable[..., None]:
    def call(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return call


# Receiving


def test_what_is_kept_lies_under_its_name_with_its_bytes(spool: Spool) -> None:
    with spool.receive() as incoming:
        incoming.write(b"DICM")
        incoming.write(memoryview(b"data"))
        incoming.write(bytearray(b"!"))
        assert incoming.size == 9
        relative = incoming.keep("ab12")
    assert relative == "instances/ab/ab12.dcm"
    assert spool.path(relative).read_bytes() == b"DICMdata!"
    assert list(spool.files()) == [relative]
    assert parts(spool) == []


def received(spool: Spool, data: bytes, piece: int) -> tuple[str, str]:
    """Digest and path of a dataset that comes in pieces, after a preface."""
    with spool.receive() as incoming:
        incoming.write(b"preface")
        for start in range(0, len(data), piece):
            incoming.add(data[start : start + piece])
        digest = incoming.digest()
        return digest, incoming.keep("ab12")


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 7, (1 << 20) - 6, 5 << 20])
def test_the_digest_is_of_the_dataset_alone_whether_a_thread_goes_after_it_or_not(spool: Spool, size: int) -> None:
    data = random.Random(size).randbytes(size)
    digest, path = received(spool, data, 100_000)
    assert digest == hashlib.sha256(data).hexdigest()
    assert spool.path(path).read_bytes() == b"preface" + data


def test_a_large_dataset_that_is_given_up_leaves_neither_file_nor_thread(spool: Spool) -> None:
    before = set(threading.enumerate())
    with spool.receive() as incoming:
        for _ in range(20):
            incoming.add(bytes(200_000))
        assert [one.name for one in set(threading.enumerate()) - before] == ["follower"]
    assert set(threading.enumerate()) == before
    assert parts(spool) == []


def test_without_a_thread_to_spare_the_digest_is_the_same(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert received(spool, bytes(3 << 20), 200_000)[0] == hashlib.sha256(bytes(3 << 20)).hexdigest()


def test_what_cannot_be_read_again_is_not_kept(spool: Spool) -> None:
    with spool.receive() as incoming:
        incoming.add(bytes(2 << 20))
        incoming.size += 1  # as if more had been written than is there
        with pytest.raises(SpoolError, match="lost its end"):
            incoming.digest()
    assert list(spool.files()) == []


def test_what_is_not_kept_leaves_nothing(spool: Spool) -> None:
    with spool.receive() as incoming:
        incoming.write(b"half")
    assert list(spool.files()) == []
    assert parts(spool) == []


def test_nothing_lies_under_the_final_name_before_it_is_whole(spool: Spool) -> None:
    incoming = spool.receive()
    incoming.write(b"half")
    assert list(spool.files()) == []
    incoming.discard()
    incoming.discard()


def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Syncs are done by os.fsync, as where the C library cannot do them in the background."""
    monkeypatch.setattr("node.spool.background._aio_fsync", None)


def steps_of(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is synced, by the name that it has at that time, and what takes the place of a file that is there."""
    steps: list[str] = []
    fsync, rename = os.fsync, Path.rename

    def watch(descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        steps.append(path.suffix or path.name)
        fsync(descriptor)

    def watch_rename(path: Path, target: Path) -> Path:
        steps.append("replaced")
        return rename(path, target)

    at_once(monkeypatch)
    monkeypatch.setattr(os, "fsync", watch)
    monkeypatch.setattr(Path, "rename", watch_rename)
    return steps


def test_file_and_folder_are_synced_before_keep_returns(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = steps_of(monkeypatch)
    with spool.receive() as incoming:
        incoming.write(b"data")
        incoming.keep("ab12")
    assert steps == [".dcm", "ab"]


def test_a_file_that_is_there_is_replaced_by_one_that_is_synced(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    (spool.root / "instances/ab/ab12.dcm").write_bytes(b"acknowledged")
    steps = steps_of(monkeypatch)
    with spool.receive() as incoming:
        incoming.write(b"the same")
        incoming.keep("ab12")
    assert steps == [".part", "replaced", "ab"]
    assert (spool.root / "instances/ab/ab12.dcm").read_bytes() == b"the same"
    assert parts(spool) == []


def test_where_the_file_system_cannot_tell_the_sync_comes_first(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.spool.safely._renameat2", None)
    steps = steps_of(monkeypatch)
    with spool.receive() as incoming:
        incoming.write(b"data")
        incoming.keep("ab12")
    assert steps == [".part", "replaced", "ab"]


@pytest.mark.parametrize("is_there", [False, True])
def test_a_sync_that_fails_leaves_no_byte_of_it_and_what_was_there(
    spool: Spool, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    target = spool.root / "instances/ab/ab12.dcm"
    if is_there:
        target.write_bytes(b"acknowledged")
    with monkeypatch.context() as patched, spool.receive() as incoming:
        incoming.write(b"data")
        at_once(patched)
        patched.setattr(os, "fsync", fails(errno.EIO))
        with pytest.raises(SpoolError):
            incoming.keep("ab12")
    assert parts(spool) == []
    assert target.read_bytes() == (b"acknowledged" if is_there else b"")


class Failing(Sync):
    """A sync that begins well, and fails at the end; of a folder, or of a file."""

    of_folder = False

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor)
        self.is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)

    def error(self) -> OSError | None:
        super().error()
        return OSError(errno.EIO, "Input/output error") if self.is_folder is self.of_folder else None


@pytest.mark.parametrize("of_folder", [False, True])
def test_a_sync_that_fails_in_the_background_says_so_whenever_it_is_asked(
    spool: Spool, monkeypatch: pytest.MonkeyPatch, of_folder: bool
) -> None:
    monkeypatch.setattr(Failing, "of_folder", of_folder)
    monkeypatch.setattr("node.spool.incoming.Sync", Failing)
    with spool.receive() as incoming:
        incoming.write(b"data")
        path = incoming.begin_to_keep("ab12")
        for _ in range(2):
            with pytest.raises(SpoolError, match="Input/output error"):
                incoming.settle()
    assert spool.size(path) == 0


def test_a_folder_that_cannot_be_synced_costs_no_file_that_was_there(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    (spool.root / "instances/ab/ab12.dcm").write_bytes(b"acknowledged")
    monkeypatch.setattr(Failing, "of_folder", True)
    monkeypatch.setattr("node.spool.incoming.Sync", Failing)
    with spool.receive() as incoming:
        incoming.write(b"acknowledged")
        path = incoming.begin_to_keep("ab12")
        with pytest.raises(SpoolError):
            incoming.settle()
    assert spool.path(path).read_bytes() == b"acknowledged"


def test_what_nobody_waits_for_is_let_go_of_when_it_is_synced(spool: Spool) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for number in range(50):
        with spool.receive() as incoming:
            incoming.write(b"data")
            path = incoming.begin_to_keep(f"ab{number}")
        assert spool.path(path).read_bytes() == b"data"
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("size", [1, 4096, 65535, 65536, 65537, 200_000, ROOM - 1, ROOM, ROOM + 1])
@pytest.mark.parametrize("disk", ["writes past the cache", "has no such writes", "fails at them", "writes less"])
def test_what_is_written_past_the_page_cache_is_what_came(
    spool: Spool, monkeypatch: pytest.MonkeyPatch, size: int, disk: str
) -> None:
    data, is_past, flags = random.Random(size).randbytes(size), False, list[int]()
    set_flags, write = safely.fcntl, os.write

    def set_flags_there(descriptor: int, command: int, value: int) -> None:
        nonlocal is_past
        if value and disk == "has no such writes":
            raise OSError(errno.EINVAL, "as a tmpfs of old")
        set_flags(descriptor, command, value)
        is_past = bool(value)
        flags.append(value)

    def write_there(descriptor: int, piece: memoryview) -> int:
        if is_past and disk == "fails at them":
            raise OSError(errno.EIO, "as a disk")
        return write(descriptor, piece[:5000] if is_past and disk == "writes less" else piece)

    monkeypatch.setattr(safely, "fcntl", set_flags_there)
    monkeypatch.setattr(os, "write", write_there if disk in ("fails at them", "writes less") else write)
    with spool.receive() as incoming:
        incoming.add(data)
        path = incoming.keep("ab12")
    assert spool.path(path).read_bytes() == data
    is_tried = 65536 <= size <= ROOM and disk != "has no such writes"
    assert flags == ([os.O_DIRECT, 0] if is_tried else [])


def test_many_at_once_do_not_meet(spool: Spool) -> None:
    several = [spool.receive() for _ in range(10)]
    for number, incoming in enumerate(several):
        incoming.write(bytes([number]))
    names = [incoming.keep(f"aa{number}") for number, incoming in enumerate(several)]
    assert [spool.path(name).read_bytes() for name in names] == [bytes([n]) for n in range(10)]
    for incoming in several:
        incoming.discard()


def test_no_file_descriptor_is_left_open(spool: Spool) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for number in range(20):
        with spool.receive() as incoming:
            incoming.write(b"x")
            if number % 2:
                incoming.keep(f"aa{number}")
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO, errno.EDQUOT])
@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_disk_error_is_temporary_says_why_and_leaves_nothing(
    spool: Spool, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    def receive_one() -> None:
        with spool.receive() as incoming:
            at_once(monkeypatch)
            monkeypatch.setattr(os, call, fails(number))
            incoming.write(b"data")
            incoming.keep("ab12")

    with pytest.raises(SpoolError, match=os.strerror(number)) as caught:
        receive_one()
    monkeypatch.undo()
    assert caught.value.temporary
    assert not any(spool.size(path) for path in spool.files())
    assert parts(spool) == []


def test_a_write_that_is_short_is_continued(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
    with spool.receive() as incoming:
        incoming.write(b"0123456789")
        relative = incoming.keep("ab12")
    assert spool.path(relative).read_bytes() == b"0123456789"


def test_a_file_is_held_in_memory_until_it_is_too_long_for_that(spool: Spool) -> None:
    with spool.receive() as incoming:
        incoming.write(b"preface")
        incoming.add(bytes(ROOM - 7))
        whole = incoming.whole()
        assert whole is not None
        assert bytes(whole) == b"preface" + bytes(ROOM - 7)
        incoming.add(b"x")
        assert incoming.whole() is None
        assert spool.path(incoming.keep("ab12")).read_bytes() == b"preface" + bytes(ROOM - 7) + b"x"


def test_what_is_held_stays_until_the_file_is_let_go(spool: Spool) -> None:
    with spool.receive() as incoming:
        incoming.write(b"data")
        incoming.keep("ab12")
        assert incoming.whole() == b"data"
    assert incoming.whole() is None


def test_the_next_file_is_begun_before_it_comes_and_only_one(spool: Spool) -> None:
    spool.get_ready()
    spool.get_ready()
    (part,) = parts(spool)
    with spool.receive() as incoming:
        assert parts(spool) == [part]
        incoming.write(b"data")
        incoming.keep("ab12")
    assert parts(spool) == []


def test_a_file_that_is_not_needed_is_put_away(spool: Spool) -> None:
    spool.put_away()
    spool.get_ready()
    spool._ready.append(spool._begin())  # two threads may have found none at the same time
    spool.put_away()
    assert parts(spool) == []


def test_a_file_that_cannot_be_begun_is_the_next_senders_to_hear_of(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "gone")
    spool.get_ready()
    with pytest.raises(SpoolError):
        spool.receive()


# Space


def test_below_the_watermark_nothing_is_taken(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", min_free_mb=1 << 30)
    spool.prepare()
    with pytest.raises(SpoolError, match="MiB are free, the watermark is 1073741824 MiB"):
        spool.receive()
    assert parts(spool) == []


def test_without_a_watermark_every_byte_may_be_used(spool: Spool) -> None:
    spool.check_space()
    assert spool.free_bytes() > 0


def test_a_spool_that_is_gone_is_an_error_of_the_spool(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "gone")
    with pytest.raises(SpoolError, match="No such file"):
        spool.check_space()
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(SpoolError, match="cannot be written"):
        Spool(blocker / "spool").prepare()


# Writing


def test_a_file_of_an_analysis_is_written_with_its_folder(spool: Spool) -> None:
    assert spool.write("work/7/sr.dcm", b"report") == "work/7/sr.dcm"
    assert spool.path("work/7/sr.dcm").read_bytes() == b"report"


def test_writing_again_replaces_the_whole_file(spool: Spool) -> None:
    spool.write("work/7/sr.dcm", b"a long first report")
    spool.write("work/7/sr.dcm", b"second")
    assert spool.path("work/7/sr.dcm").read_bytes() == b"second"
    assert [path.name for path in spool.path("work/7").iterdir()] == ["sr.dcm"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_failed_write_leaves_the_file_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    path = tmp_path / "report.dcm"
    write_once(path, b"first")
    monkeypatch.setattr(os, "fsync", fails(number))
    with pytest.raises(SpoolError, match=os.strerror(number)):
        write_once(path, b"second")
    assert path.read_bytes() == b"first"
    assert [one.name for one in tmp_path.iterdir()] == ["report.dcm"]


def test_files_are_for_the_node_alone(spool: Spool) -> None:
    with spool.receive() as incoming:
        relative = incoming.keep("ab12")
    assert spool.path(relative).stat().st_mode & 0o077 == 0
    assert spool.path("instances").stat().st_mode & 0o077 == 0


# Removing and sweeping


def test_files_and_folders_are_removed_and_what_is_gone_is_no_error(spool: Spool) -> None:
    spool.write("work/7/sr.dcm", b"report")
    spool.remove("work/7")
    spool.remove("work/7")
    spool.remove("instances/ab/gone.dcm")
    assert not spool.path("work/7").exists()


def test_a_sweep_removes_what_an_earlier_life_left_half_received(spool: Spool) -> None:
    with spool.receive() as incoming:
        incoming.keep("ab12")
    unfinished = spool.receive()
    unfinished.write(b"half")
    assert spool.sweep() == 1
    assert parts(spool) == []
    assert list(spool.files()) == ["instances/ab/ab12.dcm"]
    unfinished.discard()
    assert spool.sweep() == 0


def test_preparing_again_changes_nothing(spool: Spool) -> None:
    with spool.receive() as incoming:
        incoming.keep("ab12")
    spool.prepare()
    assert list(spool.files()) == ["instances/ab/ab12.dcm"]


RECEIVER = """
import sys
from pathlib import Path
from node.spool import Spool

spool = Spool(Path(sys.argv[1]))
spool.prepare()
for number in range(100_000):
    with spool.receive() as incoming:
        for _ in range(8):
            incoming.write(bytes([number % 256]) * 4096)
        incoming.keep(f"{number % 256:02x}{number}")
    print(number, flush=True)
"""


@pytest.mark.parametrize("last", [1, 7, 20])
def test_kill_9_leaves_whole_files_and_everything_that_was_kept(tmp_path: Path, last: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", RECEIVER, str(tmp_path / "spool")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line == f"{last}\n":
            break
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate(timeout=30)
    spool = Spool(tmp_path / "spool")
    files = set(spool.files())
    for number in [*range(last + 1), *(int(line) for line in rest.splitlines())]:
        assert f"instances/{number % 256:02x}/{number % 256:02x}{number}.dcm" in files
    assert {len(spool.path(one).read_bytes()) for one in files} == {8 * 4096}
    spool.sweep()
    assert parts(spool) == []
