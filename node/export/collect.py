"""The newest results of a study, from the ledger and the spool: the one file of this room that reads anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

from pydicom.dataset import Dataset

from node.account import Account, read_account
from node.errors import PermanentError
from node.export import header
from node.export.exported import (
    Algorithm,
    ExportedAnalysis,
    ExportedInstance,
    ExportedSeries,
    ExportedStudy,
    Identity,
    Standing,
)
from node.export.unidentified import unidentified
from node.kinds import MESSAGES
from node.ledger import AnalysisRow, Ledger, StudyRow
from node.spool import Spool
from node.states import AnalysisState
from node.study import ResultObject, Series

#: State of an analysis -> what may be said of it, if a result is there. A refused delivery makes no result wrong.
STANDING: Mapping[AnalysisState, Standing] = {
    AnalysisState.QUEUED: Standing.AWAITED,
    AnalysisState.CLASSIFIED: Standing.AWAITED,
    AnalysisState.REPORTED: Standing.GIVEN,
    AnalysisState.DELIVERED: Standing.GIVEN,
    AnalysisState.SILENT: Standing.MISSING,
    AnalysisState.FAILED: Standing.GIVEN,
    AnalysisState.HELD: Standing.MISSING,
    AnalysisState.DROPPED: Standing.MISSING,
    AnalysisState.WITHDRAWN: Standing.WITHDRAWN,
}
_HAVE_RESULT = (Standing.GIVEN, Standing.WITHDRAWN)
_REPORT = "sr"


@dataclass(frozen=True)
class _Found:
    """One analysis: what is exported of it, the series it looked at, its result objects, and its report's header."""

    analysis: ExportedAnalysis
    looked_at: tuple[str, ...]
    results: tuple[ResultObject, ...] = ()
    report: Dataset = field(default_factory=Dataset)


def exported_study(ledger: Ledger, spool: Spool, uid: str, *, identified: bool) -> ExportedStudy:
    """The newest analysis of each plugin, with what it said; those that are silent are left out.

    Args:
        ledger: of the node.
        spool: of the same node.
        uid: Study Instance UID, or the beginning or end of one.
        identified: with who it is about; else under a pseudonym.

    Raises:
        PermanentError: there is no such study, or not one result of it (and why); or the report cannot be read that
            names the patient.
    """
    study = ledger.studies.find(uid)
    rows = _newest(ledger.analyses.of_study(study.study_instance_uid))
    all_found = [_found(ledger, spool, row) for row in rows]
    found = [one for one in all_found if one.analysis.state != AnalysisState.SILENT]  # who reads an export is a reader
    if not any(one.analysis.standing in _HAVE_RESULT for one in found):
        raise PermanentError(_why_none(study, all_found), about=study.study_instance_uid, hint="see `radnode trail`")
    series = ledger.studies.series(study.study_instance_uid)
    exported = ExportedStudy(
        study_instance_uid=study.study_instance_uid,
        pseudonym=pseudonym(study.study_instance_uid, series),
        revision=study.revision,
        series=tuple(sorted(_series(series, found, spool), key=lambda one: one.series_instance_uid)),
        analyses=tuple(one.analysis for one in found),
        identity=_identity(study, found) if identified else None,
    )
    return exported if identified else unidentified(exported)


def _newest(rows: Sequence[AnalysisRow]) -> list[AnalysisRow]:
    """Of each plugin the analysis of the newest revision, in the order of the plugins' names."""
    newest = {row.plugin: row for row in sorted(rows, key=lambda row: row.revision)}
    return [newest[plugin] for plugin in sorted(newest)]


def _why_none(study: StudyRow, found: Sequence[_Found]) -> str:
    reasons = [f"{one.analysis.algorithm.name}: {one.analysis.reason}" for one in found]
    return "there is no result to export: " + (
        "; ".join(reasons) or f"nothing analysed the study, it is {study.state} {study.reason}".rstrip()
    )


