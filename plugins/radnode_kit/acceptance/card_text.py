"""What an evaluation found, as the part ``evaluated`` of a model card: short enough to be compared by a machine."""

from __future__ import annotations

import math
from collections.abc import Sequence

from radnode_kit.acceptance.figures import Estimate, Share
from radnode_kit.acceptance.finding import FindingFigures
from radnode_kit.acceptance.result import Evaluation
from radnode_kit.card import markdown

_HEAD = ("finding", "images", "with it", "AUROC", "PR-AUC", "sensitivity", "specificity", "calibration error")


def card_text(found: Evaluation) -> str:
    """Counts and one row of figures for each finding, in Markdown."""
    counts, provenance = found.counts, found.provenance
    intro = (
        f"`radnode evaluate` on `{provenance.csv}` (sha256 `{provenance.csv_sha256[:16]}`): cases {counts.cases}, "
        f"patients {counts.patients}; answered {counts.answered}, abstained {counts.abstained}, not accepted by the "
        f"manifest {counts.refused}, files not assessed {counts.not_assessed}. Model `{provenance.version}`, digest "
        f"`{provenance.digest[:16]}`."
    )
    rows = [_row(figures) for figures in found.findings if figures.cases]
    return f"{intro}\n\n{markdown(_HEAD, rows)}" if rows else intro


def _row(figures: FindingFigures) -> Sequence[str]:
    return (
        figures.name,
        str(figures.cases),
        str(figures.positives),
        _figure(figures.discrimination.auroc),
        _figure(figures.discrimination.average_precision),
        _figure(figures.operation.sensitivity),
        _figure(figures.operation.specificity),
        "-" if math.isnan(figures.calibration.ece) else f"{figures.calibration.ece:.3f}",
    )


def _figure(figure: Estimate | Share) -> str:
    return "-" if math.isnan(figure.value) else f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"
