"""A finding now against the same finding in an earlier study of the same patient; pure.

Compared is like with like: the same model, finding, body part, side and view. What the operating point says of either
study tells `new` from `resolved`. Among what is present in both, probabilities differ by chance, too: the same patient
stands a little askew, another detector is noisier. A plugin's manifest states how far its probability moves then
(`repeatability`, the 95th percentile under the change that moves it most), and only a larger difference is called
increased or decreased. Without that figure no difference is called anything. None of it says that a disease has
changed: it says what the model says twice.

Worked example: 12 % (absent) in March, 87 % (present) in June, is `new`, +75 points; 80 % and 87 % are `unchanged` for
a model whose repeatability is 25 points; so are they the other way round.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any

from node.body_part import normal_body_part
from node.claims import Code, Outcome


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
class PriorRule:
    """What an analysis is to be compared with.

    Attributes:
        months: a prior is so old at most; 0: as old as may be.
        archive: name of a destination that is asked where the node has none itself; empty: nobody is.
        wait_seconds: longest time that a report waits for a prior that is on its way.
    """

    months: int = 24
    archive: str = ""
    wait_seconds: float = 120.0


@dataclass(frozen=True)
class Aspect:
    """What of a body an image shows; empty is what its header leaves out."""

    body_part: str = ""
    laterality: str = ""
    view: str = ""

    @classmethod
    def of(cls, body_part: str, laterality: str, view: str) -> Aspect:
        """Of what headers say, where one part has several names."""
        return cls(normal_body_part(body_part), laterality, view)

    def unlike(self, other: Aspect) -> str:
        """Why the two cannot be compared; empty when they can. A body part or view that is not told may be any."""
        if self.laterality != other.laterality:
            return "it shows another side"
        for name, mine, theirs in (
            ("body part", self.body_part, other.body_part),
            ("view", self.view, other.view),
        ):
            if mine and theirs and mine != theirs:
                return f"it shows another {name} ({theirs}, not {mine})"
        return ""


@dataclass(frozen=True)
class Answer:
    """What the model said of a finding."""

    finding: str
    outcome: str
    probability: float
    logit: float


@dataclass(frozen=True)
class SeriesAssessment:
    """One series of it.

    Attributes:
        series_instance_uid: of the series.
        aspect: what it shows.
        instances: (SOP Class UID, SOP Instance UID) of the images that show the findings best.
        findings: the answers; empty when the model abstained.
        abstained: why it did.
    """

    series_instance_uid: str
    aspect: Aspect
    instances: tuple[tuple[str, str], ...]
    findings: tuple[Answer, ...] = ()
    abstained: str = ""


@dataclass(frozen=True)
class Assessment:
    """What one plugin said of one study: what is compared.

    Attributes:
        study_instance_uid: of the study.
        study_date, study_time: as DICOM has them, YYYYMMDD and HHMMSS.
        born, sex: digests of Patient's Birth Date and Patient's Sex with the patient's key; empty when unknown.
        plugin, version: that said it.
        model: digest of all that its manifest claims: with another threshold, too, it is another one.
        series: what was assessed.
    """

    study_instance_uid: str
    study_date: str
    study_time: str
    born: str
    sex: str
    plugin: str
    version: str
    model: str
    series: tuple[SeriesAssessment, ...]

    @property
    def day(self) -> str:
        """Study Date for a person."""
        date = self.study_date
        return f"{date[:4]}-{date[4:6]}-{date[6:]}"

    def is_of_another_person(self, other: Assessment) -> str:
        """What tells the patients apart who share an id; empty when nothing does."""
        told = (("birth date", self.born, other.born), ("sex", self.sex, other.sex))
        return " and ".join(f"another {name}" for name, mine, theirs in told if mine and theirs and mine != theirs)


@dataclass(frozen=True)
class Comparison:
    """What an analysis is compared with: a prior, or the reason why there is none. Written once, then never changed."""

    prior: Assessment | None = None
    reason: str = ""

    @property
    def sentence(self) -> str:
        """Which study is compared with, or why none is."""
        if self.prior is None:
            return f"No comparison: {self.reason}."
        return f"Compared with the study of {self.prior.day}, assessed by the same model."

    @property
    def digest(self) -> str:
        """Hex, of all that it says: with another prior, the same study gives another report."""
        return sha256(comparison_text(self).encode()).hexdigest()


@dataclass(frozen=True)
class Compared:
    """One finding, now and then.

    Attributes:
        change: what became of it.
        then: what was said of it; None where there was no answer.
        probability: now; None where there is no answer.
        reason: why it is not comparable, or what else must be known of the change; empty when nothing is.
        prior: the study that is compared with.
    """

    change: Change
    then: Answer | None
    probability: float | None
    reason: str
    prior: Assessment

    @property
    def difference(self) -> float | None:
        """Probability now less that of then, -1..1; None where either is missing."""
        return None if self.then is None or self.probability is None else self.probability - self.then.probability


def compare(
    prior: Assessment, finding: str, aspect: Aspect, now: tuple[Outcome, float] | None, repeatability: float | None
) -> Compared:
    """What became of a finding since the prior study.

    Args:
        prior: by the same plugin and version.
        finding: its name.
        aspect: what the series shows that it was looked for on.
        now: outcome and probability; None where the model gives no answer.
        repeatability: probability may differ by so much without any change, 0..1; None: nobody measured it.
    """
    probability = None if now is None else now[1]
    then, reason = _then(prior, finding, aspect)
    if now is None:
        reason = "the model gives no answer now"
    if now is None or then is None:
        return Compared(Change.NOT_COMPARABLE, then, probability, reason, prior)
    change, reason = _change(then, now, repeatability)
    return Compared(change, then, probability, reason, prior)


def _then(prior: Assessment, finding: str, aspect: Aspect) -> tuple[Answer | None, str]:
    """The most probable answer on the series that can be compared, or why there is none."""
    fitting = [one for one in prior.series if not aspect.unlike(one.aspect)]
    answers = [told for one in fitting for told in one.findings if told.finding == finding]
    if answers:
        return max(answers, key=lambda told: told.probability), ""
    if abstained := next((one.abstained for one in fitting if one.abstained), ""):
        return None, f"the model gave no answer on the prior: {abstained.rstrip('.')}"
    if fitting or not prior.series:
        return None, "the prior has no answer on this finding"
    return None, f"of the prior {aspect.unlike(prior.series[0].aspect)}"


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


def misfit(prior: Assessment, now: Assessment) -> str:
    """Why nothing of a prior can be compared with what is assessed now; empty when something can."""
    reasons = [mine.aspect.unlike(then.aspect) for mine in now.series for then in prior.series]
    return "" if "" in reasons else next(iter(reasons), "nothing of it was assessed")


# As text


def comparison_text(comparison: Comparison) -> str:
    """As JSON; equal comparisons give equal text."""
    return json.dumps(asdict(comparison), sort_keys=True)


def comparison_from(text: str) -> Comparison:
    """The inverse of :func:`comparison_text`."""
    table = json.loads(text)
    return Comparison(_assessment(table["prior"]) if table["prior"] else None, table["reason"])


def assessment_text(assessment: Assessment) -> str:
    """As JSON."""
    return json.dumps(asdict(assessment), sort_keys=True)


def assessment_from(text: str) -> Assessment:
    """The inverse of :func:`assessment_text`."""
    return _assessment(json.loads(text))


def _assessment(table: Mapping[str, Any]) -> Assessment:  # Any: JSON's edge
    return Assessment(**{**table, "series": tuple(_series(table["series"]))})


def _series(tables: Iterable[Mapping[str, Any]]) -> Iterator[SeriesAssessment]:
    for one in tables:
        findings = tuple(Answer(**told) for told in one["findings"])
        instances = tuple((pair[0], pair[1]) for pair in one["instances"])
        yield SeriesAssessment(
            **{**one, "aspect": Aspect(**one["aspect"]), "findings": findings, "instances": instances}
        )
