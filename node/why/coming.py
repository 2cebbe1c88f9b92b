"""What came and from whom, what was set aside, and which signal closed the study, or what it waits for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import ceil

from node.ledger import Event, SignalRow, StudyRow, WorkitemRow, WorkitemState
from node.signals import Kind
from node.states import StudyState
from node.why.archives import absences
from node.why.telling import Scene, Telling, at, some

_MOST_REASONS = 5
#: How far a workitem is.
_WORKITEMS = {
    WorkitemState.CLAIMING: "the server is asked for it",
    WorkitemState.FETCHING: "claimed, the study is fetched",
    WorkitemState.ANALYSING: "claimed, the answer is awaited",
    WorkitemState.COMPLETING: "done, the server is about to be told",
    WorkitemState.CANCELING: "it cannot be done, the server is about to be told",
    WorkitemState.COMPLETED: "completed",
    WorkitemState.CANCELED: "canceled",
    WorkitemState.LOST: "not ours",
}


def tell_received(scene: Scene, telling: Telling) -> None:
    """Who sent what, and when; what of it does not count."""
    senders = scene.ledger.inquiries.senders(scene.uid)
    for sent in senders:
        who = f"{sent.calling_ae or 'a file'}{f' at {sent.peer}' if sent.peer else ''}"
        until = f" to {at(sent.last_at)}" if sent.objects > 1 else ""
        telling.say("received", f"{some(sent.objects, 'object')} from {who}, {at(sent.first_at)}{until}")
    for series in scene.ledger.studies.series(scene.uid):
        modality = series.attributes.modality or "no modality"
        telling.say(
            "received", f"series {series.series_instance_uid}: {some(len(series.instances), 'image')}, {modality}"
        )
    for told in absences(scene.ledger, scene.uid, {sent.calling_ae for sent in senders}):
        telling.say("received", told)
    for reason, count in scene.ledger.inquiries.left_out(scene.uid).items():
        telling.say("received", f"{some(count, 'object')} more do not count: {reason}")


def tell_asked(scene: Scene, telling: Telling) -> list[WorkitemRow]:
    """Which workitems of worklists ask for an answer, and how far that is; the newest last."""
    rows = scene.ledger.workitems.of_study(scene.uid)
    for row in rows:
        asked = f"{row.worklist} asks for {row.plugin} (workitem {row.workitem_uid}, {row.priority})"
        why = f": {row.reason}" if row.reason else ""
        telling.say("worklist", f"{asked}: {_WORKITEMS[row.state]}, {at(row.changed_at)}{why}")
    return rows


def tell_set_aside(scene: Scene, telling: Telling, *, is_known: bool) -> int:
    """What was set aside and why; how many objects. Args: is_known: whether the study has a row."""
    rows = scene.ledger.studies.set_aside(scene.uid)
    reasons = Counter(str(row["reason"]) for row in rows)
    for reason, count in reasons.most_common(_MOST_REASONS):
        example = next(row["sop_instance_uid"] for row in rows if row["reason"] == reason)
        telling.say("set aside", f"{some(count, 'object')}: {reason} (e.g. {example})")
    if rows:
        telling.advise(f"radnode studies show {scene.uid}" if is_known else "", _ABOUT_SET_ASIDE)
    return len(rows)


_ABOUT_SET_ASIDE = (
    "what was set aside is never analysed, and kept for storage.keep_days: correct it at its source and send it again"
)


def tell_completed(scene: Scene, telling: Telling, study: StudyRow, events: Sequence[Event]) -> str:
    """Which signal closed the study, or what it waits for; in the latter case why it has no result yet."""
    if study.revision > 1:
        telling.say("complete", f"late images came after it was complete: this is revision {study.revision}")
    signals = tell_signals(scene, telling)
    if study.state is StudyState.RECEIVING:
        return _tell_waiting(scene, telling, study, signals)
    closed = [event for event in events if event.action == "study completed"]
    if closed:
        telling.say("complete", f"complete at {at(closed[-1].at)}: {closed[-1].detail.get('reason', '')}")
    if study.partial:
        lack = "the modality did not say that it was done"
        if study.expected is not None and study.expected > study.images:
            lack = f"only {study.images} of {study.expected} announced images are here"
        telling.say("complete", lack)
        telling.advise("", f"{lack}: send the study again to have the rest analysed")
    if study.state is StudyState.QUARANTINED:
        telling.say("complete", f"quarantined: {study.reason}")
        telling.advise(f"radnode studies complete {scene.uid}", "releases it as it is, once a person has looked")
    return ""


def tell_signals(scene: Scene, telling: Telling) -> list[SignalRow]:
    """What modalities and archives told of it, and how much of what they name is here."""
    signals = scene.ledger.signals.of_study(scene.uid)
    for one in signals:
        what = f"performed procedure step, {one.status}" if one.kind is Kind.STEP else "instances are available"
        telling.say("complete", f"{one.kind} {one.sop_instance_uid} from {one.calling_ae}, {at(one.told_at)}: {what}")
    for kind in dict.fromkeys(one.kind for one in signals):
        count = scene.ledger.signals.named(scene.uid, kind)
        came = f"{count.came} of {some(count.instances, 'instance')} that {kind} names have come"
        telling.say("complete", came if count.instances else f"{kind} names no instance yet")
    return signals


def _tell_waiting(scene: Scene, telling: Telling, study: StudyRow, signals: Sequence[SignalRow]) -> str:
    from node.completion import judged, silence  # its room decodes pixels, and takes its time to load

    verdict = judged(scene.ledger, study, scene.settings.study, silence(study, signals, scene.now))
    if verdict.complete:
        waits = f"it is due to be closed ({verdict.reason})"
        telling.say("complete", f"not yet, and {waits}")
    else:
        until = at(scene.now + ceil(verdict.seconds))
        waits = f"it waits for quiet, until about {until}: {verdict.reason}"
        telling.say("complete", f"not yet: {verdict.reason}; closed at about {until} if nothing more comes")
        telling.advise(f"radnode studies complete {scene.uid}", "closes it now, if no image is to come any more")
    return waits
