"""The JSON: everything, under keys that stay."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from node.account import account_from
from node.export import record_text
from node.export.record import FORMAT
from tests.export.material import IDENTITY, SECRETS, STUDIES, account, exported_analysis, study

#: What programs of others rely on: another set of keys is another format.
KEYS = {
    "format",
    "notice",
    "study_instance_uid",
    "pseudonym",
    "revision",
    "series",
    "analyses",
    "identity",
}
ANALYSIS_KEYS = {
    "algorithm",
    "revision",
    "state",
    "standing",
    "started",
    "reason",
    "complete",
    "report_sop_instance_uid",
    "account",
}


@pytest.mark.parametrize("name", STUDIES)
def test_the_keys_are_always_the_same(name: str) -> None:
    told = json.loads(record_text(STUDIES[name]))
    assert told["format"] == FORMAT == "radnode-export/1"
    assert told.keys() == KEYS
    assert all(one.keys() == ANALYSIS_KEYS for one in told["analyses"])
    assert "No person has verified it." in told["notice"]


def test_the_account_comes_back_as_the_worker_left_it() -> None:
    (analysis,) = json.loads(record_text(study()))["analyses"]
    assert account_from(json.dumps(analysis["account"]).encode()) == account()
    assert (analysis["started"], analysis["standing"]) == ("2025-06-15T15:06:40Z", "given")


def test_the_identity_is_that_of_dicom() -> None:
    assert json.loads(record_text(study()))["identity"] == asdict(IDENTITY)


def test_under_a_pseudonym_nobody_is_named() -> None:
    text = record_text(study(identity=None))
    assert json.loads(text)["identity"] is None
    for secret in SECRETS:
        assert secret not in text


def test_an_analysis_without_a_result_says_so() -> None:
    _, failed = json.loads(record_text(STUDIES["one failed"]))["analyses"]
    assert (failed["account"], failed["standing"], failed["reason"]) == (None, "missing", "the plugin raised")


def test_texts_of_strangers_cannot_paint_the_screen() -> None:
    hostile = "\x1b[31m\x9b31m\ud800\u2028"
    told = account(title=hostile)
    text = record_text(study(exported_analysis(told), identity=replace(IDENTITY, patient_name=hostile)))
    assert not {"\x1b", "\x9b", "\u2028"} & set(text)
    text.encode()
