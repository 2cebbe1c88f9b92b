"""What is played again: an analysis that was answered, its images, and its answer as it was made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pydicom

from node.account import Account, read_account
from node.errors import PermanentError
from node.ledger import AnalysisRow, Ledger
from node.spool import Spool

#: Name of the file of predictions in the folder of an analysis.
PREDICTION = "prediction.npz"


@dataclass(frozen=True)
class Original:
    """An answered analysis.

    Attributes:
        row: of the ledger.
        paths: of the images that it was given.
        account: what it answered.
        prediction: its file, as it was made.
        model: digest of the model that answered, as its report says; empty where none is there any more.
    """

    row: AnalysisRow
    paths: tuple[Path, ...]
    account: Account
    prediction: bytes
    model: str


def original_of(ledger: Ledger, spool: Spool, row: AnalysisRow) -> Original:
    """The analysis with its files; raises :class:`~node.errors.PermanentError` for what cannot be played again."""
    uid, about = row.study_instance_uid, f"analysis {row.id}"
    if ledger.inquiries.files_gone(uid):
        hint = "storage.keep_days keeps them longer; send the study again"
        raise PermanentError("the files of its study are purged", about=about, hint=hint)
    if row.revision != ledger.studies.get(uid).revision:
        hint = f"`radnode replay {uid}` takes the newest"
        raise PermanentError("a later revision of the study has other images", about=about, hint=hint)
    account = read_account(spool.path(f"work/{row.id}"), row.sealed)
    if account is None:
        raise PermanentError(f"there is no answer of it to compare with: it is {row.state}", about=about)
    series = [one for one in ledger.studies.series(uid) if one.series_instance_uid in row.series]
    paths = tuple(spool.path(instance.path) for one in series for instance in one.instances)
    if missing := sum(not path.is_file() for path in paths):
        hint = "`radnode db check` names them"
        raise PermanentError(f"{missing} of its {len(paths)} files are not in the spool", about=about, hint=hint)
    made = [spool.path(one.path) for one in ledger.analyses.results(row.id)]
    return Original(row, paths, account, _prediction(spool, row), model_of(made))


def model_of(results: Sequence[Path]) -> str:
    """Digest of the model, as Device Serial Number (0018,1000) of the first of these that is DICOM; empty: none is."""
    for path in results:
        if path.suffix == ".dcm" and path.is_file():
            header = pydicom.dcmread(path, specific_tags=["DeviceSerialNumber"], stop_before_pixels=True)
            return str(header.get("DeviceSerialNumber", ""))
    return ""


def _prediction(spool: Spool, row: AnalysisRow) -> bytes:
    try:
        data = spool.path(f"work/{row.id}/{PREDICTION}").read_bytes()
    except OSError as error:
        raise PermanentError(f"its prediction cannot be read: {error.strerror}", about=f"analysis {row.id}") from error
    if row.sealed.get(PREDICTION) not in (None, sha256(data).hexdigest()):
        raise PermanentError("its prediction was changed after it was made", about=f"analysis {row.id}")
    return data
