"""Performed procedure steps and availability notifications, told by pynetdicom to a receiver."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from node import signals
from node.config import PeerRule
from node.receive import dataset as whole
from node.receive import status
from node.signals import AVAILABILITY, PERFORMED_STEP, Kind
from tests.peers import until
from tests.peers.hospital import CANARY
from tests.peers.modality import available, begun, change, create, ended, notify, telling
from tests.receive.conftest import Running, Start
from tests.receive.material import DX, EXPLICIT, ITEM_END, SEQUENCE_END, UNDEFINED, element, item
from tests.receive.peer import P_DATA, command_set, fragment, pdu

STUDY, STEP = "1.2.3", "1.2.99.1"
IMAGES = (("1.2.3.1", "1.2.3.1.1"), ("1.2.3.1", "1.2.3.1.2"), ("1.2.3.2", "1.2.3.2.1"))


def steps(node: Running) -> list[tuple[str, str, str]]:
    return [(one.sop_instance_uid, one.status, one.discontinued) for one in node.ledger.signals.of_study(STUDY)]


def instances(node: Running) -> list[tuple[str, ...]]:
    sql = "SELECT series_instance_uid, sop_instance_uid, availability, retrieve_ae FROM signal_instances ORDER BY 2"
    return [tuple(row) for row in node.rows(sql)]


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_a_step_begins_and_ends(node: Running, logs: list[Any], syntax: str) -> None:
    with telling(node.port, syntaxes=[syntax]) as assoc:
        assert create(assoc, STEP, begun(STUDY, "1.2.4")) == 0x0000
        assert steps(node) == [(STEP, "IN PROGRESS", "")]
        answer = change(assoc, STEP, ended(*IMAGES[:2], others=IMAGES[2:]))
        assert answer.Status == 0x0000
    assert steps(node) == [(STEP, "COMPLETED", "")]
    assert [one[:2] for one in instances(node)] == list(IMAGES)
    told = [(event.study_instance_uid, event.action, event.detail) for event in node.events()]
    about = {"step": STEP, "calling_ae": "MODALITY"}
    for study in (STUDY, "1.2.4"):
        assert [(action, detail) for of, action, detail in told if of == study] == [
            ("procedure step told", {**about, "status": "IN PROGRESS", "word": 1, "instances": 0}),
            ("procedure step told", {**about, "status": "COMPLETED", "word": 2, "instances": 3}),
        ]
    assert node.rows("SELECT * FROM studies") == [], "of itself it makes no study"
    assert CANARY not in repr([told, logs])


def test_what_is_available_is_kept(node: Running) -> None:
    with telling(node.port) as assoc:
        assert notify(assoc, "1.2.98.1", available(STUDY, *IMAGES[:1])) == 0x0000
        assert notify(assoc, "1.2.98.2", available(STUDY, *IMAGES[1:], availability="NEARLINE")) == 0x0000
        assert notify(assoc, "1.2.98.2", available(STUDY, *IMAGES)) == 0x0111
    assert [one[1:] for one in instances(node)] == [
        ("1.2.3.1.1", "ONLINE", "PACS"),
        ("1.2.3.1.2", "NEARLINE", "PACS"),
        ("1.2.3.2.1", "NEARLINE", "PACS"),
    ]
    assert node.events()[0].action == "availability told"


def test_a_step_that_ended_may_no_longer_be_updated(node: Running) -> None:
    with telling(node.port) as assoc:
        assert create(assoc, STEP, begun(STUDY)) == 0x0000
        assert create(assoc, STEP, begun("1.2.5")) == 0x0111
        assert change(assoc, STEP, ended(*IMAGES, status="DISCONTINUED", code="110514")).Status == 0x0000
        answer = change(assoc, STEP, ended())
        assert (answer.Status, answer.ErrorID) == (0x0110, 0xA710)
        assert answer.ErrorComment == "Performed Procedure Step Object may no longer be updated"
        assert change(assoc, "1.2.99.2", ended()).Status == 0x0112
        assert notify(assoc, "1.2.98.1", available(STUDY, *IMAGES)) == 0x0000
        assert change(assoc, "1.2.98.1", ended()).Status == 0x0112, "it is no step"
    assert steps(node)[0] == (STEP, "DISCONTINUED", "110514")
    assert node.ledger.signals.named(STUDY, Kind.STEP).instances == 3
    assert node.ledger.signals.of_study("1.2.5") == []


def test_a_step_in_progress_may_be_told_again_and_again(node: Running) -> None:
    with telling(node.port) as assoc:
        create(assoc, STEP, begun(STUDY))
        assert change(assoc, STEP, ended(*IMAGES, status="IN PROGRESS")).Status == 0x0000
        same = ended(*IMAGES[:1], status="IN PROGRESS")
        same.ScheduledStepAttributesSequence = begun(STUDY).ScheduledStepAttributesSequence
        assert change(assoc, STEP, same).Status == 0x0000
        assert len(instances(node)) == 1, "what is said replaces what was said"
        only_status = Dataset()
        only_status.PerformedProcedureStepStatus = "COMPLETED"
        assert change(assoc, STEP, only_status).Status == 0x0000
    assert (steps(node), len(instances(node))) == ([(STEP, "COMPLETED", "")], 1)


def without(keyword: str) -> Callable[[Dataset], None]:
    return lambda ds: delattr(ds, keyword)


def with_value(keyword: str, value: object) -> Callable[[Dataset], None]:
    return lambda ds: setattr(ds, keyword, value)


def of_another_study(ds: Dataset) -> None:
    ds.ScheduledStepAttributesSequence = begun("1.2.666").ScheduledStepAttributesSequence


def lacking_instance(ds: Dataset) -> None:
    del ds.PerformedSeriesSequence[0].ReferencedImageSequence[1].ReferencedSOPInstanceUID


def lacking_series(ds: Dataset) -> None:
    del ds.PerformedSeriesSequence[0].SeriesInstanceUID


def with_a_name_for_a_sequence(ds: Dataset) -> None:
    ds.add_new(0x00400340, "LO", "series")


def with_numbers_for_a_uid(ds: Dataset) -> None:
    ds.PerformedSeriesSequence[0].add_new(0x0020000E, "US", 7)


def with_words_for_a_uid(ds: Dataset) -> None:
    ds.PerformedSeriesSequence[0].add_new(0x0020000E, "LO", "Doe^Jane")


CREATE = [
    (without("ScheduledStepAttributesSequence"), 0x0120),
    (with_value("ScheduledStepAttributesSequence", []), 0x0121),
    (with_value("ScheduledStepAttributesSequence", [Dataset()]), 0x0120),
    (without("PerformedProcedureStepStatus"), 0x0120),
    (without("PerformedProcedureStepID"), 0x0120),
    (with_value("PerformedStationAETitle", ""), 0x0121),
    (with_value("PerformedProcedureStepStatus", "COMPLETED"), 0x0106),
    (with_value("PerformedProcedureStepStatus", "SLEEPING"), 0x0106),
]
CHANGE = [
    (of_another_study, 0x0106),
    (lacking_instance, 0x0120),
    (lacking_series, 0x0120),
    (with_value("PerformedProcedureStepStatus", ""), 0x0121),
    (with_a_name_for_a_sequence, 0x0106),
    (with_words_for_a_uid, 0x0106),
]


def refusals(node: Running) -> list[tuple[str, int, str]]:
    """Of steps: of which study, to make or to change it, and why."""
    refused = [one for one in node.events() if one.action == "procedure step refused"]
    assert {(one.detail["peer"], one.detail.get("step", STEP)) for one in refused} <= {("127.0.0.1", STEP)}
    return [(one.study_instance_uid, one.detail["word"], one.detail["why"]) for one in refused]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_lacks_something_gets_its_status_and_nothing_of_it_is_kept(node: Running, logs: list[Any]) -> None:
    with telling(node.port) as assoc:
        for spoil, code in CREATE:
            ds = begun(STUDY)
            spoil(ds)
            assert create(assoc, STEP, ds) == code, spoil
        assert node.rows("SELECT * FROM signals") == []
        assert create(assoc, STEP, begun(STUDY)) == 0x0000
        for spoil, code in CHANGE:
            ds = ended(*IMAGES)
            spoil(ds)
            assert change(assoc, STEP, ds).Status == code, spoil
        assert create(assoc, STEP, begun(STUDY)) == 0x0111
        empty = available(STUDY, *IMAGES)
        empty.ReferencedSeriesSequence[1].ReferencedSOPSequence[0].InstanceAvailability = "SOMEWHERE"
        assert notify(assoc, "1.2.98.1", empty) == 0x0106
        assert notify(assoc, "1.2.98.1", available(STUDY)) == 0x0121
    assert (steps(node), instances(node)) == ([(STEP, "IN PROGRESS", "")], [])
    missing, duplicate = "missing: ScheduledStepAttributesSequence", status.DUPLICATE_INSTANCE.comment
    until(lambda: refusals(node)[-1:] == [(STUDY, 1, duplicate)], "the last of them is in the trail")
    told = refusals(node)
    assert told.count(("", 1, missing)) == 1, "and of its like no more within a minute"
    assert (STUDY, 2, "missing: ReferencedSOPInstanceUID") in told
    assert "Jane" not in repr([logs, node.events()])


def told(
    node: Running, data: bytes, uid: str | None = STEP, field: int = 0x0140, sop_class: str = PERFORMED_STEP
) -> int:
    """The status for these bytes; the association still goes on."""
    with node.peer().associate(((PERFORMED_STEP, (EXPLICIT,)), (AVAILABILITY, (EXPLICIT,)))) as peer:
        peer.send(pdu(P_DATA, fragment(1, command_set(field, sop_class, uid, dataset=True), command=True)))
        for start in range(0, len(data) or 1, 16000):
            piece = data[start : start + 16000]
            peer.send(pdu(P_DATA, fragment(1, piece, last=start + 16000 >= len(data))))
        answer = peer.answer()
        assert peer.release() == 6
    return int(struct.unpack("<H", answer[0x0900])[0])


def deep(levels: int) -> bytes:
    opened = element(0x00400340, "SQ", b"", length=UNDEFINED) + item(length=UNDEFINED)
    return opened * levels + (ITEM_END + SEQUENCE_END) * levels


def test_hostile_datasets_are_answered_and_nothing_of_them_is_kept(node: Running) -> None:
    assert told(node, b"\xff" * 1000) == 0x0110
    assert told(node, deep(10_000)) == 0x0110
    assert told(node, element(0x00400340, "SQ", deep(10_000))) in (0x0110, 0x0120)
    assert told(node, element(0x00400270, "SQ", b"", length=1 << 30)) == 0x0110
    assert told(node, b"", uid=None) == 0x0117
    assert told(node, b"", uid="not a UID") == 0x0117
    assert told(node, b"", uid="1" * 66) == 0x0117
    assert told(node, b"") == 0x0120
    assert told(node, b"", field=0x0120, uid=STEP) == 0x0112
    assert told(node, b"", sop_class=AVAILABILITY) == 0x0122
    assert told(node, b"", field=0x0110) == 0x0211
    assert told(node, b"", field=0x0150) == 0x0211
    assert told(node, b"", field=0x0001) == 0x0122, "it is no object to be stored"
    assert node.rows("SELECT * FROM signals") == []
    assert node.files() == []
    told_of = {status.NOT_UNDERSTOOD.comment, status.INVALID_INSTANCE.comment, status.NO_SUCH_STEP.comment}
    until(lambda: told_of <= {why for _, _, why in refusals(node)}, "each of them is in the trail")


def test_a_dataset_without_its_end_is_no_shorter_one(node: Running) -> None:
    ds = b"".join(
        element(0x00400340, "SQ", item(element(0x0020000E, "UI", "1.2.3.1") + element(0x00081140, "SQ", references)))
        for references in [b"".join(item(element(0x00081155, "UI", f"1.2.3.1.{n}")) for n in range(5))]
    )
    with telling(node.port) as assoc:
        create(assoc, STEP, begun(STUDY))
    for end in range(len(ds) - 120, len(ds), 2):
        assert told(node, ds[:end], field=0x0120) == 0x0110
    assert steps(node) == [(STEP, "IN PROGRESS", "")]


def many(instances: int) -> bytes:
    """An N-SET that ends a step, and names so many."""
    references = b"".join(
        item(element(0x00081150, "UI", DX) + element(0x00081155, "UI", f"1.2.3.1.{number}"))
        for number in range(instances)
    )
    series = item(element(0x0020000E, "UI", "1.2.3.1") + element(0x00081140, "SQ", references))
    return element(0x00400252, "CS", "COMPLETED") + element(0x00400340, "SQ", series)


def test_ten_thousand_instances_are_kept_and_too_many_refused(node: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    with telling(node.port) as assoc:
        create(assoc, STEP, begun(STUDY))
    with monkeypatch.context() as lowered:
        lowered.setattr(whole, "LONGEST", 1 << 16)
        assert told(node, many(10_000), field=0x0120) == 0x0110
        lowered.setattr(whole, "LONGEST", 1 << 24)
        lowered.setattr(signals, "MOST", 999)
        assert told(node, many(1_000), field=0x0120) == 0x0213
    assert (steps(node), instances(node)) == ([(STEP, "IN PROGRESS", "")], [])
    assert told(node, many(10_000), field=0x0120) == 0x0000
    assert node.ledger.signals.named(STUDY, Kind.STEP).instances == 10_000


def test_who_may_not_store_may_not_tell(start: Start) -> None:
    rules = (PeerRule(name="ct", ae_title="CT*", may=("store",)), PeerRule(name="monitor", may=("echo", "commit")))
    node = start(peers=rules)
    with telling(node.port, calling="CT1") as assoc:
        assert create(assoc, STEP, begun(STUDY)) == 0x0000
    with telling(node.port, calling="PING") as assoc:
        assert change(assoc, STEP, ended(*IMAGES)).Status == 0x0124
        assert notify(assoc, "1.2.98.1", available(STUDY, *IMAGES)) == 0x0124
    assert (steps(node), instances(node)) == ([(STEP, "IN PROGRESS", "")], [])
    until(lambda: len(denied(node)) > 1, "both are in the trail")
    why = "peer 'monitor' may not store"
    assert denied(node) == [(f"{why}, nor tell of performed procedure steps", STEP), (why, "")]
    assert refusals(node) == [], "no record was to be changed: nobody asked who may"


def denied(node: Running) -> list[tuple[str, str]]:
    """What a peer may not do, and the step that it would have told of."""
    refused = [one.detail for one in node.events() if one.action == "operation refused"]
    return [(one["why"], one.get("step", "")) for one in refused]


def test_while_the_ledger_is_locked_nothing_is_taken(start: Start) -> None:
    node = start(busy_seconds=0.2)
    with telling(node.port) as assoc:
        with node.ledger._database.write():
            assert create(assoc, STEP, begun(STUDY)) == 0x0110
        assert create(assoc, STEP, begun(STUDY)) == 0x0000
