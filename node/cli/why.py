"""`radnode why`: why a study has no result, or which one it has, in one command."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, open_ledger, print_json, printable, uncut

if TYPE_CHECKING:
    from node.ledger import Ledger, Subject
    from node.why import Explanation, Step

_Named = Annotated[
    str,
    typer.Argument(
        metavar="UID", callback=uncut, help="Of a study, series, object, result or workitem, or an analysis' number."
    ),
]


def why(uid: _Named, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Tell why a study has no result, or what became of it, and what to do next. Exit status 1 for an unknown UID.

    Works whether or not the node runs. A study may be given by the beginning or end of its UID.
    """
    from node.classify.catalogue import Catalogue
    from node.why import absences, explain

    settings, ledger = open_ledger(config)
    subject, alike = _subject(ledger, uid)
    if subject is None:
        _unknown(uid, alike, absences(ledger, "", {one.name for one in settings.followed}), as_json)
        raise typer.Exit(1)
    found = explain(ledger, settings, Catalogue(settings.worker.plugins).manifests, subject, time.time())
    if as_json:
        print_json(found)
    else:
        _print(found, config)


def _subject(ledger: Ledger, uid: str) -> tuple[Subject | None, list[str]]:
    """What was asked for, or studies that may have been meant."""
    found = ledger.inquiries.subject(uid)
    if found is not None:
        return found, []
    like = ledger.inquiries.studies_like(uid)
    if len(like) == 1:
        return ledger.inquiries.subject(like[0]), []
    found = None if like else ledger.inquiries.series(uid)
    return found, like or ledger.inquiries.near(uid)


def _unknown(uid: str, alike: list[str], absent: list[str], as_json: bool) -> None:
    if as_json:
        print_json({"asked": uid, "answer": "nothing with this UID came", "near": alike, "absent": absent})
        return
    typer.echo(printable(f"{uid}: nothing with this UID came to this node"))
    for one in absent:
        typer.echo(printable(f"  {one}"))
    for one in alike:
        typer.echo(f"  did you mean {one}")
    if not alike:
        typer.echo("  `radnode studies list` shows what came, `radnode audit` who was refused")


def _print(found: Explanation, config: Path) -> None:
    typer.echo(printable(f"{found.study_instance_uid}: {found.answer}"))
    topic = ""
    for one in found.told:
        typer.echo(f"{one.topic if one.topic != topic else '':<14}{printable(one.sentence)}")
        topic = one.topic
    for number, step in enumerate(found.steps):
        typer.echo(f"{'' if number else 'next':<14}{_step(step, config)}")
    if not found.steps:
        typer.echo(f"{'next':<14}nothing")


def _step(step: Step, config: Path) -> str:
    if not step.command:
        return printable(step.what)
    other = "" if config == DEFAULT_CONFIG else f" -c {shlex.quote(str(config))}"
    return printable(f"{step.command}{other}   # {step.what}")
