"""Which rule chose which plugin, or why none did: as it was decided then, and as it would be decided now."""

from __future__ import annotations

from collections.abc import Sequence

from node import route
from node.config import frozen
from node.ledger import Event, StudyRow
from node.states import StudyState
from node.why.telling import Scene, Telling, at, some

#: More reasons than these are counted, not told: a study of many series and a site of many routes have hundreds.
_MOST_REASONS = 12


def tell_routed(scene: Scene, telling: Telling, study: StudyRow, events: Sequence[Event]) -> str:
    """What was decided, and why; the reason why there is no result when no plugin was chosen."""
    decided = [event for event in events if event.action == "routed"]
    if study.state is StudyState.RECEIVING:
        _tell_reasons(telling, "routing", _now(scene).decisions, "as things are: ")
        return ""
    if not decided:
        return _nothing_to_route(telling) if study.state is StudyState.IGNORED else ""
    reasons = [str(reason) for reason in decided[-1].detail.get("reasons", ())]
    telling.say("routing", f"decided at {at(decided[-1].at)}")
    _tell_list(telling, "routing", reasons)
    none = "it came as a prior" if scene.ledger.priors.has(scene.uid) else "the route names no destination"
    for row in scene.ledger.analyses.of_study(scene.uid):
        if row.revision == study.revision:
            to = ", ".join(row.destinations) or f"nowhere: {none}"
            told = f"route '{row.route}' gave {some(len(row.series), 'series')} to {row.plugin} {row.plugin_version}"
            telling.say("routing", f"{told}; results go to {to}")
            why = f": {row.priority_reason}" if row.priority_reason else ""
            telling.say("routing", f"{row.plugin}: priority {row.priority}{why}")
    return _tell_ignored(scene, telling, reasons) if study.state is StudyState.IGNORED else ""


def _nothing_to_route(telling: Telling) -> str:
    telling.say("routing", "nothing to route: nothing came but what does not count")
    return "nothing came but results of this node, which it never analyses"


def _tell_ignored(scene: Scene, telling: Telling, reasons: Sequence[str]) -> str:
    """Would it be decided otherwise now? Then the study has only to be released."""
    now = _now(scene)
    again = f"radnode studies complete {scene.uid}"
    if now.chosen:
        taken = "; ".join(f"route '{one.route}' would take it for {one.plugin}" for one in now.chosen)
        telling.say("routing", f"with the configuration as it is now {taken}")
        if scene.is_served and not is_current(scene):
            telling.advise("radnode reload", "the node that runs has an older configuration")
        telling.advise(again, "routes it again")
    else:
        if set(now.reasons) != set(reasons):
            _tell_list(telling, "routing", list(now.reasons), "with the configuration as it is now: ")
        telling.advise("radnode config show", "shows the routes: change the one that should have taken it")
        telling.advise(again, "routes it again, once the node has the changed routes")
    return "no route took any of its series" + (f": {reasons[0]}" if len(reasons) == 1 else "")


def is_current(scene: Scene) -> bool:
    """Whether the node serves the configuration that was read here."""
    try:
        return scene.settings.serving_path.read_bytes() == frozen(scene.settings)
    except OSError:
        return True  # nobody knows


def _now(scene: Scene) -> route.Routing:
    """As `radnode route explain` would put it of these files."""
    settings = scene.settings
    names = [destination.name for destination in settings.destinations]
    series = scene.ledger.studies.series(scene.uid)
    return route.route(series, settings.routes, scene.manifests, settings.match, names)


def _tell_reasons(telling: Telling, topic: str, decisions: Sequence[route.Decision], begin: str) -> None:
    _tell_list(telling, topic, [decision.reason for decision in decisions], begin)


def _tell_list(telling: Telling, topic: str, reasons: Sequence[str], begin: str = "") -> None:
    for reason in reasons[:_MOST_REASONS]:
        telling.say(topic, begin + reason)
    if len(reasons) > _MOST_REASONS:
        telling.say(topic, f"and {len(reasons) - _MOST_REASONS} more: see `radnode trail`")
