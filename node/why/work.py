"""What the worker did, or why it has not yet; and what became of the results on their way."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from node.ledger import ANSWERS_INSTEAD, STANDS, AnalysisRow, DeliveryRow
from node.stages import plain_name
from node.states import AnalysisState
from node.why.telling import Scene, Telling, at, some
from node.window import clock

_ABSTAINED = "abstained:"
#: In which a version of a plugin answers readers, or is about to.
_FOR_READERS = (AnalysisState.QUEUED, AnalysisState.CLASSIFIED, AnalysisState.REPORTED, AnalysisState.DELIVERED)
Teller = Callable[[Scene, Telling, AnalysisRow], str]


def tell_analysis(scene: Scene, telling: Telling, row: AnalysisRow) -> str:
    """What became of an analysis of the newest revision; why it has a result, or none."""
    for one in scene.ledger.events.of_study(scene.uid):
        if one.action == ANSWERS_INSTEAD and one.analysis_id == row.id:
            _say(telling, row, f"its answer was kept, and goes out after all: {one.detail['reason']}")
    return f"{row.plugin}: {_TELLERS[row.state](scene, telling, row)}"


def _topic(row: AnalysisRow) -> str:
    return f"analysis {row.id}"


def _say(telling: Telling, row: AnalysisRow, sentence: str) -> None:
    telling.say(_topic(row), f"{row.plugin}: {sentence}")


# The worker


def _queued(scene: Scene, telling: Telling, row: AnalysisRow) -> str:
    if reason := scene.ledger.pauses.paused().get(row.plugin):
        _say(telling, row, f"queued; the plugin is paused: {reason}")
        telling.advise(f"radnode plugins resume {row.plugin}", "gives it what waits")
        return f"the plugin is paused: {reason}"
    lease = scene.ledger.inquiries.lease(row.id)
    if (paused := scene.ledger.pauses.queue()) and not (lease and lease > scene.now):
        _say(telling, row, f"queued; the queue is paused {paused}")
        telling.advise("radnode queue resume", "gives workers what waits")
        return f"the queue is paused {paused}"
    until = row.waits_until(scene.settings.shut(scene.now))
    if until is not None:
        opens = clock(until, scene.settings.queue.time_zone)
        shut = f"not begun before {opens}: the window of route '{row.route}' is shut"
        _say(telling, row, f"queued; {shut}")
        telling.advise(f"radnode queue prioritise {row.id} stat", "begins it in spite of the window")
        return shut
    return _in_work(scene, telling, row, "classified")


def _classified(scene: Scene, telling: Telling, row: AnalysisRow) -> str:
    _say(telling, row, f"classified: {row.summary}")
    compared = scene.ledger.comparisons.of_analysis(row.id)
    if compared and compared.comparison is None:
        waits = f"its prior study is looked for, until {at(compared.wait_until)} at most; then it is reported without"
        _say(telling, row, waits)
        return waits
    return _in_work(scene, telling, row, "reported")


def _in_work(scene: Scene, telling: Telling, row: AnalysisRow, what: str) -> str:
    """Why it is not `what` yet: a worker is at it, failed and waits, cannot start, or does others first."""
    lease = scene.ledger.inquiries.lease(row.id)
    if lease and lease > scene.now and scene.is_served:
        waits = f"a worker has taken it, to be {what}"
    elif row.error:
        next_at = f"; next attempt at {at(row.not_before)}" if row.not_before > scene.now else ""
        waits = f"not {what} yet, {some(row.attempts, 'attempt')} failed: {row.error}{next_at}"
    elif broken := [f"{where}: {why}" for where, why in scene.troubles.items() if where.startswith("worker")]:
        waits = f"not {what} yet: {'; '.join(broken)}"
        telling.advise("radnode doctor", "says what is missing for plugins to run")
    elif starting := [one for where, one in _doing(scene).items() if where.startswith("worker")]:
        doing, since = starting[0]
        waits = f"not {what} yet: the worker {doing}, since {at(since)}"
    else:
        waits = f"waits for a worker to be {what}; {some(scene.ledger.inquiries.before(row.id), 'analysis')} before it"
    _say(telling, row, waits)
    if scene.is_served:
        telling.advise("radnode status", "whether the node is well; this goes on by itself")
    return waits


def _doing(scene: Scene) -> dict[str, tuple[str, float]]:
    return scene.ledger.facts.doing() if scene.is_served else {}


def _tell_comparison(scene: Scene, telling: Telling, row: AnalysisRow) -> None:
    compared = scene.ledger.comparisons.of_analysis(row.id)
    if compared and compared.comparison:
        _say(telling, row, " ".join([compared.comparison.sentence, *(f"{told}." for told in compared.told)]))
        if compared.comparison.prior and compared.passed:
            _say(telling, row, f"others are no priors: {'; '.join(compared.passed)}")


# Ends


def _failed(scene: Scene, telling: Telling, row: AnalysisRow) -> str:
    _say(telling, row, f"failed at {at(row.changed_at)}: {row.error}")
    _tell_deliveries(scene, telling, row)
    _advise_retry(scene, telling, row)
    return f"it failed: {row.error}"


def _held(scene: Scene, telling: Telling, row: AnalysisRow) -> str:
    _say(telling, row, f"{row.error or 'held'}, at {at(row.changed_at)}")
    _advise_retry(scene, telling, row)
    telling.advise(f"radnode queue drop {row.id}", "gives it up for good")
    return row.error if row.error.startswith("held") else f"held: {row.error}"


def _advise_retry(scene: Scene, telling: Telling, row: AnalysisRow) -> None:
    if not scene.ledger.studies.purged(scene.uid, row.series):
        telling.advise(f"radnode queue retry {row.id}", "another attempt, once the reason is gone")
    elif scene.ledger.inquiries.files_gone(scene.uid):
        telling.advise("", f"the files are purged: send the study again, then retry analysis {row.id}")


def _dropped(scene: Scene, telling: Telling, row: AnalysisRow) -> str:
    if row.error.startswith(STANDS):
        _say(telling, row, f"not made: {row.error}")
        return row.error
    _say(telling, row, f"given up at {at(row.changed_at)}: {row.error}")
    telling.advise("", "a dropped analysis stays so; the study sent again with a new image makes a new revision")
    return f"it was given up: {row.error}"


def _withdrawn(scene: Scene, telling: Telling, row: AnalysisRow) -> str:
    _say(telling, row, f"its results were withdrawn at {at(row.changed_at)} ({row.error or 'by the operator'})")
    _tell_deliveries(scene, telling, row)
    return "its results were withdrawn"


# Delivery


def _reported(scene: Scene, telling: Telling, row: AnalysisRow) -> str:
    _say(telling, row, f"results made: {row.summary}")
    _tell_comparison(scene, telling, row)
    held = _tell_deliveries(scene, telling, row)
    return f"results are made and not delivered: {'; '.join(held) or 'they are due now'}"


def _delivered(scene: Scene, telling: Telling, row: AnalysisRow) -> str:
    _say(telling, row, f"done at {at(row.changed_at)}: {row.summary}")
    _tell_comparison(scene, telling, row)
    _tell_deliveries(scene, telling, row)
    rows = _of(scene, row)
    if not rows and scene.ledger.priors.has(scene.uid):
        return f"it came as a prior, to be compared with; nothing of it is delivered: {row.summary}"
    if not rows:
        telling.advise(
            "radnode config show", "what the route names as destinations, and their profiles; the next study goes there"
        )
        return "results were made and sent nowhere: no destination wanted any of them"
    to = ", ".join(dict.fromkeys(one.destination for one in rows if one.state == "DONE"))
    said = "the model abstained, and the report says so" if _ABSTAINED in row.summary else "answered"
    return f"{said}, delivered to {to}: {row.summary}"


def _silent(scene: Scene, telling: Telling, row: AnalysisRow) -> str:
    _say(telling, row, f"results made at {at(row.changed_at)}, and kept: {row.summary}")
    _say(telling, row, f"{row.error}")
    _tell_deliveries(scene, telling, row)
    if not _is_answered_by_another(scene, row):
        telling.advise(f"radnode plugins go-live {row.plugin}", "results of further studies are delivered from then on")
    return f"{row.error}: {row.summary}"


def _is_answered_by_another(scene: Scene, row: AnalysisRow) -> bool:
    """Whether another version of its plugin, which go-live would silence, answers readers."""
    others = [one for one in scene.ledger.analyses.of_study(scene.uid) if one.revision == row.revision]
    return any(plain_name(one.plugin) == plain_name(row.plugin) and one.state in _FOR_READERS for one in others)


_TELLERS: Mapping[AnalysisState, Teller] = {
    AnalysisState.QUEUED: _queued,
    AnalysisState.CLASSIFIED: _classified,
    AnalysisState.REPORTED: _reported,
    AnalysisState.DELIVERED: _delivered,
    AnalysisState.SILENT: _silent,
    AnalysisState.FAILED: _failed,
    AnalysisState.HELD: _held,
    AnalysisState.DROPPED: _dropped,
    AnalysisState.WITHDRAWN: _withdrawn,
}


def _of(scene: Scene, row: AnalysisRow) -> list[DeliveryRow]:
    return [one for one in scene.ledger.deliveries.of_study(scene.uid) if one.analysis_id == row.id]


def _tell_deliveries(scene: Scene, telling: Telling, row: AnalysisRow) -> list[str]:
    """What was delivered where, and what holds the rest: a sentence for each destination that lacks something."""
    rows, made = _of(scene, row), scene.ledger.analyses.results(row.id)
    held = []
    for destination in dict.fromkeys([*row.destinations, *(one.destination for one in rows)]):
        mine = [one for one in rows if one.destination == destination]
        if not mine and made and row.state is not AnalysisState.SILENT:
            telling.say("delivery", f"{destination}: takes none of the kinds that were made (its profile)")
        for state in dict.fromkeys(one.state for one in mine):
            telling.say("delivery", _settled(destination, state, [one for one in mine if one.state == state]))
        if waiting := [one for one in mine if one.state == "WAITING"]:
            held.append(_held_up(scene, telling, destination, waiting))
    return held


_WORDS = {
    "DONE": "delivered",
    "REFUSED": "refused for good",
    "REPLACED": "refused, a simpler kind went instead",
    "SILENT": "not sent, kept in silence",
}


def _settled(destination: str, state: str, rows: list[DeliveryRow]) -> str:
    kinds = ", ".join(f"{count} {kind}" for kind, count in _count(rows).items())
    why = next((f": {one.error}" for one in rows if one.error and state != "DONE"), "")
    kept = f", {sum(one.kept == 'KEPT' for one in rows)} of them kept for good" if any(o.kept for o in rows) else ""
    return f"{destination}: {_WORDS.get(state, 'waiting')} {kinds}{kept}{why}"


def _held_up(scene: Scene, telling: Telling, destination: str, rows: list[DeliveryRow]) -> str:
    if scene.settings.destination(destination) is None:
        telling.advise("radnode config show", f"lists the destinations: '{destination}' is none of them any more")
        return f"no destination '{destination}' is configured, so that nothing delivers it"
    trouble = scene.troubles.get(f"destination {destination}", "")
    tried = [one for one in rows if one.error]
    if not trouble and not tried:
        return f"{some(len(rows), 'object')} for '{destination}' are due now"
    due = min((one.not_before for one in tried), default=0.0)
    again = f"; next attempt at {at(due)}" if due > scene.now else "; it is tried again by itself"
    why = f"destination '{destination}' does not take it: {trouble or tried[0].error}{again}"
    telling.say("delivery", why)
    telling.advise(f"radnode echo {destination}", "whether it answers; what waits goes by itself once it does")
    return why


def _count(rows: list[DeliveryRow]) -> dict[str, int]:
    kinds = [one.kind for one in rows]
    return {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
