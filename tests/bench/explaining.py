"""Explaining: milliseconds from a prediction to what a person looks at."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from node.explain import explain
from tests.bench import material
from tests.bench.figures import Rows, in_turn, rate, table, told

_WORDS = """## Explaining

Milliseconds from a prediction to regions, pictures and what each part of an image contributes. `volumes`: also the
evidence pixel by pixel, for Segmentations and Parametric Maps. A finding that is present is pictured on every image
that has a map of it.

"""


def measure(folder: Path, rounds: int, seconds: float = 0.5, slices: int = 10_000) -> Rows:
    """What was explained -> milliseconds. Args: seconds: of each measurement; slices: of the series."""
    found: Rows = {}
    for what, study in (("a film", material.film()), ("a series", material.series(slices))):
        images = len(study.analysis.analysed[0].image_set.images)
        for how in ("side by side", "overlay", "volumes"):
            if how == "volumes" and images == 1:
                continue
            act = partial(explain, study.analysis, volumes=how == "volumes", overlay=how == "overlay")
            pictures = len(act().pictures)
            acts = {"ms": partial(_milliseconds, act, seconds)}
            found[f"{what} ({images} images), {how}"] = {**in_turn(acts, rounds), "pictures": [float(pictures)]}
    return found


def section(rows: Rows) -> str:
    """Its part of the page."""
    lines = [
        [what, told(one["ms"]), f"{one['pictures'][0]:.0f}", told([ms / one["pictures"][0] for ms in one["ms"]])]
        for what, one in rows.items()
    ]
    return _WORDS + table(["what", "ms", "pictures", "ms for each picture"], lines)


def _milliseconds(act: partial[object], seconds: float) -> float:
    return 1000 / rate(act, seconds)
