"""Messages go out over MLLP: framed, addressed, acknowledged, and the same one whenever they are sent again."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hl7
import pytest

from node import export
from node.config import Destination, RetrySettings, Settings
from node.deliver import Courier, Outgoing, Verdict, sender_for
from node.deliver.acknowledgement import CODES, ERRORS, Acknowledgement, read, reason_of, verdict_of
from node.deliver.hl7 import addressed, control_id
from node.deliver.mllp import END, START
from node.errors import DeliveryError
from node.kinds import ORU
from node.ledger import Ledger
from node.spool import Spool
from node.states import AnalysisState
from node.study import ResultObject
from tests.deliver.listeners import Mllp, ack
from tests.deliver.material import dicom_file
from tests.deliver.peers import free_port
from tests.export.material import study
from tests.ledger.material import classified
from tests.peers import Pki

MESSAGE = export.message(study(), export.Parties("RADNODE")).encode()
OUR_ID = control_id(MESSAGE)


def destination(port: int, **changes: Any) -> Destination:
    values: dict[str, Any] = {"name": "ris", "kind": "hl7", "port": port, "timeout_seconds": 2, **changes}
    return Destination(**values)


def stored(folder: Path, message: bytes = MESSAGE, uid: str = "2.25.1") -> Outgoing:
    path = folder / f"{uid}.hl7"
    path.write_bytes(message)
    return Outgoing(uid, "", "1.2", path)


def verdicts(listener: Mllp, *messages: Outgoing, **changes: Any) -> list[tuple[Verdict, str]]:
    sender = sender_for(destination(listener.port, **changes), "NODE")
    return [(one.verdict, one.reason) for one in sender.send(messages)]


def bare(*writes: bytes, pause: float = 0.0) -> tuple[int, Callable[[], None]]:
    """A server that answers one connection with these bytes, whatever it is sent; its port, and how to end it."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            try:
                for part in writes:
                    connection.sendall(part)
                    time.sleep(pause)
            except OSError:
                pass  # the sender has given up

    thread = threading.Thread(target=serve)
    thread.start()

    def end() -> None:
        thread.join()
        listener.close()

    return int(listener.getsockname()[1]), end


def outcome_of(port: int, folder: Path, **changes: Any) -> tuple[Verdict, str]:
    ((verdict, reason),) = [
        (one.verdict, one.reason) for one in sender_for(destination(port, **changes), "NODE").send([stored(folder)])
    ]
    return verdict, reason


# On the wire


def test_the_message_arrives_byte_for_byte_and_is_read_by_a_stranger(tmp_path: Path) -> None:
    with Mllp() as listener:
        assert verdicts(listener, stored(tmp_path)) == [(Verdict.DELIVERED, "")]
    assert listener.raw == [MESSAGE]
    (message,) = listener.messages
    assert str(message.segment("MSH")(9)) == "ORU^R01^ORU_R01"
    assert str(message["PID.F3.R1.C1"]) == "P-1"
    assert "土井" in str(message)


def test_every_message_is_acknowledged_for_itself(tmp_path: Path) -> None:
    other = export.message(study(identity=None)).encode()

    def picky(message: hl7.Message) -> bytes:
        return ack(message, "AR" if str(message["MSH.F10.R1"]) == OUR_ID else "AA")

    with Mllp(picky) as listener:
        found = verdicts(listener, stored(tmp_path), stored(tmp_path, other, "2.25.2"))
    assert [verdict for verdict, _ in found] == [Verdict.TEMPORARY, Verdict.DELIVERED]


def test_sender_and_receiver_are_those_of_the_destination(tmp_path: Path) -> None:
    parties = {
        "sending_application": "AI^1.2.3^ISO",
        "sending_facility": "Röntgen",
        "receiving_application": "RIS",
        "receiving_facility": "WARD",
    }
    with Mllp() as listener:
        verdicts(listener, stored(tmp_path), **parties)
    (message,) = listener.messages
    assert [str(message.segment("MSH")(n)) for n in (3, 4, 5, 6)] == list(parties.values())
    assert listener.raw[0].partition(b"\r")[2] == MESSAGE.partition(b"\r")[2]
    assert listener.control_ids() == [OUR_ID]


