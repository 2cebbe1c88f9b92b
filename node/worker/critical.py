"""Which findings of an analysis are critical, and the message that says so of each to those who are told first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from node.account import Account, FindingAccount
from node.claims import Outcome
from node.config import CriticalRule, Settings
from node.export import ExportedStudy, messages
from node.kinds import CRITICAL
from node.ledger import Critical, Notice
from node.report.identity import derived_uid
from node.study import ResultObject
from node.words import per_cent

#: Writes a file of the analysis; returns its path in the spool. Args: name, data.
Write = Callable[[str, bytes], str]


@dataclass(frozen=True)
class Match:
    """A finding that a rule calls critical, on the series where it is the most probable."""

    rule: CriticalRule
    finding: FindingAccount


def matches(rules: Sequence[CriticalRule], account: Account) -> Iterator[Match]:
    """One at most for each rule: what is critical twice needs one acknowledgement."""
    for rule in rules:
        found = [
            one
            for series in account.series
            for one in series.findings
            if (account.plugin, one.finding) == (rule.plugin, rule.finding) and _reaches(rule, one)
        ]
        if found:
            yield Match(rule, max(found, key=lambda one: one.probability))


def criticals(settings: Settings, study: ExportedStudy, write: Write) -> list[Critical]:
    """The critical findings of an analysis, with their notifications in the spool.

    Args:
        settings: with the rules.
        study: the one analysis that is reported, with its identity.
        write: into the folder of the analysis.
    """
    (analysis,) = study.analyses
    found = matches(settings.critical, analysis.account) if analysis.account else ()
    return [_critical(settings, study, match, write) for match in found]


def _critical(settings: Settings, study: ExportedStudy, match: Match, write: Write) -> Critical:
    rule = match.rule
    # of the report, not of the analysis: a late image that changes nothing is not told again
    report = study.analyses[0].report_sop_instance_uid
    number = sha256(f"{report} {rule.name}".encode()).hexdigest()[:8]
    told = _about(study, match, number)
    made: dict[str, ResultObject] = {}
    for name in (*rule.destinations, *rule.escalate_to):
        for kind in _kinds(settings, name):
            if kind not in made:
                data = messages.written(kind, told, settings.node.ae_title)
                path = write(f"critical-{number}-{kind}{messages.SUFFIX[kind]}", data)
                made[kind] = ResultObject(
                    derived_uid("critical", report, rule.name, kind),
                    "",
                    "",
                    CRITICAL[kind],
                    path,
                    sha256(data).hexdigest(),
                )
    return Critical(
        id=number,
        rule=rule.name,
        finding=match.finding.finding,
        probability=float(match.finding.probability),
        minutes=rule.acknowledge_within_minutes,
        notices=_notices(settings, rule.destinations, made),
        escalations=_notices(settings, rule.escalate_to, made),
    )


def _about(study: ExportedStudy, match: Match, number: str) -> ExportedStudy:
    """The study with this finding alone, and what is expected of who reads it."""
    (analysis,) = study.analyses
    account = analysis.account
    if account is None:
        return study
    only = replace(
        account,
        claims=tuple(claim for claim in account.claims if claim.finding == match.rule.finding),
        series=tuple(
            replace(series, findings=(match.finding,)) for series in account.series if match.finding in series.findings
        ),
    )
    words = (
        f"Critical finding: {match.finding.label}, {per_cent(match.finding.probability)} (rule '{match.rule.name}')."
    )
    todo = f"To be acknowledged within {match.rule.acknowledge_within_minutes:g} minutes: radnode critical ack {number}"
    return replace(study, analyses=(replace(analysis, account=only, reason=f"{words} {todo}"),))


def _notices(settings: Settings, names: Sequence[str], made: dict[str, ResultObject]) -> tuple[Notice, ...]:
    return tuple(
        Notice(result, told)
        for kind, result in made.items()
        if (told := tuple(name for name in names if kind in _kinds(settings, name)))
    )


def _kinds(settings: Settings, name: str) -> tuple[str, ...]:
    destination = settings.destination(name)
    return destination.kinds if destination else ()


def _reaches(rule: CriticalRule, finding: FindingAccount) -> bool:
    if rule.threshold is None:
        return finding.outcome == Outcome.PRESENT
    return finding.probability >= rule.threshold
