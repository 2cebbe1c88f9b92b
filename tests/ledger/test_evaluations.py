"""Records of evaluations: the newest counts, and one that was changed afterwards is seen."""

from __future__ import annotations

import sqlite3
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from node.ledger import Ledger

RECORD: dict[str, Any] = {
    "version": "1.0",
    "digest": "a" * 64,
    "accepted": True,
    "answered": 60,
    "csv_sha256": "c" * 64,
    "images_sha256": "d" * 64,
    "findings": [],
}


def test_the_newest_record_counts_and_the_trail_seals_it(ledger: Ledger) -> None:
    assert ledger.evaluations.newest("chest") is None
    ledger.evaluations.add("chest", RECORD, "anna")
    digest = ledger.evaluations.add("chest", RECORD | {"accepted": False}, "bert")
    found = ledger.evaluations.newest("chest")
    assert found is not None
    assert (found.operator, found.record["accepted"], found.sha256) == ("bert", False, digest)
    assert found.is_sealed
    (event,) = ledger.events.latest(1)
    assert (event.action, event.detail["record"], event.detail["operator"]) == ("plugin evaluated", digest, "bert")


def test_a_model_is_judged_by_its_own_record_though_another_version_was_measured_later(ledger: Ledger) -> None:
    ledger.evaluations.add("chest@1.1", RECORD | {"version": "1.1", "digest": "b" * 64}, "anna")
    ledger.evaluations.add("chest", RECORD, "anna")
    versions = [
        found.record["version"]
        for plugin, digest in (("chest@1.1", "b" * 64), ("chest", "b" * 64), ("chest", "a" * 64), ("chest", "c" * 64))
        if (found := ledger.evaluations.newest(plugin, digest))
    ]
    assert versions == ["1.1", "1.1", "1.0", "1.0"]


@pytest.mark.parametrize(
    "change",
    [
        """UPDATE evaluations SET record = replace(record, 'false', 'true')""",
        """UPDATE evaluations SET event = 1""",
        """UPDATE evaluations SET record = '{}', sha256 = 'DIGEST'""",
    ],
)
def test_a_record_that_was_changed_is_seen(ledger: Ledger, tmp_path: Path, change: str) -> None:
    ledger.events.add("something else")
    ledger.evaluations.add("chest", RECORD | {"accepted": False}, "anna")
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        connection.execute(change.replace("DIGEST", sha256(b"{}").hexdigest()))
    connection.close()
    found = ledger.evaluations.newest("chest")
    assert found is not None
    assert not found.is_sealed
