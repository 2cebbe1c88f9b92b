"""The verdict: which promises of the plugin hold at this site. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from node.plugin import Interval
from node.words import NOT_MEASURED
from radnode_kit.acceptance.figures import Share
from radnode_kit.acceptance.finding import FindingFigures

MAX_ECE = 0.1
MAX_RESIDUAL = 1e-4
#: Cases below which a share that agrees with the manifest proves little.
MIN_CONVINCING = 30


class Verdict(StrEnum):
    """Of one check."""

    MET = "met"
    NOT_MET = "not met"
    NOT_TESTED = "not tested"


@dataclass(frozen=True)
class Check:
    """One promise and what became of it.

    Attributes:
        finding: name; empty when it is about the whole plugin.
        what: the figure.
        promised: in words, e.g. ``0.870 or more``.
        found: in words, with its interval.
        verdict: see :class:`Verdict`.
        remark: what a reader should know, e.g. that the cases are few; may be empty.
    """

    finding: str
    what: str
    promised: str
    found: str
    verdict: Verdict
    remark: str = ""


def accepted(checks: tuple[Check, ...]) -> bool:
    """Whether no promise is broken, and at least one about a finding was tested."""
    broken = any(check.verdict is Verdict.NOT_MET for check in checks)
    return not broken and any(check.finding and check.verdict is Verdict.MET for check in checks)


def checks_of(
    findings: tuple[FindingFigures, ...], answered: int, abstained: int, residual: float, max_abstained: float
) -> tuple[Check, ...]:
    """Every check, those of the findings first."""
    rows = [check for figures in findings for check in _finding(figures)]
    return (*rows, _answers(answered), _abstained(answered, abstained, max_abstained), _residual(residual))


def _finding(figures: FindingFigures) -> Iterator[Check]:
    name, operation, certainty = figures.name, figures.operation, figures.certainty
    yield _at_least(name, "sensitivity", operation.sensitivity, operation.stated_sensitivity)
    yield _at_least(name, "specificity", operation.specificity, operation.stated_specificity)
    if certainty.stated_error_rate > 0.0:
        yield _at_most(name, "diseased called absent", certainty.missed, certainty.stated_error_rate)
        yield _at_most(name, "healthy called present", certainty.false_alarms, certainty.stated_error_rate)
    yield _calibration(figures)


def _at_least(finding: str, what: str, found: Share, stated: Interval) -> Check:
    """Broken only when chance does not explain it: the site's interval lies wholly below the stated figure."""
    promised = f"{stated.value:.3f} or more" if stated.known else NOT_MEASURED
    if found.total == 0:
        return Check(finding, what, promised, "no such case", Verdict.NOT_TESTED)
    if not stated.known:
        remark = "the manifest states no figure to compare with"
        return Check(finding, what, promised, in_words(found), Verdict.NOT_TESTED, remark)
    verdict = Verdict.NOT_MET if found.high < stated.value else Verdict.MET
    remark = "the whole interval is above the stated figure" if found.low > stated.value else ""
    return Check(finding, what, promised, in_words(found), verdict, remark or _few(found))


def _at_most(finding: str, what: str, found: Share, stated: float) -> Check:
    promised = f"at most {stated:.3f}"
    if found.total == 0:
        return Check(finding, what, promised, "no such case", Verdict.NOT_TESTED)
    verdict = Verdict.NOT_MET if found.low > stated else Verdict.MET
    return Check(finding, what, promised, in_words(found), verdict, _few(found))


def _few(found: Share) -> str:
    if found.total >= MIN_CONVINCING:
        return ""
    return f"only {found.total} case{'s' if found.total > 1 else ''}: agreement proves little"


def _calibration(figures: FindingFigures) -> Check:
    """Broken only when chance does not explain it: few cases never lie on the diagonal, however honest the model."""
    what, promised = "calibration error (ECE)", f"at most {MAX_ECE:g}"
    if not figures.cases:
        return Check(figures.name, what, promised, "no case", Verdict.NOT_TESTED)
    error, chance = figures.calibration.ece, figures.calibration.ece_by_chance
    verdict = Verdict.MET if error <= MAX_ECE else Verdict.NOT_MET if error > chance else Verdict.NOT_TESTED
    remark = f"with {figures.cases} cases chance alone may reach {chance:.3f}" if chance > MAX_ECE else ""
    return Check(figures.name, what, promised, f"{error:.3f}", verdict, remark)


def _answers(answered: int) -> Check:
    verdict = Verdict.MET if answered else Verdict.NOT_MET
    return Check("", "cases answered", "at least 1", str(answered), verdict)


def _abstained(answered: int, abstained: int, limit: float) -> Check:
    what, promised, asked = "abstentions", f"at most {limit:.1%}", answered + abstained
    if not asked:
        return Check("", what, promised, "no case", Verdict.NOT_TESTED)
    rate = abstained / asked
    verdict = Verdict.NOT_MET if rate > limit else Verdict.MET
    return Check("", what, promised, f"{rate:.1%} ({abstained} of {asked})", verdict)


def _residual(residual: float) -> Check:
    what, promised = "evidence adds up to the logit", f"within {MAX_RESIDUAL:g}"
    if math.isnan(residual):
        return Check("", what, promised, "no evidence map", Verdict.NOT_TESTED)
    verdict = Verdict.NOT_MET if residual > MAX_RESIDUAL else Verdict.MET
    return Check("", what, promised, f"within {residual:.1e}", verdict)


def in_words(found: Share) -> str:
    """``0.912 (0.880 to 0.941)``."""
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"
