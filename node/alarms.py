"""What stands in alarm of a watched model, in plain words, for whoever has never heard of the statistics behind it."""

from __future__ import annotations

from node.ledger import Measure

#: Statistic of an image -> what a person sees of it.
_SEEN = {
    "mean": "the brightness of the images",
    "deviation": "the contrast of the images",
    "entropy": "how many different greys the images have",
    "size": "the size of the images in pixels",
}
_FIGURES = {"psi": "population stability index", "ks": "Kolmogorov-Smirnov distance", "mmd": "mean discrepancy"}
_REFERENCES = {"site": "at this site's baseline", "training": "on the data that the model was tested on"}


def plain(one: Measure) -> str:
    """A measure in alarm as a sentence: what is otherwise, whose, and by how much."""
    statistic, _, name = one.metric.partition(" ")
    whose = f" from {one.subject}" if one.subject else ""
    than = _REFERENCES.get(one.reference, "before")
    return f"{_otherwise(one.kind, name)}{whose} is otherwise than {than}{_figures(one, statistic)}."


def _otherwise(kind: str, name: str) -> str:
    if kind == "scores":
        return f"How likely the model holds “{name}”"
    if kind == "inputs":
        return _SEEN.get(name, name).capitalize()
    return "What the model sees in the images as a whole" if kind == "embeddings" else "How often the model abstains"


def _figures(one: Measure, statistic: str) -> str:
    if one.value is None or one.threshold is None:
        return ""
    of = f"{one.answers} answers against {one.reference_answers}"
    if statistic not in _FIGURES:
        return f": {one.value:.0%} of the answers, {one.threshold:.0%} would still be chance ({of})"
    return f": {_FIGURES[statistic]} {one.value:.3g}, up to {one.threshold:.3g} would still be chance ({of})"
