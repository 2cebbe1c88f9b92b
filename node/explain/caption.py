"""What a picture says: the finding, its probability against the operating point, and who says so."""

from __future__ import annotations

from dataclasses import dataclass

from node import words
from node.changed import changed
from node.explain.contributions import contribution
from node.plugin import Finding, FindingSpec, Image, OperatingPoint, Outcome
from node.study import Analysed, Analysis
from node.words import limit, per_cent

UNVERIFIED = "AI, not verified by a person."
RESEARCH = "Research use, not for diagnosis."


@dataclass(frozen=True)
class Caption:
    """The words around the panels.

    Attributes:
        title: the finding and its outcome.
        facts: one line of figures below the title.
        shown: what the second panel shows; empty when there is none.
        rows: a table of all findings (label, probability, threshold, outcome); empty for a single one.
        notes: lines of small print.
        warning: the line that must not be missed.
        outcome: of the finding; None: not assessed.
        figure: its probability; empty: not assessed.
    """

    title: str
    facts: str
    shown: str
    rows: tuple[tuple[str, str, str, str], ...]
    notes: tuple[str, ...]
    warning: str
    outcome: Outcome | None = None
    figure: str = ""


def caption(analysis: Analysis, item: Analysed, finding: Finding, image: Image, held: float = 0.0) -> Caption:
    """Words for the picture of one finding; `held` is the part of the evidence within the contours, 0 without any."""
    spec = analysis.manifest.finding(finding.name)
    kind = analysis.manifest.explanation.meaning
    return Caption(
        title=f"{spec.label}: {outcome_of(finding, spec)}, {per_cent(finding.probability)}",
        facts=_facts(finding, spec.operating_point),
        shown=f"{kind}: evidence for {spec.label.lower() if spec.label[1:2].islower() else spec.label}",
        rows=_table(analysis, item),
        notes=(
            *_contour_note(item, finding, held),
            *_reasons(analysis, item, finding),
            *_notes(analysis, item, image),
            _source(spec.operating_point),
        ),
        warning=_warning(analysis),
        outcome=outcome_of(finding, spec),
        figure=per_cent(finding.probability),
    )


def caption_without_answer(analysis: Analysis, item: Analysed, image: Image) -> Caption:
    """Words for the picture of a series on which the model gave no answer."""
    return Caption(
        title="Not assessed",
        facts=f"The model does not answer: {item.prediction.abstained or 'no finding was given'}",
        shown="",
        rows=(),
        notes=_notes(analysis, item, image),
        warning=_warning(analysis),
    )


def outcome_of(finding: Finding, spec: FindingSpec) -> Outcome:
    """Present, absent, or neither."""
    return spec.operating_point.outcome(finding.probability)


def _facts(finding: Finding, point: OperatingPoint) -> str:
    side = "at or above" if finding.probability >= point.threshold else "below"
    if point.undetermined is not None and point.outcome(finding.probability) is Outcome.UNDETERMINED:
        low, high = point.undetermined
        side = f"between the limits {limit(low)} and {limit(high)} around"
    return (
        f"Calibrated probability {per_cent(finding.probability)}, {side} the operating point of "
        f"{limit(point.threshold)} ({words.accuracy(point.sensitivity.figure, point.specificity.figure)})"
    )


def _source(point: OperatingPoint) -> str:
    figures = (("sensitivity", point.sensitivity), ("specificity", point.specificity))
    measured = " and ".join(name for name, figure in figures if figure.known).capitalize()
    return f"{measured} measured on {point.source}." if measured else f"Source of the operating point: {point.source}."


def _reasons(analysis: Analysis, item: Analysed, finding: Finding) -> tuple[str, ...]:
    """What stands behind the answer, the same on all images of a stack; what there is nothing to say of is left out."""
    told, compared = contribution(analysis, item, finding), changed(analysis, item, finding.name, finding)
    said = (
        words.change(compared) if compared else "",
        words.undetermined(finding, analysis.manifest.finding(finding.name).operating_point),
        "" if told is None else told.sentence,
        words.agreement(finding),
    )
    return tuple(sentence for sentence in said if sentence)


def _table(analysis: Analysis, item: Analysed) -> tuple[tuple[str, str, str, str], ...]:
    rows = []
    for finding in item.prediction.findings:
        spec = analysis.manifest.finding(finding.name)
        rows.append((spec.label, per_cent(finding.probability), _threshold(spec), str(outcome_of(finding, spec))))
    return tuple(rows) if len(rows) > 1 else ()


def _threshold(spec: FindingSpec) -> str:
    """The operating point, with the limits around it where there are any."""
    point = spec.operating_point
    if point.undetermined is None:
        return limit(point.threshold)
    low, high = (limit(value).removesuffix(" %") for value in point.undetermined)
    return f"{limit(point.threshold)} ({low}-{high})"


def _contour_note(item: Analysed, finding: Finding, held: float) -> tuple[str, ...]:
    if not held:
        return ()
    numbers = [
        number
        for number, image in enumerate(item.image_set.images, start=1)
        if (image.sop_instance_uid, image.frame) == (finding.key_sop_instance_uid, finding.key_frame)
    ]
    where = f" on image {numbers[0]}" if numbers and len(item.image_set.images) > 1 else ""
    return (f"The contours{where} hold the strongest {per_cent(held)} of the evidence for the finding.",)


def _notes(analysis: Analysis, item: Analysed, image: Image) -> tuple[str, ...]:
    manifest = analysis.manifest
    notes = [
        *item.prediction.remarks,
        f"{manifest.title}. Model {manifest.name}, version {manifest.version}, by {manifest.manufacturer}.",
    ]
    images = item.image_set.images
    if len(images) > 1:
        place = "" if image.position is None else f", at {image.position:.1f} mm"
        number = next(number for number, one in enumerate(images, 1) if one is image)  # equality would compare pixels
        notes.append(f"Image {number} of {len(images)} in this series{place}.")
    count = len(analysis.not_assessed)
    if count:
        reasons = "; ".join(dict.fromkeys(one.reason for one in analysis.not_assessed))
        notes.append(f"{count} image{'s' if count > 1 else ''} of this study could not be assessed: {reasons}.")
    return tuple(notes)


def _warning(analysis: Analysis) -> str:
    return f"{UNVERIFIED} {RESEARCH}" if analysis.manifest.research_only else UNVERIFIED
