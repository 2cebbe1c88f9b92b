"""What a certificate says, in the words that configurations hold."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from node.certificates import describe
from node.errors import ConfigError
from tests.peers import Pki


def test_a_certificate_is_described_with_all_that_people_compare(pki: Pki) -> None:
    (found,) = describe(pki.node.certificate)
    assert found.file == str(pki.node.certificate)
    assert found.subject == pki.node.subject == "CN=node,O=Hospital\\, Radiology"
    assert found.issuer == "CN=Hospital,O=Hospital\\, Radiology"
    assert found.names == ("127.0.0.1", "localhost")
    assert found.begins < time.time() < found.ends


def test_the_fingerprint_is_that_of_openssl(pki: Pki) -> None:
    command = ["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", str(pki.node.certificate)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert describe(pki.node.certificate)[0].fingerprint == said.partition("=")[2].strip().replace(":", "").lower()


def test_all_certificates_of_a_file_are_described(pki: Pki, tmp_path: Path) -> None:
    chain = tmp_path / "chain.pem"
    chain.write_bytes(pki.node.certificate.read_bytes() + pki.ca.read_bytes())
    assert [one.subject.partition(",")[0] for one in describe(chain)] == ["CN=node", "CN=Hospital"]


def test_a_certificate_without_names_has_none(pki: Pki) -> None:
    assert describe(pki.ca)[0].names == ()


@pytest.mark.parametrize("text", ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "node.pem"
    path.write_text(text)
    with pytest.raises(ConfigError, match="this is no certificate as PEM"):
        describe(path)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"it cannot be read: No such file.*radnode certs init"):
        describe(tmp_path / "node.pem")
