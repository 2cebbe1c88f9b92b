"""The trail arrives: all of it, in order, also when the collector was away; patients are named only where they may."""

from __future__ import annotations

import socket
import ssl
import time
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from node.audit import Forwarder
from node.errors import LedgerBusy
from node.ledger import Ledger
from node.spool import Spool
from tests.audit.conftest import Make
from tests.audit.listener import SyslogServer, parsed
from tests.ledger.material import arrival
from tests.peers import Hospital, Pki
from tests.peers.hospital import CANARY
from tests.peers.ports import free_port

TRANSFERRED, ALERT = "110104", "110113 110126"


def drain(forwarder: Forwarder) -> int:
    sent = 0
    while step := forwarder.step():
        sent += step
    return sent


def refuse(ledger: Ledger, number: int) -> None:
    ledger.events.add("association refused", peer="10.0.0.7", calling_ae=f"AE{number}", why="not known")


def names(server: SyslogServer) -> list[str]:
    """Who was refused, in the order in which it was told."""
    found = [one.xml.findall("ActiveParticipant")[1] for one in server.messages if one.event == ALERT]
    return [one.get("UserID", "") for one in found]


def test_what_happened_before_there_was_a_collector_is_not_sent(ledger: Ledger, make: Make) -> None:
    refuse(ledger, 1)
    with SyslogServer() as server:
        forwarder = make(server.port)
        refuse(ledger, 2)
        drain(forwarder)
    assert names(server) == ["AE2"]


def test_many_objects_of_one_study_are_one_message(ledger: Ledger, make: Make) -> None:
    with SyslogServer() as server:
        forwarder = make(server.port)
        ledger.arrivals.record([arrival(number, study) for number in range(1, 30) for study in ("1.2", "1.3")])
        drain(forwarder)
    assert [one.event for one in server.messages] == [TRANSFERRED] * 2
    for message, study in zip(server.messages, ("1.2", "1.3"), strict=True):
        assert message.instances == [f"{study}.9.{number}" for number in range(1, 30)]
        assert message.thing("110180").get("ParticipantObjectID") == study
        source, destination = message.xml.findall("ActiveParticipant")
        assert (source.get("UserID"), destination.get("UserID")) == ("SENDER", "RADNODE")


def test_steps_of_our_own_work_are_no_concern_of_a_collector(ledger: Ledger, make: Make) -> None:
    with SyslogServer() as server:
        forwarder = make(server.port)
        ledger.events.add("routed", "1.2", reasons=["because"])
        assert drain(forwarder) == 1
        assert (server.messages, server.connections) == ([], 0)
        assert forwarder.step() == 0


