"""C-STORE to a PACS that misbehaves."""

from __future__ import annotations

import logging
import socket
import threading
import time
from pathlib import Path

import pytest
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit

from node.config import Destination
from node.deliver import Outcome, Verdict, sender_for
from node.deliver.dicom import DicomSender
from node.errors import DeliveryError, DeliveryRefused, RadnodeError
from tests.deliver.material import SC, SR, dicom_file, results
from tests.deliver.peers import DeafProxy, EvilPacs, dicom, free_port

# pynetdicom drops the socket of a connection that was refused without closing it.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


def sent(destination: Destination, objects: list) -> tuple[dict[str, Outcome], RadnodeError | None]:  # type: ignore[type-arg]
    """Outcomes by UID, and the error that ended them, if one did."""
    found: dict[str, Outcome] = {}
    try:
        for outcome in DicomSender(destination, "NODE").send(objects):
            assert outcome.outgoing.sop_instance_uid not in found
            found[outcome.outgoing.sop_instance_uid] = outcome
    except RadnodeError as error:
        return found, error
    return found, None


def verdicts(found: dict[str, Outcome], objects: list) -> list[Verdict | None]:  # type: ignore[type-arg]
    return [found[one.sop_instance_uid].verdict if one.sop_instance_uid in found else None for one in objects]


def test_objects_arrive_over_one_association_that_proposes_them_and_nothing_else(tmp_path: Path) -> None:
    objects = results(tmp_path, 6)
    with EvilPacs() as pacs:
        found, error = sent(dicom(pacs.port), objects)
    assert error is None
    assert verdicts(found, objects) == [Verdict.DELIVERED] * 6
    assert pacs.stored == [one.sop_instance_uid for one in objects]
    assert pacs.calling == ["NODE"]
    explicit, implicit = [str(ExplicitVRLittleEndian)], [str(ImplicitVRLittleEndian)]
    assert pacs.proposed == [[(SC, explicit), (SR, explicit), (SC, implicit), (SR, implicit)]]


def test_a_status_speaks_of_one_object_only(tmp_path: Path) -> None:
    objects = results(tmp_path, 6)
    with EvilPacs(0xA700, 0xB000, 0xC000, 0x0122, 0x0110) as pacs:
        found, error = sent(dicom(pacs.port), objects)
    assert error is None
    assert verdicts(found, objects) == [
        Verdict.TEMPORARY,
        Verdict.WARNING,
        Verdict.NOT_UNDERSTOOD,
        Verdict.PERMANENT,
        Verdict.TEMPORARY,
        Verdict.DELIVERED,
    ]
    assert found[objects[0].sop_instance_uid].reason == "status A700: Refused: out of resources"
    assert len(pacs.calling) == 1


def test_a_refused_sop_class_is_refused_for_good_and_the_other_class_is_delivered(tmp_path: Path) -> None:
    objects = results(tmp_path, 4)
    with EvilPacs(takes=[SC]) as pacs:
        found, error = sent(dicom(pacs.port), objects)
    assert error is None
    assert verdicts(found, objects) == [Verdict.DELIVERED, Verdict.PERMANENT] * 2
    assert found[objects[1].sop_instance_uid].reason == f"the destination does not take SOP class {SR}"


def test_when_every_class_is_refused_each_object_hears_why(tmp_path: Path) -> None:
    objects = results(tmp_path)
    with EvilPacs(takes=[]) as pacs:
        found, error = sent(dicom(pacs.port), objects)
    assert error is None
    assert verdicts(found, objects) == [Verdict.PERMANENT] * 2


def test_a_refused_transfer_syntax_is_named(tmp_path: Path) -> None:
    objects = [dicom_file(tmp_path, SC, JPEGBaseline8Bit)]
    with EvilPacs(transfer_syntaxes=[ExplicitVRLittleEndian]) as pacs:
        found, _ = sent(dicom(pacs.port), objects)
    assert verdicts(found, objects) == [Verdict.PERMANENT]
    assert JPEGBaseline8Bit in found[objects[0].sop_instance_uid].reason


def test_a_pacs_that_knows_only_the_default_syntax_gets_the_dataset_in_it(tmp_path: Path) -> None:
    objects = results(tmp_path)
    with EvilPacs(transfer_syntaxes=[ImplicitVRLittleEndian]) as pacs:
        found, error = sent(dicom(pacs.port), objects)
    assert error is None
    assert verdicts(found, objects) == [Verdict.DELIVERED] * 2
    assert len(pacs.stored) == 2


def test_an_abort_costs_the_object_without_an_answer_and_the_rest_goes_over_a_new_association(tmp_path: Path) -> None:
    objects = results(tmp_path, 5)
    with EvilPacs(0x0000, "abort", 0x0000) as pacs:
        found, error = sent(dicom(pacs.port), objects)
    assert error is None
    assert verdicts(found, objects) == [Verdict.DELIVERED, Verdict.TEMPORARY, *[Verdict.DELIVERED] * 3]
    assert len(pacs.calling) == 2


def test_an_object_that_was_stored_before_an_abort_is_sent_again_under_the_same_uid(tmp_path: Path) -> None:
    objects = results(tmp_path, 1)
    with EvilPacs("store-then-abort") as pacs:
        first, _ = sent(dicom(pacs.port), objects)
        second, _ = sent(dicom(pacs.port), objects)
    assert verdicts(first, objects) == [Verdict.TEMPORARY]
    assert verdicts(second, objects) == [Verdict.DELIVERED]
    assert pacs.stored == [objects[0].sop_instance_uid] * 2


