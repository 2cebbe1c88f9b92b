"""What is exported: the newest results of a study with what they were made of, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from node.account import Account


class Standing(StrEnum):
    """What an export may say of an analysis."""

    GIVEN = "given"  # it has a result
    WITHDRAWN = "withdrawn"  # it had one, which is wrong: exported so that receivers take it back
    AWAITED = "awaited"  # none yet
    MISSING = "missing"  # none, and none will come by itself


@dataclass(frozen=True)
class Identity:
    """Who and what the study is about, as the DICOM elements so named have it; each may be empty."""

    patient_name: str = ""
    patient_id: str = ""
    issuer_of_patient_id: str = ""
    patient_birth_date: str = ""
    patient_sex: str = ""
    accession_number: str = ""
    study_id: str = ""
    study_date: str = ""
    study_time: str = ""
    timezone_offset_from_utc: str = ""
    study_description: str = ""
    referring_physician_name: str = ""


@dataclass(frozen=True)
class ExportedInstance:
    """One instance of the study; `instance_number` is 0 when it has none."""

    sop_instance_uid: str
    sop_class_uid: str
    instance_number: int = 0


@dataclass(frozen=True)
class ExportedSeries:
    """A series that was analysed, or that a result lies in; then `plugin` names who made it."""

    series_instance_uid: str
    modality: str
    instances: tuple[ExportedInstance, ...]
    plugin: str = ""


@dataclass(frozen=True)
class Algorithm:
    """The algorithm as a device, as its results name it.

    Attributes:
        name: of the plugin.
        version: of the plugin.
        title: words for a person; empty when nothing was reported.
        manufacturer: who answers for it.
        serial_number: digest of its weights, hex.
        device_uid: derived from the weights; empty when nothing was reported.
        research_only: its results carry ContentQualification RESEARCH.
    """

    name: str
    version: str
    title: str = ""
    manufacturer: str = ""
    serial_number: str = ""
    device_uid: str = ""
    research_only: bool = True


@dataclass(frozen=True)
class ExportedAnalysis:
    """What one plugin said of the study.

    Attributes:
        algorithm: who said it.
        revision: of the study that was looked at.
        state: of the analysis in the ledger.
        standing: what may be said of it.
        reason: why there is no result, or what else is to be known of it; empty when nothing is.
        started: seconds since the epoch, UTC.
        complete: all images of the study were assessed.
        report_sop_instance_uid: of the Structured Report that says the same; empty when there is none.
        account: what was answered; None when there is no result.
    """

    algorithm: Algorithm
    revision: int
    state: str
    standing: Standing
    started: float
    reason: str = ""
    complete: bool = True
    report_sop_instance_uid: str = ""
    account: Account | None = None


@dataclass(frozen=True)
class ExportedStudy:
    """A study with its newest results.

    Attributes:
        study_instance_uid: of the study.
        pseudonym: hex digest; equal for equal patients, of the study where the patient has no id.
        revision: newest one of the study.
        series: analysed ones and those of the results, in the order of their UIDs.
        analyses: the newest of each plugin, in the order of their names; one at least.
        identity: None when it shall not leave.
    """

    study_instance_uid: str
    pseudonym: str
    revision: int
    series: tuple[ExportedSeries, ...]
    analyses: tuple[ExportedAnalysis, ...]
    identity: Identity | None = None

    @property
    def made(self) -> float:
        """When the newest of its analyses began: seconds since the epoch, UTC."""
        return max(analysis.started for analysis in self.analyses)
