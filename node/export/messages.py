"""One analysis as a message, made when it is reported, or when it is taken back: no ledger is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pydicom.dataset import Dataset

from node.account import Account
from node.export import collect, header
from node.export.exported import ExportedAnalysis, ExportedInstance, ExportedSeries, ExportedStudy, Standing
from node.export.hl7 import Parties, message
from node.export.record import record_text
from node.export.unidentified import unidentified
from node.kinds import EVENT, IDENTIFIED_EVENT, ORU
from node.ledger import AnalysisRow
from node.states import AnalysisState
from node.study import ResultObject, Series

#: Kind of message -> its text. A study is given with its identity; the text leaves it out where it must not leave.
_TEXTS: Mapping[str, Callable[[ExportedStudy, Parties], str]] = {
    ORU: message,
    EVENT: lambda study, _: record_text(unidentified(study)),
    IDENTIFIED_EVENT: lambda study, _: record_text(study),
}

#: Kind of message -> how the name of its file ends.
SUFFIX: Mapping[str, str] = {ORU: ".hl7", EVENT: ".json", IDENTIFIED_EVENT: ".json"}

Made = tuple[ResultObject, Dataset]


@dataclass(frozen=True)
class Told:
    """One analysis with what it answered.

    Attributes:
        row: of the ledger.
        account: what it answered.
        report: header of its report, from which patient and order are taken.
        received: every series of the study; those that were analysed are told.
        made: its result objects, each with its header.
    """

    row: AnalysisRow
    account: Account
    report: Dataset
    received: Sequence[Series] = ()
    made: Sequence[Made] = ()


def reported(told: Told) -> ExportedStudy:
    """The study with this one analysis, which has been reported just now; with its identity."""
    study = _study(told, Standing.GIVEN, AnalysisState.REPORTED)
    made = _series(told.made, told.account.plugin)
    return replace(study, series=tuple(sorted((*study.series, *made), key=lambda one: one.series_instance_uid)))


def withdrawn(told: Told, reason: str) -> ExportedStudy:
    """The same, taken back: nothing is said of the objects, which are rejected as well. Args: reason: a sentence."""
    study = _study(told, Standing.WITHDRAWN, AnalysisState.WITHDRAWN)
    return replace(study, analyses=tuple(replace(one, reason=reason) for one in study.analyses))


def written(kind: str, study: ExportedStudy, sending_application: str) -> bytes:
    """The message. Args: kind: one of :data:`node.kinds.MESSAGES`; sending_application: MSH-3."""
    return _TEXTS[kind](study, Parties(sending_application)).encode()


def _study(told: Told, standing: Standing, state: AnalysisState) -> ExportedStudy:
    row = told.row
    analysed = [collect.received(one) for one in told.received if one.series_instance_uid in row.series]
    analysis = ExportedAnalysis(
        algorithm=header.algorithm(told.account, told.report),
        revision=row.revision,
        state=str(state),
        standing=standing,
        started=row.created_at,
        complete=header.text(told.report, "CompletionFlag") != "PARTIAL",
        report_sop_instance_uid=header.text(told.report, "SOPInstanceUID"),
        account=told.account,
    )
    return ExportedStudy(
        study_instance_uid=row.study_instance_uid,
        pseudonym=collect.pseudonym(row.study_instance_uid, told.received),
        revision=row.revision,
        series=tuple(sorted(analysed, key=lambda one: one.series_instance_uid)),
        analyses=(analysis,),
        identity=header.identity(told.report),
    )


def _series(made: Sequence[Made], plugin: str) -> Iterator[ExportedSeries]:
    members: dict[str, list[Made]] = {}
    for result, ds in made:
        members.setdefault(result.series_instance_uid, []).append((result, ds))
    for uid, inside in members.items():
        instances = tuple(
            ExportedInstance(one.sop_instance_uid, one.sop_class_uid, header.number(ds)) for one, ds in inside
        )
        yield ExportedSeries(uid, header.text(inside[0][1], "Modality"), instances, plugin)