def test_aborts_again_and_again_end_in_an_error_for_the_destination(tmp_path: Path) -> None:
    objects = results(tmp_path, 6)
    with EvilPacs(*["abort"] * 6) as pacs:
        found, error = sent(dicom(pacs.port), objects)
    assert isinstance(error, DeliveryError)
    assert verdicts(found, objects) == [Verdict.TEMPORARY, *[None] * 5]
    assert len(pacs.asked) == 2


def test_a_pacs_that_hangs_is_left_after_the_time_limit(tmp_path: Path) -> None:
    objects, began = results(tmp_path, 4), time.monotonic()
    with EvilPacs(0x0000, "hang") as pacs:
        found, error = sent(dicom(pacs.port, timeout_seconds=1), objects)
        assert time.monotonic() - began < 30
    assert error is None
    assert verdicts(found, objects) == [Verdict.DELIVERED, Verdict.TEMPORARY, Verdict.DELIVERED, Verdict.DELIVERED]
    assert "no answer within 1 s" in found[objects[1].sop_instance_uid].reason


def test_a_pacs_that_stops_reading_is_left_after_the_time_limit(tmp_path: Path) -> None:
    objects, before = [dicom_file(tmp_path, size=30 << 20)], threading.active_count()
    with EvilPacs() as pacs, DeafProxy(pacs.port, after=100_000) as proxy:
        began = time.monotonic()
        found, error = sent(dicom(proxy.port, timeout_seconds=1), objects)
        assert time.monotonic() - began < 30
        assert error is None
        assert verdicts(found, objects) == [Verdict.TEMPORARY]
        end = time.monotonic() + 30
        while time.monotonic() < end and any("DUL" in one.name or "Assoc" in one.name for one in threading.enumerate()):
            time.sleep(0.1)
    end = time.monotonic() + 30
    while time.monotonic() < end and threading.active_count() > before:
        time.sleep(0.1)
    assert threading.active_count() <= before


def test_who_accepts_connections_and_says_nothing_is_left_after_the_time_limit(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        began = time.monotonic()
        found, error = sent(dicom(silent.getsockname()[1], timeout_seconds=1), results(tmp_path))
        assert time.monotonic() - began < 30
    assert isinstance(error, DeliveryError)
    assert found == {}


def test_a_rejection_for_now_is_temporary(tmp_path: Path) -> None:
    with EvilPacs(reject=[(2, 3, 2)]) as pacs:
        found, error = sent(dicom(pacs.port), results(tmp_path))
        assert (found, isinstance(error, DeliveryError)) == ({}, True)
        assert "rejects associations for now: local limit exceeded" in str(error)
        assert sent(dicom(pacs.port), results(tmp_path))[1] is None


def test_a_rejection_for_good_is_permanent_and_says_what_to_compare(tmp_path: Path) -> None:
    with EvilPacs(reject=[(1, 1, 7)]) as pacs:
        found, error = sent(dicom(pacs.port), results(tmp_path))
    assert (found, isinstance(error, DeliveryRefused)) == ({}, True)
    assert f"called AE title not recognized [PEER@127.0.0.1:{pacs.port}] - compare both AE titles" in str(error)


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_nobody_there_is_temporary(tmp_path: Path, host: str) -> None:
    found, error = sent(dicom(free_port(), host=host, timeout_seconds=2), results(tmp_path))
    assert (found, isinstance(error, DeliveryError)) == ({}, True)
    assert "cannot be reached" in str(error)


def test_a_file_that_is_no_dicom_file_is_not_sent(tmp_path: Path) -> None:
    good, bad = results(tmp_path)
    bad.path.write_bytes(b"nothing")
    with EvilPacs() as pacs:
        found, error = sent(dicom(pacs.port), [bad, good])
    assert error is None
    assert verdicts(found, [bad, good]) == [Verdict.UNSENDABLE, Verdict.DELIVERED]


def test_nothing_to_send_opens_no_association(tmp_path: Path) -> None:
    assert sent(dicom(free_port()), []) == ({}, None)


def test_echo_says_whether_the_destination_is_there() -> None:
    with EvilPacs(reject=[(1, 1, 3)]) as pacs:
        sender = sender_for(dicom(pacs.port), "NODE")
        with pytest.raises(DeliveryRefused, match="calling AE title not recognized"):
            sender.echo()
        sender.echo()
    with pytest.raises(DeliveryError, match="cannot be reached"):
        sender_for(dicom(free_port()), "NODE").echo()


def test_no_answer_is_lost_when_objects_follow_each_other_closely(tmp_path: Path) -> None:
    """pynetdicom's own thread takes an answer away now and then, the more so on a busy machine."""
    objects = results(tmp_path, 300)
    with EvilPacs() as pacs:
        busy = [threading.Thread(target=sum, args=(range(20_000_000),)) for _ in range(3)]
        for thread in busy:
            thread.start()
        found, error = sent(dicom(pacs.port, timeout_seconds=10), objects)
        for thread in busy:
            thread.join()
    assert error is None
    assert set(verdicts(found, objects)) == {Verdict.DELIVERED}


def test_many_aborts_in_a_row_never_leave_us_waiting(tmp_path: Path) -> None:
    objects = results(tmp_path, 40)
    with EvilPacs(*[0x0000, "store-then-abort"] * 20) as pacs:
        found, error = sent(dicom(pacs.port, timeout_seconds=2), objects)
    assert error is None
    assert verdicts(found, objects) == [Verdict.DELIVERED, Verdict.TEMPORARY] * 20


def test_no_log_line_names_the_patient(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with EvilPacs(0xC000) as pacs:
        sent(dicom(pacs.port), results(tmp_path, 3))
    assert "Doe" not in caplog.text
    assert "4711" not in caplog.text
