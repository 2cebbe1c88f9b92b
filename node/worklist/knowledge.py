"""What the ledger knows of the work that a workitem asks for: how far it is, what came of it, and what is left out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from node.config import Settings
from node.errors import PermanentError
from node.ledger import AnalysisRow, Input, Ledger, WorkitemRow
from node.worklist.judgement import Judgement, judge, not_begun, outputs_of, together
from node.worklist.workitem import Output

#: So many instances are named: a reason has 1024 characters.
_MOST_NAMED = 8


class Knowledge:
    """Args: ledger, settings: of this node."""

    def __init__(self, ledger: Ledger, settings: Settings) -> None:
        self._ledger, self._settings = ledger, settings

    def judged_all(self, row: WorkitemRow) -> Judgement:
        """How far all of its studies are."""
        return together({uid: self.judged(uid, row.plugin) for uid in row.studies})

    def judged(self, uid: str, plugin: str) -> Judgement:
        """How far a study is."""
        study = None
        with suppress(PermanentError):  # it has no row: nothing came, or all of it was set aside
            study = self._ledger.studies.get(uid)
        came, analyses = self._ledger.fetches.came(uid), self._ledger.analyses.of_study(uid)
        return judge(study, came, analyses, plugin, lambda row: not_begun(row, self._ledger, self._settings))

    def outputs(self, analysis: AnalysisRow) -> list[Output]:
        """What was delivered of an analysis."""
        made = self._ledger.analyses.results(analysis.id)
        delivered = self._ledger.deliveries.of_study(analysis.study_instance_uid)
        return outputs_of(analysis, made, delivered, self._settings)

    def missing(self, one: Input) -> str:
        """Which of the instances that the workitem names of a study are not here; empty: all are."""
        missing = self._ledger.fetches.lacking(one.study_instance_uid, one.instances)
        return f"{_of(one, missing)} are not here: {_named(missing)}" if missing else ""

    def left_out(self, row: WorkitemRow) -> str:
        """Which of the instances that it names are here, and are not analysed, and why; empty: none."""
        found = []
        for one in row.inputs:
            if aside := self._ledger.fetches.set_aside(one.study_instance_uid, one.instances):
                named = _named([f"{uid} ({why})" for uid, why in aside])
                told = f"{_of(one, aside)} were set aside, and are not analysed: {named}"
                found.append(f"study {one.study_instance_uid}: {told}" if len(row.inputs) > 1 else told)
        return "; ".join(found)


def _of(one: Input, those: Sequence[object]) -> str:
    return f"of the {len(one.instances)} instances that the workitem names {len(those)}"


def _named(those: Sequence[str]) -> str:
    return ", ".join(those[:_MOST_NAMED]) + (", ..." if len(those) > _MOST_NAMED else "")
