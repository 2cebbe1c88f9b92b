"""What archives were asked for and could not send, and what they announced and did not have."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from node.ledger import Absence, FetchRow, Ledger
from node.why.telling import Scene, Telling, at, some

_MOST_UIDS = 5


def tell_fetched(scene: Scene, telling: Telling) -> FetchRow | None:
    """Which archive was asked for it, what that could not send, and when it is asked again."""
    row = scene.ledger.fetches.of_study(scene.uid)
    if row is None:
        return None
    times = f", {some(row.tries, 'time')} in a row" if row.tries > 1 else ""
    asked = f"{row.archive} was asked for it, {at(row.asked_at)}{times}"
    of = f" of {row.instances}" if row.instances is not None else ""
    if row.ended_at is None:
        telling.say("fetched", f"{asked}: it is sending, or was cut off")
    else:
        lack = f": {row.reason}" if row.reason else ""
        telling.say("fetched", f"{asked}: {row.came}{of} instances were here then{lack}")
    _tell_unsent(scene, telling, row)
    return row


def _tell_unsent(scene: Scene, telling: Telling, row: FetchRow) -> None:
    lacking = scene.ledger.fetches.lacking(scene.uid, row.unsent)
    if lacking:
        named = ", ".join(lacking[:_MOST_UIDS]) + (", ..." if len(lacking) > _MOST_UIDS else "")
        what = f"{some(len(lacking), 'instance')} that {row.archive} could not send, asked twice"
        telling.say("fetched", f"{what}: {named}")
    if row.again_at is None or (row.instances is not None and scene.ledger.fetches.came(scene.uid) >= row.instances):
        return
    if any(rule.archive == row.archive for rule in scene.settings.fetch):
        telling.say("fetched", f"by the clock it is asked for again from {at(row.again_at)} on")
    if scene.settings.destination(row.archive) is not None:
        telling.advise(f"radnode fetch {row.archive} --study {scene.uid}", "asks for what is lacking now")


def absences(ledger: Ledger, uid: str, archives: Collection[str]) -> list[str]:
    """A sentence for each archive; of those named also what may be of any study. Args: uid: of a study."""
    own = [(one, "of it") for one in ledger.absences.of_study(uid)]
    others = [(one, "of a study that it does not name") for one in ledger.absences.of_study("")]
    found: dict[tuple[str, str, str], list[Absence]] = {}
    for one, whose in [*own, *(pair for pair in others if pair[0].input in archives)]:
        kind = "instance" if one.resource.startswith("instances/") else "series"
        found.setdefault((one.input, kind, whose), []).append(one)
    return [
        f"{name} announced {some(len(rows), kind)} {whose}, and did not have them when they were asked for (404): "
        + _next([one.again_at for one in rows if one.again_at is not None])
        for (name, kind, whose), rows in found.items()
    ]


def _next(times: Sequence[float]) -> str:
    return f"asked for again at {at(min(times))}" if times else "they are asked for no more"
