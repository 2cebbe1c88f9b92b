"""Stages of plugins: who took which version live, silent or into a canary, when and why."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from sqlite3 import Connection

from node.ledger.database import Database
from node.ledger.events import add_event
from node.ledger.silence import release, release_unanswered, silence_undelivered, staged_from
from node.stages import Stage, Staged, covers, is_beside

#: Stage -> the action in the trail.
_ACTIONS: Mapping[Stage, str] = {
    Stage.SILENT: "plugin silent",
    Stage.CANARY: "plugin canary",
    Stage.LIVE: "plugin live",
}
_BY_CONFIGURATION = "the configuration"


@dataclass(frozen=True)
class Installed:
    """A plugin as it is installed. Attributes: digest: of its model, hex."""

    plugin: str
    version: str
    digest: str


class Stages:
    """Reads and writes stages; raises :class:`~node.errors.LedgerBusy`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Staged]:
        """Every stage that was ever given to a version, by name and time."""
        return [staged_from(row) for row in self._database.read("SELECT * FROM stages ORDER BY plugin, at")]

    def of(self, plugin: str, version: str) -> Staged:
        """Of one version; LIVE where nobody has said anything."""
        rows = self._database.read("SELECT * FROM stages WHERE plugin = ? AND version = ?", plugin, version)
        return staged_from(rows[0]) if rows else Staged(plugin, version, Stage.LIVE)

    def present(self) -> list[Staged]:
        """Of the versions that were installed when the node started last."""
        return [one for one in self.all() if one.present]

    def meet(
        self, installed: Iterable[Installed], silent: bool | tuple[str, ...], *, are_all: bool = True
    ) -> list[Staged]:
        """Give each version that is new here, or whose model is another one, its first stage; those that begin silent.

        Args:
            installed: what is there now.
            silent: `worker.silent`: of all (True), of these, or of none; who is not meant begins LIVE, unless it is a
                further version beside another one.
            are_all: there is nothing else; what was there before is gone.
        """
        known = {(one.plugin, one.version): one for one in self.all()}
        now = {(one.plugin, one.version): one for one in installed}
        begun = [_first(one, known.get(key), silent) for key, one in now.items() if _is_new(one, known.get(key))]
        moved = [
            replace(one, present=key in now) for key, one in known.items() if are_all and one.present != (key in now)
        ]
        if begun or moved:
            with self._database.write() as connection:
                for staged in moved:
                    _store(connection, staged)
                for staged in begun:
                    _store(connection, staged)
                    _tell(connection, staged)
        return [staged for staged in begun if staged.operator == _BY_CONFIGURATION and staged.stage is Stage.SILENT]

    def set(self, stages: Sequence[Staged], since: float | None = None) -> int:
        """From now on these stages count, in one transaction with all that follows from them.

        Args:
            stages: of one or more versions.
            since: what was kept by those that are LIVE, of studies routed since then, is delivered too; None: nothing.

        Returns:
            How many analyses are delivered after all, or, where they are not LIVE, how many that waited are kept.
        """
        count = 0
        with self._database.write() as connection:
            for staged in stages:
                _store(connection, staged)
                _tell(connection, staged)
                if staged.stage is not Stage.LIVE:
                    count += silence_undelivered(connection, staged)
                elif since is not None:
                    count += release(connection, staged, since)
        return count

    def swap(self, live: Staged, displaced: Sequence[Staged], since: float | None = None) -> int:
        """One version goes live, and those beside it that were delivered are silent from now on, in one transaction.

        No study is left without an answer, or gets two: what the others have made already is delivered to its end, and
        where they are still at work, what this version has kept of the same revision is released.

        Args:
            live: the version whose results are delivered from now on.
            displaced: the others, SILENT.
            since: as in :meth:`set`; what another version has answered is not released.

        Returns:
            How many analyses of the live version are delivered after all.
        """
        with self._database.write() as connection:
            for staged in (*displaced, live):
                _store(connection, staged)
                _tell(connection, staged)
            count = release_unanswered(connection, live)
            return count if since is None else count + release(connection, live, since)


def _is_new(one: Installed, before: Staged | None) -> bool:
    return before is None or before.digest != one.digest


def _first(one: Installed, before: Staged | None, silent: bool | tuple[str, ...]) -> Staged:
    """Of a version that is new, or whose model is another one than `before`."""
    is_silent = covers(silent, one.plugin) or is_beside(one.plugin)
    if before is not None and not is_silent:
        return replace(before, digest=one.digest, present=True)
    return Staged(
        one.plugin,
        one.version,
        Stage.SILENT if is_silent else Stage.LIVE,
        digest=one.digest,
        at=time.time(),
        operator=_BY_CONFIGURATION,
        reason=_reason(one, before) if is_silent else "",
    )


def _reason(one: Installed, before: Staged | None) -> str:
    what = "a version beside another one" if is_beside(one.plugin) else "worker.silent"
    return f"{what}: its model is another one" if before else what


def _store(connection: Connection, staged: Staged) -> None:
    values = {**vars(staged), "stage": str(staged.stage), "senders": json.dumps(staged.senders)}
    names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
    connection.execute(f"INSERT OR REPLACE INTO stages ({names}) VALUES ({marks})", values)  # noqa: S608  our names


def _tell(connection: Connection, staged: Staged) -> None:
    """The trail says who did it; of what begins live as it always did there is nothing to tell."""
    if staged.operator == _BY_CONFIGURATION and staged.stage is Stage.LIVE:
        return
    add_event(
        connection,
        _ACTIONS[staged.stage],
        plugin=staged.plugin,
        version=staged.version,
        digest=staged.digest,
        percent=staged.percent if staged.stage is Stage.CANARY else None,
        senders=list(staged.senders),
        operator=staged.operator,
        reason=staged.reason,
        evaluation=staged.evaluation,
    )
