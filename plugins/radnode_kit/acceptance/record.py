"""What is kept of an evaluation in the ledger of a node: the figures that decide whether a plugin goes live.

Keys: `schema`; `version` and `digest` of the model; `csv_sha256`, and `images_sha256` over the files that it names;
`date`; `machine`; `accepted`; `cases`, `patients`, `answered`, `abstained`, `refused`, `not_assessed`; and `findings`,
each with `name`, `cases`, `positives`, `auroc`, `sensitivity` and `specificity`, the last three with `value`, `low` and
`high` of 95 %, null where it could not be measured. Nothing of patients.
"""

from __future__ import annotations

import math
from hashlib import file_digest, sha256
from typing import Any, Protocol

from radnode_kit.acceptance.finding import FindingFigures
from radnode_kit.acceptance.result import Evaluation

#: Raised with every change that a reader of a record would notice.
SCHEMA = "radnode.evaluation-record/1"


class _Interval(Protocol):
    @property
    def value(self) -> float: ...

    @property
    def low(self) -> float: ...

    @property
    def high(self) -> float: ...


def record_of(evaluation: Evaluation) -> dict[str, Any]:  # Any: JSON's edge
    """The record of an evaluation; its images are read once more, for their digest."""
    told, counts = evaluation.provenance, evaluation.counts
    return {
        "schema": SCHEMA,
        "version": told.version,
        "digest": told.digest,
        "csv_sha256": told.csv_sha256,
        "images_sha256": images_digest(evaluation),
        "date": told.date,
        "machine": told.machine.name,
        "accepted": evaluation.accepted,
        "cases": counts.cases,
        "patients": counts.patients,
        "answered": counts.answered,
        "abstained": counts.abstained,
        "refused": counts.refused,
        "not_assessed": counts.not_assessed,
        "findings": [_finding(figures) for figures in evaluation.findings],
    }


def images_digest(evaluation: Evaluation) -> str:
    """Hex sha256 over the contents of all files that were looked at, in the order of the lines that name them."""
    sources = sorted((source for one in evaluation.answers for source in one.case.sources), key=lambda s: s.row.line)
    whole = sha256()
    for source in sources:
        with source.row.path.open("rb") as stream:
            whole.update(file_digest(stream, "sha256").digest())
    return whole.hexdigest()


def _finding(figures: FindingFigures) -> dict[str, Any]:
    return {
        "name": figures.name,
        "cases": figures.cases,
        "positives": figures.positives,
        "auroc": _interval(figures.discrimination.auroc),
        "sensitivity": _interval(figures.operation.sensitivity),
        "specificity": _interval(figures.operation.specificity),
    }


def _interval(one: _Interval) -> dict[str, float | None]:
    return {name: value if math.isfinite(value := getattr(one, name)) else None for name in ("value", "low", "high")}
