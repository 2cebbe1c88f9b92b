"""A report on Storage Commitment that cannot be taken is answered so, and said; the archive reports again."""

from __future__ import annotations

import structlog
from pydicom.dataset import Dataset

from node.commitment import Reference
from node.config import Destination
from node.deliver import ask_commitment
from node.errors import LedgerBusy
from tests.peers.keeper import Keeper
from tests.peers.waiting import until


def busy(_: Dataset) -> bool:
    raise LedgerBusy("locked by 1234")


def test_a_report_that_the_ledger_cannot_take_now_is_refused_and_said() -> None:
    with Keeper() as keeper, structlog.testing.capture_logs() as lines:
        destination = Destination.model_validate(keeper.destination())
        ask_commitment(destination, "RADNODE", "2.25.1", [Reference("1.2.840.10008.5.1.4.1.1.7", "1.2.3")], busy)
        until(lambda: keeper.answers, "the report was answered")
    assert keeper.answers == [0x0110], "processing failure"
    (line,) = lines
    assert (line["event"], line["destination"]) == ("report on storage commitment not taken", "keeper")
    assert line["why"].startswith("LedgerBusy at test_commitment.py:")
