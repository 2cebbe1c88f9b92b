"""Sentences that report, picture and command line share, so that one fact is told in the same words everywhere."""

from __future__ import annotations

from collections.abc import Sequence

from node.comparison import Change, Compared
from node.plugin import Finding, Interval, Neighbour, OperatingPoint, Outcome

#: Said in place of a figure that the manifest leaves open, from 0 to 1.
NOT_MEASURED = "not measured"


def per_cent(value: float) -> str:
    """A share for a person; what is not certain is never rounded to certainty."""
    if 0.0 < value < 0.01:
        return "< 1 %"
    return "> 99 %" if 0.99 < value < 1.0 else f"{100.0 * value:.0f} %"


def limit(value: float) -> str:
    """A threshold or limit as the manifest states it, in per cent."""
    return f"{100.0 * value:.3g} %"


def accuracy(sensitivity: float | None, specificity: float | None) -> str:
    """What an operating point costs; None: nobody measured it."""
    if sensitivity is None and specificity is None:
        return f"sensitivity and specificity {NOT_MEASURED}"
    told = (NOT_MEASURED if figure is None else per_cent(figure) for figure in (sensitivity, specificity))
    return "sensitivity {}, specificity {}".format(*told)


def with_interval(figure: Interval) -> str:
    """``87% (80%-92%)``, for a table."""
    return f"{figure.value:.0%} ({figure.low:.0%}-{figure.high:.0%})" if figure.known else NOT_MEASURED


def undetermined(finding: Finding, point: OperatingPoint) -> str:
    """Why an assessed finding is neither called present nor absent; empty when it is one of them."""
    if point.undetermined is None or point.outcome(finding.probability) is not Outcome.UNDETERMINED:
        return ""
    low, high = point.undetermined
    return (
        f"Undetermined, though assessed: {limit(finding.probability)} lies between the two limits {limit(low)} and "
        f"{limit(high)}, set so that beyond them at most {limit(point.error_rate)} of each kind is called wrongly."
    )


def agreement(finding: Finding) -> str:
    """How many images of a series speak for the finding on their own; empty when the model does not say."""
    if finding.agreement is None:
        return ""
    agreeing, assessed = finding.agreement
    verb, own = ("reaches", "its") if agreeing == 1 else ("reach", "their")
    return f"{agreeing} of {assessed} images {verb} the operating point on {own} own."


def neighbours(cases: Sequence[Neighbour]) -> str:
    """The nearest training cases of one finding; empty when there are none."""
    if not cases:
        return ""
    told = ", ".join(
        f"{case.case} ({'present' if case.present else 'absent'}, similarity {case.similarity:.2f})" for case in cases
    )
    carrying = sum(case.present for case in cases)
    return f"Nearest training cases: {told}; {carrying} of {len(cases)} carry the finding."


def change(compared: Compared) -> str:
    """What became of a finding since the prior study, with both probabilities and their difference."""
    since, figures = f"the study of {compared.prior.day}", _then_and_now(compared)
    if compared.change is Change.NOT_COMPARABLE:
        told = "; ".join(part for part in (compared.reason, figures) if part)
        return f"Not comparable with {since}: {told}.{_course(compared)}"
    because = f"; {compared.reason}" if compared.reason else ""
    return f"{compared.change.capitalize()} since {since}: {figures}{because}.{_course(compared)}"


def _course(compared: Compared) -> str:
    """The probability in each study, oldest first, in a sentence of its own; empty where one prior alone is wanted."""
    if not compared.course:
        return ""
    told = [f"{per_cent(one.answer.probability)} on {one.study.day}" for one in compared.course]
    now = [] if compared.probability is None else [f"{per_cent(compared.probability)} now"]
    return f" Over time: {', '.join([*told, *now])}."


def _then_and_now(compared: Compared) -> str:
    if compared.then is None:
        return ""
    then = f"{compared.then.outcome} at {per_cent(compared.then.probability)} then"
    if compared.probability is None or compared.difference is None:
        return then
    return f"{then}, {per_cent(compared.probability)} now, {100.0 * compared.difference:+.0f} percentage points"
