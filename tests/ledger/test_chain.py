"""The trail tells when somebody changed it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.ledger import Ledger
from tests.ledger.material import reported


@pytest.fixture
def trail(ledger: Ledger) -> Ledger:
    """With what happens to a study."""
    reported(ledger)
    assert len(ledger.events.of_study("1.2")) > 4
    return ledger


@pytest.fixture
def hand(trail: Ledger, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Somebody who goes to the file itself, and takes pains."""
    connection = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    for name in ("events_stay", "events_as_written"):
        connection.execute(f"DROP TRIGGER {name}")
    yield connection
    connection.close()


def test_a_trail_that_nobody_touched_is_whole(trail: Ledger) -> None:
    found = trail.events.verify()
    assert (found.broken, found.unchained, found.found) == (None, 0, True)
    assert found.events == len(trail.events.latest(1000))
    assert found.head == trail.events.head() != ""


@pytest.mark.parametrize("change", ["DELETE FROM events", "UPDATE events SET action = 'x'"])
def test_the_tables_refuse_changes(trail: Ledger, tmp_path: Path, change: str) -> None:
    connection = sqlite3.connect(tmp_path / "ledger.db")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(change)
    connection.close()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE events SET detail = '{}' WHERE id = 3",
        "UPDATE events SET at = at + 1 WHERE id = 3",
        "UPDATE events SET study_instance_uid = '9.9' WHERE id = 3",
        "UPDATE events SET analysis_id = 77 WHERE id = 3",
        "UPDATE events SET hash = 'x' WHERE id = 3",
        "DELETE FROM events WHERE id = 2",
        "INSERT INTO events SELECT 1000, at, study_instance_uid, analysis_id, action, detail, hash FROM events"
        " WHERE id = 1",
    ],
)
def test_a_change_breaks_the_chain_where_it_was_made(trail: Ledger, hand: sqlite3.Connection, change: str) -> None:
    hand.execute(change)
    assert trail.events.verify().broken in (3, 4, 1000)


def test_a_trail_whose_end_was_cut_off_lacks_the_digest_that_was_noted(trail: Ledger, hand: sqlite3.Connection) -> None:
    noted = trail.events.head()
    assert trail.events.verify(noted).found
    hand.execute("DELETE FROM events WHERE id = (SELECT max(id) FROM events)")
    found = trail.events.verify(noted)
    assert (found.broken, found.found) == (None, False)


def test_lines_of_an_earlier_version_are_counted_and_the_chain_begins_behind_them(
    trail: Ledger, hand: sqlite3.Connection
) -> None:
    hand.execute("DELETE FROM events WHERE id > 2")
    hand.execute("UPDATE events SET hash = ''")
    trail.events.add("something new")
    found = trail.events.verify()
    assert (found.events, found.unchained, found.broken) == (3, 2, None)
    hand.execute("UPDATE events SET hash = '' WHERE id = (SELECT max(id) FROM events)")
    trail.events.add("and more")
    hand.execute("UPDATE events SET hash = '' WHERE id = (SELECT max(id) FROM events)")
    assert trail.events.verify().unchained == 4, "who empties every digest has made a trail without a chain"
