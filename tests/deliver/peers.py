"""Peers to deliver to: real ones, and one that misbehaves on purpose."""

from __future__ import annotations

import json
import socket
import socketserver
import struct
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, evt

from node.config import Destination
from node.deliver.messages import C_ECHO, NO_DATASET, as_pdus, command_set
from tests.deliver.material import DX, SC, SR, SR_3D
from tests.peers.dcmtk import takes_only
from tests.peers.programs import system_program as program

DICOMWEB_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[bytes], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert process.poll() is None, f"the peer ended with {process.returncode}"
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"nobody listens on port {port}")


@contextmanager
def running(command: Sequence[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_port(port, process)
        yield
    finally:
        process.kill()
        process.wait()


def dicom(port: int, **changes: Any) -> Destination:
    values: dict[str, Any] = {"ae_title": "PEER", "port": port, "timeout_seconds": 5, **changes}
    return Destination(name="pacs", kind="dicom", **values)


@contextmanager
def storescp(folder: Path, *options: str, takes: Sequence[str] = ()) -> Iterator[Destination]:
    """DCMTK's archive; what it gets lies in `folder`. Args: takes: SOP classes; empty: all it knows."""
    folder.mkdir()
    port = free_port()
    negotiation = takes_only(folder.with_suffix(".cfg"), takes) if takes else []
    with running([program("storescp"), "-od", str(folder), *options, *negotiation, str(port)], port):
        yield dicom(port)


@contextmanager
def orthanc(folder: Path, **configuration: Any) -> Iterator[dict[str, Destination]]:
    """Orthanc with a user and a password; destinations by kind."""
    http_port, dicom_port = free_port(), free_port()
    password = folder / "password"
    password.write_text("secret\n", encoding="utf-8")
    settings = {
        "Name": "test",
        "HttpPort": http_port,
        "DicomPort": dicom_port,
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "AuthenticationEnabled": True,
        "RegisteredUsers": {"user": "secret"},
        "DicomCheckCalledAet": False,
        "DicomAlwaysAllowStore": True,
        "DicomAlwaysAllowEcho": True,
        "Plugins": [str(DICOMWEB_PLUGIN)] if DICOMWEB_PLUGIN.exists() else [],
        **configuration,
    }
    (folder / "orthanc.json").write_text(json.dumps(settings), encoding="utf-8")
    root = f"http://127.0.0.1:{http_port}"
    login: dict[str, Any] = {"user": "user", "password_file": password, "timeout_seconds": 10}
    with running([program("Orthanc"), str(folder / "orthanc.json")], http_port):
        yield {
            "orthanc": Destination(name="orthanc", kind="orthanc", url=root, **login),
            "stow": Destination(name="stow", kind="stow", url=f"{root}/dicom-web/", **login),
            "dicom": dicom(dicom_port, ae_title="ORTHANC", timeout_seconds=10),
        }


class EvilPacs:
    """A PACS that does what it is told, one answer after the other, then answers Success.

    Args:
        answers: a status, `abort`, `store-then-abort`, `hang`; `drip` and `ask`: empty fragments, and requests of its
            own, again and again.
        always: SOP class -> its answer to every object of that class.
        reject: how it rejects associations, as (result, source, reason); so many times.
        takes: SOP classes; transfer_syntaxes: all by default.
    """

    def __init__(
        self,
        *answers: int | str,
        always: Mapping[str, int | str] | None = None,
        reject: Sequence[tuple[int, int, int]] = (),
        takes: Sequence[str] = (SC, SR, SR_3D, DX),
        transfer_syntaxes: Sequence[str] = ALL_TRANSFER_SYNTAXES,
    ) -> None:
        self.stored: list[str] = []
        self.asked: list[str] = []
        self.calling: list[str] = []
        self.proposed: list[list[tuple[str, list[str]]]] = []
        self.ended: list[str] = []
        self._answers, self._always = list(answers), always or {}
        self._reject = list(reject)
        self._over = threading.Event()
        ae = AE(ae_title="EVIL")
        ae.maximum_associations = 20
        ae.add_supported_context("1.2.840.10008.1.1")
        for sop_class_uid in takes:
            ae.add_supported_context(sop_class_uid, list(transfer_syntaxes))
        handlers = [
            (evt.EVT_C_STORE, self._on_store),
            (evt.EVT_REQUESTED, self._on_requested),
            (evt.EVT_RELEASED, lambda _: self.ended.append("released")),
            (evt.EVT_ABORTED, lambda _: self.ended.append("aborted")),
        ]
        self._server = ae.make_server(("127.0.0.1", 0), contexts=ae.supported_contexts, evt_handlers=handlers)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def __enter__(self) -> EvilPacs:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        socketserver.BaseServer.shutdown(self._server)  # pynetdicom's own also forgets a server that it started itself
        self._server.server_close()
        self._thread.join()

    def _on_requested(self, event: Any) -> None:
        primitive = event.assoc.requestor.primitive
        self.calling.append(primitive.calling_ae_title)
        self.proposed.append(
            [
                (str(cx.abstract_syntax), [str(syntax) for syntax in cx.transfer_syntax])
                for cx in primitive.presentation_context_definition_list
            ]
        )
        if self._reject:
            event.assoc.acse.send_reject(*self._reject.pop(0))
            event.assoc.kill()

    def _on_store(self, event: Any) -> int:
        uid = str(event.request.AffectedSOPInstanceUID)
        self.asked.append(uid)
        answer = self._always.get(str(event.request.AffectedSOPClassUID))
        if answer is None:
            answer = self._answers.pop(0) if self._answers else 0x0000
        if answer == "hang":
            self._over.wait(60)
            return 0xA700
        if answer in ("drip", "ask"):
            return self._talk(event, answer)
        if answer in (0x0000, "store-then-abort") or (isinstance(answer, int) and answer >> 12 == 0xB):
            self.stored.append(uid)
        if isinstance(answer, int):
            return answer
        event.assoc.abort()
        return 0x0110

    def _talk(self, event: Any, what: int | str) -> int:
        request = command_set(CommandField=C_ECHO, MessageID=1, CommandDataSetType=NO_DATASET)
        said = as_pdus(request, event.context.context_id, 0, is_command=True)
        if what == "drip":
            said = struct.pack(">BxLLBB", 4, 6, 2, event.context.context_id, 0)
        with suppress(OSError):
            while not self._over.wait(0.005):
                event.assoc.dul.socket.socket.sendall(said)
        return 0xA700


class DeafProxy:
    """Passes an association on to `port`, and stops reading once it has passed `after` bytes of the requestor."""

    def __init__(self, port: int, after: int) -> None:
        self._target, self._after = port, after
        self._over = threading.Event()
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self._listener.settimeout(0.2)
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def __enter__(self) -> DeafProxy:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while not self._over.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            with client, socket.create_connection(("127.0.0.1", self._target)) as server:
                self._relay(client, server)

    def _relay(self, client: socket.socket, server: socket.socket) -> None:
        passed = 0
        client.settimeout(0.02)
        server.settimeout(0.02)
        while not self._over.is_set():
            for source, sink in ((client, server), (server, client)):
                if source is client and passed >= self._after:
                    continue
                try:
                    data = source.recv(1024)
                except TimeoutError:
                    continue
                except OSError:
                    return
                if not data:
                    return
                passed += len(data) if source is client else 0
                sink.sendall(data)
