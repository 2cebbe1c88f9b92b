"""What an analysis answered, as plain values that come back from JSON as they went."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from node.account import account_bytes, account_from
from node.plugin import Neighbour
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
