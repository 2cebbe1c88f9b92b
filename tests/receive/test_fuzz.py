"""Whatever bytes come: only the documented errors, in bounded time, and nothing that grows."""

from __future__ import annotations

import gc
import logging
import random
import socket
import struct
import tracemalloc
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pynetdicom.pdu import A_ASSOCIATE_AC

from node.config import NodeSettings, ReceiveSettings
from node.receive import command, header
from node.receive.connection import Connection, Cut
from node.receive.elements import Encoding, Malformed, Walker
from node.receive.negotiate import APPLICATION, CALLED, CALLING, PROTOCOL, TRANSFER_SYNTAXES, Negotiator, decode
from node.receive.text import Charset
from node.receive.transfer import Inbox, Released
from tests.faults.rawpeer import MESSAGES, REQUESTS, mutated
from tests.receive.conftest import Running
from tests.receive.material import (
    BIG_ENDIAN,
    DEFLATED,
    DX,
    EXPLICIT,
    IMPLICIT,
    ITEM_END,
    JPEG,
    SEQUENCE_END,
    UNDEFINED,
    element,
    film,
    item,
)
from tests.receive.peer import FILMS, P_DATA, Peer, associate, command_set, fragment, pdu, role, store_command

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.filterwarnings("ignore")]


@pytest.fixture(autouse=True, scope="module")
def _silence() -> Iterator[None]:
    """As the process that receives does: pydicom warns of each UID that is none, and pytest keeps what it says."""
    logger = logging.getLogger("pydicom")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(before)


#: More than any of them may take on a busy machine.
bounded = settings(deadline=timedelta(seconds=2), database=None)
many, some = settings(bounded, max_examples=4000), settings(bounded, max_examples=2000)

#: Where, how many bytes go, and which come instead; those that are lengths to somebody among them.
_NEW = st.one_of(
    st.binary(max_size=8),
    st.sampled_from([0, 1, 2, 0x7FFF, 0xFFFF]).map(lambda value: struct.pack(">H", value)),
    st.sampled_from([0, 1, 0x7FFFFFFF, 0xFFFFFFFE, UNDEFINED]).map(lambda value: struct.pack("<L", value)),
)
_EDITS = st.lists(st.tuples(st.integers(0, 900), st.integers(0, 12), _NEW), max_size=6)


def damaged(*whole: bytes) -> st.SearchStrategy[bytes]:
    """One of these with a few edits."""
    return st.builds(_edited, st.sampled_from(whole), _EDITS)


