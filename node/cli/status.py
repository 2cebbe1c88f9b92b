"""`radnode status`: the whole node on one screen."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, open_running, print_json, printable, when
from node.cli.watch import is_watched
from node.cli.watch import watch as watch_screen
from node.errors import NeverRun, TemporaryError
from node.stages import Stage
from node.window import clock

if TYPE_CHECKING:
    from node.config import Settings
    from node.ledger import Ledger

OK, DEGRADED, DOWN = 0, 1, 2
_WORDS = {OK: "ok", DEGRADED: "degraded", DOWN: "down"}
_WATCH_SECONDS = 2.0


_WatchOption = Annotated[bool, typer.Option("--watch", help="Show it again and again until Ctrl-C; on a terminal.")]
_SecondsArgument = Annotated[
    float | None, typer.Argument(min=0.2, max=3600, help="With --watch: so often, in seconds; else every 2.")
]


def status(
    config: ConfigOption = DEFAULT_CONFIG,
    watch: _WatchOption = False,
    seconds: _SecondsArgument = None,
    as_json: JsonOption = False,
) -> None:
    """Say how the node is. Exit status: 0 ok, 1 degraded, 2 down, or never run; 78: the configuration is wrong."""
    if seconds is not None and not watch:
        raise typer.BadParameter("seconds go with --watch")
    try:
        settings, ledger, wrong = open_running(config)
    except NeverRun as error:
        _say_down(str(error), as_json)
        raise typer.Exit(DOWN) from error
    if watch and not as_json and is_watched():
        raise typer.Exit(watch_screen(lambda: _screen(settings, ledger, wrong), seconds or _WATCH_SECONDS))
    facts, problems, level = look(settings, ledger, wrong)
    if as_json:
        print_json({"status": _WORDS[level], "problems": problems, **facts})
    else:
        for line in _lines(facts, problems, level):
            typer.echo(line)
    raise typer.Exit(level)


def _say_down(problem: str, as_json: bool) -> None:
    """Of a node of which nothing else is known; nothing is written for it."""
    if as_json:
        print_json({"status": _WORDS[DOWN], "problems": [problem], "serving_pid": None})
        return
    typer.echo(f"(not running): {_WORDS[DOWN]}")
    typer.echo(printable(f"! {problem}"))


def _screen(settings: Settings, ledger: Ledger, wrong: str) -> tuple[list[str], int]:
    """The lines, also while the ledger cannot be read: whoever watches wants to see that it comes back."""
    try:
        facts, problems, level = look(settings, ledger, wrong)
    except TemporaryError as error:
        return [f"{settings.node.ae_title}: {_WORDS[DEGRADED]}", f"! {error}"], DEGRADED
    return _lines(facts, problems, level), level


def look(settings: Settings, ledger: Ledger, wrong: str = "") -> tuple[dict[str, Any], list[str], int]:
    """What is going on, what is wrong, and how bad it is. Args: wrong: with the configuration file."""
    from node import condition
    from node.config import at

    deliveries = ledger.deliveries.count_by_state()
    facts: dict[str, Any] = {
        "ae_title": settings.node.ae_title,
        "listens": ", ".join(at(settings.node.host, port) for port in settings.ports.values()),
        "serving_pid": ledger.facts.serving_pid(),
        "studies": dict(ledger.studies.count_by_state()),
        "analyses": dict(ledger.analyses.count_by_state()),
        "waiting": _waiting(settings, ledger),
        "deliveries": [{"destination": d, "state": s, "objects": n} for (d, s), n in sorted(deliveries.items())],
        "stages": {
            f"{one.plugin} {one.version}": one.told for one in ledger.stages.present() if one.told != Stage.LIVE
        },
        "doing": [{"part": p, "what": w, "since": at} for p, (w, at) in ledger.facts.doing().items()],
        "set_aside": ledger.studies.count_set_aside(),
        "time_zone": settings.queue.time_zone,
        "free_mb": _free_mb(settings.node.data_dir),
        "last_image_at": next((study.last_at for study in ledger.studies.latest(1)), None),
    }
    problems = [*filter(None, [wrong]), *condition.problems(settings, ledger, facts["free_mb"])]
    level = DEGRADED if problems else OK
    if facts["serving_pid"] is None:
        problems = ["no process serves this node: `radnode serve`", *problems]
        level = DOWN
    return facts, problems, level


def _waiting(settings: Settings, ledger: Ledger) -> list[dict[str, Any]]:
    """How many analyses of each priority wait for a worker, and until when where the window of their route is shut."""
    found = ledger.analyses.waiting(settings.shut(time.time()))
    return [{"priority": priority, "until": until, "analyses": count} for priority, until, count in found]


def _free_mb(path: Path) -> int:
    return shutil.disk_usage(path).free >> 20


def _lines(facts: dict[str, Any], problems: list[str], level: int) -> list[str]:
    pid = f"pid {facts['serving_pid']}" if facts["serving_pid"] else "not running"
    lines = [f"{facts['ae_title']} at {facts['listens']} ({pid}): {_WORDS[level]}"]
    for name in ("studies", "analyses"):
        counts = ", ".join(f"{count} {state}" for state, count in sorted(facts[name].items())) or "none"
        lines.append(f"{name:<11}{counts}")
    if facts["waiting"]:
        told = (
            f"{one['analyses']} {one['priority']}{_until(one['until'], facts['time_zone'])}" for one in facts["waiting"]
        )
        lines.append(f"{'waiting':<11}{', '.join(told)}")
    by_state = ", ".join(f"{d['objects']} {d['state']} {d['destination']}" for d in facts["deliveries"]) or "none"
    if facts["serving_pid"]:
        lines += [f"{one['part']:<11}{one['what']}, since {when(one['since'])}" for one in facts["doing"]]
    lines += [f"{'plugin':<11}{name}: {told}" for name, told in facts["stages"].items()]
    lines += [
        f"{'deliveries':<11}{by_state}",
        f"{'set aside':<11}{facts['set_aside']} objects{': `radnode studies set-aside`' * bool(facts['set_aside'])}",
        f"{'disk':<11}{facts['free_mb']} MiB free",
        f"{'last image':<11}{when(facts['last_image_at']) if facts['last_image_at'] else 'none yet'}",
    ]
    return lines + [printable(f"! {problem}") for problem in problems]


def _until(at: float | None, zone: str) -> str:
    return "" if at is None else f" (window opens {clock(at, zone)})"
