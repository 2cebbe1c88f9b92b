"""What is still known of a study whose rows are gone: which instances it had, and which results were made of it.

So that what is sent once more is taken for what it is, however late: nothing of it is analysed, or delivered, again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from enum import Enum
from hashlib import sha256

from node.study import Arrival

#: Bytes of the digest of a UID, and of a content. Among the instances of one study two never share theirs by chance.
_PART = 8


class Memory(Enum):
    """What is known of an instance."""

    NONE = "it never came"
    SAME = "it came, as it is"
    OTHER = "it came, with other content"


def remember(instances: Iterable[tuple[str, str]], results: Iterable[str]) -> tuple[bytes, bytes]:
    """As a row of `forgotten` has them. Args: instances: SOP Instance UID and SHA-256; results: SOP Instance UIDs."""
    return b"".join(_digest(uid) + _digest(content) for uid, content in instances), b"".join(map(_digest, results))


def memory_of(connection: sqlite3.Connection, arrival: Arrival) -> Memory:
    """What is known of an instance that has no row."""
    known = _find(_row(connection, arrival.study_instance_uid)[0], _digest(arrival.sop_instance_uid), 2)
    if known is None:
        return Memory.NONE
    return Memory.SAME if known[_PART:] == _digest(arrival.sha256) else Memory.OTHER


def was_made_here(connection: sqlite3.Connection, arrival: Arrival) -> bool:
    """Whether it is a result of ours, whose row is gone."""
    return _find(_row(connection, arrival.study_instance_uid)[1], _digest(arrival.sop_instance_uid), 1) is not None


def not_here(connection: sqlite3.Connection, study_instance_uid: str) -> int:
    """How many instances of a study have no row any more, our own results left out."""
    instances, results = _row(connection, study_instance_uid)
    if not instances:
        return 0
    sql = "SELECT sop_instance_uid FROM instances WHERE study_instance_uid = ?"
    here = {_digest(row[0]) for row in connection.execute(sql, (study_instance_uid,))}
    ours = {results[at : at + _PART] for at in range(0, len(results), _PART)}
    return len({instances[at : at + _PART] for at in range(0, len(instances), 2 * _PART)} - here - ours)


def _row(connection: sqlite3.Connection, study_instance_uid: str) -> tuple[bytes, bytes]:
    sql = "SELECT instances, results FROM forgotten WHERE study_instance_uid = ?"
    return tuple(connection.execute(sql, (study_instance_uid,)).fetchone() or (b"", b""))


def _find(known: bytes, wanted: bytes, parts: int) -> bytes | None:
    """The entry that begins so. Args: parts: of an entry."""
    size = parts * _PART
    at = known.find(wanted)
    while at % size and at > 0:
        at = known.find(wanted, at + 1)
    return known[at : at + size] if at >= 0 else None


def _digest(text: str) -> bytes:
    return sha256(text.encode()).digest()[:_PART]
