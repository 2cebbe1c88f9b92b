"""What became of a finding of an analysis since the prior study: the same for the report and for the picture."""

from __future__ import annotations

from dataclasses import replace

from node.comparison import Aspect, Compared, compare, course
from node.plugin import Finding
from node.study import Analysed, Analysis


def changed(analysis: Analysis, item: Analysed, name: str, finding: Finding | None) -> Compared | None:
    """None when the analysis is compared with nothing.

    Args:
        analysis: with its manifest and what it is compared with.
        item: one of its series.
        name: of the finding.
        finding: the answer; None: there is none.
    """
    comparison = analysis.comparison
    if comparison is None or comparison.prior is None:
        return None
    point, shown = analysis.manifest.finding(name).operating_point, item.image_set
    aspect = Aspect.of(shown.body_part, shown.laterality, shown.view)
    now = None if finding is None else (point.outcome(finding.probability), finding.probability)
    found = compare(comparison.prior, name, aspect, now, analysis.manifest.repeatability, comparison.views)
    return replace(found, course=course(comparison, name, aspect))
