"""Everything that is said of one finding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from node.plugin import FindingSpec
from radnode_kit.acceptance.figures import (
    Calibration,
    Certainty,
    Discrimination,
    Operation,
    Scored,
    calibration,
    certainty,
    column_of,
    discrimination,
    operation,
)
from radnode_kit.acceptance.resampling import Resamples
from radnode_kit.acceptance.subgroups import Gap, Subgroup, subgroups


@dataclass(frozen=True)
class FindingFigures:
    """The figures of one finding.

    Attributes:
        name: of the finding.
        label: words for a person.
        cases: answered, with a known label.
        positives: of them, with the finding.
        patients: whose cases they are.
        abstained_positives: cases with the finding on which the plugin abstained.
        abstained_negatives: cases without it on which the plugin abstained.
        discrimination: see there, as the others.
    """

    name: str
    label: str
    cases: int
    positives: int
    patients: int
    abstained_positives: int
    abstained_negatives: int
    discrimination: Discrimination
    operation: Operation
    calibration: Calibration
    certainty: Certainty
    subgroups: tuple[Subgroup, ...]
    gaps: tuple[Gap, ...]


def finding_figures(
    scored: Scored, index: int, spec: FindingSpec, abstained: list[float], resamples: Resamples
) -> FindingFigures:
    """The figures of the finding in column `index`. Args: abstained: truth of the cases without an answer."""
    column, point = column_of(scored, index, resamples), spec.operating_point
    divided, gaps = subgroups(column, scored.groups, point.threshold)
    return FindingFigures(
        name=spec.name,
        label=spec.label,
        cases=len(column.rows),
        positives=int(np.count_nonzero(column.truth)),
        patients=len(set(column.patients)),
        abstained_positives=sum(value == 1.0 for value in abstained),
        abstained_negatives=sum(value == 0.0 for value in abstained),
        discrimination=discrimination(column),
        operation=operation(column, point),
        calibration=calibration(column),
        certainty=certainty(column, spec),
        subgroups=divided,
        gaps=gaps,
    )