def test_what_the_destination_does_not_name_stays_as_it_was_written() -> None:
    assert addressed(MESSAGE, destination(2575)) == MESSAGE
    assert addressed(MESSAGE, destination(2575, receiving_facility="X")).startswith(b"MSH|^~\\&|RADNODE||||X"[:17])


def test_a_message_that_is_sent_again_has_the_same_control_id(tmp_path: Path) -> None:
    with Mllp(lambda message: None) as listener:
        first = verdicts(listener, stored(tmp_path))
        second = verdicts(listener, stored(tmp_path))
    assert first == second == [(Verdict.TEMPORARY, "the connection was closed without an acknowledgement")]
    assert listener.control_ids() == [OUR_ID, OUR_ID]
    assert listener.connections == 2


@pytest.mark.parametrize("data", [b"", b"DICM", b"MSH|^~\\&|a\x0bb\r", b"MSH|^~\\&|a\x1cb\r"])
def test_what_is_no_message_of_ours_is_not_sent(tmp_path: Path, data: bytes) -> None:
    with Mllp() as listener:
        assert verdicts(listener, stored(tmp_path, data)) == [(Verdict.UNSENDABLE, "it is no HL7 message of ours")]
    assert listener.raw == []


def test_a_dicom_file_is_not_sent_as_a_message_and_a_lost_one_neither(tmp_path: Path) -> None:
    lost = Outgoing("2.25.9", "", "1.2", tmp_path / "lost.hl7")
    with Mllp() as listener:
        found = verdicts(listener, dicom_file(tmp_path), lost)
    assert [verdict for verdict, _ in found] == [Verdict.UNSENDABLE, Verdict.UNSENDABLE]
    assert listener.raw == []


# What is answered


@pytest.mark.parametrize(
    ("code", "error", "verdict"),
    [
        ("AA", "", Verdict.DELIVERED),
        ("CA", "", Verdict.DELIVERED),
        ("AE", "", Verdict.NOT_UNDERSTOOD),
        ("AE", "101^Required field missing^HL70357", Verdict.PERMANENT),
        ("AE", "207^Application internal error^HL70357", Verdict.TEMPORARY),
        ("CE", "", Verdict.NOT_UNDERSTOOD),
        ("AR", "", Verdict.TEMPORARY),
        ("AR", "203^Unsupported version id^HL70357", Verdict.PERMANENT),
        ("AR", "206^Application record locked^HL70357", Verdict.TEMPORARY),
        ("CR", "", Verdict.PERMANENT),
        ("ZZ", "", Verdict.TEMPORARY),
    ],
)
def test_an_acknowledgement_means(tmp_path: Path, code: str, error: str, verdict: Verdict) -> None:
    segment = f"ERR|||{error}|E" if error else ""
    with Mllp(lambda message: ack(message, code, error=segment)) as listener:
        ((found, reason),) = verdicts(listener, stored(tmp_path))
    assert found is verdict
    assert (reason == "") is (verdict is Verdict.DELIVERED)
    assert all(word in reason for word in error.split("^")[:2] if verdict is not Verdict.DELIVERED)


def test_the_receivers_words_are_the_reason(tmp_path: Path) -> None:
    error = "ERR||PID^1^3|204^Unknown key identifier^HL70357|E||||No such order"
    with Mllp(lambda message: ack(message, "AE", "Not filed", error=error)) as listener:
        ((_, reason),) = verdicts(listener, stored(tmp_path))
    assert reason == "acknowledged with AE, error 204: Not filed; No such order"


