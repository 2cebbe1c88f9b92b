"""Association requests, as bytes, and what is answered."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.uid import UID, AllTransferSyntaxes, UID_dictionary
from pynetdicom import AllStoragePresentationContexts
from pynetdicom.pdu import A_ASSOCIATE_AC

from node.config import NodeSettings, ReceiveSettings
from node.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from node.receive import negotiate
from node.receive.connection import Cut
from node.receive.negotiate import Agreement, Negotiator, Rejection, decode
from tests.receive.material import BIG_ENDIAN, CT, DEFLATED, DX, EXPLICIT, IMPLICIT, JPEG, SC, VERIFICATION
from tests.receive.peer import FILMS, Proposal, associate, role

# pydicom warns of each UID that is none; the process that receives silences it.
pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning:pydicom")


def negotiator(node: dict[str, Any] | None = None, **limits: Any) -> Negotiator:
    return Negotiator(NodeSettings(**(node or {})), ReceiveSettings(**limits))


def agreed(*proposals: Proposal, user_items: bytes = b"", **limits: Any) -> Agreement:
    return negotiator(**limits).agree(decode(associate(proposals, user_items=user_items)))


def results(agreement: Agreement) -> dict[int, int]:
    """Result of each presentation context, as another implementation reads the answer."""
    return {item.context_id: item.result for item in reply(agreement).presentation_context}


def reply(agreement: Agreement) -> A_ASSOCIATE_AC:
    pdu = A_ASSOCIATE_AC()
    pdu.decode(agreement.reply)
    return pdu


# Presentation contexts


def test_storage_classes_and_verification_are_accepted() -> None:
    agreement = agreed(*FILMS)
    assert results(agreement) == {1: 0, 3: 0}
    assert agreement.contexts[3].abstract_syntax == DX
    assert agreement.contexts[3].transfer_syntax == EXPLICIT


def test_every_storage_class_that_pynetdicom_knows_is_accepted() -> None:
    known = {str(context.abstract_syntax) for context in AllStoragePresentationContexts}
    assert known <= negotiate.STORAGE_CLASSES


def test_retired_storage_classes_are_accepted() -> None:
    retired = [uid for uid, entry in UID_dictionary.items() if "Storage" in entry[0] and "Retired" in entry[3]]
    classes = [
        uid for uid in retired if UID_dictionary[uid][1] == "SOP Class" and "Commitment" not in UID_dictionary[uid][0]
    ]
    assert len(classes) > 10
    assert set(classes) <= negotiate.STORAGE_CLASSES


@pytest.mark.parametrize(
    "uid",
    [
        "1.2.840.10008.1.20.1",  # Storage Commitment
        "1.2.840.10008.1.3.10",  # Media Storage Directory
        "1.2.840.10008.5.1.4.1.2.2.1",  # Query/Retrieve
        "1.2.840.10008.5.1.4.31",  # Modality Worklist
        "1.2.3.4.5",
        "../../etc/passwd",
    ],
)
def test_other_classes_are_refused(uid: str) -> None:
    assert results(agreed((uid, (IMPLICIT,)))) == {1: 3}


def test_unknown_classes_are_accepted_when_the_operator_wants_it() -> None:
    proposals = (("1.2.3.4.5", (IMPLICIT,)), ("1.2.840.10008.1.20.1", (IMPLICIT,)), ("no uid", (IMPLICIT,)))
    assert results(agreed(*proposals, unknown_sop_classes=True)) == {1: 0, 3: 3, 5: 3}


@pytest.mark.parametrize("syntax", sorted(negotiate.TRANSFER_SYNTAXES))
def test_every_transfer_syntax_is_accepted(syntax: str) -> None:
    assert agreed((CT, (syntax,))).contexts[1].transfer_syntax == syntax


def test_all_that_pydicom_knows_are_there() -> None:
    assert {str(uid) for uid in AllTransferSyntaxes} <= negotiate.TRANSFER_SYNTAXES
    assert len(negotiate.TRANSFER_SYNTAXES) > 50


@pytest.mark.parametrize(
    ("proposed", "chosen"),
    [
        ((JPEG, EXPLICIT), JPEG),
        ((EXPLICIT, JPEG), EXPLICIT),
        (("1.2.3", BIG_ENDIAN, IMPLICIT), BIG_ENDIAN),
        ((DEFLATED,), DEFLATED),
    ],
)
def test_the_first_syntax_we_know_wins(proposed: tuple[str, ...], chosen: str) -> None:
    assert agreed((CT, proposed)).contexts[1].transfer_syntax == chosen


def test_a_context_without_a_known_syntax_is_refused() -> None:
    assert results(agreed((CT, ("1.2.3",)), (DX, (EXPLICIT,)))) == {1: 4, 3: 0}


def test_128_contexts_are_answered() -> None:
    classes = sorted(negotiate.STORAGE_CLASSES)[:128]
    agreement = agreed(*[(uid, (IMPLICIT, EXPLICIT, JPEG)) for uid in classes])
    assert results(agreement) == dict.fromkeys(range(1, 256, 2), 0)


def test_one_class_may_be_proposed_in_several_contexts() -> None:
    agreement = agreed((CT, (IMPLICIT,)), (CT, (JPEG,)))
    assert [context.transfer_syntax for context in agreement.contexts.values()] == [IMPLICIT, JPEG]


# Roles, PS3.7 D.3.3.4


@pytest.mark.parametrize(("scu", "scp", "answer"), [(1, 0, (1, 0)), (1, 1, (1, 0))])
def test_the_requestor_may_be_scu_only(scu: int, scp: int, answer: tuple[int, int]) -> None:
    agreement = agreed((CT, (IMPLICIT,)), user_items=role(CT, scu, scp))
    item = reply(agreement).user_information.role_selection[UID(CT)]
    assert (item.scu_role, item.scp_role) == answer
    assert results(agreement) == {1: 0}


def test_a_requestor_that_would_be_scp_only_is_refused() -> None:
    agreement = agreed((CT, (IMPLICIT,)), (SC, (IMPLICIT,)), user_items=role(CT, 0, 1))
    assert results(agreement) == {1: 1, 3: 0}
    assert reply(agreement).user_information.role_selection == {}


def test_a_role_without_a_context_is_ignored() -> None:
    assert reply(agreed((CT, (IMPLICIT,)), user_items=role(SC, 1, 0))).user_information.role_selection == {}


# The rest of the answer


def test_the_answer_says_who_we_are_and_what_we_read() -> None:
    user = reply(agreed(*FILMS, max_pdu=65536)).user_information
    assert user.maximum_length == 65536
    assert user.implementation_class_uid == IMPLEMENTATION_CLASS_UID
    assert user.implementation_version_name == IMPLEMENTATION_VERSION_NAME


def test_what_the_peer_reads_is_known() -> None:
    assert negotiator().agree(decode(associate(longest_pdu=4096))).longest_pdu == 4096
    assert negotiator().agree(decode(associate(longest_pdu=0))).longest_pdu == 0


# Rejections, PS3.8 table 9-21


@pytest.mark.parametrize(
    ("node", "request_bytes", "rejection"),
    [
        ({}, associate(), None),
        ({}, associate(called=b" RADNODE"), None),
        ({}, associate(called=b"OTHER"), negotiate.CALLED),
        ({}, associate(called=b"radnode"), negotiate.CALLED),
        ({"check_called": False}, associate(called=b"OTHER"), None),
        ({"allowed_calling": ("SENDER", "OTHER")}, associate(), None),
        ({"allowed_calling": ("OTHER",)}, associate(), negotiate.CALLING),
        ({}, associate(version=2), negotiate.PROTOCOL),
        ({}, associate(version=3), None),
        ({}, associate(application="1.2.3"), negotiate.APPLICATION),
    ],
)
def test_who_is_rejected(node: dict[str, Any], request_bytes: bytes, rejection: Rejection | None) -> None:
    assert negotiator(node).refuse(decode(request_bytes)) == rejection


@pytest.mark.parametrize(
    ("rejection", "body"),
    [
        (negotiate.APPLICATION, b"\0\1\1\2"),
        (negotiate.CALLING, b"\0\1\1\3"),
        (negotiate.CALLED, b"\0\1\1\7"),
        (negotiate.PROTOCOL, b"\0\1\2\2"),
        (negotiate.LIMIT, b"\0\2\3\2"),
    ],
    ids=lambda value: value.reason if isinstance(value, Rejection) else None,
)
def test_a_rejection_has_the_codes_of_the_standard(rejection: Rejection, body: bytes) -> None:
    assert rejection.encode() == b"\3\0\0\0\0\4" + body


# Malformed requests


@pytest.mark.parametrize(
    "request_bytes",
    [
        associate(()),
        associate()[:100],
        b"\1\0\0\0\0\x44" + b"\0" * 68,
        associate(called=b" ", calling=b" "),
        associate(FILMS).replace(bytes((3, 0, 0, 0)) + b"\x30", bytes((1, 0, 0, 0)) + b"\x30"),
        associate(user_items=b"\x54\0\0\2\xff\xff"),
    ],
    ids=["no context", "truncated", "zeros", "blank titles", "one id twice", "broken role"],
)
def test_a_malformed_request_is_cut(request_bytes: bytes) -> None:
    with pytest.raises(Cut, match="malformed"):
        decode(request_bytes)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 4), st.binary(max_size=6)), min_size=1, max_size=5))
def test_no_damage_raises_anything_else(edits: list[tuple[int, int, bytes]]) -> None:
    data = bytearray(associate(user_items=role(CT, 1, 1)))
    for place, gone, new in edits:
        data[place : place + gone] = new
    try:
        request = decode(bytes(data))
    except Cut:
        return
    if negotiator().refuse(request) is None:
        assert negotiator().agree(request).reply[0] == 2


def test_verification_is_no_storage_class() -> None:
    assert VERIFICATION not in negotiate.STORAGE_CLASSES
