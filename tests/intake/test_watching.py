"""Whatever keeps a source from its work, its thread goes on, and `radnode status` says why."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from node.config import Settings, WatchedFolder
from node.errors import SpoolError
from node.intake import watching
from node.intake.entry import Limits
from node.intake.folder import Watcher
from node.intake.watching import Source, Watching
from tests.intake.conftest import Ward
from tests.peers import until

Start = Callable[[Callable[[], str]], None]


@pytest.fixture
def start(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Watches what looks like that, until the test is over."""
    monkeypatch.setattr(watching, "AGAIN_SECONDS", 0.05)
    end, threads = threading.Event(), list[threading.Thread]()

    def run(look: Callable[[], str]) -> None:
        threads.append(Watching(Source("scans", look, 0.05), ward.ledger, end).start())

    yield run
    end.set()
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()


def trouble(ward: Ward) -> str:
    return ward.ledger.facts.troubles().get("input scans", "")


def test_a_ledger_that_is_locked_ends_no_watch(ward: Ward, settings: Settings, start: Start) -> None:
    folder = settings.node.data_dir / "scans"
    watcher = Watcher(WatchedFolder(name="scans", path=folder), ward.intake, Limits.of(settings))
    looks: list[str] = []

    def look() -> str:
        watcher.look()
        looks.append(watcher.trouble)
        return watcher.trouble

    with ward.ledger._database.write():
        start(look)
        until(lambda: len(looks) > 1, "a second look, after the ledger did not take what the first one found")
    until(lambda: "it is not there" in trouble(ward), "the trouble is shown once the ledger takes it")
    folder.mkdir()
    until(lambda: not trouble(ward), "the watch goes on, and the trouble is over")


def test_what_a_look_raises_is_shown_and_does_not_come_at_once_again(
    ward: Ward, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "AGAIN_SECONDS", 60.0)
    looks: list[int] = []

    def look() -> str:
        looks.append(1)
        raise SpoolError("only 3 MiB are free")

    start(look)
    until(lambda: "only 3 MiB are free" in trouble(ward), "a disk that is full is shown")
    threading.Event().wait(0.3)
    assert len(looks) == 1, "the source rests, however often it is looked at"


def test_what_nobody_has_thought_of_is_shown_with_its_place(ward: Ward, start: Start) -> None:
    start(lambda: str(1 // 0))
    until(lambda: trouble(ward).startswith("ZeroDivisionError at test_watching.py:"), "the place of an error")
