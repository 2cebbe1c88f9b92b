"""The pictures of the report, as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Callable

from radnode_kit.acceptance.classes import Classes
from radnode_kit.acceptance.figures import Certainty, Estimate, Points, Share
from radnode_kit.acceptance.finding import FindingFigures
from radnode_kit.acceptance.subgroups import Subgroup
from radnode_kit.acceptance.svg import Drawing, Frame, ticks

_SIDE, _WHOLE = 400.0, (0.0, 1.0)
_ROW, _PANEL, _LABELS, _GUTTER = 24.0, 200.0, 270.0, 26.0


def roc_plot(figures: FindingFigures) -> str:
    """Sensitivity against 1 - specificity, with the operating point here and, where the manifest has it, as stated."""
    drawing = Drawing(_SIDE, _SIDE)
    frame = Frame(drawing, _WHOLE, _WHOLE, ("1 - specificity", "sensitivity"))
    drawing.line(frame.at((0, 0)), frame.at((1, 1)), "reference")
    drawing.curve(frame.all(figures.discrimination.roc), "curve")
    operation = figures.operation
    here, across = operation.sensitivity, operation.specificity
    if here.total and across.total:
        x = 1 - across.value
        drawing.line(frame.at((1 - across.high, here.value)), frame.at((1 - across.low, here.value)), "bar")
        drawing.line(frame.at((x, here.low)), frame.at((x, here.high)), "bar")
        drawing.dot(frame.at((x, here.value)), 4.5, "dot")
    if operation.is_stated:
        stated = (1 - operation.stated_specificity.value, operation.stated_sensitivity.value)
        drawing.diamond(frame.at(stated), 6, "stated")
    return drawing.markup(f"ROC curve of {figures.label}, AUROC {figures.discrimination.auroc.value:.3f}")


def precision_plot(figures: FindingFigures) -> str:
    """Positive predictive value against sensitivity, with the prevalence as the baseline."""
    drawing = Drawing(_SIDE, _SIDE)
    frame = Frame(drawing, _WHOLE, _WHOLE, ("recall (sensitivity)", "precision (PPV)"))
    baseline = figures.discrimination.prevalence.value
    if math.isfinite(baseline):
        drawing.line(frame.at((0, baseline)), frame.at((1, baseline)), "reference")
        drawing.text(frame.at((0.02, baseline + 0.025)), f"prevalence {baseline:.2f}", "note")
    curve = figures.discrimination.precision_recall
    drawing.curve(frame.all([(0.0, curve[0][1]), *curve] if curve else []), "curve")
    operation = figures.operation
    if operation.sensitivity.total and operation.ppv.total:
        x, ppv = operation.sensitivity.value, operation.ppv
        drawing.line(frame.at((x, ppv.low)), frame.at((x, ppv.high)), "bar")
        drawing.dot(frame.at((x, ppv.value)), 4.5, "dot")
    area = figures.discrimination.average_precision.value
    return drawing.markup(f"Precision-recall curve of {figures.label}, average precision {area:.3f}")


def reliability_plot(figures: FindingFigures) -> str:
    """Observed share against mean probability, in bins of about equally many cases."""
    drawing = Drawing(_SIDE, _SIDE)
    frame = Frame(drawing, _WHOLE, _WHOLE, ("mean probability in the bin", "share with the finding"))
    drawing.line(frame.at((0, 0)), frame.at((1, 1)), "reference")
    for each in figures.calibration.bins:
        seen, x = each.observed, each.predicted
        drawing.line(frame.at((x, seen.low)), frame.at((x, seen.high)), "bar")
    drawing.curve(frame.all([(b.predicted, b.observed.value) for b in figures.calibration.bins]), "curve thin")
    for each in figures.calibration.bins:
        drawing.dot(frame.at((each.predicted, each.observed.value)), 4, "dot")
    return drawing.markup(f"Reliability of {figures.label}, expected calibration error {figures.calibration.ece:.3f}")


def risk_plot(certainty: Certainty, label: str) -> str:
    """Share of errors as ever more of the least certain cases are refused, with what the manifest's band refuses."""
    curve = certainty.risk_coverage
    drawing, frame = _risk(curve, certainty.stated_error_rate)
    kept = 1 - certainty.undetermined.value
    if certainty.undetermined_band and math.isfinite(kept) and certainty.wrong_outside.total:
        wrong = certainty.wrong_outside
        drawing.line(frame.at((kept, wrong.low)), frame.at((kept, wrong.high)), "bar")
        drawing.dot(frame.at((kept, wrong.value)), 4.5, "dot")
    return drawing.markup(f"Risk and coverage of {label}, area {certainty.aurc:.3f}")


def classes_risk_plot(classes: Classes) -> str:
    """The same over all classes."""
    drawing, _ = _risk(classes.risk_coverage, 0.0)
    return drawing.markup(f"Risk and coverage over all classes, area {classes.aurc:.3f}")


