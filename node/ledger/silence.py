"""Results of plugins that are silent: they are kept, and sent only once somebody releases them.

Whether an analysis is delivered is decided in the transaction that reports it: what goes live at one time and is
reported at another is either sent or kept, never both. All of it is in the caller's transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from node.ledger.criticals import Critical, add_criticals, critical_from
from node.ledger.events import add_event
from node.ledger.moves import move_analysis, move_study
from node.ledger.results import add_results
from node.ledger.settlement import end_analysis_if_settled
from node.stages import Stage, Staged, plain_name
from node.states import ENDED, AnalysisMove, AnalysisState, Keeping, StudyMove, StudyState
from node.study import ResultObject

#: Names of facts, each followed by that of a plugin: its value is why it is paused.
PAUSED = "paused "
#: A line of the trail: what was kept goes out, since the version that was to answer does not.
ANSWERS_INSTEAD = "answers instead"
#: States in which what an archive took and does not keep is sent again.
_RESENT = "'REPORTED', 'DELIVERED', 'FAILED', 'SILENT'"
#: Of a row of `analyses a`: some of its results are at their destinations, or on their way to an archive that had them.
ARRIVED = (
    "EXISTS (SELECT 1 FROM deliveries d WHERE d.analysis_id = a.id AND (d.state = 'DONE'"  # noqa: S608  our words
    f" OR d.kept = '{Keeping.AGAIN}' AND a.state IN ({_RESENT})))"
)
_MINE = "a.plugin = ? AND a.plugin_version = ?"
_ANSWERED = (AnalysisState.REPORTED, AnalysisState.DELIVERED)
_COMING = (AnalysisState.QUEUED, AnalysisState.CLASSIFIED)
#: Another version of the plugin is still at work on the same revision.
_UNANSWERED = (
    f"{_MINE} AND EXISTS (SELECT 1 FROM analyses o WHERE o.study_instance_uid = a.study_instance_uid"  # noqa: S608
    " AND o.revision = a.revision AND o.id != a.id AND o.state IN (?, ?) AND (o.plugin = ? OR o.plugin LIKE ? || '@%'))"
)
#: An analysis that can be released: of the newest revision of a study of which nothing is under way.
_CAN_BE_RELEASED = (
    f"a.state = '{AnalysisState.SILENT}' AND a.revision = s.revision AND s.purged = 0"
    f" AND s.state IN ('{StudyState.ROUTED}', '{StudyState.CLOSED}')"
)


@dataclass(frozen=True)
class Outgoing:
    """What an analysis made, and who is to have it. Attributes: as the arguments of :meth:`Analyses.reported`."""

    results: Sequence[ResultObject]
    wanted: Mapping[str, Sequence[str]]
    criticals: Sequence[Critical] = ()
    version: str = ""


@dataclass(frozen=True)
class _Why:
    """Why results are kept. Attributes: kept_for: the analysis that answers instead; None: by their own stage."""

    reason: str
    kept_for: int | None = None


def staged_of(connection: sqlite3.Connection, plugin: str, version: str) -> Staged:
    """The stage of a plugin in that version; LIVE where nobody has said anything."""
    sql = "SELECT * FROM stages WHERE plugin = ? AND version = ?"
    row = connection.execute(sql, (plugin, version)).fetchone()
    return Staged(plugin, version, Stage.LIVE) if row is None else staged_from(row)


def staged_from(row: sqlite3.Row) -> Staged:
    """A stage as its row has it."""
    fields = {name: row[name] for name in Staged.__dataclass_fields__}
    plain = {
        "stage": Stage(row["stage"]),
        "senders": tuple(json.loads(row["senders"])),
        "present": bool(row["present"]),
    }
    return Staged(**{**fields, **plain})


def hand_out(connection: sqlite3.Connection, analysis_id: int, made: Outgoing) -> None:
    """Queue the results of an analysis that is REPORTED for their destinations; keep them while its plugin is silent.

    What a destination has already, of an earlier revision that made the very same objects, is no secret any more: the
    rest of it goes there as well.
    """
    if made.version:
        connection.execute("UPDATE analyses SET plugin_version = ? WHERE id = ?", (made.version, analysis_id))
    if why := _silent_because(connection, analysis_id):
        add_results(connection, analysis_id, made.results, {})
        _keep(connection, analysis_id, made.wanted, made.criticals, why)
    else:
        add_criticals(connection, analysis_id, made.criticals)
        add_results(connection, analysis_id, made.results, made.wanted)
        end_analysis_if_settled(connection, analysis_id)


def _silent_because(connection: sqlite3.Connection, analysis_id: int) -> _Why | None:
    """Why results are kept: by their own stage, or since another version of the plugin answers for the study.

    None: they are delivered. What has arrived in part always is.
    """
    row = connection.execute(
        f"SELECT a.plugin, a.plugin_version, s.study_instance_uid AS uid, s.sender, {ARRIVED} AS arrived"  # noqa: S608
        " FROM analyses a JOIN studies s ON s.study_instance_uid = a.study_instance_uid WHERE a.id = ?",
        (analysis_id,),
    ).fetchone()
    if row["arrived"]:
        return None
    if why := staged_of(connection, row["plugin"], row["plugin_version"]).silent_because(row["uid"], row["sender"]):
        return _Why(why)
    for other in _beside(connection, analysis_id):
        who = f"{other['plugin']} {other['plugin_version']}"
        if other["state"] in _ANSWERED or other["arrived"]:
            return _Why(f"{who} has answered for this study: results are kept, not delivered", other["id"])
        staged = staged_of(connection, other["plugin"], other["plugin_version"])
        is_chosen = not staged.silent_because(row["uid"], row["sender"])
        if staged.stage is Stage.CANARY and is_chosen and _is_coming(connection, other):
            why = f"{who} answers for this study, as a canary: results are kept, not delivered"
            return _Why(why, other["id"])
    return None


def _is_coming(connection: sqlite3.Connection, row: sqlite3.Row) -> bool:
    """Whether it will answer: not as long as it waits for a plugin that is paused."""
    is_paused = row["state"] == AnalysisState.QUEUED and _is_paused(connection, row["plugin"])
    return row["state"] in _COMING and not is_paused


def _is_paused(connection: sqlite3.Connection, plugin: str) -> bool:
    return bool(connection.execute("SELECT 1 FROM facts WHERE name = ?", (PAUSED + plugin,)).fetchone())


def _beside(connection: sqlite3.Connection, analysis_id: int) -> list[sqlite3.Row]:
    """Analyses of the same revision of the study by other versions of the plugin."""
    rows = connection.execute(
        f"SELECT a.*, {ARRIVED} AS arrived FROM analyses a JOIN analyses mine ON mine.id = ?"  # noqa: S608  our words
        " WHERE a.study_instance_uid = mine.study_instance_uid AND a.revision = mine.revision ORDER BY a.id",
        (analysis_id,),
    ).fetchall()
    mine = next(row for row in rows if row["id"] == analysis_id)
    return [row for row in rows if row is not mine and plain_name(row["plugin"]) == plain_name(mine["plugin"])]


def silence_undelivered(connection: sqlite3.Connection, staged: Staged) -> int:
    """Keep what waits for delivery and is not to be delivered by that stage; how many analyses.

    An analysis of which something has arrived is delivered to its end: half a result would be worse than one.
    """
    rows = connection.execute(
        "SELECT a.id, s.study_instance_uid AS uid, s.sender FROM analyses a"  # noqa: S608  our words
        " JOIN studies s ON s.study_instance_uid = a.study_instance_uid"
        f" WHERE a.state = ? AND a.plugin = ? AND a.plugin_version = ? AND NOT {ARRIVED} ORDER BY a.id",
        (AnalysisState.REPORTED, staged.plugin, staged.version),
    ).fetchall()
    found = [(row["id"], why) for row in rows if (why := staged.silent_because(row["uid"], row["sender"]))]
    for analysis_id, why in found:
        _keep(connection, analysis_id, _waiting(connection, analysis_id), (), _Why(why))
    answer_instead(connection, "x.plugin = ? AND x.plugin_version = ?", staged.plugin, staged.version)
    return len(found)


def answer_instead(connection: sqlite3.Connection, condition: str, *values: object) -> None:
    """What was kept for the sake of an analysis that does not answer any more is delivered after all.

    Args:
        connection: of the caller's transaction, in which that analysis ended, or its version went silent.
        condition: on `analyses x`, of those that may not answer any more.
        values: for its marks.
    """
    rows = connection.execute(
        "SELECT k.analysis_id, x.* FROM silent k JOIN analyses x ON x.id = k.kept_for"  # noqa: S608  our words
        f" WHERE {condition} ORDER BY 1",
        values,
    ).fetchall()
    for row in rows:
        analysis_id = row["analysis_id"]
        why = _silent_because(connection, analysis_id)  # asked one by one: who is released answers for the rest
        if why is None:
            reason = f"{row['plugin']} {row['plugin_version']} does not answer for it: {_no_answer(connection, row)}"
            add_event(connection, ANSWERS_INSTEAD, row["study_instance_uid"], analysis_id, reason=reason)
            _release(connection, "a.id = ?", (analysis_id,))
        else:
            connection.execute("UPDATE silent SET kept_for = ? WHERE analysis_id = ?", (why.kept_for, analysis_id))


def _no_answer(connection: sqlite3.Connection, row: sqlite3.Row) -> str:
    """Why an analysis, for which another one kept its answer, gives none."""
    if row["state"] in ENDED or row["state"] == AnalysisState.HELD:
        return f"it is {row['state']}. {row['error']}".rstrip()
    return "it is paused" if _is_paused(connection, row["plugin"]) else "its stage has changed"


def release_unanswered(connection: sqlite3.Connection, staged: Staged) -> int:
    """Deliver what a version has kept of revisions at which another one is still at work; how many analyses."""
    plain = plain_name(staged.plugin)
    return _release(connection, _UNANSWERED, (staged.plugin, staged.version, *_COMING, plain, plain))


def release(connection: sqlite3.Connection, staged: Staged, since: float) -> int:
    """Deliver what a version has kept of studies that were routed since then; how many analyses."""
    return _release(connection, f"{_MINE} AND a.created_at >= ?", (staged.plugin, staged.version, since))


def _release(connection: sqlite3.Connection, condition: str, values: Sequence[object]) -> int:
    rows = connection.execute(
        "SELECT a.id, s.study_instance_uid AS uid, k.wanted, k.criticals FROM analyses a"  # noqa: S608  our words
        " JOIN studies s ON s.study_instance_uid = a.study_instance_uid JOIN silent k ON k.analysis_id = a.id"
        f" WHERE {_CAN_BE_RELEASED} AND {condition} ORDER BY a.id",
        values,
    ).fetchall()
    for row in rows:
        move_study(connection, row["uid"], StudyMove.REOPENED, "results that were kept in silence are delivered")
        move_analysis(connection, row["id"], AnalysisMove.RELEASED)
        connection.execute("DELETE FROM silent WHERE analysis_id = ?", (row["id"],))
        criticals = [critical_from(one) for one in json.loads(row["criticals"])]
        hand_out(connection, row["id"], Outgoing(_results(connection, row["id"]), json.loads(row["wanted"]), criticals))
    kept = connection.execute(
        f"SELECT count(*) FROM analyses WHERE state = ? AND id IN ({', '.join(str(row['id']) for row in rows)})",  # noqa: S608  numbers
        (AnalysisState.SILENT,),
    ).fetchone()[0]
    return len(rows) - int(kept)


def _keep(
    connection: sqlite3.Connection,
    analysis_id: int,
    wanted: Mapping[str, Sequence[str]],
    criticals: Sequence[Critical],
    why: _Why,
) -> None:
    """REPORTED -> SILENT, with a note of what is to be sent once it is released."""
    told = json.dumps([asdict(one) for one in criticals])
    sql = "INSERT OR REPLACE INTO silent (analysis_id, wanted, criticals, kept_for) VALUES (?, ?, ?, ?)"
    names = json.dumps({name: list(kinds) for name, kinds in wanted.items()})
    connection.execute(sql, (analysis_id, names, told, why.kept_for))
    move_analysis(connection, analysis_id, AnalysisMove.SILENCED, why.reason)


def _waiting(connection: sqlite3.Connection, analysis_id: int) -> dict[str, list[str]]:
    """Destination -> kinds that it was to get."""
    found: dict[str, list[str]] = {}
    for row in connection.execute(
        "SELECT DISTINCT d.destination, r.kind FROM deliveries d"
        " JOIN results r ON r.sop_instance_uid = d.sop_instance_uid WHERE d.analysis_id = ? ORDER BY 1, 2",
        (analysis_id,),
    ):
        found.setdefault(row["destination"], []).append(row["kind"])
    return found


def _results(connection: sqlite3.Connection, analysis_id: int) -> list[ResultObject]:
    sql = "SELECT * FROM results WHERE analysis_id = ? ORDER BY path"
    rows = connection.execute(sql, (analysis_id,)).fetchall()
    return [ResultObject(**{name: row[name] for name in ResultObject.__dataclass_fields__}) for row in rows]
