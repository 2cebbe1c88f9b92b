"""Every claimed finding on every series, answered or not: silence would read as healthy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from node.account import Account, Claim, FindingAccount, SeriesAccount


@dataclass(frozen=True)
class Answer:
    """What is said of one claimed finding.

    Attributes:
        claim: what was claimed.
        key: tells it apart from the other answers of its analysis, and stays when the study is analysed again.
        series: that it speaks of; None when none could be looked at.
        finding: the model's answer; None when there is none.
        reason: why there is no answer; empty when there is one.
    """

    claim: Claim
    key: str
    series: SeriesAccount | None = None
    finding: FindingAccount | None = None
    reason: str = ""


def answers(account: Account) -> tuple[Answer, ...]:
    """One for each claimed finding and series, in the report's order; one at least."""
    claims = _claims(account)
    if not account.series:
        reason = _why_nothing(account)
        return tuple(Answer(claim, f"none/{claim.finding}", reason=reason) for claim in claims)
    seen: Counter[str] = Counter()
    found: list[Answer] = []
    for series in account.series:
        seen[series.series_instance_uid] += 1
        subject = f"{series.series_instance_uid}#{seen[series.series_instance_uid]}"
        found += _of_series(series, claims, subject)
    return tuple(found)


def _of_series(series: SeriesAccount, claims: tuple[Claim, ...], subject: str) -> Iterator[Answer]:
    told = {finding.finding: finding for finding in series.findings}
    for claim in claims:
        finding = told.get(claim.finding)
        reason = "" if finding else series.abstained or "The model gave no answer for this finding"
        yield Answer(claim, f"{subject}/{claim.finding}", series, finding, reason)


def _claims(account: Account) -> tuple[Claim, ...]:
    """An account that an earlier version stored names none: what was answered was claimed, or else the whole model."""
    told = {one.finding: one for series in account.series for one in series.findings}
    answered = tuple(Claim(one.finding, one.label, one.code, one.site) for one in told.values())
    return account.claims or answered or (Claim(account.plugin, account.title),)


def _why_nothing(account: Account) -> str:
    reasons = dict.fromkeys(reason for _, reason in account.not_assessed)
    return "No image could be assessed: " + ("; ".join(reasons) or "no image was received")
