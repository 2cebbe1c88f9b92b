"""Which results are opened in the viewer, and by what words and colours one knows that each is drawn."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataset import Dataset

from node.viewers import VIEWERS, Sight
from tests.viewer.ohif import View
from tests.viewer.ward import BRAIN, CHILD, CT, FILM, MR, VOLUMES, Result, Ward

#: Study -> kinds, each opened on a page of its own.
OPENED = {
    FILM: ("sc", "viewer-sr", "pdf", "sr", "gsps", "ko"),
    CT: ("sc", "viewer-sr", "seg", "pm", "pdf", "gsps", "ko"),
    MR: ("viewer-sr", "seg", "pm"),
    BRAIN: ("sc", "sr"),
    CHILD: ("sc", "sr"),
}
#: The complete report of which each finding has a marked place: drawn, though reports in general are not.
EACH_MARKED = (FILM, "sr")
SHOWN = {
    (study, kind)
    for study, kinds in OPENED.items()
    for kind in kinds
    if getattr(VIEWERS["ohif"].rows[kind], "volumes" if study in (*VOLUMES, BRAIN) else "projections").sight
    is Sight.SHOWN
} | {EACH_MARKED}


def views(ward: Ward) -> list[View]:
    """In the order of `OPENED`; of a kind that was not made there is none."""
    wanted = [(study, kind) for study, kinds in OPENED.items() for kind in kinds]
    return [view(ward, result) for study, kind in wanted for result in ward.results_of(study, kind)[:1]]


def view(ward: Ward, result: Result) -> View:
    """How a result is opened."""
    words = {"viewer-sr": labels, "seg": segments}.get(result.kind, lambda _: ())(result.dataset)
    return View(
        name_of(result.study, result.kind),
        ward.studies[result.study],
        result.series_number,
        shown=(result.study, result.kind) in SHOWN,
        says=tuple(words),
        colour=result.kind in ("seg", "pm"),
        panel="panelSegmentation" if result.kind == "seg" else "",
    )


def name_of(study: str, kind: str) -> str:
    """Of a view, as a file name."""
    return f"{study.replace(' ', '-')}-{kind}"


def labels(report: Dataset) -> Iterator[str]:
    """What OHIF writes beside each shape of a viewers' report: the finding, and its probability to two digits."""
    for item in _items(report):
        for value in item.get("MeasuredValueSequence", []):
            if value.MeasurementUnitsCodeSequence[0].CodeValue == "%":
                yield f"{item.ConceptNameCodeSequence[0].CodeMeaning}: {float(value.NumericValue):.2f} %"


def segments(segmentation: Dataset) -> Iterator[str]:
    """The names of its segments."""
    for segment in segmentation.SegmentSequence:
        yield str(segment.SegmentLabel)


def _items(item: Dataset) -> Iterator[Dataset]:
    for child in item.get("ContentSequence", []):
        yield child
        yield from _items(child)
