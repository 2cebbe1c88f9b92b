"""Asks the archives that routes name for priors that are not here, one after the other.

Which study is fetched stands in the ledger, as a prior, before the archive is asked to send it: after kill -9 the same
study is asked for again, and however it comes, nothing of it is delivered.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from node.config import Destination, Settings
from node.errors import LedgerBusy, RadnodeError, where
from node.fetch import Fetcher, Found, Match, Wanted, enquire, is_code
from node.ledger import Ledger, OpenComparison
from node.priors.choosing import DAYS_OF_A_MONTH, choose
from node.priors.settling import lacks, prior_of, wants_archive
from node.spool import Spool

log = structlog.get_logger()

_TAGS = ("SpecificCharacterSet", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex")
_MOST = 200
#: Most studies that are fetched for one comparison beyond those that are wanted.
_MOST_UNFIT = 4
_GLANCE_SECONDS = 0.5


@dataclass(frozen=True)
class _Patient:
    """As a file of the study names them."""

    patient_id: str
    issuer: str
    born: str
    sex: str


class Archives:
    """Args: settings: those in force; ledger, spool: of the node; is_stopping: whether it ends."""

    def __init__(
        self, settings: Callable[[], Settings], ledger: Ledger, spool: Spool, is_stopping: Callable[[], bool]
    ) -> None:
        self._settings, self._ledger, self._spool, self._is_stopping = settings, ledger, spool, is_stopping

    def step(self) -> None:
        """Ask for what is due. An archive that is sending does not keep a node that ends."""
        for one in self._ledger.comparisons.unsettled():
            if not wants_archive(one) or not (count := self._count(one)):
                continue
            thread = threading.Thread(target=self._ask, args=(one, count), name="prior", daemon=True)
            thread.start()
            while thread.is_alive() and not self._is_stopping():
                thread.join(_GLANCE_SECONDS)
            if self._is_stopping():
                return

    def _count(self, wanted: OpenComparison) -> int:
        """How many studies it is to send now; none while what it sent may still become a prior."""
        if wanted.now is None:
            return 0
        candidates = self._ledger.comparisons.candidates(wanted.study_instance_uid, wanted.plugin)
        choice = choose(wanted.now, candidates, wanted.rule)
        if wanted.tried and choice.is_coming and not wanted.fetching:
            return 0
        return max(lacks(wanted, choice), int(bool(wanted.fetching)))

    def _ask(self, wanted: OpenComparison, count: int) -> None:
        """The edge of the thread: whatever an archive does, the report is made without it."""
        try:
            if ended := self._fetched(wanted, count):
                self._ledger.comparisons.spend(wanted.analysis_id, ended)
        except LedgerBusy as error:  # of ours: the archive has not been asked in vain, and the next look asks it again
            log.error("prior not fetched", archive=wanted.rule.archive, error=str(error))
        except RadnodeError as error:
            self._failed(wanted, error.what, str(error))
        except Exception as error:
            self._failed(wanted, "an error of the node, see its log", where(error))
        finally:
            self._ledger.close()

    def _failed(self, wanted: OpenComparison, what: str, error: str) -> None:
        """Args: what: for the report, whose readers no address and no hint to an operator help; error: for the log."""
        log.warning("prior not fetched", archive=wanted.rule.archive, error=error)
        try:
            said = f"the archive '{wanted.rule.archive}' did not give a prior: {what}"
            self._ledger.comparisons.spend(wanted.analysis_id, said)
        except RadnodeError as error:
            log.error("prior not fetched", archive=wanted.rule.archive, error=str(error))

    def _fetched(self, wanted: OpenComparison, count: int) -> str:
        """Fetch the newest ones that were not tried, so many of them; why it is not to be asked again, if so."""
        archive = self._settings().destination(wanted.rule.archive)
        if archive is None:
            return f"there is no destination '{wanted.rule.archive}' any more"
        matches, why = self._matches(wanted, archive)
        most = wanted.rule.most + _MOST_UNFIT
        for match in matches[: max(0, min(count, most - len(wanted.tried)))]:
            if self._is_stopping():
                return ""
            told = self._told(wanted, archive, match)
            self._ledger.comparisons.tried(wanted.analysis_id, match.study_instance_uid, told)
        if not matches:
            return why
        return f"no more than {most} studies are fetched for one comparison" if len(wanted.tried) >= most else ""

    def _told(self, wanted: OpenComparison, archive: Destination, match: Match) -> str:
        """Fetch it; which prior it is, or why it is not all here."""
        name, uid = prior_of(match.date), match.study_instance_uid
        if not self._ledger.priors.mark(uid, archive.ae_title or ""):
            return f"{name} is here, and was not assessed"
        self._ledger.comparisons.ask(wanted.analysis_id, name, uid)
        fetcher = Fetcher(archive, self._settings(), self._ledger, _for(wanted), as_prior=True)
        (done,) = fetcher.fetch([match])
        if not done.came:
            self._ledger.priors.forget(uid)
        return f"{name} did not come whole: {done.what or done.reason}" if done.reason else name

    def _matches(self, wanted: OpenComparison, archive: Destination) -> tuple[list[Match], str]:
        """The studies that the archive has from before, the newest first; why there is none, or no more."""
        patient, calling = self._patient(wanted.study_instance_uid), self._settings().node.ae_title
        if patient is None or not patient.patient_id:
            return [], "the patient has no id that an archive could be asked for"
        unfit = 0
        for asked in self._questions(wanted, patient):
            found = enquire(archive, calling, self._ledger, _for(wanted), asked, _MOST)
            unfit = max(unfit, found.unfit)
            if matches := self._newest(wanted, found):
                return matches, ""
            if any(one.study_instance_uid in wanted.tried for one in found.matches):
                break  # it knows the body part: what is left shows another one
        others = (
            f"; {unfit} studies there are of somebody else with this patient id, or cannot be read" if unfit else ""
        )
        no = "no further one" if wanted.tried else "no earlier study"
        return [], f"the archive '{archive.name}' has {no} of this patient{others}"

    def _questions(self, wanted: OpenComparison, patient: _Patient) -> list[Wanted]:
        """With the body part, then without: few archives know it, and what came is looked at anyway."""
        series = self._ledger.studies.series(wanted.study_instance_uid)
        assessed = {one.series_instance_uid for one in (wanted.now.series if wanted.now else ())}
        shown = next((one.attributes for one in series if one.series_instance_uid in assessed), None)
        codes = (shown.modality, shown.body_part) if shown else ("", "")
        modality, part = (text if is_code(text) else "" for text in codes)  # headers hold anything
        who = {"patient": patient.patient_id, "issuer": patient.issuer, "born": patient.born, "sex": patient.sex}
        plain = Wanted(**who, modality=modality, date=_dates(wanted))
        return [Wanted(**who, modality=modality, date=_dates(wanted), body_part=part), plain] if part else [plain]

    def _newest(self, wanted: OpenComparison, found: Found) -> list[Match]:
        """The newest first; nothing that is here or was tried, but what was about to be sent, before all others."""
        uid = wanted.study_instance_uid
        known = {one.study_instance_uid for one in self._ledger.comparisons.candidates(uid, wanted.plugin)}
        left = [
            one
            for one in found.matches
            if one.date and one.study_instance_uid != uid
            if one.study_instance_uid not in {*known, *wanted.tried} or one.study_instance_uid == wanted.fetching
        ]
        return sorted(left, key=lambda one: (one.study_instance_uid == wanted.fetching, one.date), reverse=True)

    def _patient(self, study_instance_uid: str) -> _Patient | None:
        for path in self._ledger.audited.files(study_instance_uid):
            if (found := _read(self._spool.path(path))) is not None:
                return found
        return None


def _for(wanted: OpenComparison) -> str:
    """Who asks, for the trail."""
    return f"prior of {wanted.study_instance_uid}"


def _dates(wanted: OpenComparison) -> str:
    """Range of Study Dates of a prior."""
    day = wanted.now.study_date if wanted.now else ""
    if not wanted.rule.months:
        return f"-{day}"
    first = datetime.strptime(day, "%Y%m%d") - timedelta(days=wanted.rule.months * DAYS_OF_A_MONTH)
    return f"{first:%Y%m%d}-{day}"


def _read(path: Path) -> _Patient | None:
    """Of a DICOM file; None when it cannot be read: it came from strangers."""
    import pydicom

    try:
        ds = pydicom.dcmread(path, stop_before_pixels=True, force=True, specific_tags=list(_TAGS))
        told = [str(ds.get(tag) or "").strip() for tag in _TAGS[1:]]
    except Exception as error:  # an edge: whatever a broken header makes pydicom raise
        log.warning("patient of a study not read", file=path.name, error=where(error))
        return None
    return _Patient(told[0], told[1], re.sub(r"\D", "", told[2]), told[3].upper())
