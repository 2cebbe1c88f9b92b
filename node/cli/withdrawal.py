"""Rejection notes for results that are withdrawn: written into the spool, then recorded in the ledger.

A note lies in the spool before the ledger knows of it, and the ledger takes all notes of a study in one transaction:
cut off on any line, the command has changed nothing that is ever sent, and can be given again.
"""

from __future__ import annotations

import io
import os
import pwd
import time
from typing import TYPE_CHECKING

from node.errors import PermanentError
from node.study import ResultObject

if TYPE_CHECKING:
    from pydicom import Dataset

    from node.ledger import Withdrawal
    from node.spool import Spool
    from node.states import Reason


def write_note(spool: Spool, withdrawal: Withdrawal, reason: Reason, comment: str) -> ResultObject:
    """The rejection note of a withdrawal, in the spool; raises :class:`PermanentError` when its report is not there."""
    from pydicom import dcmwrite

    from node.report.evidence import Reference
    from node.report.rejection import KIND, moment_of, rejection

    path = f"work/{withdrawal.analyses[-1]}/{KIND}.dcm"
    begun = _read(spool, path)
    moment = time.time() if begun is None else moment_of(begun)  # of an attempt that was cut off: the same note again
    report = _read(spool, withdrawal.report.path)
    if report is None:
        hint = "its files were purged (storage.keep_days); reject its results in the archive itself"
        raise PermanentError("its report is not in the spool", about=withdrawal.study_instance_uid, hint=hint)
    listed = [Reference(one.sop_class_uid, one.sop_instance_uid, one.series_instance_uid) for one in withdrawal.listed]
    note = rejection(report, listed, reason, comment, moment)
    stream = io.BytesIO()
    dcmwrite(stream, note, enforce_file_format=True)
    spool.write(path, stream.getbuffer())
    return ResultObject(note.SOPInstanceUID, note.SOPClassUID, note.SeriesInstanceUID, KIND, path)


def operator() -> str:
    """The account that gave the command."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # as in a container that runs under any number
        return f"uid {os.getuid()}"


def _read(spool: Spool, path: str) -> Dataset | None:
    from pydicom import dcmread

    try:
        return dcmread(spool.path(path))
    except FileNotFoundError:
        return None
