"""All result objects of one analysis, in the order in which they are sent."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace

from pydicom.dataset import Dataset

from node.errors import ReportError
from node.kinds import KINDS
from node.report.encapsulated_pdf import encapsulated_pdf
from node.report.key_objects import manifest
from node.report.parametric_map import parametric_maps
from node.report.presentation_state import presentation_states
from node.report.secondary_capture import secondary_capture
from node.report.segmentation import segmentations
from node.report.structured_report import structured_report
from node.report.viewer_report import viewer_report
from node.study import Analysis, Explanation

Builder = Callable[[Analysis, Mapping[str, Dataset], Explanation], Iterator[Dataset]]


def build(
    analysis: Analysis,
    sources: Mapping[str, Dataset],
    explanation: Explanation,
    kinds: Collection[str],
) -> tuple[tuple[str, Dataset], ...]:
    """The objects of one analysis, each with its kind, in the order of :data:`node.kinds.KINDS`.

    The complete report is made always when it is wanted; every other kind only where there is something to put into
    it: pictures, a present finding, marked places, a volume.

    Args:
        analysis: what was found.
        sources: header of each source instance by SOP Instance UID, without pixel data; missing ones are tolerated.
        explanation: where, and why; its pictures are referred to where they are sent as Secondary Captures.
        kinds: what the destinations take.

    Raises:
        ReportError: on a kind that does not exist, or a picture that cannot be stored.

    Example::

        for kind, ds in build(analysis, sources, explain(analysis), kinds=("sc", "sr")):
            path.write_bytes(part10(ds))
    """
    strange = sorted(set(kinds) - set(KINDS))
    if strange:
        raise ReportError(f"no such kind of result: {', '.join(strange)}", hint=f"known are {', '.join(KINDS)}")
    unpictured = explanation if "sc" in kinds else replace(explanation, pictures=())
    made: list[tuple[str, Dataset]] = []
    for kind, builder in _BUILDERS.items():
        if kind in kinds:
            told = unpictured if kind in _REFERRING else explanation
            made += [(kind, ds) for ds in builder(analysis, sources, told)]
    if "ko" in kinds:
        made.append(("ko", manifest(analysis, sources, made)))
    return tuple(made)


def _one(ds: Dataset | None) -> Iterator[Dataset]:
    if ds is not None:
        yield ds


#: Reports that refer to the Secondary Captures beside them.
_REFERRING = ("sr", "comprehensive-sr")
_BUILDERS: Mapping[str, Builder] = {
    "sc": lambda analysis, sources, told: (
        secondary_capture(analysis, sources, picture, index) for index, picture in enumerate(told.pictures)
    ),
    "sr": lambda analysis, sources, told: _one(structured_report(analysis, sources, told)),
    "comprehensive-sr": lambda analysis, sources, told: _one(
        structured_report(analysis, sources, told, "comprehensive-sr")
    ),
    "viewer-sr": lambda analysis, sources, told: _one(viewer_report(analysis, sources, told.regions)),
    "gsps": presentation_states,
    "seg": segmentations,
    "pm": parametric_maps,
    "pdf": lambda analysis, sources, told: _one(encapsulated_pdf(analysis, sources, told)),
}
