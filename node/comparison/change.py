"""What became of a finding since the prior study; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from node.claims import Code, Outcome
from node.comparison.assessed import Answer, Aspect, Assessment, Views
from node.comparison.settled import Comparison


class Change(StrEnum):
    """What became of a finding since the prior study."""

    NEW = "new"  # absent -> present
    RESOLVED = "resolved"  # present -> absent
    INCREASED = "increased"  # present in both, more probable beyond the model's repeatability
    DECREASED = "decreased"  # present in both, less probable beyond it
    UNCHANGED = "unchanged"  # absent in both, or present in both within it
    NOT_COMPARABLE = "not comparable"  # one of the two has no answer, or nothing says what a difference means


#: How a change is coded wherever it is; what is not comparable has no code, and is told in words.
CHANGE_CODES: Mapping[Change, Code] = {
    Change.NEW: Code("7147002", "SCT", "New"),
    Change.RESOLVED: Code("723506003", "SCT", "Resolved"),
    Change.INCREASED: Code("35105006", "SCT", "Increased"),
    Change.DECREASED: Code("1250004", "SCT", "Decreased"),
    Change.UNCHANGED: Code("260388006", "SCT", "No status change"),
}


@dataclass(frozen=True)
class Earlier:
    """What was said of a finding in a study. Attributes: answer: on the series that can be compared."""

    study: Assessment
    answer: Answer


@dataclass(frozen=True)
class Compared:
    """One finding, now and then.

    Attributes:
        change: what became of it.
        then: what was said of it; None where there was no answer.
        probability: now; None where there is no answer.
        reason: why it is not comparable, or what else must be known of the change; empty when nothing is.
        prior: the study that is compared with.
        course: what was said of it in this one and in studies before, oldest first; empty when one alone is wanted.
    """

    change: Change
    then: Answer | None
    probability: float | None
    reason: str
    prior: Assessment
    course: tuple[Earlier, ...] = ()

    @property
    def difference(self) -> float | None:
        """Probability now less that of then, -1..1; None where either is missing."""
        return None if self.then is None or self.probability is None else self.probability - self.then.probability


def compare(
    prior: Assessment,
    finding: str,
    aspect: Aspect,
    now: tuple[Outcome, float] | None,
    repeatability: float | None,
    views: Views = (),
) -> Compared:
    """What became of a finding since the prior study.

    Args:
        prior: by the same plugin and version.
        finding: its name.
        aspect: what the series shows that it was looked for on.
        now: outcome and probability; None where the model gives no answer.
        repeatability: probability may differ by so much without any change, 0..1; None: nobody measured it.
        views: which may be compared with each other, beside equal ones.
    """
    probability = None if now is None else now[1]
    then, reason, caution = _then(prior, finding, aspect, views)
    if now is None:
        reason = "the model gives no answer now"
    if now is None or then is None:
        return Compared(Change.NOT_COMPARABLE, then, probability, reason, prior)
    change, reason = _change(then, now, repeatability)
    told = "; ".join(part for part in (reason, caution) if part)
    return Compared(change, then, probability, told, prior)


def course(comparison: Comparison, finding: str, aspect: Aspect) -> tuple[Earlier, ...]:
    """What was said of a finding in each of several priors, oldest first; nothing where one alone is wanted."""
    if not comparison.earlier:
        return ()
    told = ((one, _then(one, finding, aspect, comparison.views)[0]) for one in reversed(comparison.priors))
    return tuple(Earlier(study, answer) for study, answer in told if answer is not None)


def _then(prior: Assessment, finding: str, aspect: Aspect, views: Views) -> tuple[Answer | None, str, str]:
    """The most probable answer on the series that can be compared, or why there is none; what to be careful about.

    Where the prior shows the same view as well, no other one is looked at.
    """
    alike = [one for one in prior.series if not aspect.unlike(one.aspect)]
    fitting = alike or [one for one in prior.series if not aspect.unlike(one.aspect, views)]
    answers = [(told, one.aspect) for one in fitting for told in one.findings if told.finding == finding]
    if answers:
        answer, shown = max(answers, key=lambda told: told[0].probability)
        return answer, "", aspect.caution(shown)
    if abstained := next((one.abstained for one in fitting if one.abstained), ""):
        return None, f"the model gave no answer on the prior: {abstained.rstrip('.')}", ""
    if fitting or not prior.series:
        return None, "the prior has no answer on this finding", ""
    return None, f"of the prior {aspect.unlike(prior.series[0].aspect, views)}", ""


def _change(then: Answer, now: tuple[Outcome, float], repeatability: float | None) -> tuple[Change, str]:
    outcome, probability = now
    difference = probability - then.probability
    for said, when in ((then.outcome, "on the prior"), (outcome, "now")):
        if said == Outcome.UNDETERMINED:
            return Change.NOT_COMPARABLE, f"it is undetermined {when}"
    if then.outcome != outcome:
        within = repeatability is not None and abs(difference) <= repeatability
        doubt = f"the difference is within the model's repeatability of {_points(repeatability or 0)}" if within else ""
        return (Change.NEW if outcome == Outcome.PRESENT else Change.RESOLVED), doubt
    if outcome == Outcome.ABSENT or difference == 0:
        return Change.UNCHANGED, ""
    if repeatability is None:
        return Change.NOT_COMPARABLE, "the plugin states no repeatability, so that the difference says nothing"
    if abs(difference) <= repeatability:
        return Change.UNCHANGED, f"the difference is within the model's repeatability of {_points(repeatability)}"
    return (Change.INCREASED if difference > 0 else Change.DECREASED), ""


def _points(share: float) -> str:
    return f"{100 * share:.0f} percentage points"
