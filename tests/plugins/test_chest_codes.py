"""The codes of chest findings: complete, short enough for DICOM, and those of PS3.16 as its dictionary has them."""

from __future__ import annotations

import pytest
from pydicom.sr._concepts_dict import concepts

from radnode_kit import chest_codes
from radnode_kit.chest_codes import FINDINGS, NIH_LABELS, NOTHING, XRV_LABELS, CodedFinding, coded, key


def in_the_standard(scheme: str, value: str) -> list[str]:
    """Meanings that pydicom's dictionary of PS3.16 has for a code."""
    return [entry[0] for table in concepts.get(scheme, {}).values() for found, entry in table.items() if found == value]


def test_all_labels_of_both_sets_have_a_finding_of_their_own() -> None:
    assert len({coded(label).name for label in NIH_LABELS}) == 14
    assert {coded(label).name for label in XRV_LABELS} == {finding.name for finding in FINDINGS}
    assert set(NIH_LABELS) < set(XRV_LABELS)


def test_only_pleural_thickening_has_no_published_code() -> None:
    assert [finding.name for finding in FINDINGS if finding.is_private] == ["pleural_thickening"]


@pytest.mark.parametrize("finding", FINDINGS, ids=lambda finding: finding.name)
def test_codes_fit_their_value_representations(finding: CodedFinding) -> None:
    for code in (finding.code, finding.site):
        if code is not None:
            assert 0 < len(code.value) <= 16  # VR SH
            assert code.scheme in ("SCT", "DCM", "99RADNODE")
            assert 0 < len(code.meaning) <= 64  # VR LO
    assert 0 < len(finding.label) <= 64


@pytest.mark.parametrize(
    ("label", "meaning"),
    [
        ("Effusion", "Pleural effusion"),
        ("Pneumothorax", "Pneumothorax"),
        ("Edema", "Pulmonary edema"),
        ("Infiltration", "Infiltrate"),
        ("Mass", "Mass"),
        ("Nodule", "Nodule"),
        ("Lung Lesion", "Lesion"),
        ("Lung Opacity", "Opacity"),
        ("Enlarged Cardiomediastinum", "Enlarged"),
    ],
)
def test_codes_of_the_standard_mean_what_it_says(label: str, meaning: str) -> None:
    code = coded(label).code
    assert meaning in in_the_standard(code.scheme, code.value)
    assert code.meaning == meaning


@pytest.mark.parametrize("finding", [f for f in FINDINGS if f.site], ids=lambda finding: finding.name)
def test_every_site_is_in_the_standard(finding: CodedFinding) -> None:
    assert finding.site is not None
    assert in_the_standard(finding.site.scheme, finding.site.value)


def test_the_mistaken_code_for_cardiomegaly_is_not_used() -> None:
    assert "Enlarged septal foramen of heart (disorder)" in in_the_standard("SCT", "287272002")
    assert coded("Cardiomegaly").code.value == "8186001"


@pytest.mark.parametrize("spelling", ["Pleural_Thickening", "pleural thickening", "Pleural-Thickening "])
def test_spellings_of_one_label_meet(spelling: str) -> None:
    assert coded(spelling).name == "pleural_thickening"


@pytest.mark.parametrize(("other", "name"), [("Pleural Effusion", "effusion"), ("Pulmonary Edema", "edema")])
def test_longer_words_for_the_same_meet_it(other: str, name: str) -> None:
    assert coded(other).name == name


def test_an_unknown_label_gets_a_private_code_of_its_own() -> None:
    left, right = coded("Support devices left"), coded("Support devices right")
    assert left.is_private
    assert left.label == "Support devices left"
    assert left.code.value != right.code.value
    assert all(len(finding.code.value) <= 16 for finding in (left, right))
    assert coded("Support devices left") == left


@pytest.mark.parametrize("label", ["No Finding", "Normal", "notumor", "No_tumor"])
def test_labels_that_say_nothing_was_found_are_known(label: str) -> None:
    assert key(label) in NOTHING


def test_the_module_claims_no_more_of_its_codes_than_was_looked_up() -> None:
    told = " ".join((chest_codes.__doc__ or "").split())
    assert "not looked up in SNOMED CT itself" in told
    assert "hiatal hernia and consolidation" in told
