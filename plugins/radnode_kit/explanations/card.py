"""Writes what was found about the explanations, for the model card and the console."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from node.plugin import Interval
from radnode_kit.card import interval, markdown
from radnode_kit.explanations.cost import MANY, Cost
from radnode_kit.explanations.faithfulness import Faithfulness
from radnode_kit.explanations.mammograms import FOLDS, SIZE, Pointing
from radnode_kit.explanations.methods import FINE, GRAD_CAM, METHODS, PLAIN, RANDOM
from radnode_kit.explanations.mosaic import Focus
from radnode_kit.explanations.sanity import Likeness


@dataclass(frozen=True)
class Found:
    """All that is said of a plugin's explanations.

    Attributes:
        faithfulness: deletion and insertion.
        focus: mosaics.
        likeness: with a shuffled last layer, and with all layers shuffled.
        residuals: by runtime, over `checked` images.
        checked: held-back images for the residuals.
        costs: by the words for what was run.
        labels: of the network.
        cam_difference: between Grad-CAM and the positive part of the exact map, relative to the map's largest value.
        sides: cells along a side of the plain, the fine and the shipped map.
        threads: that times were measured with.
    """

    faithfulness: Faithfulness
    focus: Focus
    likeness: tuple[Likeness, Likeness]
    residuals: Mapping[str, float]
    checked: int
    costs: Mapping[str, Cost]
    labels: int
    cam_difference: float
    sides: tuple[int, int, int]
    threads: int


def explained_text(found: Found) -> str:
    """The card's text, in Markdown."""
    return "\n\n".join([_intro(found), _table(found), _gains(found), _sanity(found), _exact(found), _cost(found)])


def _intro(found: Found) -> str:
    images, mosaics = found.faithfulness.deletion.shape[1], found.focus.shares.shape[1]
    plain, fine, shipped = found.sides
    return (
        f"Explanations of {images} held-back images with a finding, every method on the same images. The shipped map "
        f"has {shipped} x {shipped} cells; *fine* is {fine} x {fine}, *plain* {plain} x {plain} of the same "
        f"parameters. Deletion and insertion: area under the probability while patches of 16 pixels are blurred, or "
        f"shown, in the order of their importance (low deletion, high insertion are good). Focus: share of positive "
        f"evidence on the right two of four images in {mosaics} mosaics (chance 0.5). None of the sets has marked "
        f"places. Intervals are 95 %, bootstrap over patients."
    )


def _table(found: Found) -> str:
    rows = []
    for name in METHODS:
        deletion, insertion = found.faithfulness.mean(name)
        rows.append([name, interval(deletion), interval(insertion), interval(found.focus.mean(name))])
    return markdown(["method", "deletion", "insertion", "focus"], rows)


def _gains(found: Found) -> str:
    rows = []
    for name, other in ((FINE, RANDOM), (FINE, GRAD_CAM), (FINE, PLAIN), (FINE, "occlusion"), (FINE, "centre")):
        deletion, insertion = found.faithfulness.gain(name, other)
        rows.append([f"{name} against {other}", signed(deletion), signed(insertion)])
    head = ["on the same images", "deletion lower by", "insertion higher by"]
    return markdown(head, rows) + (
        "\n\nWith global average pooling Grad-CAM on the last layer is the exact map without its negative part: here "
        f"they differ by {found.cam_difference:.0e} of the largest value at most. What it lacks is the evidence "
        "against, the bias, and the sum."
    )


def _sanity(found: Found) -> str:
    last, every = found.likeness
    return (
        "Likeness of the map with shuffled weights to the true one, by rank (1: the same, 0: nothing left): "
        f"{signed(last.mean)} on average with the last layer shuffled, in size {last.size:.2f}; {signed(every.mean)} "
        f"with all layers shuffled, in size {every.size:.2f}."
    )


def _exact(found: Found) -> str:
    parts = ", ".join(f"{name} {value:.1e}" for name, value in found.residuals.items())
    return f"Bias plus map equals the logit over {found.checked} held-back images and all labels to: {parts}."


def _cost(found: Found) -> str:
    rows = [
        [words, name, f"{cost.seconds[name] * 1000:.0f}", f"{cost.ratios[name]:.2f}"]
        for words, cost in found.costs.items()
        for name in cost.ratios
    ]
    head = ["runtime", "way", "ms for one image", "times the pass without maps"]
    return (
        f"Cost of all maps of the {found.labels} labels ({MANY} where it says so), {found.threads} threads, in turn, "
        "medians:\n\n" + markdown(head, rows)
    )


def pointing_text(found: Pointing) -> str:
    """What the pointing game says, in Markdown."""
    rows = [[name, interval(found.rate(name)), interval(found.density(name))] for name in found.names]
    return (
        f"Pointing game on {found.hits.shape[1]} mammograms with marked places (mini-MIAS, input {SIZE} px): a linear "
        f"layer on frozen ImageNet features, {FOLDS} folds by patient, AUROC {found.area:.2f} for abnormal against "
        "normal. A test of the plumbing: no such plugin is shipped. Density: of positive evidence on marked places, "
        "relative to the whole film.\n\n" + markdown(["method", "points right", "density"], rows)
    )


def signed(value: Interval) -> str:
    """``+0.012 (-0.003 to +0.027)``."""
    return f"{value.value:+.3f} ({value.low:+.3f} to {value.high:+.3f})"
