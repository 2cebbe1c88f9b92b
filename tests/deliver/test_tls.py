"""Over TLS: DCMTK's archive and HTTPS servers, trusted and not, and what is said when there is no TLS."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from node.config import Destination
from node.deliver import Verdict, sender_for
from node.errors import DeliveryError, RadnodeError
from tests.deliver.material import dicom_file, results
from tests.deliver.peers import dicom, storescp
from tests.peers import Pki, until
from tests.peers.certificates import Pair

pytestmark = [
    # pynetdicom drops the socket of a connection that was refused without closing it.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]


def over_tls(destination: Destination, pki: Pki, pair: Pair | None, **changes: Any) -> Destination:
    """The same, called over TLS with the node's certificate, or with none."""
    own = {"certificate_file": pair.certificate, "key_file": pair.key} if pair else {}
    values = destination.model_dump(exclude_unset=True)
    return Destination(**{**values, "tls": True, "ca_file": pki.ca, **own, **changes})


@pytest.fixture
def pacs(pki: Pki) -> Pair:
    """The certificate of an archive."""
    return pki.authority.pair("pacs")


def trouble(destination: Destination) -> str:
    """What an echo says, which must not take long."""
    began = time.monotonic()
    with pytest.raises(DeliveryError) as caught:
        sender_for(destination, "NODE").echo()
    assert time.monotonic() - began < 10
    return str(caught.value)


# DCMTK


@pytest.mark.integration
@pytest.mark.parametrize("profile", ["--profile-bcp195-nd", "--profile-bcp195-ex"])
def test_storescp_takes_heatmaps_and_reports_over_mutual_tls(
    pki: Pki, pacs: Pair, tmp_path: Path, profile: str
) -> None:
    with storescp(tmp_path / "in", *pki.dcmtk(pacs), profile) as plain:
        sender, objects = sender_for(over_tls(plain, pki, pki.node), "NODE"), results(tmp_path, 6)
        sender.echo()
        assert [one.verdict for one in sender.send(objects)] == [Verdict.DELIVERED] * 6
    assert len(list((tmp_path / "in").iterdir())) == 6


@pytest.mark.integration
def test_large_objects_go_over_tls(pki: Pki, pacs: Pair, tmp_path: Path) -> None:
    objects = [dicom_file(tmp_path, size=8 << 20) for _ in range(3)]
    with storescp(tmp_path / "in", *pki.dcmtk(pacs)) as plain:
        found = list(sender_for(over_tls(plain, pki, pki.node), "NODE").send(objects))
    assert [one.verdict for one in found] == [Verdict.DELIVERED] * 3
    assert all(path.stat().st_size > 8 << 20 for path in (tmp_path / "in").iterdir())


@pytest.mark.integration
def test_an_archive_that_asks_for_no_certificate_gets_none(pki: Pki, pacs: Pair, tmp_path: Path) -> None:
    with storescp(tmp_path / "in", *pki.dcmtk(pacs), "-ic") as plain:
        sender_for(over_tls(plain, pki, None), "NODE").echo()


@pytest.mark.integration
def test_without_a_certificate_for_one_that_asks_the_archives_refusal_is_told(
    pki: Pki, pacs: Pair, tmp_path: Path
) -> None:
    with storescp(tmp_path / "in", *pki.dcmtk(pacs)) as plain:
        destination = over_tls(plain, pki, None)
        # It closes at once, which at times takes its alert away from us: then the next call tells.
        until(lambda: "no TLS: tlsv13 alert certificate required" in trouble(destination), "its refusal is told")


@pytest.mark.integration
def test_a_certificate_of_ours_that_does_not_count_there_is_told(pki: Pki, pacs: Pair, tmp_path: Path) -> None:
    with storescp(tmp_path / "in", *pki.dcmtk(pacs)) as plain:
        destination = over_tls(plain, pki, pki.stranger)
        until(lambda: "no TLS: tlsv1 alert unknown ca" in trouble(destination), "its refusal is told")


@pytest.mark.integration
def test_nothing_is_sent_to_an_archive_that_nobody_vouches_for(pki: Pki, tmp_path: Path) -> None:
    theirs = pki.other.pair("pacs")
    with storescp(tmp_path / "in", *pki.dcmtk(theirs, pki.other.ca), "-ic") as plain:
        destination = over_tls(plain, pki, pki.node)
        assert "no TLS: " in trouble(destination)
        with pytest.raises(DeliveryError, match="compare ca_file"):
            list(sender_for(destination, "NODE").send(results(tmp_path)))
    assert list((tmp_path / "in").iterdir()) == []


@pytest.mark.integration
def test_an_archive_whose_certificate_has_ended_waits_until_it_is_renewed(pki: Pki, tmp_path: Path) -> None:
    ended = pki.authority.pair("pacs", days=-1, file="pacs-ended")
    with storescp(tmp_path / "in", *pki.dcmtk(ended), "-ic") as plain:
        said = trouble(over_tls(plain, pki, pki.node))
    assert "certificate has expired" in said


