"""Pseudonyms: what stands for a UID or a patient, the same in every export, and of no use to who lacks the key."""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
from hashlib import sha256
from pathlib import Path

from node.errors import PermanentError
from node.spool import write_once

#: Name of the file in the data folder; who has it can tell whether a pseudonym is that of a known patient.
FILE = "deidentification.key"
_BYTES = 32
#: A shift of dates: 1 to 10 years back, in whole weeks, so that days of the week stay.
_FEWEST_WEEKS, _MOST_WEEKS = 52, 520


class Pseudonyms:
    """Args: key: 32 secret bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def of(cls, data_dir: Path) -> Pseudonyms:
        """Those of a node; its key is made when it has none, and readable by its account alone."""
        path = data_dir / FILE
        if not path.exists():
            _make(path)
        try:
            key = path.read_bytes()
        except OSError as error:
            raise PermanentError(
                f"the key of the pseudonyms cannot be read: {error.strerror}", about=str(path)
            ) from error
        if len(key) != _BYTES:
            hint = "put it back from a backup: with another key the same patients get other pseudonyms"
            raise PermanentError("the key of the pseudonyms is damaged", about=str(path), hint=hint)
        return cls(key)

    def uid(self, uid: str) -> str:
        """What stands for a UID: a UUID-derived one (PS3.5 B.2), 44 characters at most."""
        return f"2.25.{int.from_bytes(self._digest('uid', uid)[:16], 'big')}"

    def patient(self, issuer: str, patient_id: str) -> str:
        """What stands for a patient: 15 characters."""
        return "ANON-" + self._digest("patient", f"{issuer}\0{patient_id}").hex()[:10].upper()

    def days(self, issuer: str, patient_id: str) -> int:
        """How far the dates of a patient are shifted: negative, whole weeks."""
        number = int.from_bytes(self._digest("days", f"{issuer}\0{patient_id}")[:8], "big")
        return -7 * (_FEWEST_WEEKS + number % (_MOST_WEEKS - _FEWEST_WEEKS))

    def _digest(self, kind: str, text: str) -> bytes:
        return hmac.new(self._key, f"{kind}\0{text}".encode(), sha256).digest()


def _make(path: Path) -> None:
    """A new key, whole or not there; of two that are made at one time the first stays."""
    own = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    write_once(own, secrets.token_bytes(_BYTES))
    try:
        with contextlib.suppress(FileExistsError):
            os.link(own, path)
    except OSError as error:
        raise PermanentError(f"the key of the pseudonyms cannot be made: {error.strerror}", about=str(path)) from error
    finally:
        own.unlink(missing_ok=True)
