"""Evidence maps in words: which part of the image contributes how much to the logit.

The image is cut into thirds as it is displayed: upper, middle, lower by left, centre, right *of the image*, which are
not the patient's. Each cell of the map speaks evenly over its area, so the nine parts, what lies beyond the image and
the baseline add up to the logit exactly.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from node.explain.key_image import key_image, map_of
from node.plugin import EvidenceMap, Finding, Image, Outcome
from node.study import Analysed, Analysis, Contribution

_ROWS, _COLUMNS = ("upper", "middle", "lower"), ("left", "centre", "right")
PARTS = tuple(
    "central" if (row, column) == ("middle", "centre") else f"{row} {column}" for row in _ROWS for column in _COLUMNS
)
#: Logits below this are not worth a word.
_NOTHING = 0.005


def contributions(analysis: Analysis) -> tuple[Contribution, ...]:
    """Of every finding that was assessed, on its key image; none where that has no map."""
    return tuple(
        told
        for item in analysis.analysed
        if not item.prediction.abstained
        for finding in item.prediction.findings
        if (told := contribution(analysis, item, finding)) is not None
    )


def contribution(analysis: Analysis, item: Analysed, finding: Finding) -> Contribution | None:
    """Of one finding on its key image; None when that has no map."""
    image = key_image(item, finding)
    evidence = map_of(item, finding.name, image)
    if evidence is None:
        return None
    regions, outside = parts(evidence, image)
    outcome = analysis.manifest.finding(finding.name).operating_point.outcome(finding.probability)
    images = item.image_set.images
    number = next(number for number, one in enumerate(images, 1) if one is image)  # equality would compare pixels
    words = sentence(regions, outside, evidence, against=outcome is Outcome.ABSENT)
    where = f"On image {number} of {len(images)}: " if len(images) > 1 else ""
    return Contribution(
        finding=finding.name,
        sop_instance_uid=image.sop_instance_uid,
        frame=image.frame,
        regions=regions,
        outside=outside,
        bias=evidence.bias,
        logit=evidence.logit,
        sentence=where + words,
    )


def parts(evidence: EvidenceMap, image: Image) -> tuple[tuple[tuple[str, float], ...], float]:
    """Logits of each of :data:`PARTS`, and those from beyond the image."""
    rows, columns = image.pixels.shape[:2]
    top, left, bottom, right = evidence.extent
    grid = np.nan_to_num(evidence.grid.astype(np.float64), posinf=0.0, neginf=0.0)
    down = _shares(rows, (top, bottom), grid.shape[0])
    across = _shares(columns, (left, right), grid.shape[1])
    inside = down @ grid @ across.T
    named = tuple(zip(PARTS, inside.ravel().tolist(), strict=True))
    return named, float(grid.sum() - inside.sum())


def _shares(length: int, extent: tuple[float, float], cells: int) -> npt.NDArray[np.float64]:
    """(3, cells): which share of each cell along one axis lies in each third of the image."""
    edges = np.linspace(extent[0], extent[1], cells + 1)
    thirds = np.linspace(0.0, length, len(_ROWS) + 1)
    upper = np.minimum(edges[None, 1:], thirds[1:, None])
    lower = np.maximum(edges[None, :-1], thirds[:-1, None])
    overlap: npt.NDArray[np.float64] = np.clip(upper - lower, 0.0, None)
    return overlap / np.diff(edges)


def sentence(regions: tuple[tuple[str, float], ...], outside: float, evidence: EvidenceMap, *, against: bool) -> str:
    """One sentence; `against` names the part that speaks most against the finding instead of most for it.

    Its figures are rounded so that they add up to the logit: what rounding leaves over is in that of the other parts.
    """
    name, lead = (min if against else max)(regions, key=lambda part: part[1])
    total, bias, beyond = (_rounded(value) for value in (evidence.logit, evidence.bias, outside))
    lead = _rounded(lead)
    beyond = beyond if abs(outside) >= _NOTHING else 0.0
    rest = [f"the baseline {bias:+.2f}"]
    if beyond:
        rest.insert(0, f"what lies beyond the image {beyond:+.2f}")
    if lead >= 0.0 if against else lead <= 0.0:
        direction = "against" if against else "for"
        whole = _rounded(total - bias - beyond)
        head = f"No region of the image speaks {direction} it: all of them contribute {whole:+.2f} {_of(whole, total)}"
    else:
        others = _rounded(total - bias - beyond - lead)
        verb = "speaks most against it and contributes" if against else "contributes"
        head = f"The {_place(name)} {verb} {lead:+.2f} {_of(lead, total)}"
        rest.insert(0, f"the other regions {others:+.2f}")
    return f"{head}; {', '.join(rest[:-1]) + ' and ' if rest[:-1] else ''}{rest[-1]}."


def _place(name: str) -> str:
    sided = "left" in name or "right" in name
    return f"{name} region of the image{' as displayed' if sided else ''}"


def _of(part: float, total: float) -> str:
    """A share where both point the same way; else the sum it goes into."""
    return f"of {total:.2f} logits" if part * total > 0.0 else f"to a logit of {total:.2f}"


def _rounded(value: float) -> float:
    return round(value, 2) or 0.0  # never a negative nothing
