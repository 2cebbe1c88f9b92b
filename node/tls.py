"""TLS as DICOM wants it, for those who listen and those who call: PS3.15 B.12 (BCP 195: RFC 8996, RFC 9325).

TLS 1.2 at least, 1.3 where the peer has it, suites with forward secrecy and AES-GCM alone, and nothing that could be
negotiated down to less. Raises :class:`~node.errors.ConfigError` for files that cannot be used.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.errors import ConfigError

#: RFC 9325 4.2 for TLS 1.2 (those of 1.3 are all good); SECLEVEL 2: no key below RSA 2048 or P-224, no SHA-1.
CIPHERS = (
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=2"
)
#: RFC 9325 3.3 and 3.5: no compression; no renegotiation, which a peer could keep us busy with; no resumption, so that
#: every connection shows its certificate.
_OPTIONS = ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET | ssl.OP_CIPHER_SERVER_PREFERENCE

#: Attributes of a subject by OpenSSL's long names, as RFC 4514 3 abbreviates them.
_SHORT = {
    "commonName": "CN",
    "countryName": "C",
    "domainComponent": "DC",
    "localityName": "L",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "stateOrProvinceName": "ST",
    "streetAddress": "STREET",
    "userId": "UID",
}


@dataclass(frozen=True)
class Certificate:
    """Who a peer has proved to be: its subject as RFC 4514 writes it, and the SHA-256 of its certificate in hex."""

    subject: str
    fingerprint: str


def server_context(
    certificate: Path, key: Path, ca: Path, crl: Path | None = None, *, require_client_certificate: bool
) -> ssl.SSLContext:
    """For a listener. A client's certificate must come from `ca`; without `require_client_certificate` it may lack.

    With `crl`, revocation lists (RFC 5280 5), one that stands in its issuer's list is refused, and so is one whose
    issuer has no list there that is still in force: who was revoked meanwhile cannot be known then (RFC 5280 6.3).
    """
    context = open_context(certificate, key)
    context.verify_mode = ssl.CERT_REQUIRED if require_client_certificate else ssl.CERT_OPTIONAL
    _load_ca(context, ca)
    if crl is not None:
        _load_crl(context, crl)
    return context


def open_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """For a listener that asks nobody for a certificate: it knows its callers in another way."""
    context = _context(ssl.PROTOCOL_TLS_SERVER)
    context.num_tickets = 0
    # A peer that leaves without close_notify, as many do, has just left: PDUs have lengths, so that nothing cut short
    # passes for whole. And after our own end of reading (the node stops) we can still say A-ABORT.
    context.options |= ssl.OP_IGNORE_UNEXPECTED_EOF
    _load_pair(context, certificate, key)
    return context


def client_context(
    ca: Path | None, pair: tuple[Path, Path] | None = None, *, allow_other_hostname: bool = False
) -> ssl.SSLContext:
    """For a caller. Args: ca: whose word counts, None: those the system trusts; pair: our certificate and its key."""
    context = _context(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = not allow_other_hostname
    if pair is not None:
        _load_pair(context, *pair)
    if ca is None:
        context.load_default_certs()
    else:
        _load_ca(context, ca)
    return context


def _context(protocol: ssl._SSLMethod) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996: 1.0 and 1.1 MUST NOT be used
    context.options |= _OPTIONS
    context.set_ciphers(CIPHERS)
    return context


def _load_pair(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    for path in (certificate, key):
        _readable(path)
    try:
        context.load_cert_chain(certificate, key, password="")  # else OpenSSL would ask for it at the terminal
    except ssl.SSLError as error:
        what = "the key is not that of the certificate" if error.reason == "KEY_VALUES_MISMATCH" else reason_of(error)
        hint = "both are PEM files, the key without a password; `radnode certs show` reads them"
        raise ConfigError(f"TLS cannot use them: {what}", about=f"{certificate}, {key}", hint=hint) from error


def _load_ca(context: ssl.SSLContext, ca: Path) -> None:
    _readable(ca)
    try:
        context.load_verify_locations(ca)
    except ssl.SSLError as error:
        hint = "it holds one or more certificates as PEM"
        raise ConfigError(f"TLS cannot use it: {reason_of(error)}", about=str(ca), hint=hint) from error


def _load_crl(context: ssl.SSLContext, crl: Path) -> None:
    _readable(crl)
    before = context.cert_store_stats()["crl"]
    try:
        context.load_verify_locations(crl)
        found = context.cert_store_stats()["crl"] - before
        why = "there is none in it"
    except ssl.SSLError as error:
        found, why = 0, reason_of(error)
    if not found:
        hint = "it holds revocation lists as PEM; of DER: `openssl crl -inform DER -in FILE -out crl.pem`"
        raise ConfigError(f"TLS cannot use it as revocation list: {why}", about=str(crl), hint=hint)
    context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF


def _readable(path: Path) -> None:
    """OpenSSL does not say which file it was."""
    try:
        path.open("rb").close()
    except OSError as error:
        hint = "`radnode certs init` makes one" if not path.exists() else ""
        raise ConfigError(f"a file for TLS cannot be read: {error.strerror}", about=str(path), hint=hint) from error


def reason_of(error: OSError) -> str:
    """Why a handshake, or a file, was not taken: OpenSSL's words, in which nothing of the peer stands."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return str(error.verify_message)
    if reason := getattr(error, "reason", None):
        return str(reason).lower().replace("_", " ")
    return error.strerror or type(error).__name__


def certificate_of(sock: ssl.SSLSocket) -> Certificate | None:
    """What the peer has shown and OpenSSL has verified; None: nothing."""
    data = sock.getpeercert(binary_form=True)
    if not data:
        return None
    return Certificate(subject_of(sock.getpeercert()), hashlib.sha256(data).hexdigest())


def subject_of(found: Any) -> str:  # Any: the ssl module's dict
    """The subject of a certificate as RFC 4514 writes it: the last part first, e.g. `CN=ct-1,O=Hospital`."""
    parts = found.get("subject", ()) if found else ()
    return ",".join("+".join(_attribute(*one) for one in part) for part in reversed(parts))


def _attribute(name: str, value: str) -> str:
    return f"{_SHORT.get(name, name)}={escaped(value)}"


def escaped(value: str) -> str:
    """A value with what has a meaning in RFC 4514 (2.4) escaped, so that no value can look like two."""
    letters: Sequence[str] = [f"\\{letter}" if letter in '\\"+,;<>' else letter for letter in value]
    text = "".join(letters).replace("\0", "\\00")
    if text.startswith(("#", " ")):
        text = f"\\{text}"
    if len(value) > 1 and value.endswith(" "):
        text = f"{text[:-1]}\\ "
    return text
