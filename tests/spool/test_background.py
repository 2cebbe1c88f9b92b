"""Syncs in the background."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from node.spool import background
from node.spool.background import Sync
from tests.peers import system_program

_PROGRAM = """
import os, sys
from node.spool.background import Sync
descriptor = os.open(sys.argv[1], os.O_RDONLY)
folder = os.open(os.path.dirname(sys.argv[1]), os.O_RDONLY)
for sync in [Sync(descriptor), Sync(folder)]:
    assert sync.error() is None
print("told", flush=True)
"""


def test_this_machine_syncs_in_the_background() -> None:
    assert background._aio_fsync is not None


def test_the_kernel_has_synced_file_and_folder_when_they_are_done(tmp_path: Path) -> None:
    path, record = tmp_path / "file", tmp_path / "calls"
    path.write_bytes(b"data")
    command = [system_program("strace"), "-f", "-y", "-e", "trace=fsync,write", "-o", str(record)]
    subprocess.run([*command, sys.executable, "-c", _PROGRAM, str(path)], check=True, stdout=subprocess.DEVNULL)
    calls = record.read_text().partition("told")[0]
    assert f"<{path}>" in calls
    assert f"<{tmp_path}>" in calls
    assert calls.count("= 0") >= 2


@pytest.mark.parametrize("at_once", [False, True])
def test_an_error_is_told_each_time(monkeypatch: pytest.MonkeyPatch, at_once: bool) -> None:
    if at_once:
        monkeypatch.setattr(background, "_aio_fsync", None)
    reading, writing = os.pipe()
    sync = Sync(reading)  # a pipe cannot be synced
    for _ in range(2):
        error = sync.error()
        assert error is not None
        assert error.errno == errno.EINVAL
    os.close(reading)
    os.close(writing)


def test_without_a_thread_it_is_done_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = list[int]()
    monkeypatch.setattr(background, "_aio_fsync", lambda *_: -1)
    monkeypatch.setattr(os, "fsync", synced.append)
    with (tmp_path / "file").open("wb") as stream:
        sync = Sync(stream.fileno())
        assert synced == [stream.fileno()]
        assert sync.error() is None


def test_many_are_under_way_at_a_time(tmp_path: Path) -> None:
    descriptors = [os.open(tmp_path / str(number), os.O_CREAT | os.O_RDWR) for number in range(100)]
    assert [sync.error() for sync in [Sync(descriptor) for descriptor in descriptors]] == [None] * 100
    for descriptor in descriptors:
        os.close(descriptor)
