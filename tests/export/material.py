"""One builder of exported studies, for all tests of the exports."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from node.account import Account, SeriesAccount
from node.export import ExportedStudy, Identity
from node.export.exported import Algorithm, ExportedAnalysis, ExportedInstance, ExportedSeries, Standing
from node.plugin import Neighbour
from node.report import account_of
from tests.report.material import (
    STARTED,
    STUDY,
    analysis,
    banded,
    comparison,
    contribution,
    header,
    manifest,
    spec,
    unmeasured,
)

KEY = "0123456789abcdef" * 4
CASE = Neighbour("opacity", "cxr_nih/1", 0.93, present=True)
IDENTITY = Identity(
    patient_name="Doe^Jane^Q^Dr^III=土井^ジェーン=どい^じぇーん",
    patient_id="P-1",
    issuer_of_patient_id="HOSPITAL",
    patient_birth_date="19600102",
    patient_sex="F",
    accession_number="A-77",
    study_id="S1",
    study_date="20250614",
    study_time="101112.5",
    timezone_offset_from_utc="+0200",
    study_description="Thorax",
    referring_physician_name="Ref^Erring",
)
#: Every text of it that must stay where it is.
SECRETS = ("Doe", "Jane", "土井", "P-1", "HOSPITAL", "1960", "A-77", "20250614", "2025-06-14", "Thorax", "Erring")
ALGORITHM = Algorithm(
    "chest-radiograph", "1.2.0", "Chest radiograph: opacity", "radnode authors", "ab" * 32, "2.25.123456"
)


def account(**changes: Any) -> Account:
    """As the worker leaves it: an opacity, an effusion, and one finding of which nobody measured anything."""
    told = manifest(findings=(banded(), spec("effusion"), unmeasured("nodule", site=None)))
    made = analysis(header(), probability=0.87, manifest=told)
    (item,) = made.analysed
    item = replace(item, prediction=replace(item.prediction, neighbours=(CASE,), remarks=("It contradicts itself.",)))
    return replace(account_of(replace(made, analysed=(item,)), [contribution(header())]), **changes)


def compared() -> Account:
    """The same plugin with one finding, which is new."""
    return account_of(analysis(header(), comparison=comparison()), [])


def abstained(reason: str = "the image is too dark") -> Account:
    """The same plugin, when the model does not answer."""
    return account(series=(SeriesAccount(f"{STUDY}.1", "DX", 1, abstained=reason),))


def nothing_assessed() -> Account:
    """The same plugin, when no image could be decoded."""
    return account(series=(), not_assessed=((f"{STUDY}.1.1", "the codestream is cut off"),))


def of_an_earlier_version() -> Account:
    """An account without codes, intervals and claims."""
    told = account()
    bare = {"code": None, "site": None, "sensitivity_interval": None, "specificity_interval": None, "source": ""}
    (series,) = told.series
    return replace(
        told, claims=(), series=(replace(series, findings=tuple(replace(one, **bare) for one in series.findings)),)
    )


def exported_analysis(told: Account | None = None, **changes: Any) -> ExportedAnalysis:
    """What a plugin said of the study; with an account unless the standing says that there is none."""
    standing = changes.get("standing", Standing.GIVEN)
    has_result = standing in (Standing.GIVEN, Standing.WITHDRAWN)
    values: dict[str, Any] = {
        "algorithm": ALGORITHM,
        "revision": 1,
        "state": "DELIVERED",
        "standing": standing,
        "started": STARTED,
        "report_sop_instance_uid": "2.25.777" if has_result else "",
        "account": (told or account()) if has_result else None,
    }
    return ExportedAnalysis(**(values | changes))


def study(*analyses: ExportedAnalysis, identity: Identity | None = IDENTITY, **changes: Any) -> ExportedStudy:
    """An exported study; with one analysis that found something unless others are given."""
    values: dict[str, Any] = {
        "study_instance_uid": STUDY,
        "pseudonym": KEY,
        "revision": 1,
        "series": (
            ExportedSeries(f"{STUDY}.1", "DX", (ExportedInstance(f"{STUDY}.1.1", "1.2.840.10008.5.1.4.1.1.1.1", 1),)),
            ExportedSeries(
                "2.25.9", "SR", (ExportedInstance("2.25.777", "1.2.840.10008.5.1.4.1.1.88.34"),), "chest-radiograph"
            ),
        ),
        "analyses": analyses or (exported_analysis(),),
        "identity": identity,
    }
    return ExportedStudy(**(values | changes))


#: Every way in which an analysis can stand.
STUDIES = {
    "found": study(),
    "under a pseudonym": study(identity=None),
    "nobody is named": study(identity=Identity()),
    "compared with a prior": study(exported_analysis(compared())),
    "abstained": study(exported_analysis(abstained())),
    "nothing assessed": study(exported_analysis(nothing_assessed(), complete=False)),
    "of an earlier version": study(exported_analysis(of_an_earlier_version())),
    "withdrawn": study(exported_analysis(standing=Standing.WITHDRAWN, state="WITHDRAWN", reason="wrong patient")),
    "one failed": study(
        exported_analysis(),
        exported_analysis(
            algorithm=Algorithm("brain", "1"), standing=Standing.MISSING, state="FAILED", reason="the plugin raised"
        ),
    ),
    "one awaited": study(
        exported_analysis(), exported_analysis(algorithm=Algorithm("brain", "1"), standing=Standing.AWAITED)
    ),
}
