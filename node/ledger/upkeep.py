"""The ledger as a file: is it sound, a copy of it, and whether what it names is where it says."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from node.errors import PermanentError
from node.ledger.database import Database, sync
from node.ledger.events import add_event
from node.ledger.purging import IS_HERE, MISSING_FILE, PURGED
from node.ledger.since import Since, since
from node.ledger.steps import VERSION

_PAGES = ("page_size", "page_count", "freelist_count")


@dataclass(frozen=True)
class Named:
    """An instance and the file that the ledger names for it."""

    sop_instance_uid: str
    study_instance_uid: str
    path: str
    size: int


@dataclass(frozen=True)
class Size:
    """Of the ledger, bytes; `reusable`: of removed rows, taken by those that come next. No file of SQLite shrinks."""

    bytes: int
    reusable: int


class Upkeep:
    """Checks and copies; raises :class:`~node.errors.LedgerBusy`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def problems(self) -> list[str]:
        """What SQLite finds wrong with the file and with references between rows; empty when it is sound."""
        found = [str(row[0]) for row in self._database.read("PRAGMA integrity_check(20)")]
        broken = self._database.read("PRAGMA foreign_key_check")
        lines = [f"a row of {row['table']} refers to no row of {row['parent']}" for row in broken]
        return [*(line for line in found if line != "ok"), *dict.fromkeys(lines)]

    def size(self) -> Size:
        """How large it is, without its log."""
        page, count, free = (self._database.read(f"PRAGMA {one}")[0][0] for one in _PAGES)
        return Size(page * count, page * free)

    def back_up(self, target: Path) -> None:
        """A copy as of now, while the node runs; whole or not there. Raises PermanentError when `target` exists."""
        if target.exists():
            raise PermanentError("there is a file already", about=str(target), hint="give another name")
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            with closing(sqlite3.connect(part)) as copy:
                self._database.connection.backup(copy)  # in one step: a commit between two makes SQLite begin anew
                copy.execute("PRAGMA journal_mode = DELETE")
            part.chmod(0o600)
            sync(part)
            part.rename(target)
            sync(target.parent)
        except (OSError, sqlite3.Error) as error:
            part.unlink(missing_ok=True)
            raise PermanentError(f"the copy cannot be written: {error}", about=str(target)) from error

    def since(self, copy: Path) -> Since:
        """What happened after a copy was made; raises PermanentError when it is none of this ledger."""
        return since(self._database, copy)

    def knows(self, sop_instance_uid: str, path: str) -> bool:
        """Whether a row of that instance names that file; one that was purged is to have none."""
        gone = "SELECT 1 FROM studies s WHERE s.study_instance_uid = {0}.study_instance_uid AND s.purged = 1"
        sql = f"SELECT 1 FROM {{0}} WHERE sop_instance_uid = ? AND path = ? AND {{1}} AND NOT EXISTS ({gone})"  # noqa: S608
        tables = {"instances": f"file != '{PURGED}'", "quarantine": "purged = 0"}
        return any(self._database.read(sql.format(*one), sop_instance_uid, path) for one in tables.items())

    def with_files(self) -> list[str]:
        """Study Instance UIDs of the studies of which files are to be there."""
        return [row[0] for row in self._database.read("SELECT study_instance_uid FROM studies WHERE purged != 1")]

    def named(self, study_instance_uid: str) -> list[Named]:
        """Instances of a study whose file is to be there; once a purge has begun, those that came since."""
        rows = self._database.read(
            "SELECT i.sop_instance_uid, i.study_instance_uid, i.path, i.size FROM studies s"  # noqa: S608  our words
            " JOIN instances i ON i.study_instance_uid = s.study_instance_uid"
            f" WHERE s.study_instance_uid = ? AND {IS_HERE} AND i.set_aside = ''",
            study_instance_uid,
        )
        return [Named(**dict(row)) for row in rows]

    def set_missing(self, missing: Sequence[Named]) -> int:
        """Their files are gone: they are left out from now on; how many were. A purge that began meanwhile is none."""
        with self._database.write() as connection:
            return sum(_set_missing(connection, one) for one in missing)

    def count_missing(self) -> int:
        """How many instances are left out since their files are gone, other than by a purge of their study since."""
        sql = (
            "SELECT count(*) FROM instances i JOIN studies s ON s.study_instance_uid = i.study_instance_uid"  # noqa: S608
            f" WHERE i.set_aside != '' AND i.set_aside = ? AND {IS_HERE}"
        )
        return int(self._database.read(sql, MISSING_FILE)[0][0])


def _set_missing(connection: sqlite3.Connection, one: Named) -> bool:
    changed = connection.execute(
        "UPDATE instances AS i SET set_aside = ? WHERE sop_instance_uid = ? AND path = ? AND set_aside = ''"  # noqa: S608
        f" AND EXISTS (SELECT 1 FROM studies s WHERE s.study_instance_uid = i.study_instance_uid AND {IS_HERE})",
        (MISSING_FILE, one.sop_instance_uid, one.path),
    ).rowcount
    if changed:
        connection.execute(
            "UPDATE studies SET images = max(0, images - 1), bytes = max(0, bytes - ?)"
            " WHERE study_instance_uid = ? AND purged = 0",
            (one.size, one.study_instance_uid),
        )
        about = {"sop_instance_uid": one.sop_instance_uid, "reason": MISSING_FILE}
        add_event(connection, "file missing", one.study_instance_uid, None, **about)
    return bool(changed)


def check_copy(path: Path) -> None:
    """Raise :class:`~node.errors.PermanentError` when a file may not take the place of the ledger; it says why not."""
    if not path.is_file():
        raise PermanentError("there is no such file", about=str(path))
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            version = int(connection.execute("PRAGMA user_version").fetchone()[0])
            found = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        raise PermanentError(f"it is no ledger: {error}", about=str(path)) from error
    if not 1 <= version <= VERSION:
        raise PermanentError(f"it is no ledger that this program knows (version {version})", about=str(path))
    if found != "ok":
        raise PermanentError(f"it is damaged: {found}", about=str(path))
