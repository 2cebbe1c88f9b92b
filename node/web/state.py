"""Whether the node can work, and what has happened since: for load balancers, schedulers and other programs."""

from __future__ import annotations

from typing import Any

from node.config import Settings
from node.errors import SpoolError
from node.ledger import Ledger
from node.spool import Spool

#: Most changes in one answer.
MOST_CHANGES = 1000


def missing(settings: Settings, ledger: Ledger) -> list[str]:
    """What the node lacks for its work; empty: it is ready. Nothing of patients, since nobody is asked for a token."""
    found = []
    if ledger.facts.serving_pid() is None:
        found.append("no main process serves")
    try:
        Spool(settings.node.data_dir / "spool", settings.storage.min_free_mb).check_space()
    except SpoolError as error:
        found.append(error.what)
    return found


def changes(ledger: Ledger, since: int, count: int) -> dict[str, Any]:
    """The events of the trail after number `since`, oldest first, as they go out as JSON.

    `last` is to be asked for next; `done`: there is nothing more for now.
    """
    found = ledger.audited.after(since, count)
    told = [
        {"number": one.number, "at": one.event.at, "action": one.event.action}
        | {"study": one.event.study_instance_uid, "analysis": one.event.analysis_id, "detail": one.event.detail}
        for one in found
    ]
    return {"changes": told, "last": found[-1].number if found else since, "done": len(found) < count}
