"""All result objects of one analysis, in the order in which they are sent."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from pydicom.dataset import Dataset

from node.errors import ReportError
from node.report.secondary_capture import secondary_capture
from node.report.structured_report import structured_report
from node.report.viewer_report import viewer_report
from node.study import Analysis, Contribution, Picture, Region

#: Kinds of objects this room can make.
KINDS = ("sc", "sr", "viewer-sr")


def build(
    analysis: Analysis,
    sources: Mapping[str, Dataset],
    regions: Sequence[Region],
    pictures: Sequence[Picture],
    kinds: Collection[str] = KINDS,
    contributions: Sequence[Contribution] = (),
) -> tuple[tuple[str, Dataset], ...]:
    """The objects of one analysis, each with its kind.

    The complete report (``sr``) is made always when it is wanted; pictures only where there are any; the viewers'
    report only where a finding is present.

    Args:
        analysis: what was found.
        sources: header of each source instance by SOP Instance UID, without pixel data; missing ones are tolerated.
        regions: places that speak for a finding.
        pictures: drawn from the source images.
        kinds: what the destinations take.
        contributions: what the parts of an image contribute to a finding.

    Raises:
        ReportError: on a kind that does not exist, or a picture that cannot be stored.

    Example::

        for kind, ds in build(analysis, sources, *explain(analysis), kinds=("sc", "sr")):
            ds.save_as(buffer, enforce_file_format=True)
    """
    strange = sorted(set(kinds) - set(KINDS))
    if strange:
        raise ReportError(f"no such kind of result: {', '.join(strange)}", hint=f"known are {', '.join(KINDS)}")
    drawn = tuple(pictures) if "sc" in kinds else ()
    made: list[tuple[str, Dataset | None]] = [
        ("sc", secondary_capture(analysis, sources, picture, index)) for index, picture in enumerate(drawn)
    ]
    if "sr" in kinds:
        made.append(("sr", structured_report(analysis, sources, regions, drawn, contributions)))
    if "viewer-sr" in kinds:
        made.append(("viewer-sr", viewer_report(analysis, sources, regions)))
    return tuple((kind, ds) for kind, ds in made if ds is not None)
