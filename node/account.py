"""What an analysis answered, as plain values: what the report says, for whoever does not read DICOM.

The worker leaves it beside the result objects as JSON; `radnode run` prints it, and what leaves in other languages than
DICOM (:mod:`node.export`) is made of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from node.plugin import Code, Neighbour

#: Name of the file in the folder of an analysis.
FILE = "findings.json"


@dataclass(frozen=True)
class Claim:
    """A finding that the plugin claims to assess, answered or not.

    Attributes:
        finding: its name.
        label: words for a person.
        code: the concept that is reported as the finding; None in accounts that an earlier version stored.
        site: the concept that is reported as its site, if any.
    """

    finding: str
    label: str
    code: Code | None = None
    site: Code | None = None


@dataclass(frozen=True)
class Moment:
    """What was said of a finding in an earlier study.

    Attributes:
        study_date: YYYYMMDD.
        probability: calibrated, 0..1.
        outcome: as of :class:`FindingAccount`.
        study_instance_uid: of that study.
    """

    study_date: str
    probability: float
    outcome: str
    study_instance_uid: str


@dataclass(frozen=True)
class FindingAccount:
    """One claimed finding on one series.

    Attributes:
        finding: its name.
        label: words for a person.
        outcome: ``present``, ``absent`` or ``undetermined``.
        probability: calibrated, 0..1.
        logit: before calibration.
        threshold: of the operating point.
        undetermined: its two limits; None when every probability is an answer.
        error_rate: that the limits were set for.
        sensitivity: at the operating point; None: nobody measured it.
        specificity: as sensitivity.
        sop_instance_uid: of the image that shows it best.
        frame: its frame number.
        reasons: sentences: why it is undetermined, contributions, images that agree, the nearest training cases.
        contributions: logits of each part of the image, of what lies beyond it (``outside``) and of the ``baseline``;
            empty when there is no evidence map.
        agreement: (images that alone reach the operating point, images assessed); None when the model does not say.
        neighbours: the nearest training cases.
        code: as of its :class:`Claim`; this and what follows is not in accounts that an earlier version stored.
        site: as of its :class:`Claim`.
        laterality: L, R, B or empty.
        sensitivity_interval: (low, high), 95 % confidence; None: nobody measured it.
        specificity_interval: as sensitivity_interval.
        source: the data on which both were measured.
        tracking_uid: Tracking Unique Identifier (112040, DCM) of the finding in every report on this patient.
        change: what became of it since the prior study, see :class:`node.comparison.Change`; empty: not compared.
        prior_probability: calibrated, 0..1, on the prior study; None: no answer there.
        course: what was said on the prior study and on those before it, oldest first; empty where one alone is wanted.
    """

    finding: str
    label: str
    outcome: str
    probability: float
    logit: float
    threshold: float
    undetermined: tuple[float, float] | None
    error_rate: float
    sensitivity: float | None
    specificity: float | None
    sop_instance_uid: str
    frame: int
    reasons: tuple[str, ...] = ()
    contributions: Mapping[str, float] = field(default_factory=dict)
    agreement: tuple[int, int] | None = None
    neighbours: tuple[Neighbour, ...] = ()
    code: Code | None = None
    site: Code | None = None
    laterality: str = ""
    sensitivity_interval: tuple[float, float] | None = None
    specificity_interval: tuple[float, float] | None = None
    source: str = ""
    tracking_uid: str = ""
    change: str = ""
    prior_probability: float | None = None
    course: tuple[Moment, ...] = ()

    @property
    def before_prior(self) -> tuple[Moment, ...]:
        """What was said before the prior study that it is compared with, oldest first."""
        return self.course if self.prior_probability is None else self.course[:-1]


@dataclass(frozen=True)
class SeriesAccount:
    """One analysed series.

    Attributes:
        series_instance_uid: of the series.
        modality: of the series.
        images: how many were decoded.
        findings: one for each claimed finding; empty when the model abstained.
        abstained: why there is no answer; empty when there is one.
        remarks: what the model said beside its findings.
    """

    series_instance_uid: str
    modality: str
    images: int
    findings: tuple[FindingAccount, ...] = ()
    abstained: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Account:
    """One analysis: its series, (SOP Instance UID, reason) of each instance that was not assessed, what is claimed.

    Attributes:
        comparison: which prior study it is compared with, or why none is, a sentence; empty: none was wanted.
        prior_study_instance_uid, prior_study_date: of the study that is compared with; empty: none is.
    """

    plugin: str
    version: str
    title: str
    series: tuple[SeriesAccount, ...] = ()
    not_assessed: tuple[tuple[str, str], ...] = ()
    claims: tuple[Claim, ...] = ()
    comparison: str = ""
    prior_study_instance_uid: str = ""
    prior_study_date: str = ""


def account_bytes(account: Account) -> bytes:
    """As JSON."""
    return json.dumps(asdict(account), default=_number).encode()


def account_from(data: bytes) -> Account:
    """The inverse of :func:`account_bytes`; what an earlier version did not store is at its default.

    Raises ValueError, KeyError or TypeError for what is no account.
    """
    table = json.loads(data)
    series = tuple(_series(one) for one in table.pop("series"))
    missed = tuple((uid, reason) for uid, reason in table.pop("not_assessed"))
    claims = tuple(Claim(**one | _codes(one)) for one in table.pop("claims", ()))
    return Account(**table, series=series, not_assessed=missed, claims=claims)


def read_account(folder: Path, sealed: Mapping[str, str]) -> Account | None:
    """What the worker left in the folder of an analysis; None when it is not there, broken, or not what was made.

    Args: sealed: name of a file -> sha256, as the ledger knows them; a file that is not in there is believed.
    """
    try:
        data = (folder / FILE).read_bytes()
        return account_from(data) if sealed.get(FILE) in (None, sha256(data).hexdigest()) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _number(value: Any) -> object:  # Any: a plugin may answer numpy's numbers, and this module does not load numpy
    return value.item()


def _series(table: dict[str, Any]) -> SeriesAccount:
    findings = tuple(_finding(one) for one in table.pop("findings"))
    return SeriesAccount(**table | {"findings": findings, "remarks": tuple(table["remarks"])})


def _finding(table: dict[str, Any]) -> FindingAccount:
    neighbours = tuple(Neighbour(**one) for one in table["neighbours"])
    course = tuple(Moment(**one) for one in table.get("course", ()))
    rest = {"neighbours": neighbours, "reasons": tuple(table["reasons"]), "course": course}
    return FindingAccount(**table | _pairs(table) | _codes(table) | rest)


def _pairs(table: dict[str, Any]) -> dict[str, Any]:
    names = ("undetermined", "agreement", "sensitivity_interval", "specificity_interval")
    return {name: None if table.get(name) is None else tuple(table[name]) for name in names}


def _codes(table: dict[str, Any]) -> dict[str, Code | None]:
    return {name: None if table.get(name) is None else Code(**table[name]) for name in ("code", "site")}
