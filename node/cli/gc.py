"""`radnode gc`: what retention removes, told beforehand or done now."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, open_ledger, print_json

if TYPE_CHECKING:
    from node.retention import Retention, Rows, Rule

_DryOption = Annotated[bool, typer.Option("--dry-run", help="Only tell what would be removed, and by which rule.")]


def gc(config: ConfigOption = DEFAULT_CONFIG, dry_run: _DryOption = False, as_json: JsonOption = False) -> None:
    """Remove now what retention would remove by itself (storage.keep_days, purge_below_mb, keep_rows_days).

    Only studies that ended lose their files; what failed, is held or waits for a destination stays for keep_days at
    least, and so does what was set aside. Rows and trail stay, unless keep_rows_days says how long. May be called while
    the node runs.
    """
    from node.cli.operator import acted
    from node.retention import Retention
    from node.spool import Spool

    settings, ledger = open_ledger(config)
    spool = Spool(settings.node.data_dir / "spool")
    retention, now = Retention(settings.storage, ledger, spool), time.time()
    rows, rules = retention.planned_rows(now), retention.planned(now)
    if not dry_run:
        studies, aside = sum(len(one.studies) for one in rules), sum(one.set_aside for one in rules)
        acted(ledger, "gc", studies=studies, set_aside=aside, rows=len(rows.studies))
        _remove(retention, now)
    free = spool.free_bytes() >> 20
    if as_json:
        print_json({"removed": not dry_run, "rules": rules, "rows": rows, "free_mb": free})
        return
    done = "would be removed" if dry_run else "removed"
    for rule in rules:
        typer.echo(_line(rule, done))
    if rows.value:
        typer.echo(f"{_head(rows)}{done}: rows of {len(rows.studies)} studies, {rows.lines} lines of the trail")
    typer.echo(f"{free} MiB are free")


def _remove(retention: Retention, now: float) -> None:
    from node.errors import SpoolError

    while retention.forget(now):
        pass
    while retention.purge(now):
        pass
    retention.make_room(now)
    if (error := retention.refusal) is not None:  # a study that was begun is finished by the node, or by the next call
        hint = "call it as the account that the node runs under"
        raise SpoolError(f"a file cannot be removed: {error.strerror}", about=str(error.filename), hint=hint) from error


def _line(rule: Rule, what: str) -> str:
    aside = f" and {rule.set_aside} objects that were set aside" if rule.set_aside else ""
    return f"{_head(rule)}{what}: files of {len(rule.studies)} studies{aside}, {_bytes(rule.size)}"


def _head(rule: Rule | Rows) -> str:
    return f"{rule.setting + f' = {rule.value:g}':<32}"


def _bytes(size: int) -> str:
    unit, name = next(((u, n) for u, n in ((1 << 30, "GiB"), (1 << 20, "MiB")) if size >= u), (1 << 10, "KiB"))
    return f"{size / unit:.1f} {name}"