def test_a_collector_that_was_away_gets_all_of_it_in_order(
    ledger: Ledger, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.audit.forwarder._FIRST_PAUSE_SECONDS", 0.01)
    port = free_port()
    forwarder = make(port)
    for number in range(1, 5):
        refuse(ledger, number)
        assert forwarder.step() == 0
    assert f"127.0.0.1:{port}" in ledger.facts.troubles()["audit collector"]
    with SyslogServer(port=port) as server:
        time.sleep(0.2)
        refuse(ledger, 5)
        drain(forwarder)
        assert names(server) == [f"AE{number}" for number in range(1, 6)]
    assert ledger.facts.troubles() == {}


def test_a_restart_sends_what_was_left_and_nothing_twice(ledger: Ledger, make: Make) -> None:
    with SyslogServer() as server:
        refuse(ledger, 0)
        first = make(server.port)
        refuse(ledger, 1)
        drain(first)
        refuse(ledger, 2)
        drain(make(server.port))
        assert drain(make(server.port)) == 0
    assert names(server) == ["AE1", "AE2"]


def test_a_ledger_that_is_locked_after_sending_sends_again(
    ledger: Ledger, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(number: int) -> None:
        raise LedgerBusy("locked")

    with SyslogServer() as server:
        forwarder = make(server.port)
        refuse(ledger, 1)
        with monkeypatch.context() as patched:
            patched.setattr(ledger.audited, "set_sent", busy)
            with pytest.raises(LedgerBusy):
                forwarder.step()
        drain(forwarder)
    assert names(server) == ["AE1", "AE1"]


def test_a_collector_that_cuts_the_connection_has_nothing(ledger: Ledger, make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as rude:
        forwarder = make(rude.getsockname()[1])
        refuse(ledger, 1)

        def cut() -> None:
            connection, _ = rude.accept()
            connection.recv(10)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # RST
            connection.close()

        thread = Thread(target=cut)
        thread.start()
        assert forwarder.step() == 0
        thread.join()
    assert "the connection broke" in ledger.facts.troubles()["audit collector"]


def test_a_collector_that_never_closes_is_no_trouble(ledger: Ledger, make: Make) -> None:
    with SyslogServer(closes=False) as server:
        forwarder = make(server.port, timeout_seconds=1)
        refuse(ledger, 1)
        assert forwarder.step() == 1
        assert names(server) == ["AE1"]


def test_a_batch_ends_and_the_next_goes_on(ledger: Ledger, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.audit.forwarder._BATCH", 3)
    with SyslogServer() as server:
        forwarder = make(server.port)
        for number in range(10):
            refuse(ledger, number)
        assert drain(forwarder) == 10
    assert names(server) == [f"AE{number}" for number in range(10)]


def test_young_events_wait_for_their_like_but_not_at_the_end(
    ledger: Ledger, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SyslogServer() as server:
        forwarder = make(server.port)
        monkeypatch.setattr("node.audit.forwarder._SETTLED_SECONDS", 60.0)
        refuse(ledger, 1)
        assert forwarder.step() == 0
        forwarder.finish()
    assert names(server) == ["AE1"]


def test_an_event_of_a_clock_that_was_wrong_holds_up_nothing(
    ledger: Ledger, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SyslogServer() as server:
        forwarder = make(server.port)
        with monkeypatch.context() as patched:
            patched.setattr("time.time", lambda: 4e9)
            refuse(ledger, 1)
        drain(forwarder)
    assert names(server) == ["AE1"]


def test_without_a_collector_nothing_is_noted(ledger: Ledger, make: Make) -> None:
    forwarder = make(1, enabled=False)
    forwarder.finish()
    assert ledger.audited.sent() is None


# Ways


@pytest.mark.parametrize(("closes", "says_so"), [(True, True), (True, False), (False, False)])
def test_over_tls_with_certificates_on_both_sides(
    ledger: Ledger, make: Make, pki: Pki, server_context: ssl.SSLContext, closes: bool, says_so: bool
) -> None:
    with SyslogServer(server_context, closes=closes, says_so=says_so) as server:
        ours = {"ca_file": pki.ca, "certificate_file": pki.node.certificate, "key_file": pki.node.key}
        forwarder = make(server.port, transport="tls", **ours)
        refuse(ledger, 1)
        drain(forwarder)
        assert names(server) == ["AE1"]
        assert server.messages[0].priority == 84
        assert ledger.facts.troubles() == {}


@pytest.mark.parametrize(("ca", "why"), [("other", "no TLS"), ("ours", "no TLS|the connection broke")])
def test_no_trust_no_messages(  # ours: it wants a certificate that we have not
    ledger: Ledger, make: Make, pki: Pki, server_context: ssl.SSLContext, ca: str, why: str
) -> None:
    with SyslogServer(server_context) as server:
        forwarder = make(server.port, transport="tls", ca_file=pki.other.ca if ca == "other" else pki.ca)
        refuse(ledger, 1)
        assert forwarder.step() == 0
        trouble = ledger.facts.troubles()["audit collector"]
    assert any(one in trouble for one in why.split("|"))
    assert server.messages == []


def test_over_udp_a_message_is_a_datagram(ledger: Ledger, make: Make) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(5)
        forwarder = make(listener.getsockname()[1], transport="udp")
        refuse(ledger, 1)
        ledger.arrivals.record([arrival(number, sop_instance_uid=f"1.2.{'9' * 55}.{number}") for number in range(398)])
        drain(forwarder)
        alert, transfer = (parsed(listener.recv(65536)) for _ in range(2))
    assert alert.event == ALERT
    assert len(transfer.instances) == 398


# Patients


@pytest.fixture
def film(ledger: Ledger, spool: Spool, hospital: Hospital) -> Any:
    """A film that lies in the spool, and the record of its arrival to be made."""
    ds = hospital.image(1)
    path = "instances/00/film.dcm"
    ds.save_as(spool.path(path), enforce_file_format=True)
    return ds, arrival(sop_instance_uid=str(ds.SOPInstanceUID), study=str(ds.StudyInstanceUID), path=path)


@pytest.mark.parametrize("phi", [False, True])
def test_a_patient_is_named_only_where_settings_say_so(ledger: Ledger, make: Make, film: Any, phi: bool) -> None:
    ds, came = film
    with SyslogServer() as server:
        forwarder = make(server.port, phi=phi)
        ledger.arrivals.record([came])
        drain(forwarder)
    (message,) = server.messages
    who = message.thing("2")
    assert (CANARY in message.text) is phi
    assert (str(ds.AccessionNumber) in message.text) is phi
    assert who.get("ParticipantObjectID") == (ds.PatientID if phi else "patient")


def test_a_patient_whose_files_are_gone_has_a_pseudonym(ledger: Ledger, make: Make, spool: Spool, film: Any) -> None:
    _, came = film
    spool.path(came.path).write_bytes(b"no DICOM")
    with SyslogServer() as server:
        forwarder = make(server.port, phi=True)
        ledger.arrivals.record([came])
        drain(forwarder)
    assert server.messages[0].thing("2").get("ParticipantObjectID") == "patient"


def test_the_log_names_nobody(
    ledger: Ledger, make: Make, film: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    forwarder = make(free_port(), phi=True)
    ledger.arrivals.record([film[1]])
    assert forwarder.step() == 0
    told = capsys.readouterr()
    assert CANARY not in told.out + told.err + str(ledger.facts.troubles())
