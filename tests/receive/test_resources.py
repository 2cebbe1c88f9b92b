"""No space, no ledger: the peer learns it, nothing stays half-written, and it goes on when the trouble is over."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from node.ledger.arrivals import Arrivals
from node.spool.buffers import ROOM
from tests.receive.conftest import Running, Start
from tests.receive.material import film
from tests.receive.peer import P_DATA, fragment, pdu, store_command


@contextmanager
def locked(node: Running) -> Iterator[None]:
    """Somebody else holds the ledger."""
    connection = sqlite3.connect(node.ledger._database.path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


def test_below_the_watermark_the_answer_is_a700(start: Start) -> None:
    node = start(min_free_mb=1 << 30)
    with node.peer().associate() as peer:
        assert peer.store(film()) == 0xA700
        assert peer.echo() == 0x0000
    assert node.files() == []
    assert node.rows("SELECT * FROM instances") == []


def test_the_comment_says_what_to_do_and_fits_into_its_vr(start: Start) -> None:
    node = start(min_free_mb=1 << 30)
    with node.peer().associate() as peer:
        peer.send(store_command() + pdu(P_DATA, fragment(3, film())))
        comment = peer.answer()[0x0902]
    assert comment.startswith(b"out of resources")
    assert len(comment) <= 64


def test_a_disk_that_fills_up_inside_a_dataset_leaves_nothing(node: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    true_write = os.write
    written: list[int] = []

    def write(descriptor: int, data: bytes) -> int:
        written.append(len(data))
        if len(written) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return true_write(descriptor, data)

    with node.peer().associate() as peer:
        monkeypatch.setattr("node.spool.incoming.os.write", write)
        assert peer.store(film({0x7FE00010: b"\0" * (ROOM + 200_000)}), piece=100_000) == 0xA700
        monkeypatch.undo()
        assert node.unfinished() == []
        assert node.files() == []
        assert peer.store(film()) == 0x0000
    assert len(node.files()) == 1


def test_a_sync_that_fails_is_no_success(node: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with node.peer().associate() as peer:
        monkeypatch.setattr("node.spool.background._aio_fsync", None)
        monkeypatch.setattr("node.spool.background.os.fsync", fsync)
        assert peer.store(film()) == 0xA700
        monkeypatch.undo()
        assert peer.store(film()) == 0x0000
    assert len(node.series()) == 1


def test_while_the_ledger_is_locked_the_answer_is_a700(start: Start) -> None:
    node = start(busy_seconds=0.2)
    with node.peer().associate() as peer:
        with locked(node):
            assert peer.store(film()) == 0xA700
        assert node.rows("SELECT * FROM instances") == []
        assert peer.store(film()) == 0x0000
        peer.release()
    assert len(node.files()) == 1
    node.wait_for(lambda: bool(node.rows("SELECT * FROM associations WHERE ending = 'released'")))


def test_a_short_lock_is_waited_for(start: Start) -> None:
    node = start(busy_seconds=5)
    holding, done = threading.Event(), threading.Event()

    def hold() -> None:
        with locked(node):
            holding.set()
            done.wait(0.3)

    holder = threading.Thread(target=hold)
    holder.start()
    holding.wait()
    with node.peer().associate() as peer:
        assert peer.store(film()) == 0x0000
    done.set()
    holder.join()


def test_an_association_that_ends_while_the_ledger_is_locked_is_closed_later(start: Start) -> None:
    node = start(busy_seconds=0.1)
    with node.peer().associate() as peer:
        peer.store(film())
        with locked(node):
            peer.release()
            time.sleep(0.3)  # several tries fail
    node.wait_for(lambda: node.rows("SELECT * FROM associations WHERE closed_at IS NULL") == [])


def test_an_error_nobody_foresaw_is_answered_as_processing_failure(
    node: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def record(self: Arrivals, arrivals: object) -> None:
        raise sqlite3.IntegrityError("no such thing")

    with node.peer().associate() as peer:
        monkeypatch.setattr(Arrivals, "record", record)
        assert peer.store(film()) == 0x0110
        monkeypatch.undo()
        assert peer.store(film()) == 0x0000


def test_a_file_that_cannot_be_read_back_is_no_success(node: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    long = film({0x7FE00010: b"\0" * ROOM})  # of a shorter one the header is read from memory
    with node.peer().associate() as peer:
        monkeypatch.setattr("node.spool.incoming.mmap.mmap", read)
        assert peer.store(long) == 0xA700
        monkeypatch.undo()
        assert peer.store(long) == 0x0000
    assert len(node.files()) == 1
