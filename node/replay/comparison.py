"""One study, answered twice: what is the same, and what is not. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from node.account import Account, FindingAccount, SeriesAccount
from node.classify.predictions import prediction_from
from node.plugin import Prediction

#: (series, finding, SOP Instance UID, frame) -> grid.
Maps = Mapping[tuple[str, str, str, int], np.ndarray[Any, Any]]
#: Outcome of a finding of a series that the model did not answer.
ABSTAINED = "abstained"


@dataclass(frozen=True)
class FindingPair:
    """One finding of one series, before and after.

    Attributes:
        series_instance_uid: the series.
        finding: its name.
        before: calibrated probability; None where the model abstained. `after`: the same.
        outcome_before: present, absent, undetermined or :data:`ABSTAINED`. `outcome_after`: the same.
        above_before: whether the probability reaches its operating point. `above_after`: the same.
        map_difference: largest difference of the evidence at one place, logits; None where there is none to compare.
    """

    series_instance_uid: str
    finding: str
    before: float | None
    after: float | None
    outcome_before: str
    outcome_after: str
    above_before: bool
    above_after: bool
    map_difference: float | None = None

    @property
    def differs(self) -> bool:
        """Whether anything of it is another."""
        return self.before != self.after or self.outcome_before != self.outcome_after or bool(self.map_difference)


@dataclass(frozen=True)
class Comparison:
    """Two answers to one study.

    Attributes:
        study_instance_uid: the study.
        analysis: number of the first.
        plugin: of the first, with its version. `other`: of the second.
        models: digests of both models, as their reports say.
        is_identical: the predictions are the same bytes.
        pairs: findings that both answer, in their order.
        remarks: what else is another, a sentence each.
        error: why there is no second answer; empty when there is.
    """

    study_instance_uid: str
    analysis: int
    plugin: str
    other: str
    models: tuple[str, str] = ("", "")
    is_identical: bool = False
    pairs: tuple[FindingPair, ...] = ()
    remarks: tuple[str, ...] = ()
    error: str = ""

    @property
    def differing(self) -> tuple[FindingPair, ...]:
        """The pairs of which anything is another."""
        return tuple(pair for pair in self.pairs if pair.differs)


def compare(
    before: Account, after: Account, predictions: tuple[bytes, bytes]
) -> tuple[tuple[FindingPair, ...], list[str]]:
    """The pairs of findings, and remarks on what has no counterpart. Args: predictions: files of before and after."""
    maps = [_maps(data) for data in predictions]
    later = {one.series_instance_uid: one for one in after.series}
    pairs: list[FindingPair] = []
    remarks = _unpaired(before, after)
    for series in before.series:
        other = later.get(series.series_instance_uid)
        if other is None:
            remarks.append(f"series {series.series_instance_uid} has no second answer")
            continue
        remarks += _abstentions(series, other)
        pairs += _pairs(series, other, maps)
    remarks += _beside(*(dict(prediction_from(data)) for data in predictions))
    missed = [{uid for uid, _ in one.not_assessed} for one in (before, after)]
    if missed[0] != missed[1]:
        remarks.append(f"{len(missed[0])} images were not assessed, {len(missed[1])} are not now")
    return tuple(pairs), remarks


def _beside(before: Mapping[str, Prediction], after: Mapping[str, Prediction]) -> list[str]:
    """What else a prediction holds: the embedding, and the nearest training cases."""
    told = []
    for uid, first in before.items():
        if (second := after.get(uid)) is None:
            continue
        if first.embedding is not None and second.embedding is not None:
            if first.embedding.shape != second.embedding.shape:
                told.append(f"series {uid}: embeddings of another size")
            elif (largest := float(np.abs(first.embedding - second.embedding).max(initial=0))) > 0:
                told.append(f"series {uid}: embeddings differ by {largest:.3g} at most")
        if [one.case for one in first.neighbours] != [one.case for one in second.neighbours]:
            told.append(f"series {uid}: other training cases are the nearest")
    return told


def _unpaired(before: Account, after: Account) -> list[str]:
    """Findings that only one of them claims."""
    claims = [{one.finding for one in account.claims} for account in (before, after)]
    first, second = sorted(claims[0] - claims[1]), sorted(claims[1] - claims[0])
    told = [f"only before: {', '.join(first)}"] if first else []
    return [*told, *([f"only after: {', '.join(second)}"] if second else [])]


def _abstentions(series: SeriesAccount, other: SeriesAccount) -> list[str]:
    if series.abstained == other.abstained:
        return []
    said = [one.abstained or "an answer" for one in (series, other)]
    return [f"series {series.series_instance_uid}: before {said[0]}; after {said[1]}"]


def _pairs(series: SeriesAccount, other: SeriesAccount, maps: Sequence[Maps]) -> list[FindingPair]:
    first, second = ({one.finding: one for one in each.findings} for each in (series, other))
    both = first.keys() & second.keys()
    if series.abstained or other.abstained:  # whoever did not answer has no findings
        both = first.keys() | second.keys()
    uid = series.series_instance_uid
    return [
        _pair(uid, name, first.get(name), second.get(name), _map_difference(uid, name, maps))
        for name in dict.fromkeys([*first, *second])
        if name in both
    ]


def _pair(
    uid: str, name: str, before: FindingAccount | None, after: FindingAccount | None, difference: float | None
) -> FindingPair:
    told = [
        (None, ABSTAINED, False) if one is None else (one.probability, one.outcome, one.probability >= one.threshold)
        for one in (before, after)
    ]
    (first, outcome, above), (second, other_outcome, other_above) = told
    return FindingPair(uid, name, first, second, outcome, other_outcome, above, other_above, difference)


def _maps(data: bytes) -> Maps:
    """Of a file of predictions."""
    return {
        (series, one.finding, one.sop_instance_uid, one.frame): one.grid
        for series, prediction in prediction_from(data)
        for one in prediction.maps
    }


def _map_difference(series: str, finding: str, maps: Sequence[Maps]) -> float | None:
    """Over the maps that both have of the same image in the same grid."""
    first, second = maps
    differences = [
        float(np.abs(grid - second[key]).max())
        for key, grid in first.items()
        if key[:2] == (series, finding) and key in second and second[key].shape == grid.shape and grid.size
    ]
    return max(differences, default=None)
