"""A real nginx with the configuration that comes with the node brings TLS before it."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from node.ledger import Ledger
from node.web import tokens
from node.web.tokens import Role
from tests.peers import Pki, processes, system_program, until
from tests.peers.ports import free_port

pytestmark = pytest.mark.integration

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "nginx" / "radnode.conf"
NAME = "radnode.hospital.example"
_AROUND = """daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  include {folder}/radnode.conf;
}}
"""


@pytest.fixture
def address(tmp_path: Path, pki: Pki) -> Iterator[str]:
    """HOST:PORT of nginx, with a node behind it."""
    web_port, port = free_port(), free_port()
    node = f"[node]\ndata_dir = '.'\n[web]\nenabled = true\nport = {web_port}\nbehind_proxy = true\n"
    (tmp_path / "radnode.toml").write_text(f"{node}allowed_hosts = ['{NAME}']\nrequests_per_minute = 5\n")
    Ledger(tmp_path / "ledger.db").close()
    text = CONFIGURATION.read_text()
    for pattern, here in (
        (r"127\.0\.0\.1:8114", f"127.0.0.1:{web_port}"),
        (r"listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        (r"/etc/radnode/certs/web\.pem", str(pki.node.certificate)),
        (r"/etc/radnode/certs/web\.key", str(pki.node.key)),
    ):
        text, times = re.subn(pattern, here, text)
        assert times == 1, pattern
    (tmp_path / "radnode.conf").write_text(text)
    (tmp_path / "nginx.conf").write_text(_AROUND.format(folder=tmp_path))
    web = processes.start([sys.executable, "-m", "node.web", str(tmp_path / "radnode.toml")])
    nginx = processes.start(
        [system_program("nginx"), "-e", str(tmp_path / "error.log"), "-c", str(tmp_path / "nginx.conf")]
    )
    until(lambda: answers(f"127.0.0.1:{port}", pki), f"it answers, see {tmp_path}/error.log")
    yield f"127.0.0.1:{port}"
    for process in (nginx, web):
        process.terminate()
        process.wait(15)


def ask(address: str, pki: Pki, path: str, **headers: str) -> requests.Response:
    found = {"Host": NAME, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return requests.get(f"https://{address}{path}", headers=found, verify=str(pki.ca), timeout=10)


def answers(address: str, pki: Pki) -> bool:
    with contextlib.suppress(requests.ConnectionError):
        return ask(address, pki, "/healthz", Host="127.0.0.1").status_code != 502
    return False


def test_tls_ends_at_nginx_and_the_caller_is_counted_by_its_own_address(address: str, pki: Pki, tmp_path: Path) -> None:
    token = tokens.add(tmp_path / "tokens", "reader", Role.READ)
    done = ask(address, pki, "/metrics", Authorization=f"Bearer {token}")
    assert done.status_code == 200, done.text
    assert "radnode_up" in done.text
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"https://{address}/healthz", timeout=10)
    codes = [ask(address, pki, "/metrics", X_Forwarded_For=f"10.0.0.{n}").status_code for n in range(8)]
    assert 429 in codes  # who claims to be somebody else each time is still one address


def test_a_name_that_is_not_the_nodes_is_refused(address: str, pki: Pki) -> None:
    assert ask(address, pki, "/healthz").status_code == 200
    assert ask(address, pki, "/healthz", Host="evil.example").status_code == 400


def test_a_browser_signs_in_and_its_cookie_goes_over_tls_alone(address: str, pki: Pki, tmp_path: Path) -> None:
    token = tokens.add(tmp_path / "tokens", "reader", Role.READ)
    done = requests.post(
        f"https://{address}/login",
        {"token": token},
        headers={"Host": NAME},
        verify=str(pki.ca),
        timeout=10,
        allow_redirects=False,
    )
    assert (done.status_code, done.headers["Location"]) == (303, "/")
    name, _, rest = done.headers["Set-Cookie"].partition("=")
    assert (name[:15], "; Secure" in rest) == ("__Host-radnode-", True)
    assert "default-src 'none'; script-src 'self'" in done.headers["Content-Security-Policy"]
