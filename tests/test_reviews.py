"""What readers' words come to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.claims import Outcome
from node.reviews import Answer, Counted, Judgement, Review, Share, tallies, tally_table

PRESENT, ABSENT, UNDETERMINED = Outcome.PRESENT, Outcome.ABSENT, Outcome.UNDETERMINED
ACCEPTED, REJECTED, CORRECTED = Judgement


def answer(outcome: Outcome = PRESENT) -> Answer:
    return Answer(1, "chest", "1.0", "pneumonia", "", "2.25.9", ("233604007", "SCT"), outcome, 0.9)


@pytest.mark.parametrize(
    ("outcome", "judgement", "stated", "truth"),
    [
        (PRESENT, ACCEPTED, None, PRESENT),
        (ABSENT, ACCEPTED, None, ABSENT),
        (PRESENT, REJECTED, None, ABSENT),
        (ABSENT, REJECTED, None, PRESENT),
        (UNDETERMINED, ACCEPTED, None, None),
        (UNDETERMINED, REJECTED, None, None),
        (UNDETERMINED, CORRECTED, PRESENT, PRESENT),
        (PRESENT, CORRECTED, ABSENT, ABSENT),
        (PRESENT, CORRECTED, UNDETERMINED, None),
        (PRESENT, ACCEPTED, PRESENT, PRESENT),
    ],
)
def test_what_is_true_follows_from_answer_and_review(
    outcome: Outcome, judgement: Judgement, stated: Outcome | None, truth: Outcome | None
) -> None:
    assert Review(answer(outcome), judgement, stated, "a", "b").truth is truth


def counted(outcome: Outcome, truth: Outcome | None, finding: str = "pneumonia", sender: str = "CT1") -> Counted:
    return Counted("chest", "1.0", finding, sender, outcome, truth)


def test_predictive_values_count_what_was_called_so_by_finding_and_sender() -> None:
    words = [
        *[counted(PRESENT, PRESENT)] * 3,
        counted(PRESENT, ABSENT),
        *[counted(ABSENT, ABSENT)] * 2,
        counted(UNDETERMINED, PRESENT),
        counted(PRESENT, None),
        counted(PRESENT, PRESENT, sender="CT2"),
        counted(ABSENT, PRESENT, finding="effusion"),
    ]
    effusion, first, second = tallies(words)
    assert (effusion.finding, effusion.npv, effusion.ppv) == ("effusion", Share(0, 1), Share(0, 0))
    assert (first.sender, first.reviewed, first.ppv, first.npv, first.unclear) == (
        "CT1",
        8,
        Share(3, 4),
        Share(2, 2),
        2,
    )
    assert (second.sender, second.ppv) == ("CT2", Share(1, 1))
    assert tallies([]) == []


def test_a_share_has_the_interval_of_wilson() -> None:
    assert Share(8, 10).figure == 0.8
    assert Share(8, 10).interval == pytest.approx((0.4902, 0.9433), abs=5e-5)  # Newcombe, Stat. Med. 17 (1998) 857
    assert (Share(0, 0).figure, Share(0, 0).interval) == (None, (0.0, 1.0))


@given(st.integers(0, 500), st.integers(0, 500))
def test_an_interval_holds_its_share(hits: int, misses: int) -> None:
    share = Share(hits, hits + misses)
    low, high = share.interval
    assert 0.0 <= low <= (0.5 if share.figure is None else share.figure) <= high <= 1.0


def test_a_tally_is_told_with_figures_and_intervals() -> None:
    (tally,) = tallies([counted(PRESENT, PRESENT)])
    table = tally_table(tally)
    assert table["ppv"]["figure"] == 1.0
    assert table["npv"] == {"hits": 0, "total": 0, "figure": None, "interval": (0.0, 1.0)}
    assert (table["plugin"], table["reviewed"]) == ("chest", 1)
