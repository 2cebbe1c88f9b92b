"""One claimed finding as an Observation of FHIR R4."""

from __future__ import annotations

from node.account import FindingAccount, Moment
from node.claims import Code, Outcome
from node.comparison import CHANGE_CODES, Change
from node.export import sentences
from node.export.answers import Answer
from node.export.exported import ExportedAnalysis, ExportedStudy, Standing
from node.export.fhir_study import device_urn, study_urn, subject
from node.export.fhir_types import OWN, Element, concept, dcm, per_cent, resource, terminology, urn
from node.export.moment import fhir_instant, fhir_study_time

#: The value (the concepts of the Structured Report), and the same in HL7's words.
_VALUES = {
    Outcome.PRESENT: (Code("52101004", "SCT", "Present"), ("POS", "Positive")),
    Outcome.ABSENT: (Code("272519000", "SCT", "Absent"), ("NEG", "Negative")),
    Outcome.UNDETERMINED: (Code("373068000", "SCT", "Undetermined"), ("IND", "Indeterminate")),
}
_SIDES = {"L": "left", "R": "right", "B": "right and left"}


def observation_urn(study: ExportedStudy, analysis: ExportedAnalysis, answer: Answer) -> str:
    """Of the Observation: a later revision of the study takes the place of an earlier one."""
    return urn("observation", study.study_instance_uid, analysis.algorithm.name, answer.key)


def observation(study: ExportedStudy, analysis: ExportedAnalysis, answer: Answer) -> Element:
    """The answer on one finding; where there is none, the reason why its value is absent (invariant obs-6)."""
    told = (*sentences.caveats(analysis), *sentences.of_answer(answer))
    algorithm = analysis.algorithm
    fields = {
        "status": "entered-in-error" if analysis.standing is Standing.WITHDRAWN else "preliminary",
        "category": [terminology("observation-category", "imaging", "Imaging")],
        "code": concept(answer.claim.code, answer.claim.label),
        "subject": subject(study),
        "effectiveDateTime": fhir_study_time(study.identity) if study.identity else "",
        "issued": fhir_instant(analysis.started),
        **_value(answer.finding),
        "note": [{"text": text} for text in told],
        "bodySite": _site(answer),
        "method": {"text": f"{algorithm.title or algorithm.name} ({algorithm.name} {algorithm.version})"},
        "device": {"reference": device_urn(algorithm), "type": "Device"},
        "derivedFrom": [_source(study, answer)],
        "component": _components(answer.finding) if answer.finding else [],
    }
    return resource("Observation", observation_urn(study, analysis, answer), fields)


def _value(finding: FindingAccount | None) -> Element:
    if finding is None:
        return {"dataAbsentReason": terminology("data-absent-reason", "not-performed", "Not Performed")}
    value, (code, display) = _VALUES[Outcome(finding.outcome)]
    return {
        "valueCodeableConcept": concept(value, value.meaning),
        "interpretation": [terminology("v3-ObservationInterpretation", code, display)],
    }


def _site(answer: Answer) -> Element:
    site = answer.claim.site
    side = _SIDES.get(answer.finding.laterality, "") if answer.finding else ""
    return {} if site is None else concept(site, ", ".join(part for part in (site.meaning, side) if part))


def _source(study: ExportedStudy, answer: Answer) -> Element:
    """The study, and in words the image that shows the finding best."""
    where = ""
    if answer.series is not None:
        where = f"series {answer.series.series_instance_uid}"
    if answer.finding is not None and answer.finding.sop_instance_uid:
        where += f", image {answer.finding.sop_instance_uid}, frame {answer.finding.frame}"
    return {"reference": study_urn(study), "type": "ImagingStudy", "display": where}


def _components(finding: FindingAccount) -> list[Element]:
    found = [
        _component(dcm("111012", "Certainty of Finding"), finding.probability),
        _component(dcm("111088", "Case Sensitivity"), finding.sensitivity),
        _component(dcm("111090", "Case Specificity"), finding.specificity),
        _component(_own("threshold", "Threshold on the calibrated probability"), finding.threshold),
    ]
    if finding.change:
        found.append({"code": dcm("111049", "Qualitative Difference"), "valueCodeableConcept": _change(finding.change)})
    if finding.prior_probability is not None:
        then = _own("prior-probability", "Probability on the prior study")
        found.append({"code": then, "valueQuantity": per_cent(finding.prior_probability)})
    found += [_earlier(one) for one in reversed(finding.before_prior)]
    if finding.undetermined is not None:
        low, high = finding.undetermined
        limits = {"low": per_cent(low), "high": per_cent(high)}
        found.append({"code": _own("undetermined", "Undetermined between these limits"), "valueRange": limits})
    return found


def _earlier(moment: Moment) -> Element:
    """Of a study before the prior; a component has no date of its own: it stands in the words of the code."""
    date = moment.study_date
    when = f"the study of {date[:4]}-{date[4:6]}-{date[6:]}" if date else "an earlier study"
    code = Code("earlier-probability", OWN, "Probability on a study before the prior one")
    told = {"code": concept(code, f"Probability on {when}: {moment.outcome}")}
    return {**told, "valueQuantity": per_cent(moment.probability)}


def _change(change: str) -> Element:
    """In words alone where nothing can be said."""
    code = CHANGE_CODES.get(Change(change))
    return concept(code, code.meaning) if code else {"text": change}


def _component(code: Element, share: float | None) -> Element:
    if share is None:  # nobody measured it: a nought would read as a figure
        return {"code": code, "dataAbsentReason": terminology("data-absent-reason", "unknown", "Unknown")}
    return {"code": code, "valueQuantity": per_cent(share)}


def _own(value: str, meaning: str) -> Element:
    return concept(Code(value, OWN, meaning), meaning)
