"""Which of the patient's other studies is the prior; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from node.comparison import Assessment, PriorRule, misfit
from node.ledger import Candidate

DAYS_OF_A_MONTH = 365.25 / 12


@dataclass(frozen=True)
class Choice:
    """What there is to compare with just now.

    Attributes:
        priors: those that fit, the newest first; so many as the rule wants at most.
        reasons: why others do not, newest first.
        is_coming: another study of the patient may still become one.
        stale: studies to be assessed anew: the newest ones that nothing speaks against but that another version of the
            model assessed them, as far as they are wanted; and those of which it is not known any more what was said.
    """

    priors: tuple[Assessment, ...]
    reasons: tuple[str, ...]
    is_coming: bool
    stale: tuple[str, ...] = ()


def choose(now: Assessment, candidates: Sequence[Candidate], rule: PriorRule) -> Choice:
    """The newest of these studies that may be priors; pure.

    Args:
        now: what is to be compared.
        candidates: other studies under the same patient's key.
        rule: how many there may be, how old, and of which views.
    """
    is_coming = any(one.is_open for one in candidates)
    if not now.study_date:
        return Choice((), ("the study does not say when it was made",), False)
    told = [one.assessment for one in candidates if one.assessment is not None]
    untold = [one.study_instance_uid for one in candidates if one.is_untold]
    reasons = ["what was said of another study of this patient was not kept"] if untold else []
    stale: list[str] = []
    priors: list[Assessment] = []
    for one in sorted(_earlier(now, told), key=_moment, reverse=True):
        if len(priors) == rule.most:
            break
        if reason := why_not(now, one, rule):
            reasons.append(reason)
            is_wanted = len(stale) + len(priors) < rule.most and not _unfit(now, one, rule)
            stale += [one.study_instance_uid] if is_wanted else []
        else:
            priors.append(one)
    return Choice(tuple(priors), tuple(reasons), is_coming, (*stale, *untold))


def _earlier(now: Assessment, told: Iterable[Assessment]) -> list[Assessment]:
    return [one for one in told if one.study_date and _moment(one) < _moment(now)]


def _moment(one: Assessment) -> tuple[str, str]:
    return one.study_date, one.study_time


def why_not(now: Assessment, prior: Assessment, rule: PriorRule) -> str:
    """Why an earlier study is no prior; empty when it is one."""
    if reason := _unfit(now, prior, rule):
        return reason
    if prior.model != now.model:
        return f"the study of {prior.day} was assessed by another model ({prior.plugin} {prior.version})"
    return ""


def _unfit(now: Assessment, prior: Assessment, rule: PriorRule) -> str:
    """Why it is no prior, whichever model assessed it."""
    study = f"the study of {prior.day}"
    if other := now.is_of_another_person(prior):
        return f"{study} has the same patient id, but {other}"
    if rule.months and _days_between(prior, now) > rule.months * DAYS_OF_A_MONTH:
        return f"{study} is older than {rule.months} months"
    if reason := misfit(prior, now, rule.views):
        return f"{study}: {reason}"
    return ""


def _days_between(first: Assessment, last: Assessment) -> float:
    """Infinite where a date is none."""
    try:
        days = [datetime.strptime(one.study_date, "%Y%m%d") for one in (first, last)]
    except ValueError:
        return float("inf")
    return float((days[1] - days[0]).days)
