from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("einops")

from node.plugin import Interval
from radnode_kit.synthetic.effect import ARMS, ASKED, BASELINES, Outcome
from radnode_kit.synthetic.measuring import Findings, Nearness, Quality
from radnode_kit.synthetic.memorisation import Copying, Membership
from radnode_kit.synthetic.quality import Spread
from radnode_kit.synthetic.text import measured_text
from tests.plugins.synthetic.material import TINY

HALF = Interval(0.5, 0.4, 0.6)
COPYING = Copying(
    synthetic=0.0712,
    held_back=0.089,
    ratio=0.8,
    z=-4.2,
    close=Interval(0.05, 0.03, 0.08),
    crowd_z=2.5,
    crowd_close=Interval(0.0, 0.0, 0.012),
)


def outcome(gain: Interval, area: float = 0.7) -> Outcome:
    return Outcome(
        Interval(area, area - 0.05, area + 0.05), (area - 0.01, area + 0.01), dict.fromkeys(BASELINES, gain), 0.01
    )


def findings(gain: Interval) -> Findings:
    near = Nearness(
        COPYING, Interval(0.1, 0.0, 0.2), Interval(0.02, 0.0, 0.1), ("synthetic/0001", "skin/ISIC_7", 0.0123)
    )
    return Findings(
        counts={"train": [310, 205, 1089], "held-back": [64, 49, 283]},
        quality=Quality(Spread(1.5, 0.1), Spread(4.25, 0.2), Spread(3.0, 0.2), 0.987),
        pixels=near,
        embedding=replace(near, copies=replace(COPYING, z=-0.5)),
        members={"all": Membership(HALF, 0.02), "melanoma": Membership(Interval(0.75, 0.7, 0.8), 0.125)},
        effect={name: outcome(gain) for name in ARMS},
        facts={
            "parameters": 1811000,
            "training_minutes": 11.5,
            "sampling_minutes": 2.0,
            "loss": 0.0421,
            "machine": "one processor",
            "threads": 2,
            "torch": "2",
            "monai": "1",
        },
    )


@pytest.mark.parametrize(
    ("gain", "words"),
    [
        (Interval(0.02, 0.01, 0.03), "+0.020 (+0.010 to +0.030): better"),
        (Interval(-0.02, -0.03, -0.01), "-0.020 (-0.030 to -0.010): worse"),
        (Interval(0.001, -0.01, 0.012), "+0.001 (-0.010 to +0.012): no difference that could be told from chance"),
    ],
)
def test_the_report_says_whichever_way_it_went(gain: Interval, words: str) -> None:
    text = measured_text(findings(gain), TINY)
    for base in BASELINES:
        assert f"- against *{base}*: {words}" in text


def test_every_arm_stands_with_its_interval_and_the_spread_of_its_seeds() -> None:
    text = measured_text(findings(HALF), TINY)
    for name in ARMS:
        assert f"| {name} | 0.700 (0.650 to 0.750) | 0.690 to 0.710 | 0.01 |" in text


def test_copies_stand_by_pixels_and_by_embedding() -> None:
    text = measured_text(findings(HALF), TINY)
    assert "| median distance, made-up | 0.0712 | 0.0712 |" in text
    assert "| z of the rank test (far below 0: copies) | -4.2 | -0.5 |" in text
    assert "| closer than the nearest 1 % of held-back | 5.0% (3.0% to 8.0%) |" in text
    assert "skin/ISIC_7: 0.0123" in text


def test_membership_stands_for_all_and_for_the_rare_class() -> None:
    text = measured_text(findings(HALF), TINY)
    assert "| all | 0.500 (0.400 to 0.600) | 2.0% |" in text
    assert "| melanoma | 0.750 (0.700 to 0.800) | 12.5% |" in text


def test_quality_has_a_floor_and_another_class_to_compare_with() -> None:
    text = measured_text(findings(HALF), TINY)
    rows = [line for line in text.splitlines() if "(deviation" in line]
    assert [row.split(" | ")[1].split(" ")[0] for row in rows] == ["1.50", "4.25", "3.00"]
    assert "AUROC 0.987" in text


def test_the_run_can_be_repeated_from_what_the_report_says() -> None:
    text = measured_text(findings(HALF), TINY)
    for fact in (
        "one processor; 2 threads",
        f"seed {TINY.seed}",
        f"guidance {TINY.guidance}",
        "1,811,000",
        "11.5 minutes",
    ):
        assert fact in text
    assert "| train | 310 | 205 | 1089 |" in text
    assert ASKED in text
