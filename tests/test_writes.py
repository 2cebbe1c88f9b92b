"""The kernel tells when a file is written, by whatever process; and whoever waits can be stopped."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import pytest

from node.writes import Writes

LONG = 30.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "log ä"
    file.write_bytes(b"")
    return file


def test_what_another_process_writes_is_told_once(path: Path) -> None:
    with Writes(path) as writes:
        assert writes.told
        assert not writes.wait(0.0)
        subprocess.run(["/bin/sh", "-c", 'echo x >> "$0"', str(path)], check=True)
        assert writes.wait(LONG)
        assert not writes.wait(0.0)


def test_who_waits_can_be_stopped(path: Path) -> None:
    with Writes(path) as writes:
        told = []
        thread = threading.Thread(target=lambda: told.append(writes.wait(LONG)))
        thread.start()
        writes.stop()
        thread.join(LONG / 2)
        assert told == [True]


def test_a_file_that_cannot_be_watched_is_waited_for_all_the_same(path: Path) -> None:
    with Writes(path.with_name("missing")) as writes:
        assert not writes.told
        assert not writes.wait(0.01)


def test_no_descriptor_is_left(path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for file in (path, path.with_name("missing")):
        with Writes(file):
            pass
    assert len(os.listdir("/proc/self/fd")) == before
