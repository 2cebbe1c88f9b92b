"""The whole way, from the ledger to a PACS that misbehaves, until nothing waits any more."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from node.config import RetrySettings, Settings
from node.deliver import Courier
from node.ledger import DeliveryRow, Ledger
from node.spool import Spool
from node.states import AnalysisState
from node.study import ResultObject
from tests.deliver.material import SC, SR, results
from tests.deliver.peers import EvilPacs, dicom
from tests.ledger.material import classified

RETRY = RetrySettings(first_seconds=0.02, longest_seconds=0.1, delivery_attempts=6)
STUDIES = ("1.2", "1.3", "1.4")


def waiting_results(folder: Path, ledger: Ledger, spool: Spool) -> set[str]:
    """Three studies with a heatmap and a report each; their SOP Instance UIDs."""
    uids = set()
    for study in STUDIES:
        analysis, made = classified(ledger, study), []
        for outgoing, kind in zip(results(folder), ("sc", "sr"), strict=True):
            path = spool.write(f"work/{study}/{kind}.dcm", outgoing.path.read_bytes())
            made.append(
                ResultObject(outgoing.sop_instance_uid, outgoing.sop_class_uid, f"{study}.7", kind, path),
            )
        ledger.analyses.reported(analysis.id, made, {"pacs": ("sc", "sr")})
        uids |= {one.sop_instance_uid for one in made}
    return uids


def deliver_all(tmp_path: Path, pacs: EvilPacs) -> tuple[list[DeliveryRow], set[str], set[AnalysisState]]:
    """Step until nothing waits; the rows, what should have arrived, and the states of the analyses."""
    ledger, spool = Ledger(tmp_path / "ledger.db"), Spool(tmp_path / "spool")
    spool.prepare()
    uids = waiting_results(tmp_path, ledger, spool)
    courier = Courier(dicom(pacs.port, timeout_seconds=1), ledger, spool, Settings(retry=RETRY))
    end = time.monotonic() + 30
    while ledger.deliveries.count_by_state().get(("pacs", "WAITING")) and time.monotonic() < end:
        if not courier.step():
            time.sleep(0.01)
    courier.rest()
    rows = [row for study in STUDIES for row in ledger.deliveries.of_study(study)]
    states = {one.state for study in STUDIES for one in ledger.analyses.of_study(study)}
    ledger.close()
    return rows, uids, states


WELL_IN_THE_END: dict[str, list[int | str]] = {
    "out of resources for a while": [0xA700] * 10,
    "warnings": [0xB000, 0x0000, 0xB007],
    "cannot understand, then can": [0xC000, 0x0110, 0xC123],
    "hangs once": [0x0000, "hang"],
    "aborts now and then": ["abort", 0x0000, "abort", 0x0000, 0x0000, "abort"],
    "stores, then aborts": ["store-then-abort", 0x0000, "store-then-abort"],
    "aborts again and again": ["abort"] * 6,
}


@pytest.mark.parametrize("answers", WELL_IN_THE_END.values(), ids=WELL_IN_THE_END.keys())
def test_every_object_arrives_in_the_end(tmp_path: Path, answers: list[int | str]) -> None:
    with EvilPacs(*answers) as pacs:
        rows, uids, states = deliver_all(tmp_path, pacs)
    assert [row.state for row in rows] == ["DONE"] * 6
    assert set(pacs.stored) == uids  # however often they were sent, they are these objects and no others
    assert states == {AnalysisState.DELIVERED}


def test_rejected_associations_cost_no_attempt(tmp_path: Path) -> None:
    with EvilPacs(reject=[(2, 3, 1)] * 8) as pacs:
        rows, uids, _ = deliver_all(tmp_path, pacs)
    assert [(row.state, row.attempts) for row in rows] == [("DONE", 1)] * 6
    assert set(pacs.stored) == uids


def test_a_pacs_without_reports_gets_every_heatmap_and_the_reports_have_their_reason(tmp_path: Path) -> None:
    with EvilPacs(takes=[SC]) as pacs:
        rows, _, states = deliver_all(tmp_path, pacs)
    assert {(row.kind, row.state, row.attempts) for row in rows} == {("sc", "DONE", 1), ("sr", "REPLACED", 1)}
    reason = f"replaced by sc: the destination does not take SOP class {SR}"
    assert {row.error for row in rows if row.kind == "sr"} == {reason}
    assert states == {AnalysisState.DELIVERED}


def test_what_is_never_understood_ends_with_the_attempts(tmp_path: Path) -> None:
    with EvilPacs(*[0xC000] * 100) as pacs:
        rows, _, _ = deliver_all(tmp_path, pacs)
    assert {(row.state, row.attempts) for row in rows} == {("REFUSED", 6)}
    assert len(pacs.asked) == 6 * 6


def test_who_rejects_us_for_good_is_told_at_once(tmp_path: Path) -> None:
    with EvilPacs(reject=[(1, 1, 3)] * 3) as pacs:
        rows, _, _ = deliver_all(tmp_path, pacs)
    assert {(row.state, row.attempts) for row in rows} == {("REFUSED", 1)}
    assert all("calling AE title not recognized" in row.error for row in rows)
