"""What an archive answers is not believed, and has an end."""

from __future__ import annotations

import gc
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, build_context, evt

from node.config import Destination, Settings
from node.deliver.messages import as_pdus, command_set
from node.errors import DeliveryError, DeliveryRefused
from node.fetch import Fetcher, Found, Match, Wanted, dialogue, find, query
from node.fetch.get import GET, get
from node.fetch.move import MOVE, move
from node.fetch.query import FIND
from node.fetch.status import reason_of
from node.fetch.wanted import whole_study
from tests.fetch.conftest import Start
from tests.peers import Hospital
from tests.peers.hospital import SOP_CLASSES
from tests.peers.ports import free_port

# pynetdicom's, of aborted associations: sockets that it does not close, and threads that miss theirs.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

Answers = Callable[[evt.Event], Iterator[Any]]
WANTED = Wanted(patient="P1")


class Hostile:
    """An archive that answers as it is told."""

    def __init__(self) -> None:
        self.ae = AE(ae_title="ARCHIVE")
        self.find: Answers = answering()
        self.move: Answers = answering()
        self.get: Answers = sending()
        for service in (FIND, MOVE, GET):
            self.ae.add_supported_context(service.sop_class_uid)
        self.ae.add_supported_context(SOP_CLASSES["CT"], scu_role=True, scp_role=True)
        self.port = free_port()
        handlers = [
            (evt.EVT_C_FIND, lambda event: self.find(event)),
            (evt.EVT_C_MOVE, lambda event: self.move(event)),
            (evt.EVT_C_GET, lambda event: self.get(event)),
        ]
        self.server = self.ae.start_server(("127.0.0.1", self.port), block=False, evt_handlers=handlers)

    @property
    def peer(self) -> Destination:
        return Destination(name="archive", kind="dicom", ae_title="ARCHIVE", port=self.port, timeout_seconds=2)

    def found(self, *answers: tuple[int, Dataset | None], limit: int = 10) -> Found:
        self.find = answering(*answers)
        return find(self.peer, "RADNODE", WANTED, limit)


@pytest.fixture(scope="module")
def running() -> Iterator[Hostile]:
    archive = Hostile()
    yield archive
    archive.server.shutdown()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def archive(running: Hostile) -> Hostile:
    running.ae.require_calling_aet = []
    return running


def study(number: int = 1, **changes: Any) -> Dataset:
    ds = Dataset()
    told = {"StudyInstanceUID": f"1.2.{number}", "PatientID": "P1", "NumberOfStudyRelatedInstances": 7}
    for keyword, value in {**told, **changes}.items():
        setattr(ds, keyword, value)
    return ds


def answering(*answers: tuple[int, Dataset | None]) -> Answers:
    def handle(event: evt.Event) -> Iterator[Any]:
        is_study = event.identifier.QueryRetrieveLevel == "STUDY"
        yield from answers if is_study else ()

    return handle


def sending(*films: Path, last: int = 0x0000, abort: bool = False) -> Answers:
    """The sub-operations of a C-GET. Args: last: status after them; abort: instead."""

    def handle(event: evt.Event) -> Iterator[Any]:
        yield len(films) + bool(last)
        for path in films:
            yield 0xFF00, pydicom.dcmread(path)
        if abort:
            event.assoc.abort()
        if last:
            yield last, None

    return handle


def test_studies_that_were_not_asked_for_are_left_out(archive: Hostile) -> None:
    other = study(2, PatientID="P2")
    nameless = study(3, PatientID=None)
    told = archive.found((0xFF00, study()), (0xFF00, other), (0xFF01, nameless), (0xFF00, study()))
    assert [(one.study_instance_uid, one.instances) for one in told.matches] == [("1.2.1", 7)]
    assert told.unfit == 2


