"""Faults 29 and 46: a TLS port that one silent client holds, and callers that nobody knows."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.campaign import Fault, Scene, Seen
from tests.faults.rawpeer import ECHO_ONLY, PROMPT, echo_seconds, told_seconds
from tests.peers import Pki, RealOrthanc, RealStorescp, RunningNode, processes, until
from tests.peers.ports import free_port
from tests.receive.peer import Peer, associate

_PYNETDICOM = """
import ssl, sys
from pynetdicom import AE, AllStoragePresentationContexts
port, certificate, key, ca = sys.argv[1:]
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=ca)
context.verify_mode = ssl.CERT_REQUIRED
context.load_cert_chain(certificate, key)
ae = AE()
ae.supported_contexts = AllStoragePresentationContexts
ae.add_supported_context("1.2.840.10008.1.1")
ae.start_server(("127.0.0.1", int(port)), ssl_context=context)
"""


def one_silent(scene: Scene) -> Seen:
    """29: a client that connects to the TLS port and never begins the handshake."""
    pki = Pki(scene.folder / "pki")
    port = free_port()
    scene.node(tls=pki.tls(port=port))
    took = {count: _beside_silent(port, pki, count) for count in (1, 50)}
    figure = ", ".join(f"C-ECHO beside {count} silent {told_seconds(seconds)}" for count, seconds in took.items())
    passed = all(seconds is not None and seconds < PROMPT for seconds in took.values())
    peers = _asked(scene, pki, lambda other: f"beside 1 silent {told_seconds(_beside_silent(other, pki, 1))}")
    return Seen(passed, figure, peers)


def _beside_silent(port: int, pki: Pki, count: int) -> float | None:
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
        return echo_seconds(port, 5, pki.client(pki.modality))


Caller = Callable[[int, str], bool]


def strangers(scene: Scene) -> Seen:
    """46: each kind from an address of its own, since the trail has one line for each address and reason a minute."""
    pki = Pki(scene.folder / "pki")
    port = free_port()
    known = {"name": "ct", "ae_title": "CT1", "certificate_fingerprints": [pki.modality.fingerprint]}
    itself = {"name": "itself", "ae_title": "TEST", "addresses": ["127.0.0.1"], "may": ["echo"]}
    node = scene.node(tls=pki.tls(port=port), peers=[known, itself])
    plain = {"unknown AE title": _caller(calling="NOBODY"), "unknown address": _caller(calling="TEST")}
    kinds = [(name, caller, node.port) for name, caller in plain.items()]
    kinds += [(name, caller, port) for name, caller in _kinds(pki, "CT1").items()]
    kinds += [("other certificate", _caller(pki.client(pki.authority.pair("ct-2")), "CT1"), port)]
    addresses = {f"127.0.0.{number}": kind for number, kind in enumerate(kinds, 10)}
    served = [name for address, (name, caller, to) in addresses.items() if caller(to, address)]
    silent = [name for address, (name, *_) in addresses.items() if not _is_in_trail(node, address)]
    admitted = _caller(pki.client(pki.modality), "CT1")(port, "127.0.0.9")
    figure = f"{len(kinds) - len(served)} of {len(kinds)} kinds refused, {len(kinds) - len(silent)} in the trail"
    figure += "".join(f"; {word}: {', '.join(names)}" for word, names in _told(served, silent, admitted))
    return Seen(not served and not silent and admitted, figure, _asked(scene, pki, lambda to: _served(to, pki)))


def _told(served: list[str], silent: list[str], admitted: bool) -> list[tuple[str, list[str]]]:
    found = [("served", served), ("not in the trail", silent), ("refused", [] if admitted else ["who is known"])]
    return [(word, names) for word, names in found if names]


def _served(port: int, pki: Pki) -> str:
    """What a peer made of the same callers over TLS."""
    kinds = _kinds(pki, "CT1")
    served = [name for name, caller in kinds.items() if caller(port, "127.0.0.1")]
    return f"{len(kinds) - len(served)} of {len(kinds)} kinds over TLS refused" + (
        f"; served: {', '.join(served)}" if served else ""
    )


def _kinds(pki: Pki, calling: str) -> Mapping[str, Caller]:
    """Who must not be served over TLS, whoever else is."""
    return {
        "no TLS": _caller(calling=calling),
        "no certificate": _caller(pki.client(), calling),
        "certificate of another authority": _caller(pki.client(pki.stranger), calling),
        "certificate that has ended": _caller(pki.client(pki.expired), calling),
        "TLS 1.0": _caller(_old(pki, ssl.TLSVersion.TLSv1), calling),
        "TLS 1.1": _caller(_old(pki, ssl.TLSVersion.TLSv1_1), calling),
        "no encryption": _caller(_weak(pki, "eNULL"), calling),
        "anonymous key exchange": _caller(_weak(pki, "aNULL"), calling),
    }


def _caller(tls: ssl.SSLContext | None = None, calling: str = "CT1") -> Caller:
    """Whether a peer that comes like that, from that address, is answered a C-ECHO."""

    def call(port: int, address: str) -> bool:
        try:
            with Peer(port, timeout=5, tls=tls, source=address) as peer:
                peer.send(associate(ECHO_ONLY, calling=calling.encode()))
                return peer.read()[0] == 2 and peer.echo() == 0
        except (OSError, AssertionError):
            return False

    return call


def _old(pki: Pki, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = _weak(pki, "ALL")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, version
    return context


def _weak(pki: Pki, ciphers: str) -> ssl.SSLContext:
    """TLS 1.2 at most, since the suites of 1.3 are all good."""
    context = pki.client(pki.modality)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    return context


def _is_in_trail(node: RunningNode, address: str) -> bool:
    def written() -> bool:
        found = (event for event in node.ledger.events.latest(1000) if event.action == "association refused")
        return any(event.detail["peer"] == address for event in found)

    with contextlib.suppress(AssertionError):
        until(written, "it is in the trail", 5)
    return written()


def _asked(scene: Scene, pki: Pki, attack: Callable[[int], str]) -> dict[str, str]:
    if scene.short:
        return {}
    told = {}
    for name, start in {"Orthanc": _orthanc, "storescp": _storescp, "pynetdicom": _pynetdicom}.items():
        try:
            with start(scene.folder / f"peer-{name}", pki) as port:
                until(lambda port=port: echo_seconds(port, 5, pki.client(pki.modality)), f"{name} answers over TLS", 20)
                told[name] = attack(port)
        except pytest.skip.Exception:  # it is not installed
            continue
        except Exception as error:  # it is the peer's, and may be anything
            told[name] = f"could not be asked ({type(error).__name__})"
    return told


class _TlsOrthanc(RealOrthanc):
    def __init__(self, folder: Path, pki: Pki) -> None:
        super().__init__(folder)
        self._pki = pki

    def _settings(self) -> dict[str, object]:
        pair = self._pki.node
        tls = {
            "DicomTlsEnabled": True,
            "DicomTlsCertificate": str(pair.certificate),
            "DicomTlsPrivateKey": str(pair.key),
        }
        return super()._settings() | tls | {"DicomTlsTrustedCertificates": str(self._pki.ca)}


@contextmanager
def _orthanc(folder: Path, pki: Pki) -> Iterator[int]:
    with _TlsOrthanc(folder, pki) as running:
        yield running.port


@contextmanager
def _storescp(folder: Path, pki: Pki) -> Iterator[int]:
    own = RealStorescp(folder, tls=pki.dcmtk(pki.node))
    with own:
        yield own.port


@contextmanager
def _pynetdicom(_: Path, pki: Pki) -> Iterator[int]:
    port = free_port()
    files = (str(pki.node.certificate), str(pki.node.key), str(pki.ca))
    command = [sys.executable, "-W", "ignore", "-c", _PYNETDICOM, str(port), *files]
    process = processes.start(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield port
    finally:
        processes.end(process, 2)


TRUST = (
    Fault(
        29,
        "silent clients on the TLS port",
        "1 and 50 connections that never begin the handshake, a C-ECHO beside them",
        "others served < 1 s",
        one_silent,
    ),
    Fault(
        46,
        "callers that nobody knows",
        "AE title, address, certificate; TLS 1.0 and 1.1, no encryption, no TLS on the TLS port",
        "100 % refused, each in the trail; who is known is served",
        strangers,
        quick=True,
    ),
)