def _edited(whole: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    found = bytearray(whole)
    for place, gone, new in edits:
        place %= len(found) + 1
        found[place : place + gone] = new
    return bytes(found)


COMMANDS = (
    command_set(1, DX, "1.2.3.4", dataset=True),
    command_set(0x30, "1.2.840.10008.1.1"),
    command_set(0x8100, "1.2.840.10008.1.20.1"),
)


@many
@given(st.one_of(st.binary(max_size=200), damaged(*COMMANDS)))
def test_a_command_set_is_a_command_or_cut(data: bytes) -> None:
    try:
        found = command.parse(data)
    except Cut:
        return
    assert 0 <= found.field <= 0xFFFF
    assert 0 <= found.message_id <= 0xFFFF
    for longest in (0, 1, 16384):
        assert command.answer(found, 1, command.Status(0x0110), longest)


REQUEST_SAMPLES = (
    associate(FILMS),
    associate(FILMS, user_items=role(DX, 0, 1)),
    associate(((DX, (EXPLICIT, IMPLICIT, JPEG)),) * 3, user_items=b"\x58\0\0\x07\2\1\0\1x\0\0"),
)
NEGOTIATORS = (
    Negotiator(NodeSettings(), ReceiveSettings()),
    Negotiator(
        NodeSettings(check_called=True, allowed_calling=("CT1",)),
        ReceiveSettings(unknown_sop_classes=True, promise_storage=True),
        hears_reports=True,
    ),
)


@many
@given(damaged(*REQUEST_SAMPLES), st.sampled_from(NEGOTIATORS))
def test_a_request_is_refused_or_gets_an_answer_that_can_be_read(data: bytes, negotiator: Negotiator) -> None:
    try:
        request = decode(data)
    except Cut:
        return
    refusal = negotiator.refuse(request)
    if refusal is not None:
        assert refusal in (APPLICATION, CALLED, CALLING, PROTOCOL)
        assert len(refusal.encode()) == 10
    agreement = negotiator.agree(request)
    assert {context.transfer_syntax for context in agreement.contexts.values()} <= TRANSFER_SYNTAXES
    reply = A_ASSOCIATE_AC()
    reply.decode(agreement.reply)
    assert {one.context_id for one in reply.presentation_context if one.result == 0} == set(agreement.contexts)


SEQUENCE = element(0x00081140, "SQ", b"", length=UNDEFINED) + item(length=UNDEFINED) + ITEM_END + SEQUENCE_END
SYNTAXES = (EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED, JPEG)


@many
@given(
    st.one_of(st.binary(max_size=300), damaged(*(film(syntax=one) for one in SYNTAXES[:4]), SEQUENCE + film())),
    st.sampled_from([*SYNTAXES, "", "1.2"]),
)
def test_a_dataset_has_a_header_whatever_it_is(body: bytes, syntax: str) -> None:
    found = header.scan(body, 0, header.Claim(DX.encode(), b"1.2.3.4", syntax))
    for uid in (found.sop_instance_uid, found.sop_class_uid, found.study_instance_uid, found.series_instance_uid):
        assert len(uid) <= 64
        assert uid.isprintable()
    assert abs(found.instance_number) < 1 << 31
    attributes = found.attributes
    for text in (attributes.series_description, attributes.modality, attributes.body_part, *attributes.image_type):
        assert len(text) <= 1024
        assert text.encode().decode().isprintable()


@many
@given(
    st.one_of(st.binary(max_size=300), damaged(film(), film(syntax=IMPLICIT), SEQUENCE * 3)),
    st.builds(Encoding, explicit=st.booleans(), big_endian=st.booleans(), native=st.booleans()),
    st.booleans(),
)
def test_a_walk_ends_or_says_that_it_is_malformed(data: bytes, encoding: Encoding, whole: bool) -> None:
    walker = Walker(data, encoding, header.WANTED, whole)
    with suppress(Malformed):
        walker.walk()
    assert walker._steps <= len(data) // 8 + 1


@some
@given(st.binary(max_size=40), st.binary(max_size=200))
def test_text_is_printable_in_any_character_set(specific_character_set: bytes, raw: bytes) -> None:
    for terms in (specific_character_set, b"\\ISO 2022 IR 87\\ISO 2022 IR 149", b"GB18030"):
        text = Charset(terms).decode(raw, 100)
        assert len(text) <= 100
        assert not {"\n", "\r", "\x1b", "\0"} & set(text)


MESSAGE_SAMPLES = (
    store_command() + pdu(P_DATA, fragment(3, film())),
    store_command() + pdu(P_DATA, fragment(3, film()[:200], last=False) + fragment(3, film()[200:])),
    pdu(P_DATA, fragment(1, COMMANDS[1][:30], command=True, last=False) + fragment(1, COMMANDS[1][30:], command=True)),
    pdu(5, bytes(4)),
    pdu(7, bytes(4)),
)


@pytest.fixture(scope="module")
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as found:
        yield found


@some
@given(data=st.lists(damaged(*MESSAGE_SAMPLES), min_size=1, max_size=3).map(b"".join))
def test_messages_are_read_until_the_association_ends(data: bytes, listener: socket.socket) -> None:
    with socket.create_connection(listener.getsockname()) as sender:
        accepted, _ = listener.accept()
        sender.sendall(data)
        sender.shutdown(socket.SHUT_WR)
        connection = Connection(accepted)
        inbox = Inbox(connection, 16384, idle_seconds=1, network_seconds=1, message_seconds=60)
        taken = 0
        try:
            while True:
                context_id, found = inbox.next_command()
                taken += sum(len(piece) for piece in inbox.dataset(context_id)) if found.has_dataset else 0
        except (Cut, Released):
            assert taken <= len(data)
        finally:
            connection.close()


@settings(bounded, max_examples=1500, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=damaged(*REQUEST_SAMPLES), then=damaged(*MESSAGE_SAMPLES), valid=st.booleans())
def test_an_association_ends_as_it_should(
    node: Running, logs: list[MutableMapping[str, Any]], first: bytes, then: bytes, valid: bool
) -> None:
    with suppress(OSError), Peer(node.port, timeout=5) as peer:
        peer.send(associate() if valid else first)
        peer.send(then)
        peer.sock.shutdown(socket.SHUT_WR)
        while peer.sock.recv(1 << 16):
            pass
    node.wait_for(lambda: not node.receiver._running, 10)
    assert node.unfinished() == []
    broken = [entry for entry in logs if entry["event"] in ("association failed", "processing failure")]
    assert broken == []
    logs.clear()


GROWERS: dict[str, Callable[[bytes], object]] = {
    "command": command.parse,
    "request": lambda data: NEGOTIATORS[1].agree(decode(data)),
    "header": lambda data: header.scan(data, 0, header.Claim(DX.encode(), b"1.2.3.4", EXPLICIT)),
}


@pytest.mark.parametrize("what", GROWERS)
def test_nothing_grows(what: str) -> None:
    """tracemalloc over 2,000 mutations, after 500 for what is kept once, such as the caches of codecs."""
    rng, parse = random.Random(5), GROWERS[what]

    def hostile(count: int) -> None:
        for _ in range(count):
            made = rng.choice([*MESSAGES.values(), *REQUESTS.values()])(rng)
            with suppress(Cut):
                parse(mutated(rng, rng.choice((made, film(), COMMANDS[0], REQUEST_SAMPLES[1]))))

    hostile(500)
    tracemalloc.start()
    try:
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        hostile(2000)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 256 << 10
    finally:
        tracemalloc.stop()
