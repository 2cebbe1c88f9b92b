"""Errors say what happened, to which object, and what to do about it; and whether trying again can help."""

from __future__ import annotations

import traceback
from pathlib import PurePath


class RadnodeError(Exception):
    """Base of all errors of the node.

    Args:
        what: what happened, one sentence.
        about: the object it happened to (a UID, a path, an AE title); never a patient's name or id.
        hint: what the operator can do.
    """

    #: True when the same step may succeed later without anybody's help.
    temporary = False

    def __init__(self, what: str, *, about: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.about = about
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.what} [{self.about}]" if self.about else self.what
        return f"{text} - {self.hint}" if self.hint else text


class TemporaryError(RadnodeError):
    """The step failed for a reason that may pass: it is tried again with backoff."""

    temporary = True


class PermanentError(RadnodeError):
    """The step cannot succeed as things are: it ends in the operator's list."""


class ConfigError(PermanentError):
    """The configuration is wrong; `about` holds file, line and key."""


class NeverRun(ConfigError):
    """There is no ledger where the configuration has the data folder; `about` holds its path."""


class SpoolError(TemporaryError):
    """The spool could not take or give bytes (disk full, read-only, I/O error)."""


class LedgerBusy(TemporaryError):
    """The ledger stayed locked for longer than its time-out."""


class DecodeError(PermanentError):
    """An object's pixels cannot be decoded: it is reported as not assessed, with this reason."""


class PluginError(PermanentError):
    """A plugin raised, hung, exited, or answered something that is no prediction."""


class ReportError(PermanentError):
    """A result object could not be built from this source."""


class DeliveryError(TemporaryError):
    """A destination did not take an object now (unreachable, busy, out of resources)."""


class DeliveryRefused(PermanentError):
    """A destination refused an object for good (SOP class, status, or rejected association)."""


def where(error: BaseException) -> str:
    """Type and place of an unexpected error; never its text, which may hold a patient's data."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
