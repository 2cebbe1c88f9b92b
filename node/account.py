"""What an analysis answered, as plain values: what the report says, for whoever does not read DICOM.

The worker leaves it beside the result objects as JSON; `radnode run` prints it. It is sent to nobody.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from node.plugin import Neighbour

#: Name of the file in the folder of an analysis.
FILE = "findings.json"


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
    """One analysis: its series, and (SOP Instance UID, reason) of each instance that was not assessed."""

    plugin: str
    version: str
    title: str
    series: tuple[SeriesAccount, ...] = ()
    not_assessed: tuple[tuple[str, str], ...] = ()


def account_bytes(account: Account) -> bytes:
    """As JSON."""
    return json.dumps(asdict(account), default=_number).encode()


def account_from(data: bytes) -> Account:
    """The inverse of :func:`account_bytes`."""
    table = json.loads(data)
    series = tuple(_series(one) for one in table.pop("series"))
    missed = tuple((uid, reason) for uid, reason in table.pop("not_assessed"))
    return Account(**table, series=series, not_assessed=missed)


def _number(value: Any) -> object:  # Any: a plugin may answer numpy's numbers, and this module does not load numpy
    return value.item()


def _series(table: dict[str, Any]) -> SeriesAccount:
    findings = tuple(_finding(one) for one in table.pop("findings"))
    return SeriesAccount(**table | {"findings": findings, "remarks": tuple(table["remarks"])})


def _finding(table: dict[str, Any]) -> FindingAccount:
    pairs = {key: None if table[key] is None else tuple(table[key]) for key in ("undetermined", "agreement")}
    neighbours = tuple(Neighbour(**one) for one in table["neighbours"])
    return FindingAccount(**table | pairs | {"neighbours": neighbours, "reasons": tuple(table["reasons"])})
