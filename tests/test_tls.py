"""What we offer and take over TLS (PS3.15 B.12), and what is said of files that cannot be used."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from node.errors import ConfigError
from node.tls import Certificate, certificate_of, client_context, escaped, reason_of, server_context, subject_of
from tests.peers import Pki
from tests.peers.certificates import Pair, Registry


def server(pki: Pki, *, require: bool = True) -> ssl.SSLContext:
    return server_context(pki.node.certificate, pki.node.key, pki.ca, require_client_certificate=require)


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, name: str = "127.0.0.1") -> ssl.SSLObject:
    """In memory; the server's side afterwards."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    theirs = client.wrap_bio(to_client, to_server, server_hostname=name)
    for side in (theirs, ours) * 4:
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return ours


# The profile


@pytest.mark.parametrize("side", ["server", "client"])
def test_no_version_below_1_2_and_no_weak_suite_is_offered(pki: Pki, side: str) -> None:
    context = server(pki) if side == "server" else client_context(pki.ca)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.maximum_version == ssl.TLSVersion.MAXIMUM_SUPPORTED
    suites = context.get_ciphers()
    assert len(suites) >= 5
    for suite in suites:
        assert suite["aead"], suite["name"]
        assert suite["protocol"] == "TLSv1.3" or suite["kea"] in ("kx-ecdhe", "kx-any")
        assert suite["strength_bits"] >= 128


def test_the_suites_are_those_that_rfc_9325_recommends(pki: Pki) -> None:
    names = {suite["name"] for suite in server(pki).get_ciphers() if suite["protocol"] == "TLSv1.2"}
    assert names == {
        f"ECDHE-{key}-AES{bits}" for key in ("RSA", "ECDSA") for bits in ("128-GCM-SHA256", "256-GCM-SHA384")
    }


def test_nothing_is_compressed_renegotiated_or_resumed(pki: Pki) -> None:
    context = server(pki)
    for option in (ssl.OP_NO_COMPRESSION, ssl.OP_NO_RENEGOTIATION, ssl.OP_NO_TICKET):
        assert context.options & option
    assert context.num_tickets == 0


def test_both_sides_of_ours_agree_on_1_3_and_know_each_other(pki: Pki) -> None:
    caller = client_context(pki.ca, (pki.modality.certificate, pki.modality.key))
    ours = shake_hands(server(pki), caller)
    assert ours.version() == "TLSv1.3"
    assert certificate_of(ours) == Certificate(pki.modality.subject, pki.modality.fingerprint)  # type: ignore[arg-type]


def test_who_shows_nothing_is_nobody(pki: Pki) -> None:
    ours = shake_hands(server(pki, require=False), client_context(pki.ca))
    assert certificate_of(ours) is None  # type: ignore[arg-type]  # an SSLObject answers the same


def test_a_certificate_is_required_unless_it_is_not(pki: Pki) -> None:
    with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE") as caught:
        shake_hands(server(pki), client_context(pki.ca))
    assert reason_of(caught.value) == "peer did not return a certificate"


def test_a_caller_checks_the_name_unless_another_one_is_allowed(pki: Pki) -> None:
    pair = (pki.modality.certificate, pki.modality.key)
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        shake_hands(server(pki), client_context(pki.ca, pair), "pacs.example")
    assert "pacs.example" in reason_of(caught.value)
    shake_hands(server(pki), client_context(pki.ca, pair, allow_other_hostname=True), "pacs.example")


def test_a_caller_trusts_those_whom_it_was_told_to_trust(pki: Pki) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match=r"local issuer|self-signed"):
        shake_hands(server(pki), client_context(pki.other.ca))
    with pytest.raises(ssl.SSLCertVerificationError, match=r"local issuer|self-signed"):
        shake_hands(server(pki), client_context(None))


def test_an_authority_that_is_allowed_another_name_must_still_vouch(pki: Pki) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(server(pki), client_context(pki.other.ca, allow_other_hostname=True))


# Revocation


def revoking(pki: Pki, crl: Path) -> ssl.SSLContext:
    return server_context(pki.node.certificate, pki.node.key, pki.ca, crl, require_client_certificate=True)


