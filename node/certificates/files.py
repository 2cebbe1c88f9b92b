"""PEM files: read, written once, replaced whole."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from node.errors import ConfigError

#: The kinds of key that the profile's suites can use (PS3.15 B.12).
Key = RSAPrivateKey | EllipticCurvePrivateKey

PRIVATE, PUBLIC = 0o600, 0o644

_LIST = b"-----BEGIN X509 CRL-----"


def read_certificates(path: Path) -> list[x509.Certificate]:
    """All certificates of a file, in their order; at least one."""
    try:
        return x509.load_pem_x509_certificates(_read(path))
    except ValueError as error:
        hint = "it begins with -----BEGIN CERTIFICATE-----"
        raise ConfigError("this is no certificate as PEM", about=str(path), hint=hint) from error


def read_lists(path: Path) -> list[x509.CertificateRevocationList]:
    """All revocation lists of a file; at least one."""
    try:
        lists = [x509.load_pem_x509_crl(_LIST + rest) for rest in _read(path).split(_LIST)[1:]]
    except ValueError:
        lists = []
    if not lists:
        hint = "it begins with -----BEGIN X509 CRL-----"
        raise ConfigError("this is no revocation list as PEM", about=str(path), hint=hint)
    return lists


def read_key(path: Path) -> Key:
    """A private key, RSA or elliptic curve, that no password protects."""
    try:
        key = load_pem_private_key(_read(path), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        hint = "a PEM file of an RSA or elliptic curve key, without a password"
        raise ConfigError("this is no private key that can be used", about=str(path), hint=hint) from error
    if not isinstance(key, Key):
        raise ConfigError("this is neither an RSA nor an elliptic curve key", about=str(path))
    return key


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        hint = "`radnode certs init` makes the files that [tls] names" if not path.exists() else ""
        raise ConfigError(f"it cannot be read: {error.strerror}", about=str(path), hint=hint) from error


def certificate_pem(certificate: x509.Certificate) -> bytes:
    """As it stands in a file."""
    return certificate.public_bytes(Encoding.PEM)


def list_pem(revoked: x509.CertificateRevocationList) -> bytes:
    """As it stands in a file."""
    return revoked.public_bytes(Encoding.PEM)


def key_pem(key: Key) -> bytes:
    """As it stands in a file."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def refuse_existing(*paths: Path) -> None:
    """Nothing is ever written over."""
    if there := [str(path) for path in paths if path.exists()]:
        hint = "nothing was written; move it away, or use `radnode certs renew`"
        raise ConfigError("there is a file already", about=", ".join(there), hint=hint)


def write_new(path: Path, data: bytes, mode: int) -> None:
    """A file that was not there, with these rights from its first moment."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise ConfigError(f"it cannot be written: {error.strerror}", about=str(path)) from error


def replace(path: Path, data: bytes) -> None:
    """A certificate, or a list, by its successor, at once."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    write_new(part, data, PUBLIC)
    try:
        part.rename(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ConfigError(f"it cannot be replaced: {error.strerror}", about=str(path)) from error
