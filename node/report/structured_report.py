"""The complete Structured Report: made always, also when nothing was found and when the model abstained.

Its tree is TID 1500 of PS3.16: image library, one Measurement Group for each claimed finding, and a summary in words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from node.report import codes, identity, summary, tree
from node.report.document import document
from node.report.evidence import Reference
from node.report.group import Pointer, group
from node.report.library import library
from node.report.verdict import Verdict, verdicts
from node.study import Analysis, Explanation, Picture

KIND = "sr"


def structured_report(
    analysis: Analysis,
    sources: Mapping[str, Dataset],
    explanation: Explanation,
    kind: str = KIND,
) -> Dataset:
    """The report on all claimed findings; its pictures are those that are sent as Secondary Captures beside it.

    `kind` ``comprehensive-sr`` makes the same report of the older SOP class.
    """
    found = verdicts(analysis, explanation.regions, explanation.contributions)
    pictures = explanation.pictures
    groups = [group(analysis, verdict, sources, _heatmaps(analysis, verdict, pictures)) for verdict in found]
    images = library(analysis, sources)
    body = [
        *([images] if images is not None else []),
        tree.container(codes.MEASUREMENTS, groups),
        *(tree.text(codes.COMMENT, sentence) for sentence in (*summary.gaps(analysis), *summary.remarks(analysis))),
        tree.text(codes.SUMMARY, summary.summary(analysis, found)),
    ]
    return document(analysis, sources, kind, body, _made(analysis, len(pictures)))


def _heatmaps(analysis: Analysis, verdict: Verdict, pictures: Sequence[Picture]) -> list[Pointer]:
    """References to the pictures of the finding on its key image."""
    if verdict.image is None or verdict.finding is None:
        return []
    wanted = (verdict.spec.name, verdict.image.sop_instance_uid, verdict.image.frame)
    return [
        (SecondaryCaptureImageStorage, identity.instance_uid(analysis, "sc", index), None)
        for index, picture in enumerate(pictures)
        if (picture.finding, picture.sop_instance_uid, picture.frame) == wanted
    ]


def _made(analysis: Analysis, count: int) -> list[Reference]:
    series = identity.series_uid(analysis, "sc")
    return [
        Reference(SecondaryCaptureImageStorage, identity.instance_uid(analysis, "sc", index), series)
        for index in range(count)
    ]
