"""What the page says, before it is set: the headline, the reasons, what was not assessed, and who says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pydicom.dataset import Dataset

from node.comparison import Change
from node.plugin import Outcome
from node.report import source, summary
from node.report.page.text import Paragraph
from node.report.verdict import Verdict, verdicts
from node.study import Analysis, Explanation, Picture
from node.words import change, limit, per_cent

#: Where the rest stands of what is cut short, and of what the model's card says.
POINTER = "... see the Structured Report"
CARD_POINTER = "... see the model's card"
#: Findings of one outcome that are named in the headline's own line.
_MOST_NAMED = 2
NOTHING_ELSE = "Only the findings in the table are assessed. Nothing here speaks for or against any other disease."


@dataclass(frozen=True)
class Told:
    """One verdict by the words of its row: the finding, and the series where there are several."""

    label: str
    verdict: Verdict


@dataclass(frozen=True)
class Headline:
    """The answer in a line, the lines below it, and whether it says that there is none."""

    title: str
    below: tuple[str, ...]
    unanswered: bool


def told(analysis: Analysis, sources: Mapping[str, Dataset], explanation: Explanation) -> tuple[Told, ...]:
    """Every verdict of the analysis, in the order of the report."""
    found = verdicts(analysis, explanation.regions, explanation.contributions)
    names = _series_names(analysis, sources)
    if len(names) < 2:
        return tuple(Told(verdict.spec.label, verdict) for verdict in found)
    each = len(analysis.manifest.findings)
    return tuple(Told(f"{one.spec.label}, {names[place // each]}", one) for place, one in enumerate(found))


def _series_names(analysis: Analysis, sources: Mapping[str, Dataset]) -> list[str]:
    """The series' own numbers where they tell them apart, else their places."""
    headers = [sources.get(item.image_set.images[0].sop_instance_uid, Dataset()) for item in analysis.analysed]
    numbers = [source.value(ds, "SeriesNumber") for ds in headers]
    if all(numbers) and len(set(numbers)) == len(numbers):
        return [f"series {number}" for number in numbers]
    return [f"{place} of {len(numbers)}" for place in range(1, len(numbers) + 1)]


def headline(analysis: Analysis, rows: Sequence[Told]) -> Headline:
    """What must be read first; an abstention can never be taken for a normal result, nor the other way round."""
    present, unsure, absent = (
        _with(rows, outcome) for outcome in (Outcome.PRESENT, Outcome.UNDETERMINED, Outcome.ABSENT)
    )
    unanswered = _with(rows, None)
    if len(unanswered) == len(rows):
        reasons = "; ".join(dict.fromkeys(row.verdict.reason.rstrip(".") for row in unanswered))
        below = (_sentence(reasons), "This is not a normal result: nothing is said of any finding.")
        return Headline("NOT ASSESSED: the model gives no answer", below, unanswered=True)
    leading, *others = [group for group in (("Present", present), ("Undetermined", unsure), ("", absent)) if group[1]]
    title, *names = _title(*leading, len(rows))
    rest = [
        f"{name}: {_named(some)}" if name else f"Absent: {len(some)} of {len(rows)} findings" for name, some in others
    ]
    return Headline(title, (*names, *_incomplete(analysis, unanswered, len(rows)), *rest), unanswered=False)


def _with(rows: Sequence[Told], outcome: Outcome | None) -> list[Told]:
    return [row for row in rows if row.verdict.outcome is outcome]


def _title(name: str, rows: Sequence[Told], all_of_them: int) -> Iterator[str]:
    """The headline's own line, and a second one where the names would not stand in the first."""
    if not name and len(rows) == all_of_them:
        yield f"Nothing found: {f'each of the {len(rows)} findings' if len(rows) > 1 else rows[0].label} is absent"
        yield NOTHING_ELSE
    elif not name:
        yield f"Nothing found in what was assessed: {len(rows)} of {all_of_them} findings are absent"
    elif len(rows) > _MOST_NAMED:
        yield f"{name}: {len(rows)} of {all_of_them} findings"
        yield f"{_named(rows)}."
    else:
        yield f"{name}: {_named(rows)}"


def _named(rows: Sequence[Told]) -> str:
    return ", ".join(
        f"{row.label} ({per_cent(row.verdict.finding.probability)})" for row in rows if row.verdict.finding is not None
    )


def _incomplete(analysis: Analysis, unanswered: Sequence[Told], all_of_them: int) -> Iterator[str]:
    if unanswered:
        yield f"NOT ASSESSED: {len(unanswered)} of {all_of_them}, see below"
    if summary.gaps(analysis):
        yield "INCOMPLETE: not all images of the study were assessed, see below"


