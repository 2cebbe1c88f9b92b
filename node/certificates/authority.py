"""A private certificate authority of one site: two files, which make certificates for the node and its peers.

RSA, since every modality can verify it; 3072 bits are worth as much as AES-128 (NIST SP 800-57). What stands in a
certificate is what RFC 5280 4.2 asks for.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from node.certificates import files
from node.errors import ConfigError

_BITS = 3072
_AUTHORITY_DAYS = 3650
#: What browsers take at most; longer ones are forgotten by whoever made them.
LONGEST_DAYS = 398
#: Clocks of modalities go wrong: a certificate made just now must not look as if it came from tomorrow.
_BACKDATED = dt.timedelta(days=1)
#: A node listens and calls, and so do peers.
_BOTH_SIDES = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
_KEY_USES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@dataclass(frozen=True)
class Authority:
    """Who vouches for others. :func:`create` makes one, :meth:`read` takes one that is there."""

    certificate: x509.Certificate
    key: files.Key

    @classmethod
    def read(cls, path: Path) -> Authority:
        """The authority whose certificate is the first at `path`, with the key beside it."""
        certificate, key = files.read_certificates(path)[0], files.read_key(key_beside(path))
        if certificate.public_key() != key.public_key():
            raise ConfigError("the key is not that of the certificate", about=f"{path}, {key_beside(path)}")
        return cls(certificate, key)

    def issue(self, certificate: Path, key: Path, names: Sequence[str], days: int) -> None:
        """Write a certificate and its key. Args: names: host names and addresses, the first is its common name too."""
        files.refuse_existing(certificate, key)
        made = generate_private_key(65537, _BITS)
        request = x509.CertificateSigningRequestBuilder().subject_name(_subject(names[0]))
        request = request.add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        signed = self._signed(request.sign(made, SHA256()), days)
        files.write_new(key, files.key_pem(made), files.PRIVATE)
        files.write_new(certificate, files.certificate_pem(signed), files.PUBLIC)

    def renew(self, path: Path, key: Path, days: int) -> None:
        """Replace a certificate by one that lasts longer. Its key stays, so that one rename is all there is to it."""
        old = files.read_certificates(path)[0]
        self._vouch(old, path, "ask that one for its successor")
        request = x509.CertificateSigningRequestBuilder().subject_name(old.subject)
        for extension in old.extensions:
            if isinstance(extension.value, x509.SubjectAlternativeName):
                request = request.add_extension(extension.value, critical=extension.critical)
        files.replace(path, files.certificate_pem(self._signed(request.sign(files.read_key(key), SHA256()), days)))

    def revoke(self, path: Path, crl: Path) -> bool:
        """Put the first certificate at `path` on the authority's list, a file that is replaced at once.

        The list stays in force as long as the authority: it is only ever replaced by hand, and one that has ended
        would shut out everybody. False: the certificate stands in it already.
        """
        certificate = files.read_certificates(path)[0]
        self._vouch(certificate, path, "only that one can revoke it")
        old = files.read_lists(crl)[0] if crl.exists() else None
        if old is not None and not old.is_signature_valid(self.key.public_key()):
            raise ConfigError("the revocation list comes from another authority", about=str(crl))
        if old is not None and old.get_revoked_certificate_by_serial_number(certificate.serial_number):
            return False
        files.replace(crl, files.list_pem(self._list(old, certificate.serial_number)))
        return True

    def _list(self, old: x509.CertificateRevocationList | None, serial: int) -> x509.CertificateRevocationList:
        """RFC 5280 5: what stood in the old one, and one certificate more."""
        now, key = _now(), self.key.public_key()
        number = old.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number + 1 if old else 1
        builder = x509.CertificateRevocationListBuilder(issuer_name=self.certificate.subject)
        builder = builder.last_update(now).next_update(self.certificate.not_valid_after_utc)
        for entry in old or ():
            builder = builder.add_revoked_certificate(entry)
        entry = x509.RevokedCertificateBuilder(serial_number=serial, revocation_date=now).build()
        return (
            builder.add_revoked_certificate(entry)
            .add_extension(x509.CRLNumber(number), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key), critical=False)
            .sign(self.key, SHA256())
        )

    def _vouch(self, certificate: x509.Certificate, path: Path, hint: str) -> None:
        """Raises :class:`ConfigError` for a certificate that another authority has made."""
        try:
            certificate.verify_directly_issued_by(self.certificate)
        except (InvalidSignature, ValueError, TypeError) as error:
            raise ConfigError("the certificate comes from another authority", about=str(path), hint=hint) from error

    def _signed(self, request: x509.CertificateSigningRequest, days: int) -> x509.Certificate:
        """Subject, key and names of the request; no longer than the authority itself."""
        now, public = _now(), request.public_key()
        ends = min(now + dt.timedelta(days=days), self.certificate.not_valid_after_utc)
        if ends <= now:
            raise ConfigError("the authority itself has ended", hint="move its files away, and `radnode certs init`")
        builder = _builder(request.subject, self.certificate.subject, ends, now).public_key(public)
        for extension in request.extensions:
            builder = builder.add_extension(extension.value, extension.critical)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        return (
            builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_uses("digital_signature"), critical=True)
            .add_extension(x509.ExtendedKeyUsage(_BOTH_SIDES), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(issuer, critical=False)
            .sign(self.key, SHA256())
        )


def create(certificate: Path, name: str) -> Authority:
    """Make an authority: its certificate at `certificate`, the key beside it. Args: name: its common name."""
    files.refuse_existing(certificate, key_beside(certificate))
    key, now = generate_private_key(65537, _BITS), _now()
    subject = _subject(name)
    signed = (
        _builder(subject, subject, now + dt.timedelta(days=_AUTHORITY_DAYS), now)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_uses("key_cert_sign", "crl_sign"), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    files.write_new(key_beside(certificate), files.key_pem(key), files.PRIVATE)
    files.write_new(certificate, files.certificate_pem(signed), files.PUBLIC)
    return Authority(signed, key)


def key_beside(path: Path) -> Path:
    """Where the key of a certificate lies when nothing else is said: `ca.key` beside `ca.pem`."""
    return path.with_suffix(".key")


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


def _builder(subject: x509.Name, issuer: x509.Name, ends: dt.datetime, now: dt.datetime) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder(subject_name=subject, issuer_name=issuer)
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - _BACKDATED).not_valid_after(ends)


def _uses(*names: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{name: name in names for name in _KEY_USES})


def _subject(name: str) -> x509.Name:
    try:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    except ValueError as error:  # RFC 5280 appendix A.1: 1 to 64 characters
        raise ConfigError("a common name has 1 to 64 characters", about=ascii(name)) from error


def _general(name: str) -> x509.GeneralName:
    """A name that a caller may have asked for (RFC 5280 4.2.1.6)."""
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        pass
    try:
        return x509.DNSName(name)
    except ValueError as error:
        raise ConfigError("this is neither a host name nor an address", about=ascii(name)) from error
