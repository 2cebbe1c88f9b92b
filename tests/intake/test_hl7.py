"""Messages with signed reports: what is taken, what is answered, and what is kept before that."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hl7.client import MLLPClient

from node import reconcile
from node.config import Settings, frozen
from node.errors import LedgerBusy, SpoolError
from node.intake.hl7 import Inlet, heard_of
from node.spool import write_once
from node.tls import client_context
from tests.intake.conftest import Open, Ward, kept, rows
from tests.peers import Pki, until
from tests.peers.ports import free_port
from tests.peers.ris import END, START, Report, Ris, code, document, framed


def test_a_report_is_kept_before_it_is_acknowledged(inlet: Inlet, ward: Ward) -> None:
    message = Report(control_id="4711").message()
    with Ris(inlet.port) as ris:
        head, msa = ris.send(message)
        (row,) = rows(ward)
        assert kept(ward) == [message]
    assert (msa[1], msa[2], head[8], head[11]) == ("AA", "4711", "ACK^R01", "2.5.1")
    assert (head[2], head[4], head[5]) == ("RADNODE", "RIS", "HOSPITAL")
    assert (row.source, row.control_id, row.status, row.peer) == ("RIS HOSPITAL", "4711", "FINAL", "127.0.0.1")
    assert "Canary" not in str(ward.trail())


def test_a_stock_client_is_answered(inlet: Inlet, ward: Ward) -> None:
    with MLLPClient("127.0.0.1", inlet.port) as client:
        for number in range(3):
            answer = client.send_message(Report(control_id=f"C{number}").message())
            assert b"MSA|AA|C%d" % number in answer
    assert len(rows(ward)) == 3


@pytest.mark.parametrize("size", [1, 7, 64])
def test_messages_come_in_pieces_of_any_size(inlet: Inlet, ward: Ward, size: int) -> None:
    data = b"\r\n" + framed(Report().message(), Report(text="Effusion.").message())
    with Ris(inlet.port) as ris:
        ris.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(data), size):
            ris.write(data[start : start + size])
        assert [code(ris.answer()) for _ in range(2)] == ["AA", "AA"]
    assert len(rows(ward)) == 2


def test_two_messages_in_one_packet_are_answered_in_their_order(inlet: Inlet) -> None:
    with Ris(inlet.port) as ris:
        ris.write(framed(Report(control_id="first").message(), b"PID|1", Report(control_id="second").message()))
        answers = [ris.answer() for _ in range(3)]
    assert [one[1][1:3] for one in answers] == [["AA", "first"], ["AR"], ["AA", "second"]] or [
        (one[1][1], one[1][2] if len(one[1]) > 2 else "") for one in answers
    ] == [("AA", "first"), ("AR", ""), ("AA", "second")]


def test_the_same_message_again_changes_nothing(inlet: Inlet, ward: Ward) -> None:
    report = Report(control_id="again")
    later = report.message().replace(b"20260101120000", b"20260101120959")  # sent anew, MSH-7 says when
    with Ris(inlet.port) as ris:
        assert [code(ris.send(one)) for one in (report.message(), report.message(), later)] == ["AA"] * 3
    assert (len(rows(ward)), len(kept(ward))) == (1, 1)
    assert ward.actions().count("report received again") == 2


def test_a_control_id_that_is_used_again_for_another_message_loses_none(inlet: Inlet, ward: Ward) -> None:
    with Ris(inlet.port) as ris:
        for text in ("No pneumonia.", "Pneumonia."):
            assert code(ris.send(Report(text=text, control_id="1").message())) == "AA"
    assert len(kept(ward)) == 2


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (b"hello", "AR 100"),
        (b"MSH|^~\\&", "AR 100"),
        (b"MSH|abcd|RIS|||||ORU^R01|1|P|2.5", "AR 102"),
        (Report().message().replace(b"ORU^R01^ORU_R01", b"ADT^A08^ADT_A01"), "AR 200"),
        (Report().message().replace(b"ORU^R01^ORU_R01", b"ORU^R40^ORU_R01"), "AR 201"),
        (Report().message().replace(b"|P|2.5.1", b"|T|2.5.1"), "AR 202"),
        (Report(version="2.9").message(), "AR 203"),
        (Report(version="2.2").message(), "AR 203"),
        (Report(charset="UNICODE UTF-16").message("utf-16"), "AR 103"),
        (Report(charset="UNICODE UTF-16").message("utf-16-be"), "AR 103"),
        (Report(charset="UNICODE UTF-16").message(), "AR 103"),
        (Report(charset="KLINGON").message(), "AR 103"),
        (Report(charset="UNICODE UTF-8", text="möglich").message("latin-1"), "AE 102"),
        (Report().message().replace(b"OBR|", b"NTE|"), "AE 100"),
        (Report(patient="").message(), "AE 101"),
    ],
)
def test_what_is_not_taken_is_said_in_words(inlet: Inlet, ward: Ward, message: bytes, said: str) -> None:
    with Ris(inlet.port) as ris:
        head, msa, err = ris.send(message)
        assert f"{msa[1]} {err[3].partition('^')[0]}" == said
        assert msa[3] == err[8] != ""
        assert code(ris.send(Report().message())) == "AA", "and the next one is taken"
    assert head[0] == "MSH"
    assert (len(rows(ward)), len(kept(ward))) == (1, 1)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8"])
def test_who_sends_utf_16_is_told_what_to_set(inlet: Inlet, encoding: str) -> None:
    with Ris(inlet.port) as ris:
        _, msa, _ = ris.send(Report(charset="UNICODE UTF-16").message(encoding))
    assert "encoding of the sender's connection to UTF-8, and MSH-18 to UNICODE UTF-8" in msa[3]


def test_without_a_control_id_there_is_no_way_to_tell_it_from_another(inlet: Inlet) -> None:
    with Ris(inlet.port) as ris:
        assert code(ris.send(Report(control_id="X1").message().replace(b"|X1|", b"||"))) == "AE"


def test_older_versions_are_answered_in_their_own_form(inlet: Inlet) -> None:
    with Ris(inlet.port) as ris:
        assert code(ris.send(Report(version="2.3").message())) == "AA"
        head, msa, err = ris.send(Report(version="2.4", patient="").message())
    assert (head[11], msa[1], err[1]) == ("2.4", "AE", "^^^101&Required field missing&HL70357")


@pytest.mark.parametrize("version", ["2.6", "2.7", "2.8.2"])
def test_newer_versions_are_taken_and_answered_in_their_own(inlet: Inlet, ward: Ward, version: str) -> None:
    message = Report(version=version).message().replace(b"MSH|^~\\&|", b"MSH|^~\\&#|")
    with Ris(inlet.port) as ris:
        head, msa = ris.send(message)
    assert (head[11], head[8], msa[1], rows(ward)[0].status) == (version, "ACK^R01", "AA", "FINAL")


def test_who_asks_for_an_accept_acknowledgement_gets_one(inlet: Inlet) -> None:
    def asking(accept: str, application: str) -> bytes:
        return Report().message().replace(b"|P|2.5.1||||", f"|P|2.5.1|||{accept}|{application}".encode())

    with Ris(inlet.port) as ris:
        assert code(ris.send(asking("AL", "NE"))) == "CA"
        assert code(ris.send(asking("AL", "NE").replace(b"ORU^R01", b"ADT^A01"))) == "CR"
        ris.write(framed(asking("NE", "NE")))
        assert code(ris.send(asking("NE", "AL"))) == "AA", "the one before wanted no answer"


@pytest.mark.parametrize(
    "failure", [SpoolError("the spool cannot be written"), LedgerBusy("locked"), RuntimeError("Canary")]
)
def test_what_cannot_be_kept_now_is_not_acknowledged(
    inlet: Inlet, ward: Ward, failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = Report().message()
    with Ris(inlet.port) as ris, monkeypatch.context() as broken:
        where = ward.spool if isinstance(failure, SpoolError) else ward.ledger.reports
        broken.setattr(where, "write" if isinstance(failure, SpoolError) else "record", _raising(failure))
        _, msa, err = ris.send(message)
        assert (msa[1], err[3][:3]) == ("AE", "207")
        assert "Canary" not in msa[3]
        broken.undo()
        assert code(ris.send(message)) == "AA"
    assert len(rows(ward)) == 1


def _raising(error: Exception) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail


def test_a_full_disk_takes_nothing(inlet: Inlet, ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ward.spool, "_min_free", 1 << 60)
    with Ris(inlet.port) as ris:
        assert code(ris.send(Report().message())) == "AE"
    assert (rows(ward), kept(ward)) == ([], [])


def test_one_that_is_too_long_is_refused_and_ends_the_connection(open_inlet: Open, ward: Ward) -> None:
    inlet = open_inlet(longest_mb=1)
    with Ris(inlet.port) as ris:
        with contextlib.suppress(OSError):
            ris.write(framed(Report(text="x" * (1 << 20), control_id="long").message()))
        _, msa, _ = ris.answer()
        assert msa[1:3] == ["AR", "long"]
        with contextlib.suppress(ConnectionResetError):
            assert ris.answer() == []
    assert kept(ward) == []


def test_a_hung_client_is_cut_and_keeps_nobody_out(open_inlet: Open) -> None:
    inlet = open_inlet(message_seconds=0.3, idle_seconds=0.6, connections=4)
    with Ris(inlet.port) as inside, Ris(inlet.port) as silent:
        inside.write(START + Report().message()[:40])
        begun = time.monotonic()
        assert inside.answer() == []
        assert silent.answer() == []
        assert time.monotonic() - begun < 5
        with Ris(inlet.port) as ris:
            assert code(ris.send(Report().message())) == "AA"


def test_one_who_drips_bytes_has_no_more_time_than_others(open_inlet: Open) -> None:
    inlet = open_inlet(message_seconds=0.5)
    with Ris(inlet.port) as ris, contextlib.suppress(OSError):
        begun = time.monotonic()
        ris.write(START)
        for byte in Report().message():
            ris.write(bytes([byte]))
            time.sleep(0.05)
        assert ris.answer() == []
    assert time.monotonic() - begun < 10


def test_another_protocol_is_cut(inlet: Inlet) -> None:
    with Ris(inlet.port) as ris, contextlib.suppress(ConnectionResetError):
        ris.write(b"GET / HTTP/1.1\r\n" * 1000)
        assert ris.answer() == []


def test_no_address_has_all_the_places(open_inlet: Open, ward: Ward) -> None:
    inlet = open_inlet(connections=2)
    with Ris(inlet.port) as first:
        assert code(first.send(Report().message())) == "AA"
        with Ris(inlet.port) as second, contextlib.suppress(ConnectionResetError):
            assert second.answer() == []
    until(lambda: "association refused" in ward.actions(), "it is written down")


def test_only_those_who_may_send_are_heard(open_inlet: Open, ward: Ward) -> None:
    with Ris(open_inlet(addresses=("10.0.0.0/8",)).port) as ris, contextlib.suppress(OSError):
        ris.write(framed(Report().message()))
        assert ris.answer() == []
    with Ris(open_inlet(applications=("RIS*",)).port) as ris:
        assert code(ris.send(Report(application="LAB").message())) == "AR"
        assert code(ris.send(Report(application="RIS2").message())) == "AA"
    until(lambda: "operation refused" in ward.actions(), "both are written down")
    told = {one.action: one.detail["why"] for one in ward.trail() if "refused" in one.action}
    assert told == {
        "association refused": "address not allowed: hl7.addresses",
        "operation refused": "Sending Application (MSH-3) not allowed: hl7.applications",
    }


def test_within_tls_only_a_client_of_our_authority_is_heard(
    open_inlet: Open, settings: Settings, pki: Pki, ward: Ward
) -> None:
    files = {"certificate": pki.node.certificate, "key": pki.node.key, "ca": pki.ca}
    secured = settings.model_copy(update={"tls": settings.tls.model_copy(update=files)})
    inlet = open_inlet(secured, tls=True)
    ours = client_context(pki.ca, (pki.modality.certificate, pki.modality.key))
    with Ris(inlet.port, ours) as ris:
        assert code(ris.send(Report().message())) == "AA"
    with pytest.raises((OSError, AssertionError)), Ris(inlet.port, client_context(pki.ca)) as ris:
        assert ris.send(Report().message())
    with pytest.raises(ssl.SSLError), Ris(inlet.port, client_context(None)):
        pass
    assert len(rows(ward)) == 1


def test_who_may_send_is_as_the_node_serves_with_then(inlet: Inlet, ward: Ward, settings: Settings) -> None:
    def serve_with(**changes: object) -> None:
        hl7 = type(settings.hl7)(enabled=True, port=inlet.port, **changes)  # type: ignore[arg-type]
        write_once(settings.serving_path, frozen(settings.model_copy(update={"hl7": hl7})))

    with Ris(inlet.port) as ris:
        assert code(ris.send(Report().message())) == "AA"
        serve_with(applications=("OTHER",))
        assert code(ris.send(Report(accession="A2").message())) == "AR"
        serve_with(addresses=("192.0.2.0/24",))
        assert code(ris.send(Report(accession="A2").message())) == "AR"
        serve_with()
        assert code(ris.send(Report(accession="A2").message())) == "AA"
        serve_with(longest_mb=1, addresses=("127.0.0.1",))
    with Ris(inlet.port) as ris:
        assert code(ris.send(Report(text="x" * (1 << 20)).message())) == "AR"
    refused = [one.detail["why"] for one in ward.ledger.events.latest(50) if one.action == "operation refused"]
    assert set(refused) == {
        "Sending Application (MSH-3) not allowed: hl7.applications",
        "address not allowed: hl7.addresses",
    }
    assert len(rows(ward)) == 2


def test_a_port_that_is_taken_is_told_and_tried_again(ward: Ward, settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        hl7 = type(settings.hl7)(enabled=True, port=port)
        inlet = Inlet(settings.model_copy(update={"hl7": hl7}), ward.spool, ward.ledger, ward.intake.refused)
        assert "cannot be used" in inlet.look()
    assert inlet.look() == ""
    inlet.close()


def test_certificates_that_are_missing_are_told(ward: Ward, settings: Settings) -> None:
    hl7 = type(settings.hl7)(enabled=True, port=free_port(), tls=True)
    assert (
        "radnode certs init"
        in Inlet(settings.model_copy(update={"hl7": hl7}), ward.spool, ward.ledger, ward.intake.refused).look()
    )


# Documents, and what is kept aside


def test_documents_are_taken_once_they_are_signed(inlet: Inlet, ward: Ward) -> None:
    with Ris(inlet.port) as ris:
        for completion in ("DI", "AU", "LA"):
            assert code(ris.send(document("No pneumonia.", completion=completion))) == "AA"
    assert [one.status for one in rows(ward)] == ["ASIDE", "FINAL", "FINAL"]


def test_what_was_not_written_down_before_a_kill_is_taken_from_the_spool(ward: Ward, inlet: Inlet) -> None:
    message = Report(control_id="torn").message()
    path = ward.spool.write(heard_of(message, "", "ISO IR 100").path, message)
    found = reconcile.compare(ward.ledger, ward.spool, until=time.time() + 1)
    assert found.messages == (path,)
    reconcile.repair(ward.ledger, ward.spool, found)
    assert reconcile.compare(ward.ledger, ward.spool, until=time.time() + 1).clean
    with Ris(inlet.port) as ris:
        assert code(ris.send(message)) == "AA"
    assert (len(rows(ward)), len(kept(ward))) == (1, 1)


@pytest.mark.parametrize("many", [1, pytest.param(20, marks=pytest.mark.slow)], ids=["alone", "in batches"])
def test_a_kill_between_message_and_acknowledgement_loses_and_doubles_nothing(
    ward: Ward, settings: Settings, many: int
) -> None:
    """The receiver is killed while it takes messages, at a moment of chance; what had no answer is sent again."""
    hl7 = type(settings.hl7)(enabled=True, port=free_port())
    config = settings.node.data_dir / "serving.json"
    config.write_bytes(frozen(settings.model_copy(update={"hl7": hl7})))
    reports = [Report(control_id=f"K{number}", accession=f"A{number}").message() for number in range(2000)]
    head = b"BHS|^~\\&|RIS\r" if many > 1 else b""
    blocks = [head + b"".join(reports[first : first + many]) for first in range(0, len(reports), many)]
    acknowledged, process = 0, _listening(config, hl7.port)
    threading.Timer(0.1, lambda: os.kill(process.pid, signal.SIGKILL)).start()
    with contextlib.suppress(OSError), Ris(hl7.port) as ris:
        while (answer := ris.send(blocks[acknowledged])) and code(answer) == "AA":
            acknowledged += 1
    process.wait(10)
    known = {one.control_id for one in rows(ward)}
    assert {f"K{number}" for number in range(acknowledged * many)} <= known, "what was acknowledged is never lost"
    assert len(known) <= (acknowledged + 1) * many
    assert known, "it was killed while it worked"
    process = _listening(config, hl7.port)
    with Ris(hl7.port) as ris:
        for block in blocks[acknowledged : acknowledged + 3]:
            assert code(ris.send(block)) == "AA"
    process.kill()
    process.wait(10)
    found = rows(ward)
    assert len(found) == len({one.control_id for one in found}) == (acknowledged + 3) * many
    assert {one.path for one in found} == set(ward.spool.messages())


def _listening(config: Path, port: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-m", "node.intake", str(config)], stdout=subprocess.DEVNULL)

    def listens() -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        return False

    until(listens, "it listens")
    return process


def test_of_a_message_with_several_orders_each_is_a_report(inlet: Inlet, ward: Ward) -> None:
    first, second = Report(accession="A1"), Report(accession="A2", text="Effusion.")
    message = first.message() + second.message().partition(b"\rPID")[2].partition(b"\r")[2]
    with Ris(inlet.port) as ris:
        assert code(ris.send(message)) == "AA"
        assert code(ris.send(message)) == "AA"
    assert [(one.place, one.status) for one in rows(ward)] == [(0, "FINAL"), (1, "FINAL")]
    assert len(kept(ward)) == 1


def test_a_block_that_begins_anew_is_the_one_that_counts(inlet: Inlet) -> None:
    with Ris(inlet.port) as ris:
        ris.write(START + START + replace(Report(), control_id="twice").message() + END)
        assert ris.answer()[1][1] in ("AA", "AR")