def reasons(analysis: Analysis, rows: Sequence[Told]) -> list[Paragraph]:
    """What the model remarked, and what stands behind the findings that are present, undetermined or resolved.

    Where there are none, what stands behind the most probable one.
    """
    remarked = [Paragraph(remark, "Remark.") for remark in summary.remarks(analysis)]
    answered = [row for row in rows if row.verdict.finding is not None]
    unsettled = [row for row in answered if row.verdict.outcome is not Outcome.ABSENT or _has_changed(row)]
    if not unsettled:
        unsettled = [replace(row, label=f"{row.label}, the most probable") for row in _most_probable(answered)]
    behind = [Paragraph(" ".join(row.verdict.reasons), f"{row.label}.") for row in unsettled if row.verdict.reasons]
    behind += _followed(answered, unsettled)
    return [*remarked, *behind] or [Paragraph("The model gives none." if answered else "The model gives no answer.")]


def _followed(answered: Sequence[Told], shown: Sequence[Told]) -> Iterator[Paragraph]:
    """How the other findings went over several priors; nothing where they are compared with one."""
    behind = {id(row.verdict) for row in shown}  # equality would compare pixels
    for row in answered:
        compared = row.verdict.compared
        if compared and compared.course and id(row.verdict) not in behind:
            yield Paragraph(change(compared), f"{row.label}.")


def _has_changed(row: Told) -> bool:
    return row.verdict.compared is not None and row.verdict.compared.change is Change.RESOLVED


def _most_probable(rows: Sequence[Told]) -> list[Told]:
    """The one that is pictured: of equals the first."""
    return sorted(rows, key=lambda row: -row.verdict.finding.probability if row.verdict.finding else 0.0)[:1]


def key_picture(explanation: Explanation, rows: Sequence[Told]) -> Picture | None:
    """The first of the pictures that shows a finding on the image that shows it best; None without pictures."""
    best = {
        (row.verdict.spec.name, row.verdict.image.sop_instance_uid, row.verdict.image.frame)
        for row in rows
        if row.verdict.image is not None
    }
    shown = (one for one in explanation.pictures if (one.finding, one.sop_instance_uid, one.frame) in best)
    return next(shown, None) or next(iter(explanation.pictures), None)


def not_assessed(analysis: Analysis, rows: Sequence[Told]) -> list[Paragraph]:
    """All that the model does not claim, abstentions, and images that could not be looked at or never came."""
    said = [Paragraph(NOTHING_ELSE, "All else.")]  # first: of many, the last are cut
    said += [Paragraph(_sentence(reason), f"{names}.") for reason, names in _unanswered(rows).items()]
    counted = Counter(item.reason for item in analysis.not_assessed)
    said += [
        Paragraph(_sentence(reason), f"{count} image{'' if count == 1 else 's'} not assessed.")
        for reason, count in counted.items()
    ]
    missing = summary.gaps(analysis)[len(analysis.not_assessed) :]
    return [*said, *(Paragraph(sentence, "Missing.") for sentence in missing)]


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _unanswered(rows: Sequence[Told]) -> dict[str, str]:
    """Reason -> the rows that it speaks of."""
    open_rows = _with(rows, None)
    if len(open_rows) == len(rows) and len({row.verdict.reason for row in rows}) == 1:
        return {rows[0].verdict.reason: "All findings"}
    found: dict[str, list[str]] = {}
    for row in open_rows:
        found.setdefault(row.verdict.reason, []).append(row.label)
    return {reason: ", ".join(labels) for reason, labels in found.items()}


def model(analysis: Analysis) -> list[Paragraph]:
    """The model's card in short: which it is, what it is for, and where its figures come from."""
    manifest = analysis.manifest
    return [
        Paragraph(f"{manifest.name}, version {manifest.version}, by {manifest.manufacturer}.", "Model."),
        Paragraph(manifest.intended_use, "Intended use."),
        *_measured(analysis),
        *_bands(analysis),
        Paragraph(f"{manifest.licence}.", "Licence of the weights."),
        Paragraph(manifest.digest, "Weights, sha256.", size=6.3),
    ]


def _measured(analysis: Analysis) -> Iterator[Paragraph]:
    """Where the figures of the table were measured, findings of one source together."""
    found: dict[str, list[str]] = {}
    for spec in analysis.manifest.findings:
        found.setdefault(spec.operating_point.source, []).append(spec.label)
    together = len(found) == 1
    text = "; ".join(measured if together else f"{', '.join(labels)}: {measured}" for measured, labels in found.items())
    yield Paragraph(f"{text}.", "Measured on.")


def _bands(analysis: Analysis) -> Iterator[Paragraph]:
    rates = {s.operating_point.error_rate for s in analysis.manifest.findings if s.operating_point.undetermined}
    if rates:
        told_rates = " or ".join(limit(rate) for rate in sorted(rates))
        yield Paragraph(
            f"Set so that beyond it at most {told_rates} of each kind is called wrongly.", "Undetermined band."
        )


def limits(analysis: Analysis) -> list[Paragraph]:
    """What the manifest says of the model's limits."""
    said = analysis.manifest.limits or ("The manifest of the plugin names none; see its model card.",)
    return [Paragraph(f"\N{BULLET} {sentence}") for sentence in said]