def test_an_accepting_acknowledgement_wins_over_a_warning_beside_it(tmp_path: Path) -> None:
    error = "ERR|||103^Table value not found^HL70357|W"
    with Mllp(lambda message: ack(message, "AA", error=error)) as listener:
        assert verdicts(listener, stored(tmp_path)) == [(Verdict.DELIVERED, "")]


def test_the_acknowledgement_of_another_message_counts_for_nothing(tmp_path: Path) -> None:
    with Mllp(lambda message: ack(message, control_id="SOMEBODY-ELSE")) as listener:
        ((verdict, reason),) = verdicts(listener, stored(tmp_path))
    assert (verdict, reason) == (Verdict.TEMPORARY, "the acknowledgement names another message (MSA-2)")


@pytest.mark.parametrize(
    "answer", [b"", b"hello", b"MSH", b"MSH|^~\\&|RIS\r", b"\xff\xfe", b"MSA|AA|" + OUR_ID.encode()]
)
def test_an_answer_that_is_no_acknowledgement_is_asked_for_again(tmp_path: Path, answer: bytes) -> None:
    with Mllp(lambda message: answer) as listener:
        assert verdicts(listener, stored(tmp_path)) == [(Verdict.TEMPORARY, "the answer is no acknowledgement")]


def test_an_acknowledgement_with_separators_and_line_ends_of_its_own_is_read() -> None:
    found = read(b"MSH#*~\\&#RIS\r\nMSA#AE#77#Busy\r\nERR###207*Internal error*HL70357\r\n")
    assert found == Acknowledgement("AE", "77", "207", "Busy; Internal error")


def test_a_receiver_cannot_paint_the_operators_screen() -> None:
    found = read(b"MSH|^~\\&|RIS\rMSA|AE|77|\x1b[31mred\x07" + b"x" * 500)
    assert found is not None
    assert reason_of(found).isprintable()
    assert len(reason_of(found)) < 250


def test_no_error_code_turns_an_acceptance_into_a_refusal_and_each_says_something() -> None:
    for error, verdict in ERRORS.items():
        assert verdict_of(Acknowledgement("AA", "", error)) is Verdict.DELIVERED
        assert {verdict_of(Acknowledgement(code, "", error)) for code in CODES if code[1] != "A"} == {verdict}


# A peer that misbehaves


def test_nobody_listens(tmp_path: Path) -> None:
    sender = sender_for(destination(free_port()), "NODE")
    with pytest.raises(DeliveryError, match="cannot be reached"):
        list(sender.send([stored(tmp_path)]))
    with pytest.raises(DeliveryError, match="cannot be reached"):
        sender.echo()


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 70, "a..b"])
def test_a_host_that_is_none_is_told_as_such(tmp_path: Path, host: str) -> None:
    with pytest.raises(DeliveryError, match="cannot be reached"):
        list(sender_for(destination(2575, host=host), "NODE").send([stored(tmp_path)]))


def test_a_receiver_that_listens_answers_an_echo_and_gets_no_message() -> None:
    with Mllp() as listener:
        sender_for(destination(listener.port), "NODE").echo()
    assert listener.raw == []


def test_a_receiver_that_hangs_is_left_after_the_time_limit(tmp_path: Path) -> None:
    began = time.monotonic()
    with Mllp(delay=30) as listener:
        ((verdict, reason),) = verdicts(listener, stored(tmp_path), timeout_seconds=0.3)
    assert (verdict, reason) == (Verdict.TEMPORARY, "no acknowledgement within 0.3 s")
    assert time.monotonic() - began < 10


def test_a_receiver_that_writes_a_byte_now_and_then_is_left_as_well(tmp_path: Path) -> None:
    port, end = bare(*[b"x"] * 40, pause=0.05)
    began = time.monotonic()
    assert outcome_of(port, tmp_path, timeout_seconds=0.4) == (Verdict.TEMPORARY, "no acknowledgement within 0.4 s")
    assert time.monotonic() - began < 1.5
    end()


