"""What stands in alarm of a watched model: in plain words for whoever has never heard of the statistics behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from node.ledger import NEW_BASELINE, Measure, told

#: Statistic of an image -> what a person sees of it.
_SEEN = {
    "mean": "the brightness of the images",
    "deviation": "the contrast of the images",
    "entropy": "how many different greys the images have",
    "size": "the size of the images in pixels",
}
_FIGURES = {"psi": "population stability index", "ks": "Kolmogorov-Smirnov distance", "mmd": "mean discrepancy"}
_REFERENCES = {"site": "at this site's baseline", "training": "on the data that the model was tested on"}


def problems(plugin: str, alarms: Sequence[Measure]) -> Iterator[str]:
    """What `radnode status` says of the alarms of a plugin, with what to type."""
    if drifts := [_brief(one) for one in alarms if not one.is_late]:
        measures = "; ".join(drifts[:3]) + ("; ..." if drifts[3:] else "")
        meant = NEW_BASELINE.format(plugin)
        yield f"{plugin} sees or answers something else than it did: {measures} - `radnode watch`; {meant}"
    for one in alarms:
        if one.is_late:
            yield f"{plugin}: {_late(one)} - `radnode queue list`"


def _brief(one: Measure) -> str:
    """What is otherwise, for whoever does not know the name of the measure, and the measure."""
    if one.kind == "subgroups":
        return told(one)
    what = _otherwise(one.kind, one.metric.partition(" ")[2])
    return f"{what[0].lower()}{what[1:]}: {told(one)}"


def _late(one: Measure) -> str:
    limit = "" if one.threshold is None else f"; up to {one.threshold:.1%} would still be chance"
    return (
        f"results come late: {one.value or 0.0:.1%} of the newest {one.answers} took longer than"
        f" web.result_objective_seconds{limit}"
    )


def plain(one: Measure) -> str:
    """A measure in alarm as a sentence: what is otherwise, whose, and by how much."""
    if one.is_late:
        return f"{_late(one).capitalize()}."
    if one.kind == "subgroups":
        return _changed(one)
    statistic, _, name = one.metric.partition(" ")
    whose = f" from {one.subject}" if one.subject else ""
    than = _REFERENCES.get(one.reference, "before")
    return f"{_otherwise(one.kind, name)}{whose} is otherwise than {than}{_figures(one, statistic)}."


def _changed(one: Measure) -> str:
    way, _, what = one.metric.partition(" of ")
    often = "more often" if way == "rise" else "less often"
    said = f"“{what.removeprefix('present ')}” is called present" if what != "abstained" else "The model abstains"
    share, limit = one.value or 0.0, one.threshold or 0.0
    of = f"{one.answers} answers against {one.reference_answers}"
    return f"{said} {often} than before in {one.subject}: {share:.0%}, {limit:.0%} would still be chance ({of})."


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
