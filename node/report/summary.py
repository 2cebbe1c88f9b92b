"""The report in words, for a person: what was found, by whom, and that no person has verified it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from node.comparison import Change
from node.plugin import Outcome
from node.report.verdict import Verdict
from node.study import Analysis
from node.words import accuracy, change, limit, per_cent

UNVERIFIED = "This result was made by a computer program. No person has verified it."
RESEARCH = "Research use, not for diagnosis."
#: With more findings than these, the absent ones share a sentence.
MOST_APART = 6


def summary(analysis: Analysis, verdicts: Sequence[Verdict]) -> str:
    """One paragraph."""
    return " ".join(_sentences(analysis, verdicts))


def gaps(analysis: Analysis) -> tuple[str, ...]:
    """One sentence for each instance that was not assessed, and one for images that never came."""
    named = [f"Instance {item.sop_instance_uid} was not assessed: {item.reason}." for item in analysis.not_assessed]
    missing = _missing(analysis)
    if missing:
        named.append(f"{missing} of {analysis.expected} expected images had not arrived when the analysis began.")
    return tuple(named)


def remarks(analysis: Analysis) -> tuple[str, ...]:
    """What it is compared with, and what the model said beside its findings, with the series of several."""
    several = len(analysis.analysed) > 1
    compared = (analysis.comparison.sentence,) if analysis.comparison else ()
    return compared + tuple(
        f"Series {item.image_set.series_instance_uid}: {remark}" if several else remark
        for item in analysis.analysed
        for remark in item.prediction.remarks
    )


def _missing(analysis: Analysis) -> int:
    return 0 if analysis.expected is None else max(0, analysis.expected - _seen(analysis) - len(analysis.not_assessed))


def _seen(analysis: Analysis) -> int:
    return len({image.sop_instance_uid for item in analysis.analysed for image in item.image_set.images})


def _sentences(analysis: Analysis, verdicts: Sequence[Verdict]) -> Iterator[str]:
    manifest = analysis.manifest
    seen = _seen(analysis)
    yield f"{manifest.title} ({manifest.name} {manifest.version}) assessed {seen} image{'' if seen == 1 else 's'}."
    yield from _outcomes(verdicts)
    yield from remarks(analysis)
    if analysis.not_assessed:
        yield f"{len(analysis.not_assessed)} received instance(s) could not be assessed."
    if _missing(analysis):
        yield f"{_missing(analysis)} expected image(s) had not arrived; this report is partial."
    yield UNVERIFIED
    if manifest.research_only:
        yield RESEARCH


def _outcomes(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """A sentence for each; of many, the absent ones are told together, after those that want to be looked at."""
    many = len(verdicts) > MOST_APART
    together = [
        verdict for verdict in verdicts if many and verdict.outcome is Outcome.ABSENT and not _resolved(verdict)
    ]
    apart = [verdict for verdict in verdicts if verdict not in together]
    yield from (_sentence(verdict) for verdict in apart)
    told = ", ".join(f"{one.spec.label} {per_cent(one.finding.probability)}" for one in together if one.finding)
    if told:
        yield f"Absent, each below its operating point: {told}."


def _resolved(verdict: Verdict) -> bool:
    return verdict.compared is not None and verdict.compared.change is Change.RESOLVED


def _sentence(verdict: Verdict) -> str:
    if verdict.finding is None:
        return f"{verdict.spec.label}: not assessed. {verdict.reason.rstrip('.')}."
    point = verdict.spec.operating_point
    return (
        f"{verdict.spec.label}: {verdict.outcome}, "
        f"calibrated probability {per_cent(verdict.finding.probability)}{_between(verdict)} "
        f"(operating point {limit(point.threshold)}, {accuracy(point.sensitivity.figure, point.specificity.figure)})."
        f"{f' {change(verdict.compared)}' if verdict.compared else ''}"
    )


def _between(verdict: Verdict) -> str:
    limits = verdict.spec.operating_point.undetermined
    if limits is None or verdict.outcome is not Outcome.UNDETERMINED:
        return ""
    return f" between the limits {limit(limits[0])} and {limit(limits[1])}"
