"""What is said of one claimed finding on one subject, before it takes the shape of DICOM."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from node import words
from node.changed import changed
from node.comparison import Compared
from node.errors import ReportError
from node.plugin import EvidenceMap, Finding, FindingSpec, Image, Neighbour, Outcome
from node.study import Analysed, Analysis, Contribution, Region


@dataclass(frozen=True)
class Verdict:
    """One claimed finding.

    Attributes:
        spec: what was claimed.
        finding: the model's answer; None when there is none.
        reason: why there is no answer.
        image: the image that shows it best; None when nothing was decoded.
        laterality: L, R, B or empty.
        regions: its places, the weightiest first.
        residual: how far its evidence map is from adding up, logits; None when there is no map.
        contribution: what the parts of the image contribute; None when there is no map.
        neighbours: the nearest training cases, nearest first.
        compared: what became of it since the prior study; None: there is none to compare with.
    """

    spec: FindingSpec
    finding: Finding | None = None
    reason: str = ""
    image: Image | None = None
    laterality: str = ""
    regions: tuple[Region, ...] = ()
    residual: float | None = None
    contribution: Contribution | None = None
    neighbours: tuple[Neighbour, ...] = ()
    compared: Compared | None = None

    @property
    def outcome(self) -> Outcome | None:
        """Present, absent or undetermined; None when there is no answer."""
        return None if self.finding is None else self.spec.operating_point.outcome(self.finding.probability)

    @property
    def reasons(self) -> tuple[str, ...]:
        """What stands behind the answer, in sentences; what there is nothing to say of is left out."""
        if self.finding is None:
            return ()
        said = (
            words.change(self.compared) if self.compared else "",
            words.undetermined(self.finding, self.spec.operating_point),
            "" if self.contribution is None else self.contribution.sentence,
            words.agreement(self.finding),
            words.neighbours(self.neighbours),
        )
        return tuple(sentence for sentence in said if sentence)


def verdicts(
    analysis: Analysis, regions: Sequence[Region], contributions: Sequence[Contribution] = ()
) -> tuple[Verdict, ...]:
    """One for each claimed finding and subject, in the manifest's order; never none: silence would read as healthy."""
    if not analysis.analysed:
        reason = _why_nothing(analysis)
        return tuple(Verdict(spec, reason=reason) for spec in analysis.manifest.findings)
    return tuple(
        verdict for item in analysis.analysed for verdict in verdicts_of(analysis, item, regions, contributions)
    )


def _why_nothing(analysis: Analysis) -> str:
    reasons = list(dict.fromkeys(item.reason for item in analysis.not_assessed))
    return "No image could be assessed: " + ("; ".join(reasons) if reasons else "no image was received")


def verdicts_of(
    analysis: Analysis, item: Analysed, regions: Sequence[Region], contributions: Sequence[Contribution]
) -> Iterator[Verdict]:
    """One for each claimed finding on one analysed series."""
    answers = {finding.name: finding for finding in item.prediction.findings}
    abstained = item.prediction.abstained
    for spec in analysis.manifest.findings:
        finding = None if abstained else answers.get(spec.name)
        reason = abstained or ("" if finding else "The model gave no answer for this finding")
        image = _key_image(item, answers.get(spec.name))
        verdict = Verdict(
            spec,
            finding,
            reason,
            image,
            item.image_set.laterality,
            residual=_residual(item, spec.name, image),
            compared=changed(analysis, item, spec.name, finding),
        )
        yield verdict if finding is None else _with_reasons(verdict, item, regions, contributions)


def _with_reasons(
    verdict: Verdict, item: Analysed, regions: Sequence[Region], contributions: Sequence[Contribution]
) -> Verdict:
    """The verdict with what speaks for it."""
    name, image = verdict.spec.name, verdict.image
    where = None if image is None else (name, image.sop_instance_uid, image.frame)
    told = [one for one in contributions if (one.finding, one.sop_instance_uid, one.frame) == where]
    return replace(
        verdict,
        regions=_regions_of(item, name, regions),
        contribution=told[0] if told else None,
        neighbours=tuple(case for case in item.prediction.neighbours if case.finding == name),
    )


def _key_image(item: Analysed, finding: Finding | None) -> Image:
    images = item.image_set.images
    if not images:
        raise ReportError("an analysed series holds no image", about=item.image_set.series_instance_uid)
    if finding is not None and finding.key_sop_instance_uid:
        for image in images:
            if (image.sop_instance_uid, image.frame) == (finding.key_sop_instance_uid, finding.key_frame):
                return image
    return images[len(images) // 2]


def _regions_of(item: Analysed, name: str, regions: Sequence[Region]) -> tuple[Region, ...]:
    places = {(image.sop_instance_uid, image.frame) for image in item.image_set.images}
    own = [place for place in regions if place.finding == name and (place.sop_instance_uid, place.frame) in places]
    return tuple(sorted(own, key=lambda place: -place.share))


def _residual(item: Analysed, name: str, image: Image) -> float | None:
    maps: list[EvidenceMap] = [
        part
        for part in item.prediction.maps
        if (part.finding, part.sop_instance_uid, part.frame) == (name, image.sop_instance_uid, image.frame)
    ]
    return maps[0].residual if maps else None
