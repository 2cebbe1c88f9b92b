"""Who waits for the ledger is woken by commits of this process and of others, and not before."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from node.changes import Changes
from node.ledger import Ledger
from tests.peers import until

LONG = 30.0


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.db")


@pytest.fixture
def changes(ledger: Ledger) -> Iterator[Changes]:
    made = Changes(ledger)
    yield made
    made.stop()


def waiting(changes: Changes, before: int) -> threading.Thread:
    thread = threading.Thread(target=changes.wait, args=(before, LONG))
    thread.start()
    return thread


@contextmanager
def watching(changes: Changes) -> Iterator[None]:
    """Its thread runs, and ends when it is stopped, however long it would rest."""
    watch = threading.Thread(target=changes.watch)
    watch.start()
    until(lambda: changes._writes is not None, "it watches")
    try:
        yield
    finally:
        changes.stop()
        watch.join(LONG / 2)
    assert not watch.is_alive()


def test_a_commit_of_this_process_wakes_without_a_watch(ledger: Ledger, changes: Changes) -> None:
    thread = waiting(changes, changes.count)
    ledger.events.add("something")
    thread.join(LONG)
    assert not thread.is_alive()


def test_a_commit_of_somebody_else_wakes(tmp_path: Path, changes: Changes) -> None:
    with watching(changes):
        thread = waiting(changes, changes.count)
        until(lambda: Ledger(tmp_path / "ledger.db").events.add("something") or not thread.is_alive(), "it is woken")


def test_the_kernel_tells_of_a_commit_of_another_process(
    tmp_path: Path, changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.changes._LOOK_SECONDS", LONG)  # by itself it would look too late
    monkeypatch.setattr("node.changes._TOLD_SECONDS", LONG)
    monkeypatch.setattr("node.changes._COMMIT_SECONDS", 0.5)  # it looks once, however slow the machine is
    with watching(changes):
        thread = waiting(changes, changes.count)
        write = "import sys; from pathlib import Path; from node.ledger import Ledger\n"
        write += "Ledger(Path(sys.argv[1])).events.add('something')"
        subprocess.run([sys.executable, "-c", write, str(tmp_path / "ledger.db")], check=True)
        thread.join(LONG / 2)
        assert not thread.is_alive()


def test_where_the_kernel_tells_nothing_it_looks_by_itself(
    tmp_path: Path, changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.writes._watched", lambda _: None)
    with watching(changes):
        thread = waiting(changes, changes.count)
        until(lambda: Ledger(tmp_path / "ledger.db").events.add("something") or not thread.is_alive(), "it is woken")


def test_what_changed_since_the_look_began_is_not_missed(ledger: Ledger, changes: Changes) -> None:
    before = changes.count
    ledger.events.add("something")
    changes.wait(before, LONG)
    assert changes.count > before


def test_a_commit_that_was_undone_wakes_nobody(ledger: Ledger, changes: Changes) -> None:
    before = changes.count
    with pytest.raises(ZeroDivisionError), ledger._database.write():
        raise ZeroDivisionError
    assert changes.count == before


def test_a_long_look_in_vain_is_followed_by_a_longer_rest(ledger: Ledger, changes: Changes) -> None:
    before, begun = changes.count, time.monotonic()
    ledger.events.add("something")
    changes.wait(before, LONG, took=0.01)
    assert time.monotonic() - begun >= 0.09


def test_who_is_stopped_does_not_wait(changes: Changes) -> None:
    changes.stop()
    changes.wait(changes.count, LONG, took=LONG)
