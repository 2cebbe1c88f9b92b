"""A study as CSV (RFC 4180): a header, then one line for each claimed finding on each series, answered or not.

An analysis without a result has a line too, whose outcome is ``no result``. A text that a spreadsheet would calculate
begins with an apostrophe; numbers of ours are written as they are.

The columns that begin with ``prior_`` are about the newest prior study. Where several are compared (``prior_count``),
``priors`` says on how many of them the finding has an answer, and the columns ``priors_...`` hold what each said, the
oldest first, between semicolons; the dates are left out without the patient's name.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from node.account import Account, FindingAccount, Moment
from node.claims import Code
from node.export import sentences
from node.export.answers import Answer, answers
from node.export.exported import ExportedAnalysis, ExportedStudy, Identity, Standing
from node.export.moment import fhir_instant
from node.export.text import plain

_IDENTITY = ("patient_id", "patient_name", "patient_birth_date", "patient_sex", "accession_number", "study_date")
COLUMNS = (
    "study_instance_uid",
    "pseudonym",
    *_IDENTITY,
    "plugin",
    "version",
    "revision",
    "state",
    "started",
    "series_instance_uid",
    "modality",
    "finding",
    "label",
    "code",
    "code_scheme",
    "site_code",
    "site_scheme",
    "laterality",
    "outcome",
    "probability",
    "threshold",
    "undetermined_low",
    "undetermined_high",
    "sensitivity",
    "sensitivity_low",
    "sensitivity_high",
    "specificity",
    "specificity_low",
    "specificity_high",
    "sop_instance_uid",
    "frame",
    "reasons",
    "notice",
    "change",
    "prior_probability",
    "prior_study_instance_uid",
    "prior_study_date",
    "priors",
    "priors_probability",
    "priors_outcome",
    "priors_study_instance_uid",
    "priors_study_date",
)
#: What makes a spreadsheet take a cell for a formula, the full-width forms included.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")

Cell = str | float | None


def csv_text(study: ExportedStudy) -> str:
    """The lines, each ended by CR LF; to be written as UTF-8."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    for row in rows(study):
        writer.writerow({name: safe(value) if isinstance(value, str) else value for name, value in row.items()})
    return stream.getvalue()


def safe(text: str) -> str:
    """A text on one line that no spreadsheet calculates."""
    cell = plain(text)
    return f"'{cell}" if cell.lstrip().startswith(_FORMULA) else cell


def rows(study: ExportedStudy) -> Iterator[dict[str, Cell]]:
    """The values of each line by their columns; None and what is left out are empty."""
    told = asdict(study.identity or Identity())
    who: dict[str, Cell] = {name: told[name] for name in _IDENTITY}
    who |= {"study_instance_uid": study.study_instance_uid, "pseudonym": study.pseudonym}
    for analysis in study.analyses:
        what = who | _analysis(analysis)
        if analysis.account is None:
            yield what | {"outcome": "no result"}
            continue
        for answer in answers(analysis.account):
            yield what | _answer(answer, analysis) | _prior(analysis.account)


def _analysis(analysis: ExportedAnalysis) -> dict[str, Cell]:
    return {
        "plugin": analysis.algorithm.name,
        "version": analysis.algorithm.version,
        "revision": analysis.revision,
        "state": analysis.state,
        "started": fhir_instant(analysis.started),
        "notice": " ".join(sentences.of_analysis(analysis)),
    }


def _prior(account: Account) -> dict[str, Cell]:
    uid = account.prior_study_instance_uid
    return {"prior_study_instance_uid": uid, "prior_study_date": account.prior_study_date}


def _answer(answer: Answer, analysis: ExportedAnalysis) -> dict[str, Cell]:
    claim, series = answer.claim, answer.series
    return {
        "series_instance_uid": series.series_instance_uid if series else "",
        "modality": series.modality if series else "",
        "finding": claim.finding,
        "label": claim.label,
        **_code("code", claim.code),
        **_code("site", claim.site),
        "outcome": _outcome(answer, analysis),
        **(_finding(answer.finding) if answer.finding else {}),
        "reasons": " ".join(sentences.of_answer(answer)),
    }


def _outcome(answer: Answer, analysis: ExportedAnalysis) -> str:
    if analysis.standing is Standing.WITHDRAWN:
        return "withdrawn"
    return answer.finding.outcome if answer.finding else "not assessed"


def _code(name: str, code: Code | None) -> Mapping[str, Cell]:
    value = "code" if name == "code" else f"{name}_code"
    return {value: code.value, f"{name}_scheme": code.scheme} if code else {}


def _finding(finding: FindingAccount) -> Mapping[str, Cell]:
    return {
        "laterality": finding.laterality,
        "probability": finding.probability,
        "threshold": finding.threshold,
        **_between("undetermined", finding.undetermined),
        "sensitivity": finding.sensitivity,
        **_between("sensitivity", finding.sensitivity_interval),
        "specificity": finding.specificity,
        **_between("specificity", finding.specificity_interval),
        "sop_instance_uid": finding.sop_instance_uid,
        "frame": finding.frame,
        "change": finding.change,
        "prior_probability": finding.prior_probability,
        **(_course(finding.course) if finding.course else {}),
    }


def _course(course: Sequence[Moment]) -> Mapping[str, Cell]:
    return {
        "priors": len(course),
        "priors_probability": ";".join(f"{one.probability:g}" for one in course),
        "priors_outcome": ";".join(one.outcome for one in course),
        "priors_study_instance_uid": ";".join(one.study_instance_uid for one in course),
        "priors_study_date": ";".join(filter(None, (one.study_date for one in course))),
    }


def _between(name: str, limits: tuple[float, float] | None) -> Mapping[str, Cell]:
    return {f"{name}_low": limits[0], f"{name}_high": limits[1]} if limits else {}