@pytest.mark.integration
def test_an_archive_must_have_the_name_that_it_is_called_by_unless_another_one_is_allowed(
    pki: Pki, tmp_path: Path
) -> None:
    elsewhere = pki.authority.pair("pacs", "pacs.example", file="pacs-elsewhere")
    with storescp(tmp_path / "in", *pki.dcmtk(elsewhere)) as plain:
        assert "IP address mismatch" in trouble(over_tls(plain, pki, pki.node))
        sender_for(over_tls(plain, pki, pki.node, allow_other_hostname=True), "NODE").echo()
        assert "IP address mismatch" not in trouble(
            over_tls(plain, pki, pki.node, allow_other_hostname=True, ca_file=pki.other.ca)
        )


@pytest.mark.integration
def test_a_port_without_tls_comes_to_nothing_in_time(pki: Pki, tmp_path: Path) -> None:
    with storescp(tmp_path / "plain") as plain:
        assert "no TLS" in trouble(over_tls(plain, pki, pki.node))


# Peers that never answer


@contextmanager
def silent_peer(context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Accepts, shakes hands if it has a context, and says nothing."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                if context:
                    connection = context.wrap_socket(connection, server_side=True)
                over.wait(30)
                connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        over.set()
        thread.join()


@pytest.mark.parametrize("secured", [False, True], ids=["before the handshake", "after the handshake"])
def test_a_peer_that_falls_silent_is_given_up_in_time(pki: Pki, pacs: Pair, secured: bool) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pacs.certificate, pacs.key)
    with silent_peer(context if secured else None) as port:
        said = trouble(over_tls(dicom(port, timeout_seconds=1), pki, pki.node))
    assert "cannot be reached, or does not answer" in said


def test_files_of_ours_that_cannot_be_used_are_named_before_anybody_is_called(pki: Pki, tmp_path: Path) -> None:
    destination = over_tls(dicom(1), pki, pki.node, ca_file=tmp_path / "gone.pem")
    assert trouble(destination).startswith("a file for TLS cannot be read: No such file")
    destination = over_tls(dicom(1), pki, pki.node, key_file=pki.modality.key)
    assert "the key is not that of the certificate [pacs: " in trouble(destination)


# HTTPS


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b'{"Status": "Success", "Version": "1"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_OPTIONS = answer  # noqa: N815  the names that http.server looks for

    def log_message(self, *_: Any) -> None: ...


@contextmanager
def https(pair: Pair, client_ca: Path | None = None) -> Iterator[str]:
    """An HTTPS server that answers 200. Args: client_ca: asks for a certificate from there."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=client_ca)
    context.load_cert_chain(pair.certificate, pair.key)
    context.verify_mode = ssl.CERT_REQUIRED if client_ca else ssl.CERT_NONE
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that hang up are meant to
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"https://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def web(kind: Any, url: str, **changes: Any) -> Destination:
    return Destination(name="web", kind=kind, url=url, timeout_seconds=5, **changes)


KINDS = ("orthanc", "stow", "webhook")


@pytest.mark.parametrize("kind", KINDS)
def test_an_https_server_is_trusted_by_its_ca_file(pki: Pki, pacs: Pair, kind: str) -> None:
    with https(pacs) as url:
        sender_for(web(kind, url, ca_file=pki.ca), "NODE").echo()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ca", ["none", "theirs"])
def test_an_https_server_that_nobody_vouches_for_is_told_to_be_one(pki: Pki, pacs: Pair, kind: str, ca: str) -> None:
    with https(pacs) as url:
        said = trouble(web(kind, url, **({"ca_file": pki.other.ca} if ca == "theirs" else {})))
    assert "compare ca_file" in said


@pytest.mark.parametrize("kind", KINDS)
def test_an_https_server_may_ask_for_our_certificate(pki: Pki, pacs: Pair, kind: str) -> None:
    own = {"certificate_file": pki.node.certificate, "key_file": pki.node.key}
    with https(pacs, pki.ca) as url:
        sender_for(web(kind, url, ca_file=pki.ca, **own), "NODE").echo()
        assert "cannot be reached" in trouble(web(kind, url, ca_file=pki.ca))


@pytest.mark.parametrize("kind", KINDS)
def test_a_ca_file_that_is_gone_is_an_error_of_ours(pki: Pki, kind: str, tmp_path: Path) -> None:
    with pytest.raises(RadnodeError, match="a file for TLS cannot be read"):
        sender_for(web(kind, "https://127.0.0.1:1", ca_file=tmp_path / "gone.pem"), "NODE").echo()


def test_orthanc_over_https_takes_objects(pki: Pki, pacs: Pair, tmp_path: Path) -> None:
    with https(pacs) as url:
        found = list(sender_for(web("orthanc", url, ca_file=pki.ca), "NODE").send(results(tmp_path)))
    assert [one.verdict for one in found] == [Verdict.DELIVERED] * 2
