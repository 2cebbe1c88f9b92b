"""What a record of an evaluation has to show before its plugin goes live."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from node.evaluated import Criteria, Evaluated, objections

NOW, DAY = 1_800_000_000.0, 86400.0
MODEL = ("1.0", "a" * 64)
CRITERIA = Criteria(days=90, cases=30, auroc=0.8)


def finding(name: str = "opacity", low: float | None = 0.85) -> dict[str, Any]:
    return {"name": name, "cases": 60, "positives": 20, "auroc": {"value": 0.9, "low": low, "high": 0.95}}


def evaluated(*findings: dict[str, Any], **changes: Any) -> Evaluated:
    record = {"version": "1.0", "digest": "a" * 64, "accepted": True, "answered": 60} | changes
    found = list(findings) or [finding()]
    return Evaluated("chest", NOW - DAY, "anna", {**record, "findings": found}, "f" * 64, is_sealed=True)


def test_a_record_that_shows_all_that_is_asked_has_nothing_against_it() -> None:
    assert objections(evaluated(), MODEL, CRITERIA, NOW) == []


@pytest.mark.parametrize(
    ("one", "model", "criteria", "said"),
    [
        (replace(evaluated(), is_sealed=False), MODEL, CRITERIA, "somebody has changed it"),
        (evaluated(version="0.9"), MODEL, CRITERIA, r"another model was measured \(0.9, .* installed is 1.0"),
        (evaluated(), ("1.0", "b" * 64), CRITERIA, "another model was measured"),
        (replace(evaluated(), at=NOW - 91 * DAY), MODEL, CRITERIA, "91 days old, at most 90 are allowed"),
        (replace(evaluated(), at=NOW + 91 * DAY), MODEL, CRITERIA, "91 days old"),
        (evaluated(answered=29), MODEL, CRITERIA, "29 cases were answered, at least 30"),
        (evaluated(accepted=False), MODEL, CRITERIA, "NOT ACCEPTED"),
        (evaluated(finding(low=0.79)), MODEL, CRITERIA, "opacity: the lower limit of its AUROC is 0.790, at least 0.8"),
        (evaluated(finding(low=None)), MODEL, CRITERIA, r"could not be measured \(20 of 60"),
        (evaluated(), MODEL, replace(CRITERIA, auroc_of={"opacity": 0.9}), "at least 0.9"),
        (evaluated(), MODEL, replace(CRITERIA, auroc_of={"opacty": 0.1}), "asked of opacty, which is no finding"),
    ],
)
def test_each_thing_that_lacks_is_said(one: Evaluated, model: tuple[str, str], criteria: Criteria, said: str) -> None:
    (sentence,) = objections(one, model, criteria, NOW)
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(sentence)


def test_what_is_not_asked_is_not_looked_at() -> None:
    lenient = Criteria(days=90, cases=1, auroc=0.0, accepted=False)
    assert objections(evaluated(finding(low=None), accepted=False, answered=1), MODEL, lenient, NOW) == []


def test_a_limit_of_its_own_counts_for_a_finding_alone() -> None:
    one = evaluated(finding("opacity", 0.85), finding("effusion", 0.7))
    assert len(objections(one, MODEL, CRITERIA, NOW)) == 1
    assert objections(one, MODEL, replace(CRITERIA, auroc_of={"effusion": 0.6}), NOW) == []
