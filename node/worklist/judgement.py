"""How far the work of a workitem is, by what the ledger says of its study and of the plugin."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from node.config import Destination, Settings
from node.kinds import SOP_CLASSES
from node.ledger import AnalysisRow, DeliveryRow, Ledger, StudyRow
from node.stages import plain_name
from node.states import AnalysisState, StudyState
from node.study import ResultObject
from node.window import clock
from node.worklist.workitem import Output

#: State of the analysis -> percent, and what is said of it.
_UNDER_WAY: dict[AnalysisState, tuple[int, str]] = {
    AnalysisState.QUEUED: (40, "waits for the model"),
    AnalysisState.CLASSIFIED: (60, "the model has answered"),
    AnalysisState.REPORTED: (80, "results are being delivered"),
    AnalysisState.HELD: (40, "held by an operator"),
}
_OPEN = (StudyState.RECEIVING, StudyState.COMPLETE)


@dataclass(frozen=True)
class Waiting:
    """It goes on. Args: percent: of the work; text: for people."""

    percent: int
    text: str


@dataclass(frozen=True)
class Done:
    """Results are delivered: those of an analysis for each study."""

    analyses: tuple[AnalysisRow, ...]


@dataclass(frozen=True)
class Failed:
    """It cannot be done."""

    reason: str


Judgement = Waiting | Done | Failed


def not_begun(row: AnalysisRow, ledger: Ledger, settings: Settings) -> str:
    """Why an analysis that waits is not begun for now, for whoever looks at the worklist; empty: it is soon."""
    if row.plugin in ledger.pauses.paused():
        return f"the node has paused {row.plugin}"
    if ledger.pauses.queue():
        return "the node begins nothing, for maintenance"
    until = row.waits_until(settings.shut(time.time()))
    return "" if until is None else f"not begun before {clock(until, settings.queue.time_zone)}"


def judge(
    study: StudyRow | None,
    came: int,
    analyses: Sequence[AnalysisRow],
    plugin: str,
    waits: Callable[[AnalysisRow], str] = lambda _: "",
) -> Judgement:
    """How far it is.

    Args:
        study: None: it has no row.
        came: objects of it, those that are set aside included.
        analyses: of the study.
        plugin: that is asked for.
        waits: why one that is queued is not begun for now, if so.
    """
    if not came:
        return Waiting(10, "the study is awaited")
    if study is None or not study.images:
        return Failed("nothing of the study that came can be analysed")
    one = _leading([a for a in analyses if a.revision == study.revision], plugin)
    if one is not None and one.state is AnalysisState.DELIVERED:
        return Done((one,))
    if one is not None and one.state in _UNDER_WAY:
        percent, text = _UNDER_WAY[one.state]
        return Waiting(percent, (waits(one) if one.state is AnalysisState.QUEUED else "") or text)
    if one is not None:
        return Failed(f"the analysis is {one.state}: {one.error or 'no reason is given'}")
    if study.state in _OPEN:
        return Waiting(20, "the study is coming in")
    reason = f" ({study.reason})" if study.reason else ""
    return Failed(f"no route brought the study to {plugin}: it is {study.state}{reason}")


def together(found: Mapping[str, Judgement]) -> Judgement:
    """How far a workitem is: done when each of its studies is. Args: found: Study Instance UID -> how far it is."""
    if len(found) == 1:
        return next(iter(found.values()))
    failed = [f"study {uid}: {one.reason}" for uid, one in found.items() if isinstance(one, Failed)]
    if failed:
        return Failed("; ".join(failed))
    done = tuple(analysis for one in found.values() if isinstance(one, Done) for analysis in one.analyses)
    waiting = min(
        (one for one in found.values() if isinstance(one, Waiting)), key=lambda one: one.percent, default=None
    )
    if waiting is None:
        return Done(done)
    return Waiting(waiting.percent, f"{len(done)} of {len(found)} studies are answered; {waiting.text}")


def _leading(analyses: Sequence[AnalysisRow], plugin: str) -> AnalysisRow | None:
    """Of the versions of the plugin that have the study, the one that is the nearest to an answer for readers."""
    order = [AnalysisState.DELIVERED, *_UNDER_WAY, *(set(AnalysisState) - {AnalysisState.SILENT}), AnalysisState.SILENT]
    mine = [one for one in analyses if plain_name(one.plugin) == plain_name(plugin)]
    return min(mine, key=lambda one: order.index(one.state), default=None)


def outputs_of(
    analysis: AnalysisRow, made: Sequence[ResultObject], deliveries: Sequence[DeliveryRow], settings: Settings
) -> list[Output]:
    """The objects of a result by series, and where each can be retrieved; a folder is no such place."""
    taken: dict[str, list[Destination]] = {}
    for one in deliveries:
        where = settings.destination(one.destination)
        if one.analysis_id == analysis.id and one.state == "DONE" and where is not None:
            taken.setdefault(one.sop_instance_uid, []).append(where)
    groups: dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[tuple[str, str]]] = {}
    for result in made:
        places = taken.get(result.sop_instance_uid, [])
        if places and result.kind in SOP_CLASSES:
            titles = tuple(one.ae_title for one in places if one.kind == "dicom" and one.ae_title)
            urls = tuple(one.url.rstrip("/") for one in places if one.kind == "stow")
            group = groups.setdefault((result.series_instance_uid, titles, urls), [])
            group.append((result.sop_class_uid, result.sop_instance_uid))
    uid = analysis.study_instance_uid
    return [Output(uid, series, tuple(objects), titles, urls) for (series, titles, urls), objects in groups.items()]