def test_who_stands_in_the_list_is_refused_and_nobody_else(pki: Pki, tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    lost, kept = registry.pair("ct-1"), registry.pair("ct-2")
    crl = registry.revoked(lost)
    ours = server_context(kept.certificate, kept.key, registry.ca, crl, require_client_certificate=True)
    assert certificate_of(shake_hands(ours, client_context(registry.ca, (kept.certificate, kept.key))))  # type: ignore[arg-type]
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        shake_hands(ours, client_context(registry.ca, (lost.certificate, lost.key)))
    assert reason_of(caught.value) == "certificate revoked"


@pytest.mark.parametrize(("which", "said"), [("ended", "CRL has expired"), ("other", "unable to get certificate CRL")])
def test_without_a_list_that_is_in_force_nobody_gets_in(pki: Pki, tmp_path: Path, which: str, said: str) -> None:
    registry = Registry(tmp_path)
    peer, crl = (
        registry.pair("ct-1"),
        registry.revoked(days=-1) if which == "ended" else Registry(tmp_path / "b", "Elsewhere").revoked(),
    )
    ours = server_context(peer.certificate, peer.key, registry.ca, crl, require_client_certificate=True)
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        shake_hands(ours, client_context(registry.ca, (peer.certificate, peer.key)))
    assert reason_of(caught.value) == said


def test_a_file_without_a_list_is_no_list(pki: Pki, tmp_path: Path) -> None:
    (empty := tmp_path / "crl.pem").write_text("")
    for path in (pki.ca, empty, pki.ca.with_suffix(".key")):
        with pytest.raises(ConfigError, match="revocation list") as caught:
            revoking(pki, path)
        assert caught.value.about == str(path)


# Files


def test_a_missing_file_is_named(pki: Pki, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file") as caught:
        server_context(pki.node.certificate, tmp_path / "gone", pki.ca, require_client_certificate=True)
    assert caught.value.about == str(tmp_path / "gone")


def test_a_key_that_a_password_protects_is_refused_and_nobody_is_asked_for_it(pki: Pki, tmp_path: Path) -> None:
    locked = tmp_path / "locked.key"
    command = ["openssl", "rsa", "-aes256", "-passout", "pass:secret", "-in", str(pki.node.key), "-out", str(locked)]
    subprocess.run(command, check=True, capture_output=True)
    with pytest.raises(ConfigError, match="the key without a password"):
        server_context(pki.node.certificate, locked, pki.ca, require_client_certificate=True)


def test_a_key_that_is_too_weak_is_refused(pki: Pki, tmp_path: Path) -> None:
    made = ["openssl", "req", "-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=weak", "-days", "1"]
    key, certificate = tmp_path / "weak.key", tmp_path / "weak.pem"
    subprocess.run([*made, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    with pytest.raises(ConfigError, match="ee key too small"):
        server_context(certificate, key, pki.ca, require_client_certificate=True)


def test_a_file_of_authorities_must_hold_one(pki: Pki, tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    empty.write_text("")
    for make in (
        lambda: client_context(empty),
        lambda: server_context(pki.node.certificate, pki.node.key, empty, require_client_certificate=True),
    ):
        with pytest.raises(ConfigError, match="TLS cannot use it"):
            make()


# Names


def test_subjects_are_written_as_the_certificate_is_described(pki: Pki) -> None:
    caller: Pair = pki.authority.pair('ct "1", +<east>;\\', file="odd")
    ours = shake_hands(server(pki), client_context(pki.ca, (caller.certificate, caller.key)))
    assert subject_of(ours.getpeercert()) == caller.subject


@given(
    # at most 64 bytes in UTF-8 (RFC 5280, ub-common-name)
    st.text(st.characters(min_codepoint=1, max_codepoint=0x2FFF, exclude_categories=("Cs",)), min_size=1, max_size=21)
)
def test_values_are_escaped_as_rfc_4514_wants_it(value: str) -> None:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, value)])
    assert f"CN={escaped(value)}" == name.rfc4514_string()


def test_a_value_cannot_look_like_two_attributes() -> None:
    one = {"subject": ((("commonName", "ct-1,O=Hospital"),),)}
    two = {"subject": ((("organizationName", "Hospital"),), (("commonName", "ct-1"),))}
    assert subject_of(one) == "CN=ct-1\\,O=Hospital"
    assert subject_of(two) == "CN=ct-1,O=Hospital"


def test_several_attributes_in_one_part_are_joined() -> None:
    found = {"subject": ((("countryName", "DE"),), (("commonName", "a"), ("userId", "b")), (("title", "x"),))}
    assert subject_of(found) == "title=x,CN=a+UID=b,C=DE"
    assert subject_of({}) == subject_of(None) == ""


def test_reasons_hold_nothing_that_a_peer_wrote() -> None:
    assert reason_of(TimeoutError()) == "TimeoutError"
    assert reason_of(OSError(104, "Connection reset by peer")) == "Connection reset by peer"
    assert reason_of(ssl.SSLError()) == "SSLError"
