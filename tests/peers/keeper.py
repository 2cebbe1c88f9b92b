"""An archive with Storage Commitment, made with pynetdicom: it keeps what it is told to, and reports as it is told."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Any, Self

from pydicom.dataset import Dataset
from pynetdicom import AE, AllStoragePresentationContexts, build_role, evt

from node.commitment import PUSH_MODEL, PUSH_MODEL_INSTANCE, Answer, Reference, report, request_of
from tests.peers.ports import free_port

NO_SUCH_OBJECT = 0x0112


class Keeper:
    """Args: way: `same`: reports over the association that asked; `back`: calls back; `never`: does not report;
    back: port of who asks; role: proposes its role when it calls back, as the standard wants.
    """

    def __init__(self, way: str = "same", *, back: int = 0, role: bool = True) -> None:
        self.port, self.way, self.back, self.role = free_port(), way, back, role
        self.loses: set[str] = set()
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self.answers: list[int] = []
        self.stored: list[str] = []
        self._server: Any = None

    def __enter__(self) -> Self:
        ae = AE(ae_title="KEEPER")
        ae.supported_contexts = AllStoragePresentationContexts
        ae.add_supported_context("1.2.840.10008.1.1")
        ae.add_supported_context(PUSH_MODEL)
        handlers = [(evt.EVT_C_STORE, self._store), (evt.EVT_N_ACTION, self._ask)]
        self._server = ae.start_server(("127.0.0.1", self.port), block=False, evt_handlers=handlers)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._server.shutdown()

    def destination(self, **changes: object) -> dict[str, object]:
        """As it stands in the node's configuration."""
        found = {"name": "keeper", "kind": "dicom", "ae_title": "KEEPER", "port": self.port, "timeout_seconds": 10}
        return found | {"storage_commitment": True} | changes

    def _store(self, event: evt.Event) -> int:
        self.stored.append(str(event.request.AffectedSOPInstanceUID))
        return 0x0000

    def _ask(self, event: evt.Event) -> tuple[int, None]:
        transaction, asked = request_of(event.action_information)
        self.asked.append((transaction, tuple(one.sop_instance_uid for one in asked)))
        event_type, ds = report(transaction, [self._answer(one) for one in asked])
        if self.way != "never":
            tell = self._tell_over if self.way == "same" else self._tell_back
            threading.Thread(target=tell, args=(event.assoc, event_type, ds), daemon=True).start()
        return 0x0000, None

    def _answer(self, one: Reference) -> Answer:
        return Answer(one, NO_SUCH_OBJECT if one.sop_instance_uid in self.loses else 0)

    def _tell_over(self, assoc: Any, event_type: int, ds: Dataset) -> None:
        time.sleep(0.1)  # its answer to the request goes first
        self._tell(assoc, event_type, ds)

    def _tell_back(self, _: Any, event_type: int, ds: Dataset) -> None:
        self.call_back(event_type, ds)

    def call_back(self, event_type: int, ds: Dataset) -> None:
        """Report over an association of its own."""
        ae = AE(ae_title="KEEPER")
        ae.add_requested_context(PUSH_MODEL)
        roles = [build_role(PUSH_MODEL, scu_role=False, scp_role=True)] if self.role else []
        assoc = ae.associate("127.0.0.1", self.back, ae_title="RADNODE", ext_neg=roles)
        assert assoc.is_established
        self._tell(assoc, event_type, ds)
        assoc.release()

    def _tell(self, assoc: Any, event_type: int, ds: Dataset) -> None:
        status, _ = assoc.send_n_event_report(ds, event_type, PUSH_MODEL, PUSH_MODEL_INSTANCE)
        self.answers.append(int(status.Status) if "Status" in status else -1)
