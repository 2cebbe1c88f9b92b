"""The report as one HTML page without anything from outside: no script, no link, no font."""

from __future__ import annotations

import math
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from node.plugin import Interval
from node.words import NOT_MEASURED
from radnode_kit.acceptance import plots
from radnode_kit.acceptance.checks import MAX_ECE, MIN_CONVINCING, Verdict
from radnode_kit.acceptance.figures import Estimate, Share
from radnode_kit.acceptance.finding import FindingFigures
from radnode_kit.acceptance.result import Evaluation
from radnode_kit.acceptance.subgroups import MIN_CASES

#: Of lists that may be long.
_MOST_SHOWN = 50


def html_text(evaluation: Evaluation, *, phi: bool) -> str:
    """``report.html``. Args: phi: name the files that could not be read."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"figure": figure, "stated": stated, "number": number, "mark": mark}
    return environment.get_template("page.html").render(
        e=evaluation,
        pictures={each.name: _pictures(each) for each in evaluation.findings},
        confusion=Markup(plots.confusion_plot(evaluation.classes)) if evaluation.classes else "",  # noqa: S704 our SVG
        risk=Markup(plots.classes_risk_plot(evaluation.classes)) if evaluation.classes else "",  # noqa: S704 our SVG
        labels={each.name: each.label for each in evaluation.findings},
        flagged=[(each, gap) for each in evaluation.findings for gap in each.gaps if gap.flagged],
        phi=phi,
        limits={"ece": MAX_ECE, "few": MIN_CONVINCING, "subgroup": MIN_CASES, "shown": _MOST_SHOWN},
    )


def _pictures(figures: FindingFigures) -> dict[str, Markup]:
    drawn = {
        "roc": plots.roc_plot(figures),
        "precision": plots.precision_plot(figures),
        "reliability": plots.reliability_plot(figures),
        "risk": plots.risk_plot(figures.certainty, figures.label),
        "forest": plots.forest_plot(figures) if figures.subgroups else "",
    }
    return {name: Markup(picture) for name, picture in drawn.items()}  # noqa: S704 our SVG, its texts escaped


def figure(found: Estimate | Share | Interval) -> str:
    """``0.912 (0.880 to 0.941)``; a dash when there is none."""
    if not math.isfinite(found.value):
        return "–"
    return f"{found.value:.3f} ({number(found.low)} to {number(found.high)})"


def stated(figure_of_manifest: Interval) -> str:
    """As :func:`figure`; in words where nobody measured it."""
    return figure(figure_of_manifest) if figure_of_manifest.known else NOT_MEASURED


def number(value: float, digits: int = 3) -> str:
    """With its digits; a dash when there is none."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "–"


def mark(verdict: Verdict) -> str:
    """A sign that does not depend on colour."""
    return {Verdict.MET: "✓", Verdict.NOT_MET: "✗", Verdict.NOT_TESTED: "○"}[verdict]
