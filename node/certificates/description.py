"""What a certificate says, in words that people compare and configurations hold."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from node.certificates.files import read_certificates, read_lists
from node.errors import ConfigError

#: RFC 4514 has no short names for these; they are called as the receiver gets them from OpenSSL.
_LONG = {
    NameOID.EMAIL_ADDRESS: "emailAddress",
    NameOID.SERIAL_NUMBER: "serialNumber",
    NameOID.TITLE: "title",
    NameOID.GIVEN_NAME: "givenName",
    NameOID.SURNAME: "surname",
}


@dataclass(frozen=True)
class Description:
    """One certificate.

    Attributes:
        file: where it lies.
        subject, issuer: as RFC 4514 writes them; `certificate_subjects` of a peer holds the first.
        names: host names and addresses that it is made out to.
        begins, ends: UTC, seconds since the epoch.
        fingerprint: SHA-256 of the whole certificate, hex; `certificate_fingerprints` of a peer holds it.
    """

    file: str
    subject: str
    issuer: str
    names: tuple[str, ...]
    begins: float
    ends: float
    fingerprint: str


def describe(path: Path) -> list[Description]:
    """All certificates of a file."""
    return [_described(path, certificate) for certificate in read_certificates(path)]


def lists_end(path: Path) -> float:
    """When the first of a file's revocation lists ends, seconds since the epoch; 0: it cannot be read, inf: never."""
    try:
        return min(one.next_update_utc.timestamp() if one.next_update_utc else math.inf for one in read_lists(path))
    except ConfigError:
        return 0.0


def _described(path: Path, certificate: x509.Certificate) -> Description:
    return Description(
        file=str(path),
        subject=certificate.subject.rfc4514_string(_LONG),
        issuer=certificate.issuer.rfc4514_string(_LONG),
        names=_names(certificate),
        begins=certificate.not_valid_before_utc.timestamp(),
        ends=certificate.not_valid_after_utc.timestamp(),
        fingerprint=certificate.fingerprint(SHA256()).hex(),
    )


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):  # ValueError: extensions that break the rules
        return ()
    return tuple(str(name.value) for name in found)


def days_left(certificate: x509.Certificate, now: dt.datetime) -> float:
    """Until it ends; negative afterwards."""
    return (certificate.not_valid_after_utc - now) / dt.timedelta(days=1)
