"""All regions and pictures of one analysis, in the order in which a person looks at them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from node.explain import layout
from node.explain.caption import Caption, caption, caption_without_answer, outcome_of
from node.explain.key_image import key_image, map_of
from node.explain.picture import Arrange, draw
from node.explain.regions import regions
from node.explain.surface import surface
from node.plugin import EvidenceMap, Finding, Image, Outcome
from node.study import Analysed, Analysis, Picture, Region

#: The colour bar never ends below this (logits per one per cent of the area): weak evidence must look weak.
FLOOR = 0.25
#: Pictures of one finding in one series; of more images with a map those around the key image are drawn.
MOST_PICTURES = 64
#: Undetermined findings of one series that get pictures, the most probable ones; findings that are present all do.
MOST_UNDETERMINED = 3
_COARSE = 96


def regions_and_pictures(
    analysis: Analysis, *, overlay: bool = False
) -> tuple[tuple[Region, ...], tuple[Picture, ...]]:
    """Regions of the findings that are present, and pictures of what was looked at.

    Each series gets the pictures of every finding that is present, then of those that are undetermined, or of the most
    probable one when there is neither, on every image that has a map, in the order of space. A series on which the
    model abstained gets one picture that says so. A finding that is undetermined is pictured and never outlined.

    `overlay`: the pictures show the image with the evidence alone, larger, instead of beside the untouched one.

    Example::

        found, pictures = regions_and_pictures(analysis)
    """
    found: list[Region] = []
    pictures: list[Picture] = []
    for item in analysis.analysed:
        own = tuple(_regions(analysis, item))
        found += own
        pictures += _pictures(analysis, item, own, layout.overlaid if overlay else layout.panels)
    return tuple(found), tuple(pictures)


def _regions(analysis: Analysis, item: Analysed) -> Iterator[Region]:
    """On the image that shows each present finding best."""
    for finding in () if item.prediction.abstained else item.prediction.findings:
        spec = analysis.manifest.finding(finding.name)
        if not (spec.localises and outcome_of(finding, spec) is Outcome.PRESENT):
            continue
        key = key_image(item, finding)
        evidence = map_of(item, finding.name, key)
        if evidence is not None:
            yield from regions(evidence, key)


def _pictures(analysis: Analysis, item: Analysed, found: Sequence[Region], arrange: Arrange) -> Iterator[Picture]:
    findings = shown(analysis, item)
    if not findings and item.image_set.images:
        image = item.image_set.images[len(item.image_set.images) // 2]
        words = caption_without_answer(analysis, item, image)
        yield _picture(item, image, words, None, draw(image, words, None, (), FLOOR))
    for finding in findings:
        ceiling = _ceiling(item, finding.name)
        # the same words on all images: they are one stack
        held = sum(place.share for place in found if place.finding == finding.name)
        for image in images_of(item, finding):
            evidence = map_of(item, finding.name, image)
            own = _here(found, finding.name, image)
            words = caption(analysis, item, finding, image, held)
            yield _picture(item, image, words, evidence, draw(image, words, evidence, own, ceiling, arrange))


def _picture(
    item: Analysed, image: Image, words: Caption, evidence: EvidenceMap | None, pixels: npt.NDArray[np.uint8]
) -> Picture:
    return Picture(
        pixels=pixels,
        sop_instance_uid=image.sop_instance_uid,
        frame=image.frame,
        series_instance_uid=item.image_set.series_instance_uid,
        description=f"{words.title}. {words.shown or words.facts}. {words.warning}",
        finding="" if evidence is None else evidence.finding,
    )


def _here(found: Sequence[Region], finding: str, image: Image) -> list[Region]:
    here = (finding, image.sop_instance_uid, image.frame)
    return [place for place in found if (place.finding, place.sop_instance_uid, place.frame) == here]


def shown(analysis: Analysis, item: Analysed) -> list[Finding]:
    """The findings of one series that get pictures, in the order of the report."""
    if item.prediction.abstained:
        return []
    by_probability = sorted(item.prediction.findings, key=lambda finding: -finding.probability)
    decided = [(finding, outcome_of(finding, analysis.manifest.finding(finding.name))) for finding in by_probability]
    present = [finding for finding, outcome in decided if outcome is Outcome.PRESENT]
    unsure = [finding for finding, outcome in decided if outcome is Outcome.UNDETERMINED][:MOST_UNDETERMINED]
    in_order = item.prediction.findings.index
    return [*sorted(present, key=in_order), *sorted(unsure, key=in_order)] or by_probability[:1]


def images_of(item: Analysed, finding: Finding) -> list[Image]:
    """Those with a map of the finding, in the series' order; the key image when there is no map at all."""
    key = key_image(item, finding)
    with_map = [image for image in item.image_set.images if map_of(item, finding.name, image) is not None]
    middle = next((number for number, image in enumerate(with_map) if image is key), 0)
    first = max(0, min(middle - MOST_PICTURES // 2, len(with_map) - MOST_PICTURES))
    return with_map[first : first + MOST_PICTURES] or [key]


def _ceiling(item: Analysed, finding: str) -> float:
    """Upper end of the colour bar: the strongest evidence anywhere in the series, so that its images compare."""
    peaks = [FLOOR]
    for image in item.image_set.images:
        evidence = map_of(item, finding, image)
        if evidence is not None:
            rows, columns = image.pixels.shape[:2]
            peaks.append(float(np.max(surface(evidence, (rows, columns), (_COARSE, _COARSE)))))
    return max(peaks)
