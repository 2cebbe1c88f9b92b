"""A folder: `<study>/<SOP Instance UID>.dcm`, whole or not there. Who may read it is the umask's to say."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydicom.uid import RE_VALID_UID

from node.config import Destination
from node.deliver.outcome import Outcome, Outgoing, Sender, Verdict
from node.errors import DeliveryError, DeliveryRefused, SpoolError
from node.spool import sync, write_once


class FolderSender(Sender):
    """Writes files. Args: destination: of kind `folder`."""

    def __init__(self, destination: Destination) -> None:
        if destination.path is None:
            raise DeliveryRefused("a folder needs a path", about=destination.name)
        self._root = destination.path

    def echo(self) -> None:
        """Create the folder when it is missing; raises DeliveryError."""
        self._create(self._root)

    def send(self, objects: Sequence[Outgoing]) -> Iterator[Outcome]:
        """As :meth:`node.deliver.outcome.Sender.send`: a folder that cannot be written fails as a whole."""
        for outgoing in objects:
            if not is_uid(outgoing.sop_instance_uid):
                yield Outcome(outgoing, Verdict.UNSENDABLE, "its SOP Instance UID is none (PS3.5 9.1)")
                continue
            try:
                data = outgoing.path.read_bytes()
            except OSError as error:
                yield Outcome(outgoing, Verdict.UNSENDABLE, f"the file cannot be read: {error.strerror}")
                continue
            self._write(outgoing, data)
            yield Outcome(outgoing, Verdict.DELIVERED)

    def _write(self, outgoing: Outgoing, data: bytes) -> None:
        folder = self._root / folder_name(outgoing.study_instance_uid)
        self._create(folder)
        try:
            write_once(folder / f"{outgoing.sop_instance_uid}.dcm", data, mode=0o666)
        except SpoolError as error:
            raise self._unwritable(error.what) from error

    def _create(self, folder: Path) -> None:
        """Its name, too, is on the disk before anything in it counts as delivered."""
        try:
            missing = [one for one in (folder, *folder.parents) if not one.is_dir()]
            folder.mkdir(parents=True, exist_ok=True)
            for one in missing:
                sync(one.parent)
        except OSError as error:
            raise self._unwritable(error.strerror or "") from error

    def _unwritable(self, why: str) -> DeliveryError:
        hint = "free space there, or make it writable for the node"
        return DeliveryError(f"the folder cannot be written: {why}", about=str(self._root), hint=hint)


def is_uid(text: str) -> bool:
    """Whether it is a UID (PS3.5 9.1), and so harmless as part of a path."""
    return len(text) <= 64 and re.fullmatch(RE_VALID_UID, text) is not None and "\n" not in text


def folder_name(study_instance_uid: str) -> str:
    """The UID, or, where a sender gave something else, a name made of its digest: tags are no paths."""
    if is_uid(study_instance_uid):
        return study_instance_uid
    return f"study-{hashlib.sha256(study_instance_uid.encode('utf-8', 'backslashreplace')).hexdigest()[:32]}"
