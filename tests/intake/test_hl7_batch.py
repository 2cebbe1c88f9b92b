"""Batches of messages: each is taken or refused by itself, and one block answers all of them."""

from __future__ import annotations

import hl7
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import LedgerBusy
from node.intake.answer import TAKEN
from node.intake.batch import apart
from node.intake.hl7 import Inlet
from node.review.hl7 import read_header
from tests.intake.conftest import Ward, kept, rows
from tests.peers.ris import Report, Ris, code

BAD = Report(control_id="bad", patient="").message()


def batch(*messages: bytes, control: str = "B1", last: str = "BTS|2\r") -> bytes:
    return (
        f"BHS|^~\\&|RIS|HOSPITAL|RADNODE||20260101120000||||{control}\r".encode() + b"".join(messages) + last.encode()
    )


def good(number: int) -> bytes:
    return Report(control_id=f"G{number}", accession=f"A{number}").message()


def acknowledged(answer: list[list[str]]) -> list[tuple[str, str]]:
    """Code and Message Control ID of each, in their order."""
    return [(one[1], one[2] if len(one) > 2 else "") for one in answer if one[0] == "MSA"]


def test_each_message_of_a_batch_is_kept_and_acknowledged(inlet: Inlet, ward: Ward) -> None:
    with Ris(inlet.port) as ris:
        answer = ris.send(batch(good(1), good(2)))
        assert code(ris.send(good(3))) == "AA", "and the next block is one message"
    assert acknowledged(answer) == [("AA", "G1"), ("AA", "G2")]
    assert [line[0] for line in answer] == ["BHS", "MSH", "MSA", "MSH", "MSA", "BTS"]
    assert (answer[0][2], answer[0][4:6], answer[0][11]) == ("RADNODE", ["RIS", "HOSPITAL"], "B1")
    assert answer[-1][1:] == ["2", "2 of 2 messages taken"]
    assert [one.control_id for one in rows(ward)] == ["G1", "G2", "G3"]
    assert sorted(kept(ward)) == sorted([good(1), good(2), good(3)]), "each as if it had come alone"


def test_a_bad_message_loses_none_of_the_others_and_is_told_first(inlet: Inlet, ward: Ward) -> None:
    """Senders that read one acknowledgement alone must not hold the batch for taken."""
    with Ris(inlet.port) as ris:
        answer = ris.send(batch(b"PID|1||of no message\r", good(1), BAD, good(2)))
        again = ris.send(batch(good(1), BAD, good(2), last=""))
    assert acknowledged(answer) == [("AR", ""), ("AE", "bad"), ("AA", "G1"), ("AA", "G2")]
    assert answer[-1][1:] == ["4", "2 of 4 messages taken"]
    assert acknowledged(again) == [("AE", "bad"), ("AA", "G1"), ("AA", "G2")]
    assert [one.control_id for one in rows(ward)] == ["G1", "G2"], "sent again, nothing is doubled"


