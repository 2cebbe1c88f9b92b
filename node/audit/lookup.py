"""What an audit message says beyond its event: addresses, SOP classes, and the patient as far as settings allow."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from urllib.parse import urlsplit

from node.audit.codes import Code
from node.audit.message import Access, Described, Participant, Thing, patient, study
from node.audit.patient import NOBODY, Patient, read_patient
from node.config import Destination, Settings
from node.ledger import Ledger
from node.spool import Spool

_WITHHELD = "withheld"


class Lookup:
    """Args: settings, ledger, spool: of the node. Raises :class:`~node.errors.LedgerBusy`."""

    def __init__(self, settings: Settings, ledger: Ledger, spool: Spool) -> None:
        self._settings, self._ledger, self._spool = settings, ledger, spool
        self._patient = lru_cache(maxsize=64)(self._read_patient)

    def use(self, settings: Settings) -> None:
        """Destinations are where these say from now on."""
        self._settings = settings

    def node(self, role: Code | None, *, is_requestor: bool = False) -> Participant:
        """This node as a participant."""
        ae_title = self._settings.node.ae_title
        return Participant(ae_title, role, ae_title, is_requestor, socket.gethostname(), Access.NAME)

    def destination(self, name: str, role: Code) -> Participant:
        """A destination; by its name alone when it is in the settings no more."""
        found = self._settings.destination(name)
        if found is None:
            return Participant(name, role)
        address, access = _address(found)
        return Participant(found.ae_title or name, role, found.ae_title or "", address=address, access=access)

    def worklist(self, name: str, *, is_requestor: bool = False) -> Participant:
        """A worklist server; by its name alone when it is in the settings no more."""
        found = next((one for one in self._settings.worklists if one.name == name), None)
        if found is None:
            return Participant(name, is_requestor=is_requestor)
        address, access = _address(found.server)
        return Participant(name, is_requestor=is_requestor, address=address, access=access)

    def peer(self, sop_instance_uid: str) -> str:
        """Address of the machine that sent an object."""
        return self._ledger.audited.peer(sop_instance_uid)

    def sop_class(self, sop_instance_uid: str) -> str:
        """Of an object; empty when it is not known."""
        return self._ledger.audited.sop_class(sop_instance_uid)

    def things(
        self,
        study_instance_uid: str,
        classes: Mapping[str, tuple[str, ...]],
        *,
        anonymized: bool | None = None,
        step: str = "",
    ) -> tuple[Thing, ...]:
        """The study and its patient: who it is with `audit.phi` alone, else a pseudonym, equal for equal patients."""
        if not study_instance_uid:
            return ()
        who = self._patient(study_instance_uid) if self._settings.audit.phi else NOBODY
        described = Described(classes, who.accession_number, anonymized, step)
        told = study(study_instance_uid, described if classes or step or anonymized is not None else None)
        return told, patient(who.patient_id or self._pseudonym(study_instance_uid), who.name or _WITHHELD)

    def _pseudonym(self, study_instance_uid: str) -> str:
        """As `radnode export-result` has it."""
        known = self._ledger.audited.patient_key(study_instance_uid)
        return known or sha256(f"study {study_instance_uid}".encode()).hexdigest()

    def _read_patient(self, study_instance_uid: str) -> Patient:
        for path in self._ledger.audited.files(study_instance_uid):
            if (found := read_patient(self._spool.path(path))) is not None:
                return found
        return NOBODY


def _address(destination: Destination) -> tuple[str, Access]:
    if destination.path is not None:
        return str(destination.path), Access.URI
    if destination.url:
        parts = urlsplit(destination.url)  # without a user's name, or what else a url may hold
        return f"{parts.scheme}://{parts.hostname or ''}{parts.path}", Access.URI
    is_ip = destination.host.replace(".", "").isdigit() or ":" in destination.host
    return destination.host, Access.IP if is_ip else Access.NAME