@pytest.mark.parametrize("number", [0, -1, 10**9])
def test_a_number_that_cannot_be_is_none(archive: Hostile, number: int) -> None:
    (one,) = archive.found((0xFF00, study(NumberOfStudyRelatedInstances=number))).matches
    assert one.instances is None


@pytest.mark.filterwarnings("ignore:Invalid value")
@pytest.mark.parametrize("uid", ["../../etc/passwd", "1.2\\1.3", ""])
def test_what_is_no_uid_is_left_out(archive: Hostile, uid: str) -> None:
    told = archive.found((0xFF00, study(StudyInstanceUID=uid)), (0xFF00, study(2)))
    assert [one.study_instance_uid for one in told.matches] == ["1.2.2"]
    assert told.unfit == 1


def test_of_endless_answers_no_more_are_taken_than_wanted(archive: Hostile) -> None:
    told = archive.found(*((0xFF00, study(number)) for number in range(5000)), limit=3)
    assert (len(told.matches), told.has_more) == (3, True)


def test_endless_answers_that_do_not_fit_end_too(archive: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "_MOST_ANSWERS", 20)
    with pytest.raises(DeliveryError, match="more than 20 answers"):
        archive.found(*((0xFF00, study(number, PatientID="P2")) for number in range(50)))


def test_answers_that_drip_end_after_the_time_for_all(archive: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    def drip(event: evt.Event) -> Iterator[Any]:
        for number in range(100):
            time.sleep(0.1)
            yield 0xFF00, study(number)

    quick = dialogue.Service(FIND.name, FIND.sop_class_uid, FIND.command, 0.5)
    monkeypatch.setattr(query, "FIND", quick)
    archive.find = drip
    with pytest.raises(DeliveryError, match="it does not come to an end"):
        find(archive.peer, "RADNODE", WANTED, 100)


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (0xA700, "status A700: refused: out of resources"),
        (0xA900, "status A900: the identifier does not match the SOP Class"),
        (0xC001, "status C001: unable to process"),
        (0xFE00, "status FE00: cancelled"),
        (0x1234, "status 1234: not in the standard"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_a_query_that_fails_says_how(archive: Hostile, status: int, meaning: str) -> None:
    with pytest.raises(DeliveryError, match=meaning):
        archive.found((0xFF00, study()), (status, None))


def test_an_archive_that_aborts_is_named(archive: Hostile) -> None:
    def abort(event: evt.Event) -> Iterator[Any]:
        yield 0xFF00, study()
        event.assoc.abort()

    archive.find = abort
    with pytest.raises(DeliveryError, match="it ended the association instead of answering"):
        find(archive.peer, "RADNODE", WANTED, 10)


@pytest.mark.parametrize("status", [[0xFF00, 0xFF00], ""])
def test_an_answer_whose_status_is_none_ends_the_association(archive: Hostile, status: Any) -> None:
    def odd(event: evt.Event) -> Iterator[Any]:
        command = command_set(
            CommandField=0x8020, MessageIDBeingRespondedTo=1, CommandDataSetType=0x0101, Status=status
        )
        event.assoc.dul.socket.send(as_pdus(command, event.context.context_id, 16384, is_command=True))
        yield 0xFF00, study()

    archive.find = odd
    with pytest.raises(DeliveryError, match="it ended the association instead of answering"):
        find(archive.peer, "RADNODE", WANTED, 10)


def test_an_archive_that_does_not_know_the_caller_says_so(archive: Hostile) -> None:
    archive.ae.require_calling_aet = ["OTHER"]
    with pytest.raises(DeliveryRefused, match="calling AE title not recognized"):
        find(archive.peer, "RADNODE", WANTED, 10)


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (0xA701, "status A701: refused: out of resources, it cannot count what matches"),
        (0xA702, "status A702: refused: out of resources, it cannot send"),
        (0xA900, "status A900: the identifier does not match the SOP Class"),
        (0xC000, "status C000: unable to process"),
        (0xFE00, "status FE00: cancelled"),
    ],
)
def test_a_move_that_fails_says_how(archive: Hostile, status: int, meaning: str) -> None:

    def refuse(event: evt.Event) -> Iterator[Any]:
        yield "127.0.0.1", archive.port, {"contexts": [build_context(FIND.sop_class_uid)]}
        yield 1
        yield status, None

    archive.move = refuse
    told = move(archive.peer, Settings(), whole_study("1.2.1"))
    assert meaning in told.reason
    assert "0 sent" in told.reason