def test_what_cannot_be_kept_now_is_not_acknowledged(inlet: Inlet, ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    keep = ward.ledger.reports.record

    def record(heard: object) -> bool:
        if heard.control_id == "G2":  # type: ignore[attr-defined]
            raise LedgerBusy("locked")
        return keep(heard)  # type: ignore[arg-type]

    with Ris(inlet.port) as ris:
        monkeypatch.setattr(ward.ledger.reports, "record", record)
        assert acknowledged(ris.send(batch(good(1), good(2), good(3)))) == [("AE", "G2"), ("AA", "G1"), ("AA", "G3")]
        monkeypatch.undo()
        assert acknowledged(ris.send(batch(good(1), good(2), good(3)))) == [("AA", f"G{one}") for one in (1, 2, 3)]
    assert [one.control_id for one in rows(ward)] == ["G1", "G3", "G2"]


def test_a_file_of_batches_is_answered_by_a_file_that_a_library_reads(inlet: Inlet, ward: Ward) -> None:
    head = b"FHS|^~\\&|RIS|HOSPITAL|||20260101120000||night.hl7||F1\r"
    with Ris(inlet.port) as ris:
        answer = ris.send(head + batch(good(1)) + batch(BAD, good(2), control="B2") + b"FTS|2\r")
    text = "\r".join("|".join(line) for line in answer) + "\r"
    file = hl7.parse_file(text)
    assert str(file.header).split("|")[11] == "F1"
    assert [str(one.header).split("|")[11] for one in file] == ["B2", "B1"], "the one that was not taken whole first"
    assert [[(str(message["MSA"][0][1]), str(message["MSA"][0][2])) for message in one] for one in file] == [
        [("AE", "bad"), ("AA", "G2")],
        [("AA", "G1")],
    ]
    assert answer[-1] == ["FTS", "2"]
    assert len(rows(ward)) == 2


@pytest.mark.parametrize(
    "block",
    [
        b"\r\n" + batch(good(1), good(2)).replace(b"\r", b"\r\n"),
        batch(good(1), good(2)).replace(b"\r", b"\n"),
        b"FHS|^~\\&|RIS\r" + good(1) + good(2) + b"FTS|1\r",
        b"BHS|\r" + good(1) + good(2),
        b"BHS\r" + good(1) + good(2),
        batch(good(1), good(2)).replace(b"BHS|^~\\&|", b"BHS#:;!@#"),
        batch(good(1), good(2).replace(b"|", b"#")),
    ],
    ids=["CRLF", "LF", "no BHS", "no separators", "BHS alone", "another separator", "of one message"],
)
def test_batches_are_taken_as_senders_write_them(inlet: Inlet, ward: Ward, block: bytes) -> None:
    with Ris(inlet.port) as ris:
        assert acknowledged(ris.send(block)) == [("AA", "G1"), ("AA", "G2")]
    assert len(rows(ward)) == 2


def test_an_empty_batch_is_acknowledged_by_its_own_control_id(inlet: Inlet) -> None:
    with Ris(inlet.port) as ris:
        head, msa = ris.send(batch(last="BTS|0\r"))
        assert (head[0], msa[1:]) == ("MSH", ["AA", "B1", "no message is in it"])


def test_a_batch_that_is_too_long_is_refused_as_a_whole(inlet: Inlet, ward: Ward) -> None:
    with Ris(inlet.port) as ris:
        _, msa, err = ris.send(batch(*[b"MSH|^~\\&|RIS\r"] * 10_001))
        assert (msa[1:3], err[3][:3]) == (["AR", "B1"], "207")
        assert "in several batches" in msa[3]
    assert rows(ward) == []


def test_a_batch_whose_messages_want_no_answer_gets_none(inlet: Inlet) -> None:
    silent = good(1).replace(b"|P|2.5.1||||", b"|P|2.5.1|||NE|NE")
    with Ris(inlet.port) as ris:
        ris.write(b"\x0b" + batch(silent) + b"\x1c\r")
        assert code(ris.send(good(2))) == "AA"
        assert acknowledged(ris.send(batch(silent, good(3)))) == [("AA", "G3")]


def test_a_line_of_a_text_begins_no_message() -> None:
    text = Report(text="Findings\nMSH shunt. BTS: none.\nBTS: none.\nMSH-like: none").message()
    found = apart(batch(text, good(1)))
    assert found is not None
    assert [one.messages for one in found.batches] == [(text, good(1))]
    assert apart(text) is None


@given(st.lists(st.sampled_from([b"FHS|", b"BHS|", b"MSH|^~\\&|", b"BTS|1", b"FTS", b"PID|1", b"BHS", b"\r", b"\n"])))
def test_nothing_between_headers_goes_without_an_answer(parts: list[bytes]) -> None:
    block = b"BHS|^~\\&|RIS\r" + b"\r".join(parts)
    found = apart(block)
    assert found is not None
    messages = b"".join(b"".join(one.messages) for one in found.batches)
    assert messages.count(b"MSH|") == block.count(b"MSH|")
    assert messages.count(b"PID|1") == block.count(b"PID|1")
    assert found.answer(lambda _: (read_header(good(1)), TAKEN), "RADNODE")
