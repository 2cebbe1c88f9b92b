"""The verdicts of an analysis as an :class:`node.account.Account`: the report's words and figures without DICOM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from node.account import Account, Claim, FindingAccount, Moment, SeriesAccount
from node.comparison import Compared, Comparison, Earlier
from node.plugin import Finding, Interval
from node.report.identity import tracking_uid
from node.report.verdict import Verdict, verdicts_of
from node.study import Analysed, Analysis, Contribution


def account_of(analysis: Analysis, contributions: Sequence[Contribution]) -> Account:
    """What was answered, series by series, in the order and with the words of the report."""
    manifest = analysis.manifest
    return Account(
        plugin=manifest.name,
        version=manifest.version,
        title=manifest.title,
        series=tuple(_series(analysis, item, contributions) for item in analysis.analysed),
        not_assessed=tuple((one.sop_instance_uid, one.reason) for one in analysis.not_assessed),
        **_prior(analysis.comparison),
        claims=tuple(Claim(spec.name, spec.label, spec.code, spec.site) for spec in manifest.findings),
    )


def _series(analysis: Analysis, item: Analysed, contributions: Sequence[Contribution]) -> SeriesAccount:
    told = verdicts_of(analysis, item, (), contributions)
    return SeriesAccount(
        series_instance_uid=item.image_set.series_instance_uid,
        modality=item.image_set.modality,
        images=len(item.image_set.images),
        findings=tuple(_finding(analysis, one, one.finding) for one in told if one.finding is not None),
        abstained=item.prediction.abstained,
        remarks=item.prediction.remarks,
    )


def _finding(analysis: Analysis, verdict: Verdict, finding: Finding) -> FindingAccount:
    point = verdict.spec.operating_point
    return FindingAccount(
        finding=finding.name,
        label=verdict.spec.label,
        outcome=str(verdict.outcome),
        probability=finding.probability,
        logit=finding.logit,
        threshold=point.threshold,
        undetermined=point.undetermined,
        error_rate=point.error_rate,
        sensitivity=point.sensitivity.figure,
        specificity=point.specificity.figure,
        sop_instance_uid="" if verdict.image is None else verdict.image.sop_instance_uid,
        frame=1 if verdict.image is None else verdict.image.frame,
        reasons=verdict.reasons,
        contributions={} if verdict.contribution is None else _contributions(verdict.contribution),
        agreement=finding.agreement,
        neighbours=verdict.neighbours,
        code=verdict.spec.code,
        site=verdict.spec.site,
        laterality=verdict.laterality,
        sensitivity_interval=_limits(point.sensitivity),
        specificity_interval=_limits(point.specificity),
        source=point.source,
        tracking_uid=str(tracking_uid(analysis, verdict.spec.name, verdict.laterality)),
        **_change(verdict.compared),
    )


def _prior(comparison: Comparison | None) -> dict[str, str]:
    if comparison is None:
        return {}
    prior = comparison.prior
    told = {"comparison": comparison.sentence}
    if prior is None:
        return told
    return told | {"prior_study_instance_uid": prior.study_instance_uid, "prior_study_date": prior.study_date}


def _change(compared: Compared | None) -> dict[str, Any]:  # Any: values of several fields
    if compared is None:
        return {}
    then = compared.then
    return {
        "change": str(compared.change),
        "prior_probability": then.probability if then else None,
        "course": tuple(_moment(one) for one in compared.course),
    }


def _moment(one: Earlier) -> Moment:
    study, answer = one.study, one.answer
    return Moment(study.study_date, answer.probability, answer.outcome, study.study_instance_uid)


def _limits(figure: Interval) -> tuple[float, float] | None:
    return (figure.low, figure.high) if figure.known else None


def _contributions(told: Contribution) -> dict[str, float]:
    return {**dict(told.regions), "outside": told.outside, "baseline": told.bias}
