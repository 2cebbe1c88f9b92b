"""What a model answered and what its images were like, a small row for each answer: what watching it needs.

A row is written when an analysis is CLASSIFIED, in the same transaction, and holds no file's name and of a patient
nothing but sex and age band: it outlives both the files and their retention.
"""

from __future__ import annotations

import json
import sqlite3
import time
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from node.ledger.database import Database

_COLUMNS = ("maker", "model", "view", "sex", "age_band", "sender", "abstained", "seconds")


@dataclass(frozen=True)
class Observation:
    """One answer for one series.

    Attributes:
        sender: AE title that sent it.
        maker: Manufacturer (0008,0070).
        model: Manufacturer's Model Name (0008,1090).
        view: View Position (0018,5101).
        sex: (0010,0040).
        age_band: such as ``40-59``; empty: unknown.
        abstained: whether the model did not answer.
        seconds: that the model took, decoding not counted.
        findings: name -> (probability, outcome); empty when it abstained.
        inputs: name of a statistic -> its value; see ``node.watch.observing``.
        embedding: float16, little endian, projected; empty: none.
        at: when, epoch seconds; 0 before it is in the ledger.
    """

    sender: str = ""
    maker: str = ""
    model: str = ""
    view: str = ""
    sex: str = ""
    age_band: str = ""
    abstained: bool = False
    seconds: float = 0.0
    findings: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    inputs: Mapping[str, float] = field(default_factory=dict)
    embedding: bytes = b""
    at: float = 0.0


def observation_table(one: Observation) -> dict[str, Any]:  # Any: JSON's edge
    """As JSON's values."""
    return asdict(one) | {"embedding": b64encode(one.embedding).decode()}


def observation_from(table: Mapping[str, Any]) -> Observation:  # Any: JSON's edge
    """The inverse of :func:`observation_table`."""
    findings = {name: (float(value[0]), str(value[1])) for name, value in table["findings"].items()}
    return Observation(**{**table, "findings": findings, "embedding": b64decode(table["embedding"])})


@dataclass(frozen=True)
class Watched:
    """A plugin in the version that answered last."""

    plugin: str
    plugin_version: str


class Observations:
    """Reads and prunes observations; raises :class:`~node.errors.LedgerBusy`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def watched(self) -> list[Watched]:
        """Every plugin that has answered, by name."""
        sql = "SELECT plugin, plugin_version FROM observations WHERE plugin = ? ORDER BY at DESC LIMIT 1"
        names = plugins_of(self._database, "observations")
        return [Watched(**dict(row)) for name in names for row in self._database.read(sql, name)]

    def first(self, of: Watched, count: int) -> list[Observation]:
        """The first answers of a plugin's version, the oldest first, one for each patient."""
        return self._some(of, "o.at >= ? ORDER BY o.at", 0.0, count)

    def newest(self, of: Watched, count: int, since: float) -> list[Observation]:
        """The newest answers after that time, the oldest first, one for each patient: the newest."""
        return self._some(of, "o.at > ? ORDER BY o.at DESC", since, count)[::-1]

    def _some(self, of: Watched, which: str, since: float, count: int) -> list[Observation]:
        """Films of one patient are alike: only one of them counts, or a long stay would look like a change."""
        rows = self._database.read(
            "SELECT o.*, CASE s.patient_key WHEN '' THEN s.study_instance_uid ELSE s.patient_key END AS whose"  # noqa: S608  our words
            " FROM observations o JOIN analyses a ON a.id = o.analysis_id"
            " JOIN studies s ON s.study_instance_uid = a.study_instance_uid"
            f" WHERE o.plugin = ? AND o.plugin_version = ? AND {which} LIMIT ?",
            of.plugin,
            of.plugin_version,
            since,
            10 * count,
        )
        one_each: dict[str, sqlite3.Row] = {}
        for row in rows:
            one_each.setdefault(row["whose"], row)
        return [_observation(row) for row in list(one_each.values())[:count]]

    def prune(self, before: float) -> int:
        """Remove those of before that time; how many."""
        return prune(self._database, "observations", before)


def plugins_of(database: Database, table: str) -> list[str]:
    """The plugins that a table has rows of, from an index that begins with them: a step for each, not for each row."""
    sql, names = f"SELECT min(plugin) FROM {table} WHERE plugin > ?", [""]  # noqa: S608  our name
    while found := database.read(sql, names[-1])[0][0]:
        names.append(found)
    return names[1:]


def prune(database: Database, table: str, before: float) -> int:
    """Remove the rows of before that time; how many."""
    sql = f"DELETE FROM {table} WHERE plugin = ? AND at < ?"  # noqa: S608  our name
    names = plugins_of(database, table)
    with database.write() as connection:
        return sum(connection.execute(sql, (name, before)).rowcount for name in names)


def add_observations(connection: sqlite3.Connection, analysis_id: int, observed: Iterable[Observation]) -> None:
    """Write those of an analysis, in the caller's transaction, instead of an earlier attempt's or revision's."""
    connection.execute(
        "DELETE FROM observations WHERE analysis_id IN (SELECT other.id FROM analyses mine JOIN analyses other"
        " ON other.study_instance_uid = mine.study_instance_uid AND other.plugin = mine.plugin WHERE mine.id = ?)",
        (analysis_id,),
    )
    names = (*_COLUMNS, "at", "findings", "inputs", "embedding")
    sql = (
        f"INSERT INTO observations (analysis_id, series, plugin, plugin_version, {', '.join(names)})"  # noqa: S608  ours
        f" SELECT id, ?, plugin, plugin_version, {', '.join('?' * len(names))} FROM analyses WHERE id = ?"
    )
    for number, one in enumerate(observed):
        connection.execute(sql, (number, *_values(one), analysis_id))


def _values(one: Observation) -> Sequence[object]:
    plain = (getattr(one, name) for name in _COLUMNS)
    return *plain, time.time(), json.dumps(one.findings), json.dumps(one.inputs), one.embedding


def _observation(row: sqlite3.Row) -> Observation:
    fields: dict[str, Any] = {name: row[name] for name in (*_COLUMNS, "at", "embedding")}  # Any: of every type
    findings = {name: (value[0], value[1]) for name, value in json.loads(row["findings"]).items()}
    fields |= {"abstained": bool(row["abstained"]), "findings": findings, "inputs": json.loads(row["inputs"])}
    return Observation(**fields)
