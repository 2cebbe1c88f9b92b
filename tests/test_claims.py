"""An operating point decides; what a report says of a plugin has a digest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.plugin import Interval, OperatingPoint, Outcome
from tests.report.material import banded, manifest

_ONE = Interval(1, 1, 1)
PLAIN = OperatingPoint(0.5, _ONE, _ONE, "")
BANDED = replace(PLAIN, undetermined=(0.3, 0.7), error_rate=0.1)


@pytest.mark.parametrize(
    ("point", "probability", "outcome"),
    [
        (PLAIN, 0.4999, Outcome.ABSENT),
        (PLAIN, 0.5, Outcome.PRESENT),
        (BANDED, 0.2999, Outcome.ABSENT),
        (BANDED, 0.3, Outcome.UNDETERMINED),
        (BANDED, 0.5, Outcome.UNDETERMINED),
        (BANDED, 0.6999, Outcome.UNDETERMINED),
        (BANDED, 0.7, Outcome.PRESENT),
        (replace(BANDED, undetermined=(0.5, 0.5)), 0.5, Outcome.PRESENT),
        (replace(BANDED, undetermined=(0.0, 1.0)), 0.0, Outcome.UNDETERMINED),
        (replace(BANDED, undetermined=(0.0, 1.0)), 1.0, Outcome.PRESENT),
    ],
)
def test_a_probability_from_the_lower_to_below_the_upper_limit_is_undetermined(
    point: OperatingPoint, probability: float, outcome: Outcome
) -> None:
    assert point.outcome(probability) is outcome


def test_other_claims_have_another_digest_and_the_same_weights() -> None:
    plain, limited = manifest(), manifest(findings=(banded(),))
    assert plain.claims_digest == manifest().claims_digest
    assert plain.claims_digest != limited.claims_digest
    assert plain.digest == limited.digest


def test_other_weights_are_other_claims_too() -> None:
    assert manifest(weights={"model.onnx": "cd" * 32}).claims_digest != manifest().claims_digest


def test_the_order_in_which_weights_are_listed_does_not_matter() -> None:
    one, two = manifest(weights={"a": "1", "b": "2"}), manifest(weights={"b": "2", "a": "1"})
    assert (one.claims_digest, one.digest) == (two.claims_digest, two.digest)


@pytest.mark.parametrize(
    ("interval", "figure"),
    [
        (Interval(0.0, 0.0, 1.0), None),
        (Interval(0.5, 0.0, 1.0), None),
        (Interval(0.0, 0.0, 0.2), 0.0),
        (Interval(1.0, 0.3, 1.0), 1.0),
        (Interval(0.9, 0.8, 0.95), 0.9),
    ],
)
def test_an_interval_from_nought_to_one_says_nothing(interval: Interval, figure: float | None) -> None:
    assert interval.known is (figure is not None)
    assert interval.figure == figure