def test_an_answer_without_an_end_is_not_read_for_ever(tmp_path: Path) -> None:
    port, end = bare(b"x" * (3 << 20))
    verdict, reason = outcome_of(port, tmp_path)
    assert verdict is Verdict.TEMPORARY
    assert "no MLLP" in reason or "connection broke" in reason
    end()


def test_an_acknowledgement_in_pieces_without_its_last_byte_is_read(tmp_path: Path) -> None:
    answer = b"noise" + START + f"MSH|^~\\&|RIS\rMSA|AA|{OUR_ID}\r".encode() + END[:1]
    port, end = bare(answer[:9], answer[9:30], answer[30:], pause=0.05)
    assert outcome_of(port, tmp_path) == (Verdict.DELIVERED, "")
    end()


# From the ledger


def test_a_courier_sends_again_what_was_not_acknowledged_and_the_receiver_sees_one_message(tmp_path: Path) -> None:
    ledger, spool = Ledger(tmp_path / "ledger.db"), Spool(tmp_path / "spool")
    spool.prepare()
    analysis = classified(ledger)
    path = spool.write("work/1/oru.hl7", MESSAGE)
    ledger.analyses.reported(analysis.id, [ResultObject("2.25.1", "", "", ORU, path)], {"ris": (ORU,)})
    answers = iter([None, b"busy", "AE", "AA"])

    def grumpy(message: hl7.Message) -> bytes | None:
        answer = next(answers)
        return ack(message, answer) if isinstance(answer, str) else answer

    with Mllp(grumpy) as listener:
        settings = Settings(retry=RetrySettings(first_seconds=0, longest_seconds=0))
        courier = Courier(destination(listener.port), ledger, spool, settings)
        while courier.step():
            pass
    assert len(listener.messages) == 4
    assert set(listener.control_ids()) == {OUR_ID}
    assert ledger.analyses.get(analysis.id).state is AnalysisState.DELIVERED
    ledger.close()


def over_tls(pki: Pki, *, clients: bool = False, name: str = "") -> ssl.SSLContext:
    context, pair = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), pki.authority.pair("other", name) if name else pki.node
    context.load_cert_chain(pair.certificate, pair.key)
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(pki.ca)
    return context


def test_a_message_goes_over_tls_with_our_certificate_where_it_is_asked_for(tmp_path: Path, pki: Pki) -> None:
    ours = {"tls": True, "ca_file": pki.ca, "certificate_file": pki.modality.certificate, "key_file": pki.modality.key}
    with Mllp(tls=over_tls(pki, clients=True)) as ris:
        assert verdicts(ris, stored(tmp_path), **ours) == [(Verdict.DELIVERED, "")]
        sender_for(destination(ris.port, **ours), "NODE").echo()
        ((verdict, reason),) = verdicts(ris, stored(tmp_path), tls=True, ca_file=pki.ca)
        assert verdict is Verdict.TEMPORARY
        assert reason.startswith("the connection broke before an acknowledgement: ")
        assert len(ris.messages) == 1


@pytest.mark.parametrize(("trusted", "name"), [("", ""), ("theirs", ""), ("ours", "ris.elsewhere")])
def test_without_the_right_certificate_nothing_is_said(tmp_path: Path, pki: Pki, trusted: str, name: str) -> None:
    ca = {"": None, "ours": pki.ca, "theirs": pki.other.ca}[trusted]
    with Mllp(tls=over_tls(pki, name=name)) as ris:
        with pytest.raises(DeliveryError, match="no TLS: ") as raised:
            verdicts(ris, stored(tmp_path), tls=True, ca_file=ca)
        assert ris.messages == []
        assert raised.value.hint.startswith("compare ca_file")


def test_a_port_without_tls_is_no_port_for_tls(tmp_path: Path, pki: Pki) -> None:
    port, end = bare(b"MSH|no TLS here\r")
    with pytest.raises(DeliveryError, match="no TLS"):
        outcome_of(port, tmp_path, tls=True, ca_file=pki.ca)
    end()
