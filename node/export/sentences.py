"""What a result says in words wherever it goes: that nobody has verified it, what it costs, what it does not cover."""

from __future__ import annotations

from collections.abc import Iterator

from node.account import FindingAccount
from node.export.answers import Answer
from node.export.exported import ExportedAnalysis, Standing
from node.words import NOT_MEASURED, limit, per_cent

NOT_VERIFIED = "This result was made by a computer program. No person has verified it."
RESEARCH = "Research use, not for diagnosis."
WITHDRAWN = "This result is withdrawn: it must not be used."


def caveats(analysis: ExportedAnalysis) -> tuple[str, ...]:
    """What must stand beside each of its answers."""
    said = (
        WITHDRAWN if analysis.standing is Standing.WITHDRAWN else "",
        NOT_VERIFIED if analysis.account else "",
        RESEARCH if analysis.account and analysis.algorithm.research_only else "",
    )
    return tuple(sentence for sentence in said if sentence)


def of_analysis(analysis: ExportedAnalysis) -> tuple[str, ...]:
    """What is to be known of all its answers together."""
    return (*caveats(analysis), *_of_analysis(analysis))


def _of_analysis(analysis: ExportedAnalysis) -> Iterator[str]:
    if analysis.reason:
        yield analysis.reason
    if analysis.account is not None:
        if analysis.account.comparison:
            yield analysis.account.comparison
        yield from (remark for series in analysis.account.series for remark in series.remarks)
        for sop_instance_uid, reason in analysis.account.not_assessed:
            yield f"Instance {sop_instance_uid} was not assessed: {reason}."
        if not analysis.complete:
            yield "Not all images of the study could be assessed."


def of_answer(answer: Answer) -> tuple[str, ...]:
    """What stands behind one answer; why there is none."""
    if answer.finding is None:
        return (f"Not assessed: {answer.reason}",)
    return (_operating_point(answer.finding), *answer.finding.reasons)


def _operating_point(finding: FindingAccount) -> str:
    sensitivity = _figure(finding.sensitivity, finding.sensitivity_interval)
    specificity = _figure(finding.specificity, finding.specificity_interval)
    measured = not (finding.sensitivity is None and finding.specificity is None)
    source = f"{', measured on' if measured else '; it comes from'} {finding.source}" if finding.source else ""
    return f"Operating point {limit(finding.threshold)}: sensitivity {sensitivity}, specificity {specificity}{source}."


def _figure(figure: float | None, interval: tuple[float, float] | None) -> str:
    if figure is None:
        return NOT_MEASURED
    between = f" (95 % CI {per_cent(interval[0])} to {per_cent(interval[1])})" if interval else ""
    return per_cent(figure) + between
