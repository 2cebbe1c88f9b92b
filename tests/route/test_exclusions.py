"""What is left out by itself, and what must not be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from node.route.exclusions import EXCLUSIONS, exclusion_of, kind_without_image
from node.study import Attributes
from tests.route.material import BRAIN_MR, CHEST_FILM, SC, series

SR = "1.2.840.10008.5.1.4.1.1.88.33"

LEFT_OUT: list[tuple[str, dict[str, Any]]] = [
    ("a localizer", {"image_type": ("ORIGINAL", "PRIMARY", "LOCALIZER")}),
    ("a localizer", {"image_type": ("ORIGINAL", "PRIMARY", "localizer", "M")}),
    ("a dose report or saved screen", {"image_type": ("DERIVED", "SECONDARY", "SCREEN SAVE")}),
    ("a dose report or saved screen", {"image_type": ("DERIVED", "SECONDARY", "OTHER", "CSA REPORT")}),
    ("a dose report or saved screen", {"series_description": "Dose Report"}),
    ("a dose report or saved screen", {"series_description": "PATIENT PROTOCOL"}),
    ("a dose report or saved screen", {"series_description": "CT dose info page"}),
    ("a phantom or a quality check", {"series_description": "ACR_PHANTOM t1"}),
    ("a phantom or a quality check", {"study_description": "Daily QA"}),
    ("a phantom or a quality check", {"protocol_name": "phantoms"}),
    ("a phantom or a quality check", {"study_description": "Quality Assurance"}),
    ("a phantom or a quality check", {"study_description": "Konstanzprüfung Wand"}),
    ("a secondary capture", {"sop_class_uid": SC}),
    ("a secondary capture", {"sop_class_uid": f"{SC}.4"}),
]


@pytest.mark.parametrize(("name", "changes"), LEFT_OUT, ids=str)
def test_what_is_no_image_for_diagnosis_is_left_out_unless_asked_for(name: str, changes: dict[str, Any]) -> None:
    found = series(replace(BRAIN_MR, **changes))
    exclusion = exclusion_of(found, include_excluded=False)
    assert exclusion is not None
    assert exclusion.name == name
    assert exclusion_of(found, include_excluded=True) is None


KEPT: list[dict[str, Any]] = [
    {"image_type": ("ORIGINAL", "PRIMARY", "AXIAL")},
    {"image_type": ("DERIVED", "SECONDARY", "MPR")},  # a reformatted volume is what many readers look at
    {"series_description": "lung low dose 1mm"},
    {"series_description": "aquila"},
    {"series_description": "T1 post QARTESIAN"},
    {"study_description": "phantomalgia of the hand"},
    {"sop_class_uid": "1.2.840.10008.5.1.4.1.1.481.1"},  # RT Image is an image
    {"sop_class_uid": "1.2.840.10008.5.1.4.1.1.77.1.1"},
    {"sop_class_uid": "1.2.840.10008.5.1.4.1.1.4.1"},  # Enhanced MR, beside 4.2, which is spectroscopy
    {"manufacturer": "Radnodes Ltd"},
]


@pytest.mark.parametrize("changes", KEPT, ids=str)
def test_images_for_diagnosis_stay(changes: dict[str, Any]) -> None:
    assert exclusion_of(series(replace(BRAIN_MR, **changes)), include_excluded=False) is None


NO_IMAGE = {
    "SR": SR,
    "KO": "1.2.840.10008.5.1.4.1.1.88.59",
    "PR": "1.2.840.10008.5.1.4.1.1.11.1",
    "RWV": "1.2.840.10008.5.1.4.1.1.67",
    "SEG": "1.2.840.10008.5.1.4.1.1.66.4",
    "RAW": "1.2.840.10008.5.1.4.1.1.66",
    "PDF": "1.2.840.10008.5.1.4.1.1.104.1",
    "ECG": "1.2.840.10008.5.1.4.1.1.9.1.1",
    "RTPLAN": "1.2.840.10008.5.1.4.1.1.481.5",
    "MRS": "1.2.840.10008.5.1.4.1.1.4.2",
}


@pytest.mark.parametrize("sop_class_uid", NO_IMAGE.values(), ids=NO_IMAGE.keys())
def test_what_has_no_image_is_left_out_whatever_the_route_says(sop_class_uid: str) -> None:
    found = series(replace(BRAIN_MR, sop_class_uid=sop_class_uid))
    exclusion = exclusion_of(found, include_excluded=True)
    assert exclusion is not None
    assert exclusion.always
    assert kind_without_image(sop_class_uid)


@pytest.mark.parametrize("manufacturer", ["radnode", "RADNODE"])
def test_results_of_this_node_are_left_out_whatever_the_route_says(manufacturer: str) -> None:
    exclusion = exclusion_of(series(replace(CHEST_FILM, manufacturer=manufacturer)), include_excluded=True)
    assert exclusion is not None
    assert exclusion.name == "a result of this node"


def test_one_scout_does_not_take_a_volume_with_it() -> None:
    scout = replace(BRAIN_MR, image_type=("ORIGINAL", "PRIMARY", "LOCALIZER"))
    assert exclusion_of(series(scout, BRAIN_MR, BRAIN_MR), include_excluded=False) is None
    assert exclusion_of(series(scout, scout), include_excluded=False) is not None


def test_every_exclusion_says_by_what_it_is_known() -> None:
    assert all(row.name and row.clue for row in EXCLUSIONS)
    assert not any(row.applies(Attributes()) for row in EXCLUSIONS)