def _risk(curve: Points, stated: float) -> tuple[Drawing, Frame]:
    drawing = Drawing(_SIDE, _SIDE)
    highest = max([0.02, stated * 1.3, *(risk * 1.25 for coverage, risk in curve if coverage > 0.05)])
    labels = ("coverage (share of cases answered)", "risk (share answered wrongly)")
    frame = Frame(drawing, _WHOLE, (0.0, min(1.0, highest)), labels)
    drawing.curve(frame.all(curve), "curve")
    if stated:
        drawing.line(frame.at((0, stated)), frame.at((1, stated)), "reference")
    return drawing, frame


def forest_plot(figures: FindingFigures) -> str:
    """AUROC, sensitivity and specificity of every subgroup with their intervals, beside those of all cases."""
    rows = _forest_rows(figures)
    width = _LABELS + 3 * (_PANEL + _GUTTER)
    drawing = Drawing(width, 44 + _ROW * len(rows) + 22)
    for index, (name, of) in enumerate(_PANELS):
        _panel(drawing, _LABELS + index * (_PANEL + _GUTTER), name, [of(row) if row else None for row in rows])
    for number, row in enumerate(rows):
        if row is None:
            continue
        y, before = 44 + _ROW * (number + 0.5), rows[number - 1] if number else None
        if before is None:
            drawing.text((0, y + 4), row.trait, "trait")
        drawing.text((58, y + 4), row.name, "label")
        drawing.text((_LABELS - 14, y + 4), f"{row.cases} ({row.positives})", "tick", "end")
    drawing.text((_LABELS - 14, 22), "cases (with finding)", "tick", "end")
    return drawing.markup(f"Subgroups of {figures.label}")


_PANELS: tuple[tuple[str, Callable[[Subgroup], Estimate | Share]], ...] = (
    ("AUROC", lambda row: row.auroc),
    ("sensitivity", lambda row: row.sensitivity),
    ("specificity", lambda row: row.specificity),
)


def _forest_rows(figures: FindingFigures) -> list[Subgroup | None]:
    """All cases first, then the subgroups with a gap (None) before each trait."""
    operation, auroc = figures.operation, figures.discrimination.auroc
    everything = Subgroup(
        "all", "", figures.cases, figures.positives, auroc, operation.sensitivity, operation.specificity
    )
    rows: list[Subgroup | None] = [everything]
    for row in figures.subgroups:
        before = rows[-1]
        if before is not None and before.trait != row.trait:
            rows.append(None)
        rows.append(row)
    return rows


def _panel(drawing: Drawing, left: float, name: str, values: list[Estimate | Share | None]) -> None:
    low = min([0.5, *(v.low for v in values if v and math.isfinite(v.value))])
    low = math.floor(low * 10) / 10

    def at(value: float) -> float:
        return left + (value - low) / (1.0 - low) * _PANEL

    bottom = 44 + _ROW * len(values)
    drawing.text((left + _PANEL / 2, 22), name, "label strong", "middle")
    for value, words in ticks(low, 1.0):
        drawing.line((at(value), 36), (at(value), bottom), "grid")
        drawing.text((at(value), bottom + 15), words, "tick", "middle")
    overall = values[0]
    if overall and math.isfinite(overall.value):
        drawing.line((at(overall.value), 36), (at(overall.value), bottom), "reference")
    for number, found in enumerate(values):
        if found and math.isfinite(found.value):
            y = 44 + _ROW * (number + 0.5)
            drawing.line((at(max(low, found.low)), y), (at(found.high), y), "bar")
            drawing.dot((at(found.value), y), 4.5 if number else 5.5, "dot")


def confusion_plot(classes: Classes) -> str:
    """Counts of true against called classes; the shade is the share of the true class."""
    cell, left, top = 92.0, 130.0, 46.0
    drawing = Drawing(left + cell * len(classes.names) + 8, top + cell * len(classes.names) + 8)
    drawing.text((left + cell * len(classes.names) / 2, 14), "most probable class", "axis", "middle")
    drawing.text((left - 10, 14), "true class", "axis", "end")
    for row, name in enumerate(classes.names):
        drawing.text((left - 10, top + cell * (row + 0.5) + 4), _short(name), "label", "end")
        drawing.text((left + cell * (row + 0.5), top - 10), _short(name), "label", "middle")
        total = sum(classes.confusion[row])
        for column, count in enumerate(classes.confusion[row]):
            x, y = left + cell * column, top + cell * row
            share = count / total if total else 0.0
            drawing.box((x + 1, y + 1), (cell - 2, cell - 2), "cell right" if row == column else "cell wrong", share)
            style = "count inverse" if share > 0.55 else "count"
            drawing.text((x + cell / 2, y + cell / 2 + 2), str(count), style, "middle")
            small = "tick inverse" if share > 0.55 else "tick"
            drawing.text((x + cell / 2, y + cell / 2 + 20), f"{share:.1%}" if total else "-", small, "middle")
    return drawing.markup("Confusion matrix: rows are true classes, columns the most probable ones")


def _short(name: str) -> str:
    return name if len(name) <= 14 else name[:13] + "…"
