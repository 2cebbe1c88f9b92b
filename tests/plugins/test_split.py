from __future__ import annotations

from collections import Counter

from radnode_kit.split import PARTS, part_of, parts_of


def test_a_patient_is_always_in_the_same_part() -> None:
    groups = [f"patient-{n % 50}" for n in range(500)]
    pairs = set(zip(groups, parts_of(groups), strict=True))
    assert len(pairs) == 50


def test_the_split_never_changes() -> None:
    assert [part_of(f"p{n}") for n in range(6)] == [
        "validation",
        "train",
        "held-back",
        "train",
        "validation",
        "validation",
    ]


def test_the_shares_are_about_65_15_20() -> None:
    counts = Counter(part_of(f"p{n}") for n in range(4000))
    assert set(counts) == set(PARTS)
    assert abs(counts["train"] / 4000 - 0.65) < 0.03
    assert abs(counts["held-back"] / 4000 - 0.20) < 0.03
