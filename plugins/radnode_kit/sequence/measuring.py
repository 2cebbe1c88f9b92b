"""Figures of a sequence model: those of cross-validation, and what the shipped file adds up to."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from node.plugin import ImageSet, Interval, OperatingPoint, Prediction
from radnode_kit.calibration import Floats
from radnode_kit.metrics import Truth, auroc, bootstrap
from radnode_kit.operating_point import conformal_limits, sensitivity_specificity, settled
from radnode_kit.sequence.cases import Case, Sequences
from radnode_kit.sequence.classifier import SequenceClassifier
from radnode_kit.sequence.crossing import Crossed

#: Chosen before looking: with it, the more probable of the two is the answer.
THRESHOLD = 0.5
ERROR_RATE = 0.1


@dataclass(frozen=True)
class Measured:
    """All that the model card tells; every array runs over the series.

    Attributes:
        crossed: answers of all variants to patients they had not seen.
        probabilities: of the shipped variant, out of fold and calibrated on the other patients.
        point: the operating point on these.
        strata: for each series subgroup name -> value.
        agents: the header's contrast agent.
        lengths: slices of each series.
        residual: largest difference of a series' logit from the sum of its maps and the shipped model's bias.
        refused: series that the shipped gate refuses, all of which it has seen.
        seconds: of CPU time for a slice, decoding not counted.
    """

    crossed: Crossed
    probabilities: Floats
    point: OperatingPoint
    strata: Sequence[dict[str, str]]
    agents: Sequence[str | None]
    lengths: Sequence[int]
    residual: float
    refused: int
    seconds: float

    @property
    def truth(self) -> Truth:
        """(s,), the labels."""
        return self.crossed.enhanced

    @property
    def joined_area(self) -> tuple[Interval, int, int]:
        """(AUROC, how many, how many of two slices and more) of one sequence for each patient and label."""
        pairs = list(zip(self.crossed.patients.tolist(), self.truth.tolist(), strict=True))
        first = np.array([pairs.index(pair) == place for place, pair in enumerate(pairs)])
        long = sum(pairs.count(pair) > 1 for pair in set(pairs))
        return self.area(self.crossed.chosen.joined.mean(axis=0), first), int(first.sum()), long

    def area(self, scores: Floats, chosen: Truth | None = None) -> Interval:
        """AUROC of scores (s,) with a bootstrap interval over patients."""
        here = np.ones(len(self.truth), dtype=bool) if chosen is None else chosen
        values, truth = scores[here], self.truth[here]
        return bootstrap(lambda rows: auroc(values[rows], truth[rows]), self.crossed.patients[here])


def point_of(crossed: Crossed) -> OperatingPoint:
    """The operating point at 0.5, with a band where the two limits leave one (see ``operating_point``)."""
    truth, probabilities = crossed.enhanced, crossed.probabilities
    limits = conformal_limits(probabilities, truth, np.full(len(truth), "ct"), ERROR_RATE)
    threshold, band = settled(THRESHOLD, limits)
    sensitivity, specificity = sensitivity_specificity(probabilities, truth, threshold)
    patients = len(set(crossed.patients.tolist()))
    source = f"cross-validation by patient: {len(truth)} series of {patients} patients, {int(truth.sum())} enhanced"
    return OperatingPoint(threshold, sensitivity, specificity, source, band, ERROR_RATE if band else 0.0)


def measure(classifier: SequenceClassifier, cases: Sequence[Case], series: Sequences, crossed: Crossed) -> Measured:
    """Put together what cross-validation left, and run the shipped classifier over every series."""
    sets = [_image_set(cases, rows) for rows in series.rows]
    begin = time.process_time()
    answers = classifier.classify(sets)
    seconds = (time.process_time() - begin) / len(series.slices)
    first = [cases[rows[0]] for rows in series.rows]
    return Measured(
        crossed=crossed,
        probabilities=crossed.probabilities,
        point=point_of(crossed),
        strata=[dict(case.strata) for case in first],
        agents=[case.agent for case in first],
        lengths=[len(rows) for rows in series.rows],
        residual=max(_residual(answer, classifier.bias) for answer in answers),
        refused=sum(bool(answer.abstained) for answer in answers),
        seconds=seconds,
    )


def _residual(answer: Prediction, bias: float) -> float:
    """How far the maps of all slices and the model's bias are from the logit; only for series of few slices."""
    if answer.abstained:
        return 0.0
    return abs(sum(float(each.grid.sum(dtype=np.float64)) for each in answer.maps) + bias - answer.findings[0].logit)


def _image_set(cases: Sequence[Case], rows: Sequence[int]) -> ImageSet:
    return ImageSet(tuple(cases[row].image for row in rows), cases[rows[0]].series, "CT")