@pytest.mark.parametrize("status", [0xA701, 0xA900, 0xB000, 0xC001, 0xFE00])
def test_what_a_get_ends_with_is_told_and_what_came_before_is_kept(
    archive: Hostile, receive: Start, hospital: Hospital, status: int
) -> None:
    node, films = receive(), hospital.slices(2)
    archive.find, archive.get = answering(), sending(*films, last=status)
    told = get(archive.peer, node.settings, whole_study(hospital.study_uid()))
    assert told.reason.startswith(reason_of(status))
    assert node.ledger.fetches.came(hospital.study_uid()) == 2


def test_an_archive_that_aborts_a_get_keeps_nothing_open(archive: Hostile, receive: Start, hospital: Hospital) -> None:
    node, uid, films = receive(), hospital.study_uid(), hospital.slices(2)
    archive.find, archive.get = answering((0xFF00, study(PatientID="P1"))), sending(*films, abort=True)
    with pytest.raises(
        DeliveryError, match=r"the archive did not send all .* \(Study Root .* GET\): aborted by the peer"
    ):
        get(archive.peer, node.settings, whole_study(uid))
    assert node.ledger.fetches.came(uid) == 2, "what was acknowledged is here"
    assert node.ledger.studies.streaming(uid).associations == 0
    archive.get = sending(*films)
    assert get(archive.peer, node.settings, whole_study(uid)).reason == ""
    assert node.ledger.fetches.came(uid) == 2, "and is no other when it comes again"


@pytest.mark.filterwarnings("ignore:Invalid value")
@pytest.mark.parametrize("how", ["get", "move"])
def test_what_it_names_as_failed_is_asked_for_once_more_by_name(
    archive: Hostile, receive: Start, hospital: Hospital, how: str
) -> None:
    node, uid, films = receive(), hospital.study_uid(), hospital.slices(3)
    forgetful = Forgetful(node.settings.node.port, films)
    archive.find, archive.get, archive.move = forgetful.find, forgetful.get, forgetful.move
    peer = archive.peer.model_copy(update={"retrieve": how, "timeout_seconds": 10.0})
    (done,) = Fetcher(peer, node.settings, node.ledger, "somebody").fetch([Match(uid, "", (), 3)])
    assert (done.came, done.reason) == (3, "")
    assert done.moved is not None
    assert (done.moved.completed, done.moved.failed, done.moved.unsent) == (3, 0, ())
    assert forgetful.asked == [("STUDY", None), ("IMAGE", films[-1].stem)], "once, and nothing else"
    assert node.trail(uid)[-1][1]["completed"] == 3


