"""One SQLite file, a connection for each thread, and transactions that are durable when they return."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path

from node.errors import LedgerBusy, PermanentError
from node.ledger.schema import SCHEMA
from node.ledger.steps import STEPS, VERSION


class _AllThreads:
    """Holds the one connection of threads that take turns, where `threading.local` holds one for each."""

    connection: sqlite3.Connection | None = None


class Database:
    """Args: path: of the file, created if missing; busy_seconds: how long to wait for a lock."""

    def __init__(self, path: Path, busy_seconds: float = 10.0) -> None:
        self.path = path
        self._busy_seconds = busy_seconds
        self._thread: threading.local | _AllThreads = threading.local()
        self.on_commit: Callable[[], None] = _nobody_listens
        _create_private(path)
        version = self.read("PRAGMA user_version")[0][0]
        if version != VERSION:  # who only reads waits for no lock
            self._refuse_newer(version)
            if version:
                self._back_up(version)
            with self.write() as connection:
                _migrate(connection)

    def _refuse_newer(self, version: int) -> None:
        if version > VERSION:
            raise PermanentError(
                f"the ledger has version {version}, this program knows {VERSION}",
                about=str(self.path),
                hint="install the newer radnode that wrote it",
            )

    def _back_up(self, version: int) -> None:
        """A copy of the ledger as the older program left it, beside it; one that is there already is kept."""
        kept = self.path.with_name(f"{self.path.name}.version-{version}")
        part = kept.with_name(f".{kept.name}.{os.getpid()}.part")
        for begun in kept.parent.glob(f".{kept.name}.*.part"):
            if begun == part or not _runs(begun.suffixes[-2][1:]):  # whoever made it was killed
                begun.unlink(missing_ok=True)
        if kept.exists():
            return
        try:
            with _as_ledger_busy(self.path):
                self.connection.execute("VACUUM INTO ?", (str(part),))
            if not kept.exists():  # else another was quicker, and this copy may be of what that one has changed since
                part.chmod(0o600)
                sync(part)
                part.rename(kept)
                sync(kept.parent)
        finally:
            part.unlink(missing_ok=True)

    @property
    def connection(self) -> sqlite3.Connection:
        """This thread's connection, or that of all."""
        connection: sqlite3.Connection | None = getattr(self._thread, "connection", None)
        if connection is None:
            connection = self._thread.connection = self._connect()
        return connection

    def in_turns(self) -> Database:
        """The same file over one connection for all threads, which may only use it one after the other."""
        other = copy(self)
        other._thread = _AllThreads()
        return other

    def _connect(self) -> sqlite3.Connection:
        own = isinstance(self._thread, threading.local)
        with _as_ledger_busy(self.path):
            connection = sqlite3.connect(
                self.path, timeout=self._busy_seconds, isolation_level=None, check_same_thread=own
            )
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            # FULL: with NORMAL a commit may roll back at a power cut (sqlite.org/pragma.html#pragma_synchronous).
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def close(self) -> None:
        """Close this thread's connection."""
        connection = getattr(self._thread, "connection", None)
        if connection is not None:
            connection.close()
            self._thread.connection = None

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction: durable when it returns, without effect when it raises. Raises :class:`LedgerBusy`."""
        connection = self.connection
        with _as_ledger_busy(self.path):
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        self.on_commit()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """For queries that share their code with those of a transaction. Raises :class:`LedgerBusy`."""
        with _as_ledger_busy(self.path):
            yield self.connection

    def read(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """All rows of a query. Raises :class:`LedgerBusy`."""
        with self.reading() as connection:
            return connection.execute(sql, values).fetchall()

    @property
    def log(self) -> Path:
        """The write-ahead log (sqlite.org/wal.html): it is there as long as a connection is open."""
        return self.path.with_name(f"{self.path.name}-wal")

    def pulse(self) -> int:
        """A number that changes whenever another connection has committed (cheap: no disk access)."""
        return int(self.read("PRAGMA data_version")[0][0])


def _runs(process: str) -> bool:
    """Whether there is a process of that number."""
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, ValueError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def sync(path: Path) -> None:
    """A file, or the names in a folder, are on the disk; raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _nobody_listens() -> None:
    """What follows a commit until somebody wants to know."""


def _create_private(path: Path) -> None:
    """An empty file that nobody else may read; SQLite gives `-wal` and `-shm` the mode of the file beside them."""
    with contextlib.suppress(OSError):  # it is there, or SQLite will say why it cannot be
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _migrate(connection: sqlite3.Connection) -> None:
    """Whatever is missing, in the caller's transaction: all of it or nothing."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    texts = ([SCHEMA] if version == 0 else []) + [text for to, text in sorted(STEPS.items()) if to > version]
    for text in texts:
        for statement in text.split(";\n"):
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")


@contextmanager
def _as_ledger_busy(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise LedgerBusy(
            f"the ledger does not answer: {error}", about=str(path), hint="is its disk full, read-only, or locked?"
        ) from error
    except sqlite3.DatabaseError as error:
        if type(error) is not sqlite3.DatabaseError:
            raise  # a mistake of ours
        hint = "stop the node; `radnode db restore` puts a copy in its place"
        raise LedgerBusy(f"the ledger is damaged: {error}", about=str(path), hint=hint) from error
