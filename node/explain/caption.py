"""What a picture says: the finding, its probability against the operating point, and who says so."""

from __future__ import annotations

from dataclasses import dataclass

from node.plugin import Finding, FindingSpec, Image, OperatingPoint
from node.study import Analysed, Analysis

UNVERIFIED = "AI, not verified by a person."
RESEARCH = "Research use, not for diagnosis."
MEASURED = "Sensitivity and specificity measured on"


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
    """

    title: str
    facts: str
    shown: str
    rows: tuple[tuple[str, str, str, str], ...]
    notes: tuple[str, ...]
    warning: str


def caption(analysis: Analysis, item: Analysed, finding: Finding, image: Image, held: float = 0.0) -> Caption:
    """Words for the picture of one finding; `held` is the part of the evidence within the contours, 0 without any."""
    spec = analysis.manifest.finding(finding.name)
    kind = analysis.manifest.explanation.meaning
    return Caption(
        title=f"{spec.label}: {_outcome(finding, spec)}, {_per_cent(finding.probability)}",
        facts=_facts(finding, spec.operating_point),
        shown=f"{kind}: evidence for {spec.label.lower() if spec.label[1:2].islower() else spec.label}",
        rows=_table(analysis, item),
        notes=(
            *_contour_note(item, finding, held),
            *_notes(analysis, item, image),
            f"{MEASURED} {spec.operating_point.source}.",
        ),
        warning=_warning(analysis),
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


def is_present(finding: Finding, spec: FindingSpec) -> bool:
    """Whether the probability reaches the operating point."""
    return finding.probability >= spec.operating_point.threshold


def _outcome(finding: Finding, spec: FindingSpec) -> str:
    return "present" if is_present(finding, spec) else "absent"


def _per_cent(value: float) -> str:
    if 0.0 < value < 0.01:
        return "< 1 %"
    return "> 99 %" if 0.99 < value < 1.0 else f"{100.0 * value:.0f} %"


def _facts(finding: Finding, point: OperatingPoint) -> str:
    side = "at or above" if finding.probability >= point.threshold else "below"
    return (
        f"Calibrated probability {_per_cent(finding.probability)}, {side} the operating point of "
        f"{100 * point.threshold:.3g} % (sensitivity {_per_cent(point.sensitivity.value)}, "
        f"specificity {_per_cent(point.specificity.value)})"
    )


def _table(analysis: Analysis, item: Analysed) -> tuple[tuple[str, str, str, str], ...]:
    rows = []
    for finding in item.prediction.findings:
        spec = analysis.manifest.finding(finding.name)
        threshold = f"{100 * spec.operating_point.threshold:.3g} %"
        rows.append((spec.label, _per_cent(finding.probability), threshold, _outcome(finding, spec)))
    return tuple(rows) if len(rows) > 1 else ()


def _contour_note(item: Analysed, finding: Finding, held: float) -> tuple[str, ...]:
    if not held:
        return ()
    numbers = [
        number
        for number, image in enumerate(item.image_set.images, start=1)
        if (image.sop_instance_uid, image.frame) == (finding.key_sop_instance_uid, finding.key_frame)
    ]
    where = f" on image {numbers[0]}" if numbers and len(item.image_set.images) > 1 else ""
    return (f"The contours{where} hold the strongest {_per_cent(held)} of the evidence for the finding.",)


def _notes(analysis: Analysis, item: Analysed, image: Image) -> tuple[str, ...]:
    manifest = analysis.manifest
    notes = [f"{manifest.title}. Model {manifest.name}, version {manifest.version}, by {manifest.manufacturer}."]
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
