"""Each condition of a route, met and not met, and what the operator reads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from node.route.check import shown
from node.route.conditions import checks
from node.study import Attributes
from tests.route.material import CHEST_FILM, DX, rule

MET: list[dict[str, Any]] = [
    {},
    {"modality": ("CR", "DX")},
    {"modality": ("dx",)},
    {"sop_class": (DX,)},
    {"body_part": ("CHEST",)},
    {"body_part": ("thorax",)},
    {"view": ("PA", "AP")},
    {"min_age": 18},
    {"min_age": 60, "max_age": 60},
    {"max_age": 60.5},
    {"calling_ae": ("CR*",)},
    {"calling_ae": ("cr?",)},
    {"called_ae": ("*",)},
    {"not_series_description": ("*scout*",)},
    {"laterality": ("L",), "accept_missing": True},
    {"series_description": ("*chest*",), "accept_missing": True},
]


@pytest.mark.parametrize("conditions", MET, ids=str)
def test_a_condition_that_is_met_holds(conditions: dict[str, Any]) -> None:
    assert all(check.holds for check in checks(rule(**conditions), CHEST_FILM))


NOT_MET: list[tuple[dict[str, Any], str]] = [
    ({"modality": ("CR", "CT", "MR")}, "modality is DX, wanted CR, CT or MR"),
    ({"sop_class": ("1.2.3",)}, f"SOP class is {DX}, wanted 1.2.3"),
    ({"body_part": ("HAND", "FOOT")}, "body part is CHEST, wanted HAND or FOOT"),
    ({"view": ("LL",)}, "view is PA, wanted LL"),
    ({"laterality": ("L",)}, "laterality is missing, wanted L"),
    ({"min_age": 61}, "age is 60 years, wanted at least 61 years"),
    ({"max_age": 17}, "age is 60 years, wanted 0 to 17 years"),
    ({"min_age": 1, "max_age": 17.5}, "age is 60 years, wanted 1 to 17.5 years"),
    ({"calling_ae": ("CT*", "MR?")}, "calling AE title is CR1, wanted CT* or MR?"),
    ({"called_ae": ("NODE",)}, "called AE title is missing, wanted NODE"),
    ({"series_description": ("*chest*",)}, "series description is missing, wanted *chest*"),
]


@pytest.mark.parametrize(("conditions", "reason"), NOT_MET, ids=str)
def test_a_condition_that_is_not_met_says_what_was_found_and_what_was_wanted(
    conditions: dict[str, Any], reason: str
) -> None:
    (check,) = checks(rule(**conditions), CHEST_FILM)
    assert not check.holds
    assert check.reason == reason


def test_all_that_speaks_against_a_series_is_said_not_only_the_first() -> None:
    found = checks(rule(modality=("MR",), view=("LL",), body_part=("CHEST",)), CHEST_FILM)
    assert [check.holds for check in found] == [False, True, False]


def test_a_pattern_that_is_forbidden_keeps_a_series_out() -> None:
    attributes = replace(CHEST_FILM, series_description="Chest SCOUT view")
    (check,) = checks(rule(not_series_description=("*scout*", "*test*")), attributes)
    assert not check.holds
    assert check.reason == "series description is another, wanted none like *scout* or *test*"


def test_free_text_may_name_a_patient_and_is_not_repeated_in_a_reason() -> None:
    attributes = replace(CHEST_FILM, series_description="control of Mrs Miller")
    (check,) = checks(rule(series_description=("*chest*",)), attributes)
    assert "Miller" not in check.reason
    assert check.found == "control of Mrs Miller"  # for the table that the operator asks for


@pytest.mark.parametrize("missing", ["body_part", "view", "laterality", "series_description", "age"])
@pytest.mark.parametrize("accept", [True, False])
def test_a_missing_tag_matches_only_if_the_route_says_so(missing: str, accept: bool) -> None:
    conditions: dict[str, Any] = {"min_age": 18} if missing == "age" else {missing: ("X",)}
    (check,) = checks(rule(**conditions, accept_missing=accept), Attributes())
    assert check.holds is accept


@pytest.mark.parametrize("condition", ["modality", "sop_class", "calling_ae", "called_ae"])
def test_what_every_image_has_is_never_excused(condition: str) -> None:
    conditions: dict[str, Any] = {condition: ("X",), "accept_missing": True}
    (check,) = checks(rule(**conditions), Attributes())
    assert not check.holds


def test_neighbouring_body_parts_are_not_the_same() -> None:
    (check,) = checks(rule(body_part=("BRAIN",)), replace(CHEST_FILM, body_part="HEAD"))
    assert not check.holds


def test_a_value_from_outside_cannot_forge_a_line() -> None:
    attributes = replace(CHEST_FILM, modality="DX\n2026-01-01 study deleted\x1b[31m")
    (check,) = checks(rule(modality=("MR",)), attributes)
    assert "\n" not in check.reason
    assert "\x1b" not in check.reason


def test_a_long_value_is_cut() -> None:
    assert shown("A" * 65) == "A" * 61 + "..."
    assert shown("A" * 64) == "A" * 64
