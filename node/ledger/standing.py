"""Answers that stand: of images that were purged, of which none is new, an earlier revision has said what there is."""

from __future__ import annotations

import sqlite3

from node.ledger.moves import move_analysis
from node.ledger.purging import PURGED
from node.states import AnalysisMove, AnalysisState

#: Begins why an analysis is dropped.
STANDS = "its images were purged, and none of them is new"
_ANSWERED = f"'{AnalysisState.DELIVERED}', '{AnalysisState.SILENT}'"
#: Analyses of the newest revision all of whose images were purged, and the revision whose answer stands: the one before
#: for which the plugin was asked. It looked at the same series.
_PLANNED = (
    "SELECT a.id, e.revision FROM studies s"  # noqa: S608  our words
    " JOIN analyses a ON a.study_instance_uid = s.study_instance_uid AND a.revision = s.revision"
    " JOIN analyses e ON e.study_instance_uid = s.study_instance_uid AND e.plugin = a.plugin AND e.revision ="
    " (SELECT max(o.revision) FROM analyses o WHERE o.study_instance_uid = s.study_instance_uid"
    f" AND o.plugin = a.plugin AND o.revision < a.revision AND o.error NOT LIKE '{STANDS}%')"
    f" WHERE s.study_instance_uid = ?1 AND a.state = '{AnalysisState.QUEUED}'"
    f" AND e.revision > 0 AND e.state IN ({_ANSWERED}) AND e.series = a.series"
    " AND NOT EXISTS (SELECT 1 FROM instances i WHERE i.study_instance_uid = ?1 AND i.set_aside = ''"
    f" AND i.file != '{PURGED}' AND i.series_instance_uid IN (SELECT value FROM json_each(a.series)))"
)


def drop_standing(connection: sqlite3.Connection, uid: str) -> None:
    """Drop what has just been planned for a study where an answer stands, in the caller's transaction."""
    for row in connection.execute(_PLANNED, (uid,)).fetchall():
        reason = f"{STANDS}: what revision {row['revision']} says of them stands"
        move_analysis(connection, row["id"], AnalysisMove.DROPPED, reason)
