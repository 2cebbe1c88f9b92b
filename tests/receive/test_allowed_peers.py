"""[[peers]] at the door: rejected, refused, written down."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.uid import ImplicitVRLittleEndian

from node.config import PeerRule, Settings, frozen
from node.spool import write_once
from tests.peers import Pki
from tests.receive.conftest import Running, Start
from tests.receive.material import DX, VERIFICATION, film
from tests.receive.peer import P_DATA, Peer, associate, command_set, fragment, pdu

N_ACTION = 0x0130
NOT_RECOGNIZED = (3, bytes((0, 1, 1, 3)))  # PS3.8 table 9-21: permanent, by the user, calling AE title
RULES = (
    PeerRule(name="CT", ae_title="CT*", may=("store", "echo")),
    PeerRule(name="monitor", ae_title="PING", addresses=("127.0.0.0/8",), may=("echo",)),
    PeerRule(name="elsewhere", ae_title="FAR", addresses=("192.0.2.0/24",)),
    PeerRule(name="archive", ae_title="PACS", may=("commit",)),
)


@pytest.fixture
def node(start: Start) -> Running:
    return start(peers=RULES)


def answer(node: Running, calling: bytes) -> tuple[int, bytes]:
    with node.peer() as peer:
        peer.send(associate(calling=calling))
        return peer.read()


def refused(node: Running) -> list[tuple[str, dict[str, Any]]]:
    return [(event.action, event.detail) for event in node.events()]


def test_a_peer_may_what_its_rule_says(node: Running) -> None:
    with node.peer().associate(calling=b"CT_EAST") as peer:
        assert (peer.echo(), peer.store(film())) == (0x0000, 0x0000)
    assert [action for action, _ in refused(node)] == ["received"]


def test_who_may_associate_is_as_the_node_serves_with_then(start: Start) -> None:
    node = start(peers=RULES)
    assert answer(node, b"XA1") == NOT_RECOGNIZED
    here = node.receiver._settings.node.model_copy(update={"port": node.port})

    def serve_with(*rules: PeerRule, **changes: object) -> None:
        serving = Settings(node=here.model_copy(update=changes), peers=rules)
        write_once(here.data_dir / "serving.json", frozen(serving))

    with node.peer().associate(calling=b"CT_EAST") as peer:
        serve_with(*RULES, PeerRule(name="XA", ae_title="XA1"))
        with node.peer().associate(calling=b"XA1") as other:
            assert (other.echo(), peer.echo()) == (0x0000, 0x0000)
        serve_with(*RULES[1:])
        assert answer(node, b"CT_EAST") == NOT_RECOGNIZED
        assert peer.store(film()) == 0x0000, "an association goes on"
    serve_with(*RULES, allowed_calling=("MR1",))
    assert answer(node, b"CT_EAST") == NOT_RECOGNIZED


@pytest.mark.parametrize("calling", [b"XA1", b"ping", b"FAR", b"MCT"])
def test_who_fits_no_rule_is_rejected(node: Running, calling: bytes) -> None:
    assert answer(node, calling)[0] == 3
    assert answer(node, b"STRANGER") == NOT_RECOGNIZED


def test_a_rejection_is_written_in_the_trail_once(node: Running, logs: list[dict[str, object]]) -> None:
    for _ in range(20):
        assert answer(node, b"STRANGER") == NOT_RECOGNIZED
    node.wait_for(lambda: len(refused(node)) > 0)
    facts = {"peer": "127.0.0.1", "calling_ae": "STRANGER", "why": "calling AE title not recognized"}
    assert refused(node) == [("association refused", facts)]
    assert [entry["event"] for entry in logs].count("association refused") == 1


def test_what_a_peer_may_not_do_is_answered_not_authorized_and_nothing_of_it_stays(node: Running) -> None:
    with node.peer().associate(calling=b"PING") as peer:
        assert peer.store(film()) == 0x0124
        assert peer.echo() == 0x0000, "the association goes on"
        assert peer.store(film()) == 0x0124
    assert node.files() == []
    node.wait_for(lambda: len(refused(node)) > 0)
    ((action, facts),) = refused(node)
    assert (action, facts["why"]) == ("operation refused", "peer 'monitor' may not store")


def test_even_an_echo_can_be_refused(node: Running) -> None:
    with node.peer().associate(calling=b"PACS") as peer:
        assert peer.echo() == 0x0124


@pytest.mark.parametrize(("calling", "status"), [(b"CT1", 0x0124), (b"PACS", 0x0211)])
def test_an_action_is_for_those_who_may_commit(node: Running, calling: bytes, status: int) -> None:
    """As long as nothing answers N-ACTION, who may do it learns that."""
    with node.peer().associate(calling=calling) as peer:
        peer.send(pdu(P_DATA, fragment(1, command_set(N_ACTION, VERIFICATION), command=True)))
        assert peer.status() == status


def test_the_dataset_of_a_refused_operation_is_not_read_without_end(start: Start) -> None:
    node = start(peers=RULES, max_object_mb=1)
    with node.peer().associate(calling=b"PING") as peer:
        peer.send(pdu(P_DATA, fragment(3, command_set(1, DX, "1.2", dataset=True), command=True)))
        endless = pdu(P_DATA, fragment(3, b"\0" * 16000, last=False)) * 4096
        with pytest.raises(OSError, match=r"reset|pipe"):
            peer.send(endless)


def test_the_titles_of_the_node_section_count_as_well(start: Start) -> None:
    node = start(peers=RULES, node={"allowed_calling": ["CT1"]})
    assert answer(node, b"CT1")[0] == 2
    assert answer(node, b"CT2") == NOT_RECOGNIZED


def test_a_wrong_called_title_is_written_down_too(start: Start) -> None:
    node = start()
    with node.peer() as peer:
        peer.send(associate(called=b"OTHER"))
        assert peer.read() == (3, bytes((0, 1, 1, 7)))
    node.wait_for(lambda: len(refused(node)) > 0)
    assert refused(node)[0][1]["why"] == "called AE title not recognized"


# Over TLS


@pytest.fixture
def guarded(start: Start, pki: Pki) -> Running:
    """A peer that is known by its certificate, and one that is known by its subject."""
    other = pki.authority.pair("mr-1")
    rules = (
        PeerRule(name="CT", ae_title="CT1", certificate_fingerprints=(pki.modality.fingerprint,)),
        PeerRule(name="MR", ae_title="MR1", certificate_subjects=(other.subject,), may=("echo",)),
    )
    return start(tls=pki.tls(), peers=rules)


def test_a_peer_is_known_by_its_certificate(guarded: Running, pki: Pki) -> None:
    context = pki.client(pki.modality)
    with guarded.peer(context).associate(calling=b"CT1") as peer:
        assert peer.store(film()) == 0x0000
    with guarded.peer(context) as peer:
        peer.send(associate(calling=b"MR1"))
        assert peer.read() == NOT_RECOGNIZED


def test_a_peer_is_known_by_its_subject(guarded: Running, pki: Pki) -> None:
    pair = pki.authority.pair("mr-1", file="mr-1-renewed")
    with guarded.peer(pki.client(pair)).associate(calling=b"MR1") as peer:
        assert (peer.echo(), peer.store(film())) == (0x0000, 0x0124)


def test_without_tls_nobody_passes_for_a_peer_with_a_certificate(guarded: Running) -> None:
    with Peer(guarded.port) as peer:
        peer.send(associate(calling=b"CT1"))
        assert peer.read() == NOT_RECOGNIZED


def test_the_trail_says_which_certificate_was_shown(guarded: Running, pki: Pki) -> None:
    with guarded.peer(pki.client(pki.modality)) as peer:
        peer.send(associate(calling=b"STRANGER"))
        assert peer.read() == NOT_RECOGNIZED
    guarded.wait_for(lambda: len(refused(guarded)) > 0)
    facts = refused(guarded)[0][1]
    assert (facts["subject"], facts["fingerprint"]) == (pki.modality.subject, pki.modality.fingerprint)


def test_other_transfer_syntaxes_and_classes_are_negotiated_as_ever(guarded: Running, pki: Pki) -> None:
    proposals = ((VERIFICATION, (ImplicitVRLittleEndian,)), ("1.2.840.10008.5.1.4.31", (ImplicitVRLittleEndian,)))
    with guarded.peer(pki.client(pki.modality)).associate(proposals, calling=b"CT1") as peer:
        assert peer.echo() == 0x0000
