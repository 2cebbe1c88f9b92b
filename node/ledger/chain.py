"""The chain that makes the trail tell-tale: each event carries a digest of itself and of the digest before.

Who changes, removes or adds a line afterwards breaks the chain from there on; who cuts off its end is seen by whoever
has noted a later digest elsewhere (the node logs it once a day). The tables refuse both to anyone who is not at pains.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from node.ledger.database import Database

_COLUMNS = "id, at, study_instance_uid, analysis_id, action, detail, hash"
_CHUNK = 5000


@dataclass(frozen=True)
class Verified:
    """What a look at the whole chain found.

    Attributes:
        events: how many lines were looked at.
        unchained: lines that an earlier version wrote, before there was a chain.
        head: the last digest; empty when there is none.
        broken: id of the first line that does not fit; None when all do.
        found: whether the digest that was asked for is in the chain.
    """

    events: int
    unchained: int
    head: str
    broken: int | None
    found: bool


def digest(before: str, at: float, study: str, analysis_id: int | None, action: str, detail: str) -> str:
    """Of one event, hex. Args: before: digest of the event before; then its columns."""
    return sha256(json.dumps([before, at, study, analysis_id, action, detail]).encode()).hexdigest()


def last_digest(connection: sqlite3.Connection) -> str:
    """Digest of the newest event; empty when there is none."""
    row = connection.execute("SELECT hash FROM events ORDER BY id DESC LIMIT 1").fetchone()
    return str(row["hash"]) if row else ""


def verify(database: Database, wanted: str = "") -> Verified:
    """Look at every line. Args: wanted: a digest that was noted elsewhere; empty: none was."""
    events, unchained, before, broken, found = 0, 0, "", None, not wanted
    for row in _rows(database):
        events += 1
        if not row["hash"] and not before:
            unchained += 1
            continue
        fits = row["hash"] == digest(before, *(row[name] for name in _COLUMNS.split(", ")[1:-1]))
        broken = row["id"] if broken is None and not fits else broken
        before = row["hash"]
        found = found or before == wanted
    return Verified(events, unchained, before, broken, found)


def _rows(database: Database) -> Iterator[sqlite3.Row]:
    last = 0
    sql = f"SELECT {_COLUMNS} FROM events WHERE id > ? ORDER BY id LIMIT ?"  # noqa: S608  our names
    while rows := database.read(sql, last, _CHUNK):
        yield from rows
        last = rows[-1]["id"]
