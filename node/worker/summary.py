"""What an analysis answered, in one line for the operator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from node.account import Account, FindingAccount
from node.plugin import Finding, Manifest, Outcome, Prediction

#: With more findings than these, the absent ones are counted, not listed.
MOST_LISTED = 6


def summary(manifest: Manifest, predictions: Iterable[Prediction], not_assessed: int) -> str:
    """Findings with probability, abstentions, remarks, what was not assessed; no patient's data."""
    parts: list[str] = []
    for prediction in predictions:
        if prediction.abstained:
            parts.append(f"abstained: {prediction.abstained}")
        parts += _findings(manifest, prediction)
        parts += [remark.rstrip(".") for remark in prediction.remarks]
    if not_assessed:
        parts.append(f"{not_assessed} image{'s' if not_assessed > 1 else ''} not assessed")
    return "; ".join(parts) or "nothing was assessed"


def changes(told: Account) -> list[str]:
    """What became of each finding since the prior study, in a line each; nothing where none was compared."""
    compared = [one for series in told.series for one in series.findings if one.change]
    return [f"{one.label}: {one.change}, {_before(one)}{one.probability:.0%}" for one in compared]


def _before(finding: FindingAccount) -> str:
    if finding.course:
        return "".join(f"{one.probability:.0%} ({_day(one.study_date)}) -> " for one in finding.course)
    return "" if finding.prior_probability is None else f"{finding.prior_probability:.0%} -> "


def _day(date: str) -> str:
    return f"{date[:4]}-{date[4:6]}-{date[6:]}"


def _findings(manifest: Manifest, prediction: Prediction) -> Iterator[str]:
    decided = [(finding, _outcome(manifest, finding)) for finding in prediction.findings]
    many = len(decided) > MOST_LISTED
    for finding, outcome in decided:
        if not many or outcome is not Outcome.ABSENT:
            yield f"{_told(manifest, finding)} ({outcome})"
    absent = [finding for finding, outcome in decided if outcome is Outcome.ABSENT]
    if many and absent:
        highest = max(absent, key=lambda finding: finding.probability)
        yield f"{len(absent)} findings absent, the most probable {_told(manifest, highest)}"


def _told(manifest: Manifest, finding: Finding) -> str:
    return f"{manifest.finding(finding.name).label} {finding.probability:.0%}"


def _outcome(manifest: Manifest, finding: Finding) -> Outcome:
    return manifest.finding(finding.name).operating_point.outcome(finding.probability)
