"""The node's own certificate: read again when, and only when, its files change."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pytest

from node.config import TlsSettings
from node.errors import ConfigError
from node.receive.identity import Identity
from tests.peers import Pki
from tests.peers.certificates import Registry


@pytest.fixture
def settings(pki: Pki, tmp_path: Path) -> TlsSettings:
    """Of files that a test may change."""
    copies = {
        name: Path(shutil.copy(path, tmp_path / name))
        for name, path in (("certificate", pki.node.certificate), ("key", pki.node.key), ("ca", pki.ca))
    }
    return TlsSettings(enabled=True, **copies, crl=Registry(tmp_path / "authority").revoked())


def test_files_that_stay_are_read_once(settings: TlsSettings) -> None:
    identity = Identity(settings)
    assert identity.context() is identity.context()


@pytest.mark.parametrize("name", ["certificate", "key", "ca", "crl"])
def test_a_file_that_is_replaced_by_rename_is_read_anew(settings: TlsSettings, name: str) -> None:
    """As `radnode certs renew` does: the time of the file need not differ."""
    identity, path = Identity(settings), getattr(settings, name)
    before, times = identity.context(), path.stat()
    part = path.with_suffix(".part")
    shutil.copy(path, part)
    os.utime(part, ns=(times.st_atime_ns, times.st_mtime_ns))
    part.rename(path)
    assert identity.context() is not before
    assert identity.context() is identity.context()


def test_a_broken_file_leaves_the_context_of_before_until_it_is_whole_again(settings: TlsSettings) -> None:
    identity, whole = Identity(settings), settings.certificate.read_bytes()
    before = identity.context()
    settings.certificate.write_bytes(whole[:100])
    assert identity.context() is before
    settings.certificate.write_bytes(whole)
    assert identity.context() is not before


def test_a_broken_file_is_complained_of_once(settings: TlsSettings, logs: list[dict[str, object]]) -> None:
    identity = Identity(settings)
    settings.key.unlink()
    for _ in range(5):
        identity.context()
    (line,) = logs
    assert line["log_level"] == "error"
    assert "cannot be read" in str(line["error"])


def test_many_connections_at_once_read_a_renewal_once(settings: TlsSettings, logs: list[dict[str, object]]) -> None:
    identity = Identity(settings)
    os.utime(settings.certificate)
    threads = [threading.Thread(target=identity.context) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [line["event"] for line in logs] == ["certificate renewed"]


@pytest.mark.parametrize("name", ["certificate", "key", "ca"])
def test_to_begin_with_every_file_must_be_right(settings: TlsSettings, name: str) -> None:
    path: Path = getattr(settings, name)
    path.unlink()
    with pytest.raises(ConfigError, match=r"a file for TLS cannot be read: No such file.*radnode certs init"):
        Identity(settings)
    path.write_text("nonsense")
    with pytest.raises(ConfigError, match="TLS cannot use"):
        Identity(settings)


def test_a_key_of_another_certificate_is_said_to_be_one(settings: TlsSettings, pki: Pki) -> None:
    shutil.copy(pki.modality.key, settings.key)
    with pytest.raises(ConfigError, match="the key is not that of the certificate"):
        Identity(settings)
