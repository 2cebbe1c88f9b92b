"""HTTP as a process of its own."""

from __future__ import annotations

import hashlib
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from node.ledger import Ledger
from tests.peers import Pki
from tests.peers.ports import free_port


@pytest.fixture
def config(tmp_path: Path) -> tuple[Path, int]:
    port = free_port()
    path = tmp_path / "radnode.toml"
    path.write_text(f"[node]\ndata_dir = '.'\n[web]\nenabled = true\nport = {port}\n")
    Ledger(tmp_path / "ledger.db").close()
    return path, port


@pytest.fixture
def process(config: tuple[Path, int]) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "node.web", str(config[0]), "--lifeline"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as started:
        yield started
        started.kill()


def test_it_says_where_it_listens_answers_and_ends_with_its_lifeline(
    process: subprocess.Popen[str], config: tuple[Path, int]
) -> None:
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == f"listening 127.0.0.1 {config[1]}\n"
    assert requests.get(f"http://127.0.0.1:{config[1]}/healthz", timeout=10).status_code == 200
    process.stdin.close()
    assert process.wait(15) == 0


def test_sigterm_ends_it(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) in (0, -signal.SIGTERM)


def test_a_port_in_use_is_said_in_plain_words(process: subprocess.Popen[str], config: tuple[Path, int]) -> None:
    assert process.stdout is not None
    process.stdout.readline()
    second = subprocess.run(
        [sys.executable, "-m", "node.web", str(config[0])], capture_output=True, text=True, timeout=30, check=False
    )
    assert second.returncode == 1
    assert f"the port cannot be used: Address already in use [127.0.0.1:{config[1]}]" in second.stderr


def test_https_by_the_certificate_as_it_is_now(tmp_path: Path, pki: Pki) -> None:
    port, folder = free_port(), tmp_path / "certs"
    folder.mkdir()
    for name, path in (("node.pem", pki.node.certificate), ("node.key", pki.node.key)):
        shutil.copy(path, folder / name)
    config = tmp_path / "radnode.toml"
    config.write_text(f"[node]\ndata_dir = '.'\n[web]\nenabled = true\ntls = true\nport = {port}\n")
    Ledger(tmp_path / "ledger.db").close()
    command = [sys.executable, "-m", "node.web", str(config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        started.stdout.readline()
        url = f"https://127.0.0.1:{port}/healthz"
        answer = requests.get(url, timeout=10, verify=str(pki.ca))
        assert (answer.status_code, "Strict-Transport-Security" in answer.headers) == (200, True)
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(url, timeout=10)
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.get(f"http://127.0.0.1:{port}/healthz", timeout=10)
        renewed = pki.authority.pair("renewed", "127.0.0.1", file="renewed")
        shutil.copy(renewed.key, folder / "node.key")
        shutil.copy(renewed.certificate, folder / "node.pem")
        assert certificate_of(port, pki) == renewed.fingerprint, "a renewal needs no restart"
        started.kill()


def certificate_of(port: int, pki: Pki) -> str:
    plain = socket.create_connection(("127.0.0.1", port), 10)
    with pki.client().wrap_socket(plain, server_hostname="127.0.0.1") as connection:
        return hashlib.sha256(connection.getpeercert(binary_form=True) or b"").hexdigest()


def test_tokens_do_not_go_over_a_network_in_the_clear(tmp_path: Path) -> None:
    config = tmp_path / "radnode.toml"
    config.write_text("[node]\ndata_dir = '.'\n[web]\nenabled = true\nhost = '0.0.0.0'\n")
    done = subprocess.run([sys.executable, "-m", "node.web", str(config)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "tokens would go over the network for all to read: set web.tls" in done.stderr
