"""A study without whom it is about: no identity, and no day on which the patient was here before."""

from __future__ import annotations

import re
from dataclasses import replace

from node.account import Account, FindingAccount, SeriesAccount
from node.export.exported import ExportedStudy

_DAY = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_WITHHELD = "an earlier day"


def unidentified(study: ExportedStudy) -> ExportedStudy:
    """The same under its pseudonym."""
    analyses = tuple(replace(one, account=one.account and _undated(one.account)) for one in study.analyses)
    return replace(study, identity=None, analyses=analyses)


def _undated(account: Account) -> Account:
    if not account.comparison:
        return account
    series = tuple(map(_undated_series, account.series))
    comparison = _DAY.sub(_WITHHELD, account.comparison)
    return replace(account, comparison=comparison, prior_study_date="", series=series)


def _undated_series(series: SeriesAccount) -> SeriesAccount:
    return replace(series, findings=tuple(map(_undated_finding, series.findings)))


def _undated_finding(finding: FindingAccount) -> FindingAccount:
    reasons = tuple(_DAY.sub(_WITHHELD, text) for text in finding.reasons)
    return replace(finding, reasons=reasons, course=tuple(replace(one, study_date="") for one in finding.course))
