"""The viewers' Structured Report: only groups with a region, because one group without leaves a viewer black.

A viewer prints the name of each NUM beside the shape, so the certainty is named after its finding here; the complete
report names it Certainty of Finding (111012, DCM). Tracking identifiers are plain: those of a viewer's own tools would
make it replace the probability by an area.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from highdicom.sr import ContentItem
from pydicom.dataset import Dataset

from node.plugin import Image, Outcome
from node.report import codes, evidence, summary, tree
from node.report.document import document
from node.report.group import algorithm, region_item, tracking
from node.report.library import library
from node.report.verdict import Verdict, verdicts
from node.study import Analysis, Region

KIND = "viewer-sr"


def viewer_report(analysis: Analysis, sources: Mapping[str, Dataset], regions: Sequence[Region]) -> Dataset | None:
    """The report on what is present, each place a group of its own; None when nothing is present."""
    present = [verdict for verdict in verdicts(analysis, regions) if verdict.outcome is Outcome.PRESENT]
    groups = [item for verdict in present for item in _groups(analysis, verdict, sources)]
    images = library(analysis, sources)
    if not groups or images is None:
        return None
    words = tree.text(codes.SUMMARY, summary.summary(analysis, present))
    return document(analysis, sources, KIND, [images, tree.container(codes.MEASUREMENTS, groups), words])


def corner(finding: str, image: Image) -> Region:
    """A small square in the top left corner, to carry the label of a finding that has no place."""
    rows, columns = image.pixels.shape[:2]
    side = float(max(1, round(min(rows, columns) * 0.04)))
    square = ((0.0, 0.0), (side, 0.0), (side, side), (0.0, side))
    return Region(finding, image.sop_instance_uid, image.frame, square, share=0.0)


def _groups(analysis: Analysis, verdict: Verdict, sources: Mapping[str, Dataset]) -> Iterator[ContentItem]:
    places = verdict.regions or ((corner(verdict.spec.name, verdict.image),) if verdict.image else ())
    for number, place in enumerate(places, start=1):
        yield _group(
            analysis,
            verdict,
            tracking(analysis, verdict, number),
            region_item(place, evidence.images_of(analysis), sources),
        )


def _group(analysis: Analysis, verdict: Verdict, tracked: Sequence[ContentItem], shape: ContentItem) -> ContentItem:
    if verdict.finding is None:
        raise ValueError("a finding without an answer has no place")
    name = codes.concept(verdict.spec.code)
    children = [
        *tracked,
        tree.code(codes.FINDING, name),
        *algorithm(analysis, verdict),
        tree.num(name, 100.0 * verdict.finding.probability, codes.PERCENT),
        shape,
    ]
    return tree.container(codes.MEASUREMENT_GROUP, children, template="1410")
