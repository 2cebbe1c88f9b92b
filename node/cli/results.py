"""What `radnode run` shows of each study: for a person, and for a program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from node.cli.output import printable

if TYPE_CHECKING:
    from node.account import Account, FindingAccount, SeriesAccount
    from node.offline import StudyResult

#: With more findings than these, the reasons of absent ones are left to `--json`.
MOST_EXPLAINED = 6


def as_table(result: StudyResult) -> dict[str, Any]:
    """One study for JSON: its facts, and the account of its series beside them."""
    account = result.account
    from node.account import Account

    nothing = asdict(Account(result.plugin, "", "")) | {"version": None, "title": None}
    told = asdict(account) if account else nothing | {name: [] for name in ("series", "not_assessed", "claims")}
    return {name: value for name, value in vars(result).items() if name != "account"} | told | {"plugin": result.plugin}


def lines(result: StudyResult) -> Iterator[str]:
    """One study for a person."""
    yield f"study {result.study_instance_uid}"
    if result.account is not None:
        yield from (f"  {printable(line)}" for line in _account(result.account))
    if result.error:
        yield f"  failed: {printable(result.error)}"
    for path in result.files:
        yield f"  wrote {path.name}"


def _account(account: Account) -> Iterator[str]:
    yield f"{account.title} ({account.plugin} {account.version})"
    for series in account.series:
        if len(account.series) > 1:
            images = f"{series.images} image{'' if series.images == 1 else 's'}"
            yield f"series {series.series_instance_uid} ({series.modality}, {images})"
        yield from _series(series)
    for uid, reason in account.not_assessed:
        yield f"not assessed: {uid}: {reason}"


def _series(series: SeriesAccount) -> Iterator[str]:
    if series.abstained:
        yield f"not assessed, the model does not answer: {series.abstained}"
    yield from _findings(series.findings)
    for remark in series.remarks:
        yield f"remark: {remark}"


def _findings(findings: Sequence[FindingAccount]) -> Iterator[str]:
    from node.words import per_cent

    labels = max((len(one.label) for one in findings), default=0)
    hidden = 0
    for one in findings:
        outcome, probability = one.outcome, per_cent(one.probability)
        yield f"{one.label:<{labels}}  {probability:>6}  {outcome:<12}  {_point(one)}"
        if outcome == "absent" and len(findings) > MOST_EXPLAINED:
            hidden += bool(one.reasons)
            continue
        yield from (f"    {reason}" for reason in one.reasons)
    if hidden:
        yield f"(the reasons of {hidden} absent findings are in --json and in the report)"


def _point(one: FindingAccount) -> str:
    from node.words import accuracy, limit

    point = f"operating point {limit(one.threshold)}"
    if one.undetermined is not None:
        low, high = one.undetermined
        point += f", undetermined {limit(low)} to {limit(high)}"
    return f"({point}; {accuracy(one.sensitivity, one.specificity)})"
