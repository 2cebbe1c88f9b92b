"""What a plugin said of a study, and what of a body its images show."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from node.body_part import normal_body_part

#: Groups of views, each of which may be compared with the others of its group.
Views = tuple[tuple[str, ...], ...]


def checked_views(views: Views) -> Views:
    """In capitals, as headers have them; raises ValueError for a group that allows nothing."""
    for group in views:
        if len(set(group)) < 2 or not all(one.strip() for one in group):
            raise ValueError(f"{list(group)} is no group of views: two at least are wanted")
    return tuple(tuple(one.strip().upper() for one in group) for group in views)


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

    def unlike(self, other: Aspect, views: Views = ()) -> str:
        """Why the two cannot be compared; empty when they can. A body part or view that is not told may be any."""
        if self.laterality != other.laterality:
            return "it shows another side"
        if self.body_part and other.body_part and self.body_part != other.body_part:
            return f"it shows another body part ({other.body_part}, not {self.body_part})"
        if self._has_other_view(other) and not any({self.view, other.view} <= set(group) for group in views):
            return f"it shows another view ({other.view}, not {self.view})"
        return ""

    def caution(self, then: Aspect) -> str:
        """What must be known of a comparison of two views; empty for two that are alike, or that are not told."""
        if not self._has_other_view(then):
            return ""
        return f"the prior shows {then.view} and this study {self.view}, and the view alone may move the probability"

    def _has_other_view(self, other: Aspect) -> bool:
        return bool(self.view and other.view and self.view != other.view)


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


def misfit(prior: Assessment, now: Assessment, views: Views = ()) -> str:
    """Why nothing of a prior can be compared with what is assessed now; empty when something can."""
    reasons = [mine.aspect.unlike(then.aspect, views) for mine in now.series for then in prior.series]
    return "" if "" in reasons else next(iter(reasons), "nothing of it was assessed")


def assessment_text(assessment: Assessment) -> str:
    """As JSON."""
    return json.dumps(asdict(assessment), sort_keys=True)


def assessment_from(text: str) -> Assessment:
    """The inverse of :func:`assessment_text`."""
    return assessment_of(json.loads(text))


def assessment_of(table: Mapping[str, Any]) -> Assessment:  # Any: JSON's edge
    """Of parsed JSON."""
    return Assessment(**{**table, "series": tuple(_series(table["series"]))})


def _series(tables: Iterable[Mapping[str, Any]]) -> Iterator[SeriesAssessment]:
    for one in tables:
        findings = tuple(Answer(**told) for told in one["findings"])
        instances = tuple((pair[0], pair[1]) for pair in one["instances"])
        yield SeriesAssessment(
            **{**one, "aspect": Aspect(**one["aspect"]), "findings": findings, "instances": instances}
        )
