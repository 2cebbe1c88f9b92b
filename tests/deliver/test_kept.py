"""One association serves one result after the other, and what happens when either side ends it between two."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydicom.uid import ExplicitVRLittleEndian

from node.deliver import Verdict
from node.deliver.dicom import DicomSender
from node.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from tests.deliver.material import SC, SR, dicom_file, results
from tests.deliver.peers import EvilPacs, dicom
from tests.peers.waiting import until

# pynetdicom drops the socket of an association that it has released as acceptor without closing it.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@contextmanager
def kept_by(pacs: EvilPacs, seconds: float = 30) -> Iterator[DicomSender]:
    sender = DicomSender(dicom(pacs.port), "NODE", seconds)
    try:
        yield sender
    finally:
        sender.rest(at_once=True)


def sent(sender: DicomSender, folder: Path, count: int = 2) -> list[Verdict]:
    return [one.verdict for one in sender.send(results(folder, count))]


def ended(pacs: EvilPacs) -> bool:
    return not pacs._server.active_associations


def test_the_destination_hears_who_we_are(tmp_path: Path) -> None:
    with EvilPacs() as pacs, kept_by(pacs) as sender:
        assert sent(sender, tmp_path) == [Verdict.DELIVERED] * 2
        (assoc,) = pacs._server.active_associations
        assert assoc.requestor.implementation_class_uid == IMPLEMENTATION_CLASS_UID
        assert assoc.requestor.implementation_version_name == IMPLEMENTATION_VERSION_NAME


def test_results_follow_each_other_over_one_association(tmp_path: Path) -> None:
    with EvilPacs() as pacs, kept_by(pacs) as sender:
        assert [sent(sender, tmp_path) for _ in range(3)] == [[Verdict.DELIVERED] * 2] * 3
        assert len(pacs.calling) == 1
        sender.rest()  # there is time yet
        assert not ended(pacs)
        sender.rest(at_once=True)
        until(lambda: ended(pacs), "the association is released")


def test_it_is_released_when_it_was_not_needed_for_long_enough(tmp_path: Path) -> None:
    with EvilPacs() as pacs, kept_by(pacs, 0.05) as sender:
        sent(sender, tmp_path)
        time.sleep(0.1)
        sender.rest()
        until(lambda: ended(pacs), "the association is released")


def test_without_time_to_keep_it_ends_with_each_study(tmp_path: Path) -> None:
    with EvilPacs() as pacs, kept_by(pacs, 0) as sender:
        sent(sender, tmp_path)
        until(lambda: ended(pacs), "the association is released")
        sent(sender, tmp_path)
    assert len(pacs.calling) == 2


def test_a_peer_that_closes_between_two_results_costs_an_association_and_nothing_else(tmp_path: Path) -> None:
    with EvilPacs() as pacs, kept_by(pacs) as sender:
        sent(sender, tmp_path)
        for assoc in pacs._server.active_associations:
            assoc.abort()
        assert sent(sender, tmp_path) == [Verdict.DELIVERED] * 2
    assert len(pacs.calling) == 2
    assert len(pacs.asked) == len(set(pacs.asked)) == 4


def test_a_peer_that_wants_its_release_between_two_results_gets_it(tmp_path: Path) -> None:
    with EvilPacs() as pacs, kept_by(pacs) as sender:
        sent(sender, tmp_path)
        (assoc,) = pacs._server.active_associations
        leaving = threading.Thread(target=assoc.release)
        leaving.start()
        time.sleep(0.1)
        assert sent(sender, tmp_path) == [Verdict.DELIVERED] * 2
        leaving.join()
        assert assoc.is_released
    assert len(pacs.asked) == len(set(pacs.asked)) == 4


def test_a_peer_that_aborts_just_as_the_next_result_begins_costs_no_attempt(tmp_path: Path) -> None:
    with EvilPacs(0x0000, 0x0000, "abort") as pacs, kept_by(pacs) as sender:
        sent(sender, tmp_path)
        assert sent(sender, tmp_path) == [Verdict.DELIVERED] * 2
    assert len(pacs.calling) == 2
    assert len(pacs.stored) == len(set(pacs.stored)) == 4


def test_a_peer_that_aborts_a_new_association_too_has_refused_the_object(tmp_path: Path) -> None:
    with EvilPacs(0x0000, 0x0000, "abort", "abort") as pacs, kept_by(pacs) as sender:
        sent(sender, tmp_path)
        assert sent(sender, tmp_path) == [Verdict.TEMPORARY, Verdict.DELIVERED]


@pytest.mark.timeout(30)
@pytest.mark.parametrize("endless", ["drip", "ask"])
def test_a_peer_that_talks_for_ever_instead_of_answering_is_left(tmp_path: Path, endless: str) -> None:
    with EvilPacs(endless) as pacs:
        sender = DicomSender(dicom(pacs.port, timeout_seconds=1), "NODE")
        assert sent(sender, tmp_path) == [Verdict.TEMPORARY, Verdict.DELIVERED]
    assert len(pacs.calling) == 2


def test_what_the_association_has_no_context_for_gets_another_one_that_also_takes_what_came_before(
    tmp_path: Path,
) -> None:
    with EvilPacs() as pacs, kept_by(pacs) as sender:
        for sop_class in (SC, SR, SC, SR):
            (outcome,) = sender.send([dicom_file(tmp_path, sop_class)])
            assert outcome.verdict is Verdict.DELIVERED
    explicit = [str(ExplicitVRLittleEndian)]
    assert len(pacs.proposed) == 2
    assert (SC, explicit) in pacs.proposed[1]
    assert (SR, explicit) in pacs.proposed[1]


def test_what_was_refused_is_asked_for_anew_with_the_next_result(tmp_path: Path) -> None:
    with EvilPacs(takes=[SC]) as pacs, kept_by(pacs) as sender:
        for _ in range(2):
            assert sent(sender, tmp_path, 4) == [Verdict.DELIVERED, Verdict.PERMANENT] * 2
    assert len(pacs.calling) == 2


def test_a_slow_destination_does_not_hold_up_another_one(tmp_path: Path) -> None:
    """The slow one stands still until the other one has everything."""
    with EvilPacs("hang") as slow, EvilPacs() as fast, kept_by(slow) as one, kept_by(fast) as other:
        waiting = threading.Thread(target=sent, args=(one, tmp_path))
        waiting.start()
        until(lambda: bool(slow.asked), "the slow one has its first object")
        assert sent(other, tmp_path, 20) == [Verdict.DELIVERED] * 20
        assert not slow.stored
        slow._over.set()
        waiting.join()