class Forgetful:
    """Sends the last film of a study only when it is asked for by name. Attributes: asked: level and instance."""

    def __init__(self, port: int, films: list[Path]) -> None:
        self._port, self._films = port, [pydicom.dcmread(path) for path in films]
        self.asked: list[tuple[str, Any]] = []

    def find(self, event: evt.Event) -> Iterator[Any]:
        keys, first = event.identifier, self._films[0]
        found = self._films if keys.QueryRetrieveLevel == "IMAGE" else [first]
        for ds in found:
            told = Dataset()
            told.StudyInstanceUID, told.SeriesInstanceUID = ds.StudyInstanceUID, ds.SeriesInstanceUID
            told.SOPInstanceUID, told.Modality = ds.SOPInstanceUID, "CT"
            yield 0xFF00, told

    def get(self, event: evt.Event) -> Iterator[Any]:
        yield from self._send(event)

    def move(self, event: evt.Event) -> Iterator[Any]:
        yield "127.0.0.1", self._port, {"contexts": [build_context(SOP_CLASSES["CT"])], "ae_title": "RADNODE"}
        yield from self._send(event)

    def _send(self, event: evt.Event) -> Iterator[Any]:
        level, wanted = event.identifier.QueryRetrieveLevel, event.identifier.get("SOPInstanceUID")
        self.asked.append((level, wanted))
        sent = self._films[:-1] if level == "STUDY" else [ds for ds in self._films if ds.SOPInstanceUID == wanted]
        yield len(self._films) if level == "STUDY" else len(sent)
        for ds in sent:
            yield 0xFF00, ds
        if level == "STUDY":
            lost = Dataset()
            lost.FailedSOPInstanceUIDList = [self._films[-1].SOPInstanceUID, "no UID"]
            yield 0xB000, lost


def test_an_object_of_another_study_is_not_kept(archive: Hostile, receive: Start, hospital: Hospital) -> None:
    node, (film,), (other,) = receive(), hospital.slices(1, patient=1), hospital.slices(1, patient=2)
    archive.find, archive.get = answering(), sending(film, other)
    told = get(archive.peer, node.settings, whole_study(hospital.study_uid(1)))
    assert (told.completed, told.failed) == (1, 1)
    assert "1 of them this node did not take: not authorized: it is of another study" in told.reason
    assert node.ledger.fetches.came(hospital.study_uid(2)) == 0
    assert len(list((node.settings.node.data_dir / "spool").rglob("*.dcm"))) == 1


def test_an_archive_that_falls_silent_is_left(archive: Hostile, receive: Start, hospital: Hospital) -> None:
    def fall_silent(event: evt.Event) -> Iterator[Any]:
        yield 1
        time.sleep(1.5)
        yield 0xFF00, pydicom.dcmread(film)

    (film,) = hospital.slices(1)
    archive.find, archive.get = answering(), fall_silent
    impatient = archive.peer.model_copy(update={"retrieve_seconds": 0.3})
    with pytest.raises(DeliveryError, match=r"silent or too slow for 0.3 s"):
        get(impatient, receive().settings, whole_study(hospital.study_uid()))


def test_classes_that_cannot_come_are_named(archive: Hostile, receive: Start, hospital: Hospital) -> None:
    node, uid, (film,) = receive(), hospital.study_uid(), hospital.slices(1)
    classes = [SOP_CLASSES["CT"], SOP_CLASSES["MR"], "1.2.840.10008.1.3.10"]
    archive.find = answering((0xFF00, study(StudyInstanceUID=uid, SOPClassesInStudy=classes)))
    archive.get = sending(film, last=0xB000)
    told = get(archive.peer, node.settings, whole_study(uid))
    assert told.reason.endswith(f"no presentation context for {SOP_CLASSES['MR']}, 1.2.840.10008.1.3.10")


def test_an_archive_that_heeds_no_cancellation_is_left(archive: Hostile, receive: Start, hospital: Hospital) -> None:
    """It goes on and on; what has come by then is kept."""
    node, uid, films = receive(), hospital.study_uid(1), hospital.slices(3, patient=1)
    has_begun = threading.Event()

    def go_on(event: evt.Event) -> Iterator[Any]:
        yield 1000
        for number in range(1000):
            ds = pydicom.dcmread(films[number % 3])
            ds.SOPInstanceUID = f"{uid}.{number}"
            yield 0xFF00, ds
            time.sleep(0.05)
            has_begun.set()

    archive.get = go_on
    began = time.monotonic()
    with pytest.raises(DeliveryError, match="it does not come to an end"):
        get(archive.peer, node.settings, whole_study(uid), has_begun.is_set)
    assert time.monotonic() - began < 10
    assert 1 < node.ledger.fetches.came(uid) < 1000