def _found(ledger: Ledger, spool: Spool, row: AnalysisRow) -> _Found:
    bare = ExportedAnalysis(
        algorithm=Algorithm(row.plugin, row.plugin_version),
        revision=row.revision,
        state=str(row.state),
        standing=STANDING[row.state],
        started=row.created_at,
        reason=row.error,
    )
    results = tuple(ledger.analyses.results(row.id)) if bare.standing in _HAVE_RESULT else ()
    if account := read_account(spool.path(f"work/{row.id}"), row.sealed) if results else None:
        return _with_result(bare, row, account, results, spool)
    reason = _why_gone(ledger, row) if results else f"the analysis is {row.state}. {row.error}".strip()
    standing = Standing.AWAITED if bare.standing is Standing.AWAITED else Standing.MISSING
    return _Found(replace(bare, standing=standing, reason=reason), row.series)


def _with_result(
    bare: ExportedAnalysis, row: AnalysisRow, account: Account, results: tuple[ResultObject, ...], spool: Spool
) -> _Found:
    path = next((result.path for result in results if result.kind == _REPORT), "")
    report = header.read_header(spool.path(path)) if path else Dataset()
    analysis = replace(
        bare,
        account=account,
        algorithm=header.algorithm(account, report),
        complete=header.text(report, "CompletionFlag") != "PARTIAL",
        report_sop_instance_uid=header.text(report, "SOPInstanceUID"),
    )
    return _Found(analysis, row.series, results, report)


def _why_gone(ledger: Ledger, row: AnalysisRow) -> str:
    if any(event.action == "files purged" for event in ledger.events.of_study(row.study_instance_uid)):
        return "its files were purged (storage.keep_days)"
    return "what it answered is not in the spool"


def pseudonym(study_instance_uid: str, series: Sequence[Series]) -> str:
    """Of the patient of a study, hex; of the study itself, where the patient has no id."""
    keys = (instance.patient_key for one in series for instance in one.instances)
    return next(filter(None, keys), "") or sha256(f"study {study_instance_uid}".encode()).hexdigest()


def _identity(study: StudyRow, found: Sequence[_Found]) -> Identity:
    for one in found:
        if "PatientID" in one.report:
            return header.identity(one.report)
    what = "the report that names the patient cannot be read"
    raise PermanentError(what, about=study.study_instance_uid, hint="export without --phi")


def _series(all_series: Sequence[Series], found: Sequence[_Found], spool: Spool) -> Iterator[ExportedSeries]:
    looked_at = {uid for one in found for uid in one.looked_at}
    for series in all_series:
        if series.series_instance_uid in looked_at:
            yield received(series)
    for one in found:
        if one.analysis.standing is Standing.GIVEN:
            yield from _made(one, spool)


def received(series: Series) -> ExportedSeries:
    """A series as it came."""
    instances = tuple(
        ExportedInstance(one.sop_instance_uid, one.sop_class_uid, one.instance_number) for one in series.instances
    )
    return ExportedSeries(series.series_instance_uid, series.attributes.modality, instances)


def _made(found: _Found, spool: Spool) -> Iterator[ExportedSeries]:
    """The series of the result objects; those whose file cannot be read are called other (OT)."""
    by_series: dict[str, list[tuple[ResultObject, Dataset]]] = {}
    for result in (one for one in found.results if one.kind not in MESSAGES):
        ds = header.read_header(spool.path(result.path))
        by_series.setdefault(result.series_instance_uid, []).append((result, ds))
    for uid, members in by_series.items():
        modality = next(filter(None, (header.text(ds, "Modality") for _, ds in members)), "OT")
        instances = tuple(
            ExportedInstance(result.sop_instance_uid, result.sop_class_uid, header.number(ds)) for result, ds in members
        )
        yield ExportedSeries(uid, modality, instances, found.analysis.algorithm.name)
