"""The ledger as a file: sound, copied while it is written to, and refused as a copy when it is none."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from node.errors import LedgerBusy, PermanentError
from node.ledger import Ledger, check_copy
from tests.ledger.material import arrival, received


def test_a_sound_ledger_has_no_problems(ledger: Ledger) -> None:
    received(ledger)
    assert ledger.upkeep.problems() == []


def test_a_row_that_refers_to_nothing_is_a_problem(ledger: Ledger, tmp_path: Path) -> None:
    received(ledger)
    connection = sqlite3.connect(tmp_path / "ledger.db")
    connection.execute("DELETE FROM studies")
    connection.commit()
    connection.close()
    assert ledger.upkeep.problems() == ["a row of instances refers to no row of studies"]


def test_a_copy_is_whole_and_consistent_though_the_node_writes(ledger: Ledger, tmp_path: Path) -> None:
    received(ledger)
    over = threading.Event()

    def write() -> None:
        writer = Ledger(tmp_path / "ledger.db", 30)
        number = 10
        while not over.is_set():
            number += 1
            writer.arrivals.record([arrival(number, f"1.{number}")])
        writer.close()

    thread = threading.Thread(target=write)
    thread.start()
    for number in range(5):
        ledger.upkeep.back_up(tmp_path / f"copy-{number}")
    over.set()
    thread.join()
    for number in range(5):
        check_copy(tmp_path / f"copy-{number}")
        assert (tmp_path / f"copy-{number}").stat().st_mode & 0o777 == 0o600
        copy = Ledger(tmp_path / f"copy-{number}")
        assert copy.studies.get("1.2").images == 1
        assert copy.upkeep.problems() == []
        copy.close()
    assert list(tmp_path.glob(".*.part")) == []


def test_no_file_is_overwritten_and_no_half_copy_stays(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "copy").write_text("precious")
    with pytest.raises(PermanentError, match="there is a file already"):
        ledger.upkeep.back_up(tmp_path / "copy")
    assert (tmp_path / "copy").read_text() == "precious"
    with pytest.raises(PermanentError, match="the copy cannot be written"):
        ledger.upkeep.back_up(tmp_path / "no folder" / "copy")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (None, "no such file"),
        (b"x" * 5000, "it is no ledger"),
        (b"", r"no ledger that this program knows \(version 0\)"),
    ],
)
def test_what_is_no_ledger_takes_no_ledgers_place(tmp_path: Path, data: bytes | None, what: str) -> None:
    if data is not None:
        (tmp_path / "copy").write_bytes(data)
    with pytest.raises(PermanentError, match=what):
        check_copy(tmp_path / "copy")


def test_a_ledger_of_a_later_program_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    ledger.upkeep.back_up(tmp_path / "copy")
    connection = sqlite3.connect(tmp_path / "copy")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(PermanentError, match="version 99"):
        check_copy(tmp_path / "copy")


def test_a_damaged_ledger_is_called_damaged(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"no database at all" * 1000)
    with pytest.raises(LedgerBusy, match=r"the ledger is damaged: .*radnode db restore"):
        Ledger(tmp_path / "ledger.db")
