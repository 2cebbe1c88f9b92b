"""The chain that makes the trail tell-tale: each event carries a digest of itself and of the digest before.

Who changes, removes or adds a line afterwards breaks the chain from there on; who cuts off its end is seen by whoever
has noted a later digest elsewhere (the node logs it once a day). The tables refuse both to anyone who is not at pains.

The oldest lines may go (storage.keep_rows_days): a line that says so carries, for each gap, the number and the digest
of the last line in it, and the chain goes on from there. It carries as well a digest of :data:`KEPT` bytes of each of
their digests, which are kept beside the trail: who noted one of them is told that its line was removed in order, and
not cut off. Who cuts out a line must add such a line, which can be seen; no such line ever goes.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from node.ledger.database import Database

_COLUMNS = "id, at, study_instance_uid, analysis_id, action, detail, hash"
_CHUNK = 5000
#: Action of the line that says that older ones are gone, and the fact of how far: only those may be removed.
SHORTENED, SHORTENED_UP_TO = "trail shortened", "trail shortened up to"
#: Bytes that are kept of the digest of a line that is gone.
KEPT = 8


@dataclass(frozen=True)
class Verified:
    """What a look at the whole chain found.

    Attributes:
        events: how many lines were looked at.
        unchained: lines that an earlier version wrote, before there was a chain.
        head: the last digest; empty when there is none.
        broken: id of the first line that does not fit; None when all do.
        found: whether the digest that was asked for is in the chain, or of a line that is gone in order.
        removed: lines that are gone in order.
        unknown: those of them of which an earlier version kept no digest.
        in_order: whether the digest that was asked for is of a line that is gone.
    """

    events: int
    unchained: int
    head: str
    broken: int | None
    found: bool
    removed: int = 0
    unknown: int = 0
    in_order: bool = False


@dataclass(frozen=True)
class _Gaps:
    """Lines that are gone, as one line of the trail says it.

    Attributes:
        event: number of that line.
        lines: how many.
        runs: number and digest at the end of each gap.
        kept: of their digests; empty: none was.
        fits: whether `kept` is what that line says.
    """

    event: int
    lines: int
    runs: tuple[tuple[int, str], ...]
    kept: bytes
    fits: bool

    def has(self, wanted: str) -> bool:
        """Whether it is the digest of one of them."""
        known = self.kept.hex()
        return len(wanted) == 64 and any(
            wanted.startswith(known[at : at + 2 * KEPT]) for at in range(0, len(known), 2 * KEPT)
        )


def digest(before: str, at: float, study: str, analysis_id: int | None, action: str, detail: str) -> str:
    """Of one event, hex. Args: before: digest of the event before; then its columns."""
    return sha256(json.dumps([before, at, study, analysis_id, action, detail]).encode()).hexdigest()


def kept_of(digest: str) -> bytes:
    """What is kept of the digest of a line that goes; nothing of what is none."""
    try:
        return bytes.fromhex(digest)[:KEPT] if len(digest) == 64 else b""
    except ValueError:
        return b""


def last_digest(connection: sqlite3.Connection) -> str:
    """Digest of the newest event; empty when there is none."""
    row = connection.execute("SELECT hash FROM events ORDER BY id DESC LIMIT 1").fetchone()
    return str(row["hash"]) if row else ""


def verify(database: Database, wanted: str = "") -> Verified:
    """Look at every line. Args: wanted: a digest that was noted elsewhere; empty: none was."""
    events, unchained, before, broken, found = 0, 0, "", None, not wanted
    shortened = _shortened(database)
    gaps = sorted(run for one in shortened for run in one.runs)
    torn = {one.event for one in shortened if not one.fits}
    for row in _rows(database):
        events += 1
        while gaps and gaps[0][0] < row["id"]:
            before = gaps.pop(0)[1]
            found = found or before == wanted
        if not row["hash"] and not before:
            unchained += 1
            continue
        fits = row["hash"] == digest(before, *(row[name] for name in _COLUMNS.split(", ")[1:-1]))
        fits = fits and row["id"] not in torn
        broken = row["id"] if broken is None and not fits else broken
        before = row["hash"]
        found = found or before == wanted
    in_order = any(one.has(wanted) for one in shortened)
    removed, unknown = (sum(one.lines for one in some) for some in (shortened, [s for s in shortened if not s.kept]))
    return Verified(events, unchained, before, broken, found or in_order, removed, unknown, in_order)


def _shortened(database: Database) -> list[_Gaps]:
    sql = (
        "SELECT id, detail, CAST(digests AS BLOB) AS kept FROM events LEFT JOIN removed_lines ON event = id"
        " WHERE action = ?"
    )
    return [_gaps(row["id"], json.loads(row["detail"]), row["kept"] or b"") for row in database.read(sql, SHORTENED)]


def _gaps(event: int, told: dict[str, Any], kept: bytes) -> _Gaps:  # JSON's edge
    fits = told.get("digests", sha256().hexdigest()) == sha256(kept).hexdigest()  # without: of an earlier version
    return _Gaps(event, told["events"], tuple((number, last) for number, last in told["runs"]), kept, fits)


def _rows(database: Database) -> Iterator[sqlite3.Row]:
    last = 0
    sql = f"SELECT {_COLUMNS} FROM events WHERE id > ? ORDER BY id LIMIT ?"  # noqa: S608  our names
    while rows := database.read(sql, last, _CHUNK):
        yield from rows
        last = rows[-1]["id"]
