"""The small authority: what it makes is right by the word of OpenSSL, and nothing is ever written over."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography import x509

from node.certificates import LONGEST_DAYS, Authority, create, describe, key_beside
from node.errors import ConfigError
from tests.peers.certificates import Registry


def openssl(*arguments: object) -> str:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False, timeout=30)
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Authority, Path]:
    """Made once, since keys take their time; with its certificate."""
    path = tmp_path_factory.mktemp("authority") / "certs" / "ca.pem"
    return create(path, "RADNODE authority"), path


@pytest.fixture
def issued(authority: tuple[Authority, Path], tmp_path: Path) -> Path:
    """The certificate of a node; its key lies beside it."""
    path = tmp_path / "node.pem"
    authority[0].issue(path, key_beside(path), ["node.example", "127.0.0.1", "fd00::1"], 100)
    return path


def test_openssl_verifies_what_it_makes_for_both_sides_of_a_connection(
    authority: tuple[Authority, Path], issued: Path
) -> None:
    for purpose in ("sslserver", "sslclient"):
        said = openssl("verify", "-x509_strict", "-purpose", purpose, "-CAfile", authority[1], issued)
        assert said == f"{issued}: OK\n"


def test_openssl_reads_what_it_says(issued: Path) -> None:
    said = openssl("x509", "-in", issued, "-noout", "-text")
    for words in (
        "Subject: CN = node.example",
        "Issuer: CN = RADNODE authority",
        "DNS:node.example, IP Address:127.0.0.1, IP Address:FD00:0:0:0:0:0:0:1",
        "Public-Key: (3072 bit)",
        "sha256WithRSAEncryption",
        "CA:FALSE",
        "Digital Signature",
        "TLS Web Server Authentication, TLS Web Client Authentication",
    ):
        assert words in said, said


def test_the_authority_may_sign_nobody_who_signs(authority: tuple[Authority, Path]) -> None:
    said = openssl("x509", "-in", authority[1], "-noout", "-text")
    assert "CA:TRUE, pathlen:0" in said
    assert "Certificate Sign, CRL Sign" in said


def test_keys_are_for_their_owner_alone_and_certificates_for_all(
    authority: tuple[Authority, Path], issued: Path
) -> None:
    for path in (authority[1], issued):
        assert path.stat().st_mode & 0o777 == 0o644
        assert key_beside(path).stat().st_mode & 0o777 == 0o600


def test_it_lasts_as_long_as_was_asked_for_and_counts_since_yesterday(issued: Path) -> None:
    (found,) = describe(issued)
    assert 100 <= (found.ends - found.begins) / 86400 <= 101.1
    assert LONGEST_DAYS == 398


def test_nothing_lasts_longer_than_the_authority(tmp_path: Path) -> None:
    ending = Registry(tmp_path / "ending")
    path = tmp_path / "node.pem"
    Authority.read(ending.ca).issue(path, key_beside(path), ["node"], 100000)
    assert describe(path)[0].ends <= describe(ending.ca)[0].ends


def test_an_authority_that_has_ended_makes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry(tmp_path)
    ended = registry._made("ca", "Hospital", (), None, -1)
    path = tmp_path / "node.pem"
    with pytest.raises(ConfigError, match="the authority itself has ended"):
        Authority.read(ended.certificate).issue(path, key_beside(path), ["node"], 10)
    assert not path.exists()


def test_it_is_read_back_from_its_files(authority: tuple[Authority, Path]) -> None:
    again = Authority.read(authority[1])
    assert again.certificate == authority[0].certificate
    assert again.key.public_key() == authority[0].key.public_key()


def test_another_key_beside_it_is_noticed(authority: tuple[Authority, Path], issued: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_bytes(authority[1].read_bytes())
    key_beside(wrong).write_bytes(key_beside(issued).read_bytes())
    with pytest.raises(ConfigError, match="the key is not that of the certificate"):
        Authority.read(wrong)


@pytest.mark.parametrize("there", ["certificate", "key"])
def test_nothing_is_written_over(authority: tuple[Authority, Path], tmp_path: Path, there: str) -> None:
    path = tmp_path / "node.pem"
    taken = path if there == "certificate" else key_beside(path)
    taken.write_text("mine")
    for make in (
        lambda: authority[0].issue(path, key_beside(path), ["node"], 10),
        lambda: create(path, "x"),
    ):
        with pytest.raises(ConfigError, match="there is a file already") as caught:
            make()
        assert caught.value.about == str(taken)
    assert [one.name for one in tmp_path.iterdir()] == [taken.name]
    assert taken.read_text() == "mine"


@pytest.mark.parametrize("name", ["", "x" * 65])
def test_a_name_that_no_certificate_can_have_is_refused(
    authority: tuple[Authority, Path], tmp_path: Path, name: str
) -> None:
    path = tmp_path / "node.pem"
    with pytest.raises(ConfigError, match="1 to 64 characters"):
        authority[0].issue(path, key_beside(path), [name], 10)
    assert list(tmp_path.iterdir()) == []


def test_a_name_of_other_letters_is_no_host_name(authority: tuple[Authority, Path], tmp_path: Path) -> None:
    path = tmp_path / "node.pem"
    with pytest.raises(ConfigError, match="neither a host name nor an address"):
        authority[0].issue(path, key_beside(path), ["röntgen"], 10)


# Renewal


def test_a_renewed_certificate_is_another_one_of_the_same_key_and_names(
    authority: tuple[Authority, Path], issued: Path
) -> None:
    before, key = describe(issued)[0], key_beside(issued).read_bytes()
    authority[0].renew(issued, key_beside(issued), 300)
    after = describe(issued)[0]
    assert (after.subject, after.names, after.issuer) == (before.subject, before.names, before.issuer)
    assert after.fingerprint != before.fingerprint
    assert after.ends > before.ends
    assert key_beside(issued).read_bytes() == key
    assert openssl("verify", "-x509_strict", "-CAfile", authority[1], issued) == f"{issued}: OK\n"
    assert sorted(one.name for one in issued.parent.iterdir()) == ["node.key", "node.pem"]


def test_a_renewal_is_a_rename_so_that_whoever_reads_sees_a_whole_certificate(
    authority: tuple[Authority, Path], issued: Path
) -> None:
    with issued.open("rb") as reader:
        authority[0].renew(issued, key_beside(issued), 300)
        assert x509.load_pem_x509_certificate(reader.read())


def test_a_certificate_of_another_authority_is_not_renewed(authority: tuple[Authority, Path], tmp_path: Path) -> None:
    foreign = Registry(tmp_path, "RADNODE authority").pair("node")
    before = foreign.certificate.read_bytes()
    with pytest.raises(ConfigError, match="comes from another authority"):
        authority[0].renew(foreign.certificate, foreign.key, 300)
    assert foreign.certificate.read_bytes() == before


def test_a_folder_that_cannot_be_written_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"cannot be written: (Not a directory|File exists)"):
        create(tmp_path / "file" / "ca.pem", "x")
