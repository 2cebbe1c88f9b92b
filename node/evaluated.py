"""Records of `radnode evaluate`, and whether one is good enough for its plugin to go live."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_DAY_SECONDS = 86400.0


@dataclass(frozen=True)
class Evaluated:
    """A record as the ledger has it.

    Attributes:
        plugin: that was measured.
        at: when, seconds since the epoch.
        operator: the account that measured.
        record: what was found, see `radnode_kit.acceptance.record`; JSON's values.
        sha256: of the record, hex.
        is_sealed: the record is the one of which the trail says that sha256.
    """

    plugin: str
    at: float
    operator: str
    record: Mapping[str, Any]  # JSON's edge
    sha256: str
    is_sealed: bool


@dataclass(frozen=True)
class Criteria:
    """What a record has to show.

    Attributes:
        days: its greatest age.
        cases: answered cases, at least.
        auroc: lower limit of the 95 % interval of each finding, at least; 0: not looked at.
        auroc_of: finding -> the same for it alone.
        accepted: whether the evaluation must have found all that the manifest states to hold.
    """

    days: float
    cases: int
    auroc: float
    auroc_of: Mapping[str, float] = field(default_factory=dict)
    accepted: bool = True

    def least(self, finding: str) -> float:
        """The lower limit that is asked of a finding."""
        return self.auroc_of.get(finding, self.auroc)


def objections(one: Evaluated, model: tuple[str, str], criteria: Criteria, now: float) -> list[str]:
    """Why a plugin must not go live on that record, a sentence each; empty: it may.

    Args:
        one: the record.
        model: version and digest of what is installed.
        criteria: what is asked.
        now: seconds since the epoch.
    """
    if not one.is_sealed:
        return ["its record is not the one that the trail knows: somebody has changed it"]
    measured = (one.record["version"], one.record["digest"])
    if measured != model:
        was, is_now = (f"{version}, model {digest[:12]}" for version, digest in (measured, model))
        return [f"another model was measured ({was}); installed is {is_now}"]
    return [*_of_the_whole(one, criteria, now), *_of_findings(one, criteria)]


def _of_the_whole(one: Evaluated, criteria: Criteria, now: float) -> Iterator[str]:
    days = abs(now - one.at) / _DAY_SECONDS  # a clock that was set back makes no record younger
    if days > criteria.days:
        yield f"the evaluation is {days:.0f} days old, at most {criteria.days:g} are allowed"
    answered = one.record["answered"]
    if answered < criteria.cases:
        yield f"{answered} cases were answered, at least {criteria.cases} are wanted"
    if criteria.accepted and not one.record["accepted"]:
        yield "the evaluation ended with NOT ACCEPTED"


def _of_findings(one: Evaluated, criteria: Criteria) -> Iterator[str]:
    found = {finding["name"]: finding for finding in one.record["findings"]}
    for name in criteria.auroc_of:
        if name not in found:
            yield f"an AUROC is asked of {name}, which is no finding of the plugin: {', '.join(found) or 'none'}"
    for name, finding in found.items():
        least, low = criteria.least(name), finding["auroc"]["low"]
        if least and low is None:
            yield f"{name}: its AUROC could not be measured ({finding['positives']} of {finding['cases']} cases had it)"
        elif least and low < least:
            yield f"{name}: the lower limit of its AUROC is {low:.3f}, at least {least:g} is wanted"
