"""All that a worker is told of an analysis: facts of the ledger, so that it needs no access to the ledger itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from node.comparison import Comparison, comparison_from, comparison_text
from node.errors import PermanentError
from node.ledger.analysis import AnalysisRow
from node.priority import Priority
from node.states import AnalysisState
from node.study import Attributes, Instance, NotAssessed, Series


@dataclass(frozen=True)
class Job:
    """An analysis and what it is made of.

    Attributes:
        row: the analysis.
        series: all series of its study.
        expected: how many images the study was announced to have; None: it was not.
        predecessors: kind -> (SOP Class UID, SOP Instance UID) of what an earlier revision delivered.
        comparison: what it is compared with, or why with nothing; None: it is not to be, or that is not settled.
        purged: of how many of its images the files were purged.
        lost: its images whose files the disk has lost: the report says that they were not assessed.
    """

    row: AnalysisRow
    series: tuple[Series, ...]
    expected: int | None
    predecessors: Mapping[str, tuple[str, str]]
    comparison: Comparison | None = None
    purged: int = 0
    lost: tuple[NotAssessed, ...] = ()

    def check_files(self) -> None:
        """Raise PermanentError when images of it were purged: what is said of a part must not pass for the whole."""
        if self.purged:
            what = f"{self.purged} of its images were purged (storage.keep_days)"
            hint = f"send the whole study again; where that makes no new revision: `radnode queue retry {self.row.id}`"
            raise PermanentError(what, about=f"analysis {self.row.id}", hint=hint)


def job_table(job: Job) -> dict[str, Any]:  # Any: JSON's edge
    """As JSON's values. Without `asdict`, which copies each value of each of hundreds of images on its own."""
    series = [{**vars(one), "instances": [_instance_table(image) for image in one.instances]} for one in job.series]
    return {
        **vars(job),
        "row": vars(job.row),
        "series": series,
        "lost": [vars(one) for one in job.lost],
        "comparison": comparison_text(job.comparison) if job.comparison else "",
    }


def _instance_table(image: Instance) -> dict[str, Any]:  # Any: JSON's edge
    return {**vars(image), "attributes": vars(image.attributes)}


def job_from(table: Mapping[str, Any]) -> Job:  # Any: JSON's edge
    """The inverse of :func:`job_table`."""
    row = dict(table["row"])
    row["state"], row["priority"] = AnalysisState(row["state"]), Priority(row["priority"])
    row["series"], row["destinations"] = tuple(row["series"]), tuple(row["destinations"])
    return Job(
        row=AnalysisRow(**row),
        series=tuple(_series(one) for one in table["series"]),
        expected=table["expected"],
        predecessors={kind: (pair[0], pair[1]) for kind, pair in table["predecessors"].items()},
        comparison=comparison_from(table["comparison"]) if table["comparison"] else None,
        purged=table["purged"],
        lost=tuple(NotAssessed(**one) for one in table["lost"]),
    )


def _series(table: Mapping[str, Any]) -> Series:
    return Series(table["series_instance_uid"], tuple(_instance(one) for one in table["instances"]))


def _instance(table: Mapping[str, Any]) -> Instance:
    attributes = {**table["attributes"], "image_type": tuple(table["attributes"]["image_type"])}
    return Instance(**{**table, "attributes": Attributes(**attributes)})
