"""Certificates as a hospital's authority would make them, right and wrong, with nothing of the node's own code."""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path
    made: x509.Certificate
    private: rsa.RSAPrivateKey

    @property
    def fingerprint(self) -> str:
        return self.made.fingerprint(SHA256()).hex()

    @property
    def subject(self) -> str:
        return self.made.subject.rfc4514_string()


class Registry:
    """An authority. Args: folder: for its files; name: its common name."""

    def __init__(self, folder: Path, name: str = "Hospital") -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._own = self._made("ca", name, (), None, 3650)
        self.ca = self._own.certificate

    def pair(self, name: str, *names: str, days: float = 90, file: str = "") -> Pair:
        """Of that common name and organisation. Args: names: it is made out to; days: until it ends, may be over."""
        return self._made(file or name, name, names or ("127.0.0.1", "localhost"), self._own, days)

    def revoked(self, *pairs: Pair, days: float = 30, file: str = "crl") -> Path:
        """A revocation list. Args: pairs: that stand in it; days: until it ends, may be over."""
        now = dt.datetime.now(dt.UTC)
        builder = x509.CertificateRevocationListBuilder(issuer_name=self._own.made.subject)
        builder = builder.last_update(now - 100 * DAY).next_update(now + days * DAY)
        for pair in pairs:
            entry = x509.RevokedCertificateBuilder().serial_number(pair.made.serial_number).revocation_date(now)
            builder = builder.add_revoked_certificate(entry.build())
        path = self.folder / f"{file}.pem"
        path.write_bytes(builder.sign(self._own.private, SHA256()).public_bytes(Encoding.PEM))
        return path

    def _made(self, file: str, name: str, names: Sequence[str], issuer: Pair | None, days: float) -> Pair:
        key = rsa.generate_private_key(65537, 2048)
        subject = _subject(name)
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.made.subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 1000 * DAY)
            .not_valid_after(now + days * DAY)
            .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([_general(one) for one in names]), False)
        made = builder.sign(issuer.private if issuer else key, SHA256())
        pair = Pair(self.folder / f"{file}.pem", self.folder / f"{file}.key", made, key)
        pair.certificate.write_bytes(made.public_bytes(Encoding.PEM))
        pair.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        pair.key.chmod(0o600)
        return pair


def _subject(name: str) -> x509.Name:
    organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Hospital, Radiology")
    return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Pki:
    """What the tests of TLS need: the node's certificate, a modality's, an expired one, and a stranger's."""

    def __init__(self, folder: Path) -> None:
        self.authority, self.other = Registry(folder / "ours"), Registry(folder / "theirs", "Elsewhere")
        self.ca = self.authority.ca
        self.node, self.modality = self.authority.pair("node"), self.authority.pair("ct-1")
        self.expired, self.stranger = self.authority.pair("old", days=-1), self.other.pair("ct-1")

    def tls(self, **changes: object) -> dict[str, object]:
        """[tls] of a node."""
        files = {"certificate": self.node.certificate, "key": self.node.key, "ca": self.ca}
        return {"enabled": True, "allow_plain": True, **files, **changes}

    def client(self, pair: Pair | None = None, ca: Path | None = None) -> ssl.SSLContext:
        """A caller that shows this certificate, or none."""
        context = ssl.create_default_context(cafile=ca or self.ca)
        if pair is not None:
            context.load_cert_chain(pair.certificate, pair.key)
        return context

    def dcmtk(self, pair: Pair | None = None, ca: Path | None = None) -> list[str]:
        """Options of DCMTK's programs."""
        shown = ["+tls", str(pair.key), str(pair.certificate)] if pair else ["+tla"]
        return [*shown, "+cf", str(ca or self.ca)]
