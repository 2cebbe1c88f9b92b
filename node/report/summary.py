"""The report in words, for a person: what was found, by whom, and that no person has verified it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from node.report.verdict import Verdict
from node.study import Analysis

UNVERIFIED = "This result was made by a computer program. No person has verified it."
RESEARCH = "Research use, not for diagnosis."


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


def _missing(analysis: Analysis) -> int:
    return 0 if analysis.expected is None else max(0, analysis.expected - _seen(analysis) - len(analysis.not_assessed))


def _seen(analysis: Analysis) -> int:
    return len({image.sop_instance_uid for item in analysis.analysed for image in item.image_set.images})


def _sentences(analysis: Analysis, verdicts: Sequence[Verdict]) -> Iterator[str]:
    manifest = analysis.manifest
    seen = _seen(analysis)
    yield f"{manifest.title} ({manifest.name} {manifest.version}) assessed {seen} image{'' if seen == 1 else 's'}."
    for verdict in verdicts:
        yield _sentence(verdict)
    if analysis.not_assessed:
        yield f"{len(analysis.not_assessed)} received instance(s) could not be assessed."
    if _missing(analysis):
        yield f"{_missing(analysis)} expected image(s) had not arrived; this report is partial."
    yield UNVERIFIED
    if manifest.research_only:
        yield RESEARCH


def _sentence(verdict: Verdict) -> str:
    if verdict.finding is None:
        return f"{verdict.spec.label}: undetermined. {verdict.reason.rstrip('.')}."
    point = verdict.spec.operating_point
    word = "present" if verdict.present else "absent"
    return (
        f"{verdict.spec.label}: {word}, calibrated probability {100 * verdict.finding.probability:.0f} % "
        f"(operating point {100 * point.threshold:.0f} %, sensitivity {100 * point.sensitivity.value:.0f} %, "
        f"specificity {100 * point.specificity.value:.0f} %)."
    )
