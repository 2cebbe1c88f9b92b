"""Stages of a plugin: which studies a canary is for, and that this stays so."""

from __future__ import annotations

import uuid

from node.stages import Stage, Staged, covers, place

UIDS = [f"2.25.{uuid.UUID(int=number * 7919 + 2**100).int}" for number in range(1000)]


def chosen(percent: float, senders: tuple[str, ...] = (), plugin: str = "chest", sender: str = "CT1") -> set[str]:
    staged = Staged(plugin, "1.0", Stage.CANARY, percent, senders)
    return {uid for uid in UIDS if not staged.silent_because(uid, sender)}


def test_a_canary_is_for_about_its_share_of_the_studies() -> None:
    for percent in (1, 10, 50, 90):
        # four standard deviations of a binomial of 1,000
        assert abs(len(chosen(percent)) - 10 * percent) <= 4 * (10 * percent * (1 - percent / 100)) ** 0.5
    assert chosen(0) == set()
    assert chosen(100) == set(UIDS)


def test_the_same_study_is_always_or_never_one_of_them_and_stays_one_when_the_share_grows() -> None:
    assert chosen(10) == chosen(10)
    assert chosen(10) < chosen(20) < chosen(60)
    assert [place("chest", uid) for uid in UIDS[:3]] == [place("chest", uid) for uid in UIDS[:3]]


def test_another_plugin_is_tried_on_other_studies() -> None:
    both = chosen(50) & chosen(50, plugin="brain")
    assert 180 <= len(both) <= 320


def test_senders_limit_a_canary() -> None:
    assert chosen(100, ("CT1",)) == set(UIDS)
    assert chosen(100, ("CT2",)) == set()
    assert chosen(10, ("CT1", "CT2")) == chosen(10)


def test_each_stage_says_why_results_are_kept() -> None:
    def why(stage: Stage, percent: float = 0.0) -> str:
        return Staged("chest", "1.0", stage, percent, ("CT1",)).silent_because("1.2", "CT1")

    assert why(Stage.LIVE) == ""
    assert why(Stage.SILENT, 100) == "its plugin is silent: results are kept, not delivered"
    assert why(Stage.CANARY, 100) == ""
    assert "a canary (CANARY: 0 % of the studies of CT1), and this study is none of them" in why(Stage.CANARY)


def test_the_setting_speaks_of_all_plugins_or_of_some() -> None:
    assert [covers(setting, "chest") for setting in (True, False, ("chest",), ("brain",), ())] == [
        True,
        False,
        True,
        False,
        False,
    ]
