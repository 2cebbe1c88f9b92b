"""The books of the day: what became of every image that was acknowledged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from node.ledger import AnalysisRow, Ledger
from node.states import ENDED, AnalysisState
from tests.day.senders import Sent
from tests.peers.hospital import study_uids, uids
from tests.peers.running_node import ENDED as ENDED_STUDIES


@dataclass
class Line:
    """Studies of one kind. Attributes: wrong: what does not add up, in words."""

    kind: str
    studies: int = 0
    images: int = 0
    acknowledged: int = 0
    states: Counter[str] = field(default_factory=Counter)
    analyses: Counter[str] = field(default_factory=Counter)
    results: int = 0
    archived: int = 0
    wrong: list[str] = field(default_factory=list)


def balance(sent: Iterable[Sent], ledger: Ledger, archived: Mapping[str, Sequence[str]]) -> list[Line]:
    """A line for each kind of study.

    Args:
        sent: what the modalities sent.
        ledger: of the node.
        archived: Study Instance UID -> SOP Instance UIDs of the results that the archive holds.
    """
    lines: dict[str, Line] = {}
    seen: set[str] = set()
    for one in sent:
        line = lines.setdefault(one.kind, Line(one.kind))
        (study,) = study_uids(one.paths)
        line.images += len(one.paths)
        line.acknowledged += len(one.taken)
        if study not in seen:
            _enter(line, study, one, ledger, archived.get(study, ()))
        seen.add(study)
    return list(lines.values())


def _enter(line: Line, study: str, one: Sent, ledger: Ledger, archived: Sequence[str]) -> None:
    line.studies += 1
    row = ledger.studies.get(study)
    line.states[str(row.state)] += 1
    if row.state not in ENDED_STUDIES:
        line.wrong.append(f"study {study} is {row.state}")
    here = {instance.sop_instance_uid for series in ledger.studies.series(study) for instance in series.instances}
    if lost := set(uids(one.taken)) - here:
        line.wrong.append(f"{len(lost)} acknowledged images of study {study} are lost")
    analyses = ledger.analyses.of_study(study)
    line.analyses.update(str(analysis.state) for analysis in analyses)
    line.wrong += [f"analysis {one.id} is {one.state}" for one in analyses if one.state not in ENDED]
    _compare(line, study, analyses, ledger, archived)


def _compare(line: Line, study: str, analyses: Sequence[AnalysisRow], ledger: Ledger, archived: Sequence[str]) -> None:
    """Every result that was delivered is in the archive once, and nothing else is."""
    delivered = {one.id for one in analyses if one.state is AnalysisState.DELIVERED}
    sent = [one for one in ledger.deliveries.of_study(study) if one.analysis_id in delivered]
    ours = [one.sop_instance_uid for one in sent if one.state == "DONE"]
    line.results += len(ours)
    line.archived += len(archived)
    if missing := set(ours) - set(archived):
        line.wrong.append(f"{len(missing)} results of study {study} are not in the archive")
    if len(set(archived)) != len(archived):
        line.wrong.append(f"study {study} has results twice")
    if strange := set(archived) - set(ours):
        line.wrong.append(f"the archive holds {len(strange)} results of study {study} that the node has not delivered")
