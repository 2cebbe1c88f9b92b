"""Notices of results that are withdrawn: written into the spool, then recorded in the ledger.

Who has objects gets a rejection note, who has messages a message that says the same again, and that it is wrong.

It lies in the spool before the ledger knows of it, and the ledger takes all notices of a study in one transaction:
cut off on any line, the command has changed nothing that is ever sent, and can be given again.
"""

from __future__ import annotations

import io
import time
from hashlib import sha256
from typing import TYPE_CHECKING

from node.errors import PermanentError
from node.study import ResultObject

if TYPE_CHECKING:
    from pydicom import Dataset

    from node.export.messages import Told
    from node.ledger import Ledger, Notice, Withdrawal
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
    data = stream.getbuffer()
    spool.write(path, data)
    uids = note.SOPInstanceUID, note.SOPClassUID, note.SeriesInstanceUID
    return ResultObject(*uids, KIND, path, sha256(data).hexdigest())


def notices(
    ledger: Ledger, spool: Spool, sending_application: str, withdrawal: Withdrawal, reason: Reason, comment: str
) -> list[Notice]:
    """The notices of a withdrawal, in the spool.

    Args:
        ledger, spool: of the node.
        sending_application: MSH-3 of messages.
        withdrawal: as planned.
        reason: why.
        comment: words for the rejection note.

    Raises :class:`PermanentError` when what they are made of is not in the spool.
    """
    from node.ledger import Notice

    made = []
    if withdrawal.listed:
        made.append(Notice(write_note(spool, withdrawal, reason, comment), withdrawal.destinations))
    for kind in dict.fromkeys(kind for _, kind in withdrawal.messages):
        result = _write_message(spool, _told(ledger, spool, withdrawal), kind, sending_application, reason)
        made.append(Notice(result, tuple(name for name, its in withdrawal.messages if its == kind)))
    return made


def _write_message(spool: Spool, told: Told, kind: str, sending_application: str, reason: Reason) -> ResultObject:
    from node.export import messages
    from node.report.identity import derived_uid
    from node.report.rejection import KIND

    study = messages.withdrawn(told, f"withdrawn by the operator: {reason}")
    path = f"work/{told.row.id}/{KIND}-{kind}{messages.SUFFIX[kind]}"
    data = messages.written(kind, study, sending_application)
    spool.write(path, data)
    uid = derived_uid("withdrawal", told.report.SOPInstanceUID, kind)
    return ResultObject(uid, "", "", KIND, path, sha256(data).hexdigest())


def _told(ledger: Ledger, spool: Spool, withdrawal: Withdrawal) -> Told:
    """The newest of its analyses that has a report, with what it answered."""
    from node.account import FILE, account_from
    from node.export.messages import Told

    analyses = [ledger.analyses.get(analysis_id) for analysis_id in reversed(withdrawal.analyses)]
    row = next(one for one in analyses if withdrawal.report in ledger.analyses.results(one.id))
    report = _read(spool, withdrawal.report.path)
    try:
        account = account_from(spool.path(f"work/{row.id}/{FILE}").read_bytes())
    except (OSError, ValueError, KeyError, TypeError):
        account = None
    if report is None or account is None:
        hint = "its files were purged (storage.keep_days): tell those who got its messages yourself"
        raise PermanentError("what it answered is not in the spool", about=withdrawal.study_instance_uid, hint=hint)
    return Told(row, account, report, ledger.studies.series(row.study_instance_uid))


def _read(spool: Spool, path: str) -> Dataset | None:
    from pydicom import dcmread

    try:
        return dcmread(spool.path(path))
    except FileNotFoundError:
        return None
