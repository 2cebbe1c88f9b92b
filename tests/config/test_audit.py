"""Where audit messages go: what the settings allow, and where their files lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.config import load
from node.errors import ConfigError


def written(folder: Path, text: str) -> Path:
    path = folder / "radnode.toml"
    path.write_text(f"[audit]\n{text}")
    return path


def test_files_are_relative_to_the_configuration(tmp_path: Path) -> None:
    text = 'enabled = true\nca_file = "ca.pem"\ncertificate_file = "a.pem"\nkey_file = "/etc/a.key"\n'
    audit = load(written(tmp_path, text)).audit
    assert (audit.ca_file, audit.certificate_file) == (tmp_path / "ca.pem", tmp_path / "a.pem")
    assert (audit.key_file, audit.name) == (Path("/etc/a.key"), "127.0.0.1:6514")


def test_nothing_is_sent_and_nobody_named_unless_asked_for(tmp_path: Path) -> None:
    audit = load(written(tmp_path, "")).audit
    assert (audit.enabled, audit.phi, audit.transport) == (False, False, "tls")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('transport = "udp"\nca_file = "ca.pem"\n', "are for transport 'tls'"),
        ('certificate_file = "a.pem"\n', "'certificate_file' and 'key_file' go together"),
        ('transport = "pigeon"\n', "'tls', 'tcp' or 'udp'"),
    ],
)
def test_what_does_not_fit_together_is_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        load(written(tmp_path, text))
