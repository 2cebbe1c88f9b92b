"""The Measurement Group of one finding (PS3.16 TID 1501; TID 1410 where one planar region is marked)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from highdicom.sr import ContentItem
from pydicom.dataset import Dataset

from node.comparison import Earlier
from node.plugin import Image, OperatingPoint, Outcome
from node.report import codes, evidence, identity, tree
from node.report.verdict import Verdict
from node.study import Analysis, Region
from node.words import NOT_MEASURED

#: What is reported where there is no answer is undetermined too; a comment tells the two apart.
_PRESENCE = {
    Outcome.PRESENT: codes.PRESENT,
    Outcome.ABSENT: codes.ABSENT,
    Outcome.UNDETERMINED: codes.UNDETERMINED,
    None: codes.UNDETERMINED,
}

#: SOP Class UID, SOP Instance UID and frame of an image.
Pointer = tuple[str, str, int | None]


def group(
    analysis: Analysis, verdict: Verdict, sources: Mapping[str, Dataset], heatmaps: Sequence[Pointer]
) -> ContentItem:
    """The group of one finding, complete; `heatmaps` are the pictures that explain it."""
    children = [
        *tracking(analysis, verdict),
        *_what_and_where(verdict),
        *algorithm(analysis, verdict),
        *_figures(verdict),
        *_outcome(verdict),
        *_change(verdict),
        *_images(analysis, verdict, sources, heatmaps),
    ]
    template = "1410" if len(verdict.regions) == 1 else "1501"
    return tree.container(codes.MEASUREMENT_GROUP, children, template=template)


def tracking(analysis: Analysis, verdict: Verdict, place: int = 0) -> list[ContentItem]:
    """Identifier and UID by which the finding is followed (TID 4108), or one of its places, counted from 1.

    A place is followed on its own image only: viewers take two shapes of one UID for one.
    """
    label = f"{analysis.manifest.name}: {verdict.spec.label}" + (f" place {place}" if place > 1 else "")
    where = f"{verdict.image.sop_instance_uid} {verdict.image.frame} {place}" if place and verdict.image else ""
    uid = identity.tracking_uid(analysis, verdict.spec.name, verdict.laterality, where)
    return [tree.text(codes.TRACKING_IDENTIFIER, label, tree.CONTEXT), tree.uidref(codes.TRACKING_UID, uid)]


def algorithm(analysis: Analysis, verdict: Verdict) -> list[ContentItem]:
    """Which algorithm, with what parameters (TID 4019)."""
    manifest = analysis.manifest
    facts = [
        (codes.ALGORITHM_NAME, manifest.name),
        (codes.ALGORITHM_VERSION, manifest.version),
        (codes.ALGORITHM_MANUFACTURER, manifest.manufacturer),
        *((codes.ALGORITHM_PARAMETERS, line) for line in _parameters(analysis, verdict)),
    ]
    family = tree.code(codes.ALGORITHM_FAMILY, codes.concept(manifest.family), tree.MODIFIER)
    return [*(tree.fact(name, value, tree.MODIFIER) for name, value in facts), family]


def region_item(place: Region, images: Mapping[tuple[str, int], Image], sources: Mapping[str, Dataset]) -> ContentItem:
    """The place as closed coordinates on its image."""
    pointer = evidence.pointer(images[place.sop_instance_uid, place.frame], sources)
    return tree.region(codes.IMAGE_REGION, place, pointer, codes.SOURCE_OF_MEASUREMENT)


def _parameters(analysis: Analysis, verdict: Verdict) -> Iterator[str]:
    point = verdict.spec.operating_point
    yield f"threshold on the calibrated probability: {point.threshold:g}"
    if point.undetermined is not None:
        low, high = point.undetermined
        yield f"undetermined from {low:g} to below {high:g}, limits set for an error rate of {point.error_rate:g}"
    yield from _measured(point)
    for name, value in sorted(analysis.manifest.parameters.items()):
        yield f"{name}: {value}"
    for name, digest in sorted(analysis.manifest.weights.items()):
        yield f"sha256 of {name}: {digest}"
    if verdict.finding is not None:
        yield f"logit before calibration: {verdict.finding.logit:.4f}"
    if verdict.residual is not None:
        yield f"evidence map and bias add up to the logit within {abs(verdict.residual):.0e}"


def _measured(point: OperatingPoint) -> Iterator[str]:
    for name, interval in (("sensitivity", point.sensitivity), ("specificity", point.specificity)):
        figure = f"{interval.value:g} (95 % CI {interval.low:g} to {interval.high:g}), measured on {point.source}"
        yield f"{name}: {figure if interval.known else NOT_MEASURED}"
    if not (point.sensitivity.known or point.specificity.known):
        yield f"source of the operating point: {point.source}"


def _what_and_where(verdict: Verdict) -> Iterator[ContentItem]:
    yield tree.code(codes.FINDING, codes.concept(verdict.spec.code))
    if verdict.spec.site is not None:
        site, side = codes.concept(verdict.spec.site), codes.SIDES.get(verdict.laterality)
        if side is None:
            yield tree.code(codes.FINDING_SITE, site, tree.MODIFIER)
        else:
            below = [tree.code(codes.LATERALITY, side, tree.MODIFIER)]
            yield tree.code_above(codes.FINDING_SITE, site, below, tree.MODIFIER)


def _figures(verdict: Verdict) -> Iterator[ContentItem]:
    if verdict.finding is None:
        yield tree.num_without_value(codes.CERTAINTY, codes.PERCENT, codes.NOT_ATTEMPTED)
        return
    point = verdict.spec.operating_point
    yield tree.num(codes.CERTAINTY, 100.0 * verdict.finding.probability, codes.PERCENT)
    for concept, interval in ((codes.SENSITIVITY, point.sensitivity), (codes.SPECIFICITY, point.specificity)):
        if interval.known:  # a nought would read as a figure
            yield tree.num(concept, 100.0 * interval.value, codes.PERCENT)


def _outcome(verdict: Verdict) -> Iterator[ContentItem]:
    yield tree.code(codes.PRESENCE, _PRESENCE[verdict.outcome])
    if verdict.finding is None:
        yield tree.code(codes.QUALITY, codes.UNUSABLE if verdict.image is None else codes.BELOW_STANDARD)
        yield tree.text(codes.COMMENT, f"Not assessed: {verdict.reason}")
    for sentence in verdict.reasons:
        yield tree.text(codes.COMMENT, sentence)


def _change(verdict: Verdict) -> Iterator[ContentItem]:
    """What became of it since the prior study, and what that is inferred from.

    What is not comparable has no code: it is told in words.
    """
    compared = verdict.compared
    change = compared and codes.CHANGES.get(compared.change)
    if compared is None or compared.then is None or change is None:
        return
    prior, since = compared.prior, tree.INFERRED
    below = [
        tree.num(codes.CERTAINTY, 100.0 * compared.then.probability, codes.PERCENT, since),
        tree.date(codes.STUDY_DATE, prior.study_date, since),
        tree.uidref(codes.STUDY_INSTANCE_UID, prior.study_instance_uid, since),
        *(_earlier(one) for one in compared.course if one.study is not prior),
    ]
    yield tree.code_above(codes.QUALITATIVE_DIFFERENCE, change, below)


def _earlier(one: Earlier) -> ContentItem:
    """The probability on a study before the prior, with its day and UID below it: the prior's own stand beside it."""
    which = [
        tree.date(codes.STUDY_DATE, one.study.study_date, tree.CONTEXT),
        tree.uidref(codes.STUDY_INSTANCE_UID, one.study.study_instance_uid, tree.CONTEXT),
    ]
    return tree.num_above(codes.CERTAINTY, 100.0 * one.answer.probability, codes.PERCENT, which, tree.INFERRED)


def _images(
    analysis: Analysis, verdict: Verdict, sources: Mapping[str, Dataset], heatmaps: Sequence[Pointer]
) -> Iterator[ContentItem]:
    if verdict.image is not None:
        yield tree.image(codes.SOURCE_OF_MEASUREMENT, evidence.pointer(verdict.image, sources))
    images = evidence.images_of(analysis)
    for place in verdict.regions:
        yield region_item(place, images, sources)
    for pointer in heatmaps:
        yield tree.image(codes.concept(analysis.manifest.explanation), pointer)
