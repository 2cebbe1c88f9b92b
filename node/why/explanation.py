"""The explanation as a whole: the order of the topics, and the one sentence that answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from node.config import Settings
from node.errors import PermanentError
from node.ledger import (
    FORGOTTEN,
    STANDS,
    AnalysisRow,
    FetchRow,
    Ledger,
    StudyRow,
    Subject,
    What,
    WorkitemRow,
    WorkitemState,
)
from node.plugin import Manifest
from node.states import ENDED, AnalysisState, StudyState
from node.why.archives import tell_fetched
from node.why.coming import tell_asked, tell_completed, tell_received, tell_set_aside, tell_signals
from node.why.reading import tell_reports
from node.why.routing import tell_routed
from node.why.telling import Explanation, Scene, Step, Telling, at, some
from node.why.work import tell_analysis


def explain(
    ledger: Ledger, settings: Settings, manifests: Mapping[str, Manifest], subject: Subject, now: float
) -> Explanation:
    """Tell why a study has a result, or none.

    Args:
        ledger: of the node; only read.
        settings: as the configuration has them now.
        manifests: plugins that can be used, by name.
        subject: what was asked for.
        now: epoch seconds.
    """
    troubles, is_served = ledger.facts.troubles(), ledger.facts.serving_pid() is not None
    scene = Scene(ledger, settings, manifests, subject, now, troubles, is_served)
    study, telling = _study(scene), Telling()
    _tell_subject(scene, telling)
    asked = tell_asked(scene, telling)
    fetched = tell_fetched(scene, telling)
    tell_received(scene, telling)
    aside = tell_set_aside(scene, telling, is_known=study is not None)
    if study is None:
        tell_signals(scene, telling)
        answer = f"no result: {_absent(telling, asked, fetched, aside)}"
    else:
        answer = _answer(scene, telling, study)
    state = str(study.state) if study else ""
    told, steps = tuple(telling.told), tuple(telling.steps)
    return Explanation(scene.uid, subject.what, subject.name, state, answer, told, steps)


def _absent(telling: Telling, asked: Sequence[WorkitemRow], fetched: FetchRow | None, aside: int) -> str:
    """Why nothing of a study counts that is known here. Args: aside: objects that were set aside."""
    if aside:
        return f"all that came of it was set aside ({some(aside, 'object')})"
    if asked:
        last = asked[-1]
        if last.state in (WorkitemState.CANCELED, WorkitemState.LOST):
            telling.advise("", f"once the study can be had, schedule a new workitem at {last.worklist}")
        return f"{last.worklist} asks for it, but {last.reason or 'no image of it has come'}"
    if not fetched:
        telling.advise("radnode audit", "was its sender refused? Else its images wait there to be sent here")
    return f"{f'{fetched.archive} was asked for it' if fetched else 'it was told of'}, but no image of it has come"


def _study(scene: Scene) -> StudyRow | None:
    """Its row; None where all that came was set aside, or nothing came that was told of: that makes none."""
    try:
        return scene.ledger.studies.get(scene.uid)
    except PermanentError:
        return None


def _tell_subject(scene: Scene, telling: Telling) -> None:
    subject = scene.subject
    if subject.what is What.SET_ASIDE:
        telling.say("asked", f"{subject.name} was set aside, and is no part of what was analysed")
    elif subject.what is not What.STUDY:
        telling.say("asked", f"{subject.what} {subject.name} belongs to study {subject.study_instance_uid}")


def _answer(scene: Scene, telling: Telling, study: StudyRow) -> str:
    if study.reason == FORGOTTEN:
        return f"it was over long ago: {study.reason}"
    events = scene.ledger.events.of_study(scene.uid)
    waits = tell_completed(scene, telling, study, events)
    none_chosen = tell_routed(scene, telling, study, events)
    rows = _analyses(scene, telling, study)
    found = [tell_analysis(scene, telling, row) for row in rows]
    tell_reports(scene, telling)
    _tell_purged(scene, telling, [event.at for event in events if event.action == "files purged"])
    if not scene.is_served and (study.state in _OPEN or any(row.state not in ENDED for row in rows)):
        telling.say("node", "no process serves this node: nothing goes on until it is started")
        telling.steps.insert(0, Step("radnode serve", "starts the node; under systemd: systemctl start radnode"))
    if study.state is StudyState.QUARANTINED:
        return f"no result: it is quarantined: {study.reason}"
    if study.state is StudyState.RECEIVING:
        return f"no result yet: {waits}"
    if study.state is StudyState.COMPLETE:
        return "no result yet: it is complete, and is about to be routed"
    if study.state is StudyState.IGNORED:
        return f"no result: {none_chosen}"
    return f"{_mark(rows)}{'; '.join(found)}"


_OPEN = frozenset({StudyState.RECEIVING, StudyState.COMPLETE, StudyState.ROUTED})


def _mark(rows: Sequence[AnalysisRow]) -> str:
    """Begins the answer: whether there is a result of the newest revision."""
    made = [row for row in rows if not row.error.startswith(STANDS)]
    if rows and not made:
        return ""  # an earlier one has answered
    states = {row.state for row in made} - {AnalysisState.SILENT} or {AnalysisState.SILENT}
    if states <= {AnalysisState.DELIVERED}:
        return ""
    if AnalysisState.DELIVERED in states:
        return "not all results: "
    return "no result: " if states <= ENDED else "no result yet: "


def _analyses(scene: Scene, telling: Telling, study: StudyRow) -> list[AnalysisRow]:
    """Those of the newest revision, or the one that was asked for; earlier ones are told in a line."""
    rows = scene.ledger.analyses.of_study(scene.uid)
    for row in rows:
        if row.revision != study.revision:
            what = row.summary or row.error
            which = f"of the earlier revision {row.revision}" if row.revision > 0 else f"anew by {row.plugin_version}"
            telling.say(f"analysis {row.id}", f"{row.plugin}: {which}, {row.state}: {what}")
    return [row for row in rows if row.revision == study.revision]


def _tell_purged(scene: Scene, telling: Telling, times: Sequence[float]) -> None:
    """Which files are gone; of a study that is open again, what that means for its newest revision."""
    when = f" at {at(times[-1])}" if times else ""
    days = f"storage.keep_days = {scene.settings.storage.keep_days:g}, or room was needed: storage.purge_below_mb"
    if scene.ledger.inquiries.files_gone(scene.uid):
        telling.say("files", f"its files were purged{when} ({days}); what was delivered stays where it is")
    elif purged := scene.ledger.studies.purged(scene.uid):
        telling.say("files", f"the files of {some(purged, 'object')} of it were purged{when} ({days})")
        telling.advise(
            "", "send the whole study again: what needs images that were purged is analysed when all are here"
        )
