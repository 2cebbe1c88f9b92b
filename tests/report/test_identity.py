"""The same analysis has the same UIDs, and another one has others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import UID

from node.plugin import Code, FindingSpec
from node.report import identity
from node.study import Analysis
from tests.report.material import analysis, banded, header, manifest, not_assessed, spec


def test_derived_uids_are_valid_and_lie_under_the_root_of_uuids() -> None:
    uid = identity.derived_uid("any", "facts")
    assert UID(uid).is_valid
    assert uid.startswith("2.25.")
    assert len(uid) <= 64


def test_facts_do_not_run_into_one_another() -> None:
    assert identity.derived_uid("ab", "c") != identity.derived_uid("a", "bc")


def test_the_same_analysis_has_the_same_uid() -> None:
    assert identity.instance_uid(analysis(header()), "sr") == identity.instance_uid(analysis(header()), "sr")


def test_a_revision_counted_anew_keeps_the_uid_of_the_same_content() -> None:
    told = analysis(header())
    assert identity.instance_uid(replace(told, revision=5), "sr") == identity.instance_uid(told, "sr")


def test_the_order_in_which_images_came_does_not_matter() -> None:
    one, two = header(image=1), header(image=2)
    assert identity.instance_uid(analysis(one, two), "sr") == identity.instance_uid(analysis(two, one), "sr")


def _at(threshold: float, **changes: Any) -> FindingSpec:
    return replace(spec(), operating_point=replace(spec().operating_point, threshold=threshold, **changes))


def _others() -> dict[str, Analysis]:
    told = analysis(header())
    return {
        "another study": replace(told, study_instance_uid="1.2.3"),
        "a late image": analysis(header(), header(image=2)),
        "a late image that cannot be decoded": analysis(header(), not_assessed=(not_assessed(header(image=2)),)),
        "other weights": analysis(header(), manifest=manifest(weights={"model.onnx": "cd" * 32})),
        "another version": analysis(header(), manifest=manifest(version="1.3.0")),
        "another plugin": analysis(header(), manifest=manifest(name="other")),
        "another threshold": analysis(header(), manifest=manifest(findings=(_at(0.6),))),
        "limits around the threshold": analysis(header(), manifest=manifest(findings=(banded(),))),
        "another code": analysis(header(), manifest=manifest(findings=(spec(code=Code("1", "99T", "Other")),))),
        "another error rate": analysis(header(), manifest=manifest(findings=(_at(0.5, error_rate=0.2),))),
        "other parameters": analysis(header(), manifest=manifest(parameters={"input size": "224 x 224"})),
        "other settings": replace(told, configuration_digest="ff"),
    }


@pytest.mark.parametrize("change", _others())
def test_another_analysis_has_another_uid(change: str) -> None:
    assert identity.instance_uid(_others()[change], "sr") != identity.instance_uid(analysis(header()), "sr")


def test_each_kind_and_each_picture_has_its_own_uid() -> None:
    told = analysis(header())
    uids = {identity.instance_uid(told, kind, index) for kind in ("sc", "sr", "viewer-sr") for index in range(3)}
    assert len(uids) == 9


def test_a_late_image_stays_in_the_same_series() -> None:
    before, after = analysis(header()), analysis(header(), header(image=2), revision=2)
    assert identity.series_uid(before, "sr") == identity.series_uid(after, "sr")


def test_each_kind_and_each_plugin_has_a_series_of_its_own() -> None:
    told, other = analysis(header()), analysis(header(), manifest=manifest(name="other"))
    uids = {identity.series_uid(one, kind) for one in (told, other) for kind in ("sc", "sr", "viewer-sr")}
    assert len(uids) == 6


def test_a_finding_is_tracked_across_revisions() -> None:
    before, after = analysis(header()), analysis(header(), header(image=2), revision=2)
    assert identity.tracking_uid(before, "opacity") == identity.tracking_uid(after, "opacity")
    assert identity.tracking_uid(before, "opacity") != identity.tracking_uid(before, "nodule")


def test_a_finding_is_tracked_across_the_studies_of_a_patient() -> None:
    now = analysis(header(), patient_key="ab12")
    prior = replace(now, study_instance_uid="1.2.3")
    assert identity.tracking_uid(now, "opacity") == identity.tracking_uid(prior, "opacity")
    assert identity.tracking_uid(now, "opacity", "L") != identity.tracking_uid(now, "opacity", "R")


def test_findings_of_two_patients_are_never_tracked_as_one() -> None:
    one, other = (analysis(header(), patient_key=key) for key in ("ab12", "cd34"))
    assert identity.tracking_uid(one, "opacity") != identity.tracking_uid(other, "opacity")


def test_without_a_patient_id_a_finding_is_tracked_within_its_study_only() -> None:
    one = analysis(header())
    assert identity.tracking_uid(one, "opacity") != identity.tracking_uid(
        replace(one, study_instance_uid="1.2.3"), "opacity"
    )


def test_the_device_is_known_by_its_weights() -> None:
    same = analysis(header(image=9))
    other = analysis(header(), manifest=manifest(weights={"model.onnx": "cd" * 32}))
    assert identity.device_uid(analysis(header())) == identity.device_uid(same)
    assert identity.device_uid(analysis(header())) != identity.device_uid(other)


def test_where_a_plugin_lies_and_how_long_it_may_take_change_no_uid() -> None:
    moved = manifest(folder=Path("elsewhere"), seconds_limit=7.0)
    assert identity.instance_uid(analysis(header(), manifest=moved), "sr") == identity.instance_uid(
        analysis(header()), "sr"
    )


def test_the_device_stays_the_same_with_another_threshold() -> None:
    other = analysis(header(), manifest=manifest(findings=(_at(0.6),)))
    assert identity.device_uid(other) == identity.device_uid(analysis(header()))
