"""The chain that makes the trail tell-tale: each event carries a digest of itself and of the digest before.

Who changes, removes or adds a line afterwards breaks the chain from there on; who cuts off its end is seen by whoever
has noted a later digest elsewhere (the node logs it once a day). The tables refuse both to anyone who is not at pains.

The oldest lines may go (storage.keep_rows_days): a line that says so carries, for each gap, the number and the digest
of the last line in it, and the chain goes on from there. Who cuts out a line must add such a line, which can be seen.
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
#: Action of the line that says that older ones are gone, and the fact of how far: only those may be removed.
SHORTENED, SHORTENED_UP_TO = "trail shortened", "trail shortened up to"


@dataclass(frozen=True)
class Verified:
    """What a look at the whole chain found.

    Attributes:
        events: how many lines were looked at.
        unchained: lines that an earlier version wrote, before there was a chain.
        head: the last digest; empty when there is none.
        broken: id of the first line that does not fit; None when all do.
        found: whether the digest that was asked for is in the chain.
        removed: lines that are gone in order.
    """

    events: int
    unchained: int
    head: str
    broken: int | None
    found: bool
    removed: int = 0


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
    gaps, removed = _gaps(database)
    for row in _rows(database):
        events += 1
        while gaps and gaps[0][0] < row["id"]:
            before = gaps.pop(0)[1]
            found = found or before == wanted
        if not row["hash"] and not before:
            unchained += 1
            continue
        fits = row["hash"] == digest(before, *(row[name] for name in _COLUMNS.split(", ")[1:-1]))
        broken = row["id"] if broken is None and not fits else broken
        before = row["hash"]
        found = found or before == wanted
    return Verified(events, unchained, before, broken, found, removed)


def _gaps(database: Database) -> tuple[list[tuple[int, str]], int]:
    """Number and digest at the end of each gap, the first one first; how many lines are gone."""
    rows = database.read("SELECT detail FROM events WHERE action = ?", SHORTENED)
    told = [json.loads(row["detail"]) for row in rows]
    return sorted((number, digest) for one in told for number, digest in one["runs"]), sum(
        one["events"] for one in told
    )


def _rows(database: Database) -> Iterator[sqlite3.Row]:
    last = 0
    sql = f"SELECT {_COLUMNS} FROM events WHERE id > ? ORDER BY id LIMIT ?"  # noqa: S608  our names
    while rows := database.read(sql, last, _CHUNK):
        yield from rows
        last = rows[-1]["id"]
