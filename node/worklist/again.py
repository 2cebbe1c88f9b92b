"""A study is asked for again after the workitem that first asked for it was canceled."""

from __future__ import annotations

from contextlib import suppress

from node.errors import PermanentError
from node.ledger import Ledger, WorkitemRow
from node.stages import plain_name
from node.states import AnalysisState, StudyState


def take_up(row: WorkitemRow, ledger: Ledger) -> None:
    """What was held, or not made, at a request to cancel is made after all. Args: row: that asks for it now."""
    for uid in row.studies:
        _take_up(uid, row, ledger)


def _take_up(uid: str, row: WorkitemRow, ledger: Ledger) -> None:
    who = f"worklist {row.worklist}"
    asked = {one.cancel for one in ledger.workitems.of_study(uid) if one.cancel}
    if not asked:
        return
    with suppress(PermanentError):  # nothing of it came; a later revision has its place; an operator was quicker
        for one in ledger.analyses.of_study(uid):
            is_held = one.state is AnalysisState.HELD and one.error in asked
            if is_held and plain_name(one.plugin) == plain_name(row.plugin):
                ledger.analyses.retry(one.id, who)
        if ledger.studies.get(uid).state is StudyState.IGNORED and _was_left_out(uid, asked, ledger):
            ledger.studies.ask(uid, who)


def _was_left_out(uid: str, asked: set[str], ledger: Ledger) -> bool:
    """Whether nothing was made of it since nobody wanted it any more."""
    routed = [event.detail["reasons"] for event in ledger.events.of_study(uid) if event.action == "routed"]
    return bool(routed) and any(reason.endswith(why) for reason in routed[-1] for why in asked)
