"""What an analysis answered, as plain values that come back from JSON as they went."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from node.account import FILE, account_bytes, account_from, read_account
from node.plugin import Code, Neighbour
from node.report import account_of
from node.study import Analysis
from tests.report.material import analysis, banded, contribution, header, manifest, not_assessed, spec, unmeasured

CASE = Neighbour("opacity", "cxr_nih/1", 0.93, present=True)


def told() -> Analysis:
    """An undetermined finding and an absent one, with all that can be said of them."""
    made = analysis(header(), probability=0.5, manifest=manifest(findings=(banded(), spec("effusion"))))
    (item,) = made.analysed
    findings = tuple(replace(finding, agreement=(1, 1)) for finding in item.prediction.findings)
    said = replace(item.prediction, findings=findings, neighbours=(CASE,), remarks=("It contradicts itself.",))
    return replace(made, analysed=(replace(item, prediction=said),))


def test_an_account_comes_back_as_it_was() -> None:
    account = account_of(told(), [contribution(header())])
    assert account_from(account_bytes(account)) == account


def test_an_account_that_was_changed_after_it_was_made_is_none(tmp_path: Path) -> None:
    account = account_of(told(), [contribution(header())])
    data = account_bytes(account)
    (tmp_path / FILE).write_bytes(data)
    assert read_account(tmp_path, {FILE: sha256(data).hexdigest()}) == account
    assert read_account(tmp_path, {FILE: sha256(b"another").hexdigest()}) is None
    assert read_account(tmp_path, {}) == account, "an earlier version noted no digest"


def test_it_says_what_the_report_says() -> None:
    (series,) = account_of(told(), [contribution(header())]).series
    opacity, effusion = series.findings
    assert (opacity.outcome, opacity.probability, opacity.threshold) == ("undetermined", 0.5, 0.5)
    assert (opacity.undetermined, opacity.error_rate, opacity.agreement) == ((0.3, 0.7), 0.1, (1, 1))
    assert (opacity.sensitivity, opacity.specificity) == (0.95, 0.88)
    assert opacity.sop_instance_uid == header().SOPInstanceUID
    assert opacity.contributions == {"upper right": 1.9, "outside": 0.0, "baseline": 0.5}
    assert opacity.neighbours == (CASE,)
    assert len(opacity.reasons) == 4
    assert (effusion.outcome, effusion.undetermined, effusion.contributions) == ("absent", None, {})
    assert (series.modality, series.images, series.remarks) == ("DX", 1, ("It contradicts itself.",))


def test_an_abstention_has_its_reason_and_no_findings() -> None:
    (series,) = account_of(analysis(header(), abstained="too dark"), []).series
    assert (series.abstained, series.findings) == ("too dark", ())


def test_what_was_not_assessed_is_named() -> None:
    account = account_of(analysis(not_assessed=(not_assessed(header(), "cut off"),)), [])
    assert (account.series, account.not_assessed) == ((), ((header().SOPInstanceUID, "cut off"),))
    assert account_from(account_bytes(account)) == account


def test_numbers_of_numpy_are_written_as_numbers() -> None:
    account = account_of(told(), [])
    (series,) = account.series
    strange = replace(series.findings[0], probability=np.float32(0.5), agreement=(np.int64(1), 2))
    data = account_bytes(replace(account, series=(replace(series, findings=(strange,)),)))
    (finding,) = json.loads(data)["series"][0]["findings"]
    assert (finding["probability"], finding["agreement"]) == (0.5, [1, 2])


def test_a_figure_that_nobody_measured_is_none_and_comes_back_as_none() -> None:
    account = account_of(analysis(header(), manifest=manifest(findings=(unmeasured(),))), [])
    (finding,) = account.series[0].findings
    assert (finding.sensitivity, finding.specificity) == (None, None)
    assert account_from(account_bytes(account)) == account


def test_a_finding_has_its_codes_and_the_intervals_of_its_figures() -> None:
    (opacity, _) = account_of(told(), []).series[0].findings
    assert opacity.code == Code("125147008", "SCT", "Opacity")
    assert opacity.site == Code("39607008", "SCT", "Lung")
    assert (opacity.sensitivity_interval, opacity.specificity_interval) == ((0.92, 0.97), (0.84, 0.91))
    assert opacity.source == "300 films kept aside"


def test_a_figure_that_nobody_measured_has_no_interval() -> None:
    account = account_of(analysis(header(), manifest=manifest(findings=(unmeasured(),))), [])
    (finding,) = account.series[0].findings
    assert (finding.sensitivity_interval, finding.specificity_interval) == (None, None)


def test_the_side_of_a_paired_organ_is_that_of_the_series() -> None:
    made = analysis(header())
    (item,) = made.analysed
    left = replace(made, analysed=(replace(item, image_set=replace(item.image_set, laterality="L")),))
    assert account_of(left, []).series[0].findings[0].laterality == "L"


def test_what_is_claimed_is_named_also_when_the_model_does_not_answer() -> None:
    both = manifest(findings=(spec(), spec("effusion", site=None)))
    for made in (analysis(header(), abstained="too dark", manifest=both), analysis(manifest=both)):
        claims = account_of(made, []).claims
        assert [(one.finding, one.label) for one in claims] == [
            ("opacity", "Opacity of the lung"),
            ("effusion", "Effusion of the lung"),
        ]
        assert claims[1].site is None


def test_an_account_of_an_earlier_version_is_read() -> None:
    account = account_of(told(), [contribution(header())])
    table = json.loads(account_bytes(account))
    del table["claims"]
    for finding in table["series"][0]["findings"]:
        for key in ("code", "site", "laterality", "sensitivity_interval", "specificity_interval", "source"):
            del finding[key]
    read = account_from(json.dumps(table).encode())
    assert read.claims == ()
    opacity = read.series[0].findings[0]
    assert (opacity.code, opacity.site, opacity.sensitivity_interval, opacity.source) == (None, None, None, "")
    assert opacity.reasons == account.series[0].findings[0].reasons


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"series": [{}], "not_assessed": []}', b"\xff\xfe"])
def test_what_is_no_account_is_refused(data: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        account_from(data)
