"""The measured part of a sequence model's card, in Markdown."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from node.plugin import Manifest
from radnode_kit.card import interval, markdown
from radnode_kit.metrics import Truth, auroc, chance_error, reliability, reliability_error
from radnode_kit.operating_point import sensitivity_specificity
from radnode_kit.sequence.measuring import Measured

_FEWEST, _BINS = 8, 5


def measured_text(manifest: Manifest, measured: Measured) -> str:
    """What stands between the marks of the card."""
    parts = [_intro(manifest, measured), _variants(measured), _finding(manifest, measured)]
    return "\n\n".join([*parts, _shortcuts(measured), _header(measured), _evidence(measured)])


def _intro(manifest: Manifest, measured: Measured) -> str:
    repeats, count = measured.crossed.chosen.logits.shape
    folds, single = int(measured.crossed.chosen.folds.max()) + 1, sum(length == 1 for length in measured.lengths)
    patients = len(set(measured.crossed.patients.tolist()))
    return (
        f"Cross-validation, {repeats} times {folds} folds with other seeds, no patient in two folds: {count} series of "
        f"{patients} patients (equal slices counted once), {int(measured.truth.sum())} enhanced. {single} of the "
        f"series are a single slice. Every figure is about patients that the model in question had not seen. The "
        f"shipped weights are {repeats} refits on all patients, averaged, as the mean logit here is over the repeats. "
        f"Intervals are 95 %: Wilson for shares, bootstrap over patients otherwise. "
        f"Model `{manifest.version}`, digest `{manifest.digest[:16]}`."
    )


def _variants(measured: Measured) -> str:
    rows = []
    for name, answer in measured.crossed.variants.items():
        each = [auroc(logits, measured.truth) for logits in answer.logits]
        shipped = "shipped" if name == measured.crossed.shipped else ""
        rows.append([name, interval(measured.area(answer.mean)), f"{min(each):.3f} to {max(each):.3f}", shipped])
    head = ["features, pooling of slices", "AUROC of the mean logit", "AUROC of single repeats", ""]
    area, count, long = measured.joined_area
    joined = (
        f"All slices of one patient with the same label read as one sequence ({count} sequences, {long} of two slices "
        f"and more): shipped variant {interval(area)}."
    )
    return f"### What was compared: {len(rows)} variants\n\n" + markdown(head, rows) + "\n\n" + joined


def _finding(manifest: Manifest, measured: Measured) -> str:
    spec, point = manifest.findings[0], measured.point
    band = (
        f"between {point.undetermined[0]:.3f} and {point.undetermined[1]:.3f} it is undetermined "
        f"(each error at most {point.error_rate:.0%})"
        if point.undetermined
        else "no undetermined band is needed to keep each error below 10 %"
    )
    error = reliability_error(reliability(measured.probabilities, measured.truth, _BINS))
    chance = chance_error(measured.probabilities, _BINS)
    return (
        f"### {spec.label} (`{spec.name}`)\n\n"
        f"Present from a probability of {point.threshold:.3f}; {band}. Probabilities are calibrated on the other "
        f"patients; expected calibration error {error:.3f} in {_BINS} bins of equal size (honest probabilities of so "
        f"few series show up to {chance:.3f}).\n\n" + _subgroups(measured)
    )


def _subgroups(measured: Measured) -> str:
    groups: list[tuple[str, str, Truth]] = [("all", "", np.ones(len(measured.truth), dtype=bool))]
    for name in measured.strata[0]:
        for value in sorted({each[name] for each in measured.strata}):
            groups.append((name, value, np.array([each[name] == value for each in measured.strata])))
    rows = [[name, value, *_row(measured, mask)] for name, value, mask in groups if mask.sum() >= _FEWEST]
    return markdown(["group", "", "series", "enhanced", "AUROC", "sensitivity", "specificity"], rows)


def _row(measured: Measured, mask: Truth) -> list[str]:
    truth = measured.truth[mask]
    sensitivity, specificity = sensitivity_specificity(measured.probabilities[mask], truth, measured.point.threshold)
    return [
        str(len(truth)),
        str(int(truth.sum())),
        interval(measured.area(measured.crossed.chosen.mean, mask)) if 0 < truth.sum() < len(truth) else "-",
        interval(sensitivity) if truth.any() else "-",
        interval(specificity) if not truth.all() else "-",
    ]


def _shortcuts(measured: Measured) -> str:
    chosen = measured.crossed.chosen
    small = np.array([each["field of view"] == "under 450 mm" for each in measured.strata], dtype=np.float64)
    maker = np.array([each["maker"] == "Siemens" for each in measured.strata], dtype=np.float64)
    rows = [
        ["the field of view alone (small is enhanced)", interval(measured.area(small))],
        ["the maker alone (Siemens is enhanced)", interval(measured.area(maker))],
        ["the model", interval(measured.area(chosen.mean))],
        ["the model, all slices cut to a field of view of 300 mm", interval(measured.area(chosen.narrow.mean(axis=0)))],
    ]
    return "### Shortcuts\n\n" + markdown(["what is asked", "AUROC"], rows)


def _header(measured: Measured) -> str:
    kinds: list[tuple[str, Callable[[str | None], bool]]] = [
        ("names an agent", lambda agent: bool(agent)),
        ("there, but empty", lambda agent: agent == ""),
        ("absent", lambda agent: agent is None),
    ]
    said = measured.probabilities >= measured.point.threshold
    rows = []
    for name, fits in kinds:
        here = np.array([fits(agent) for agent in measured.agents])
        enhanced, both = int(measured.truth[here].sum()), int(said[here].sum())
        rows.append([name, str(int(here.sum())), str(enhanced), str(both)])
    head = ["Contrast/Bolus Agent", "series", "labelled enhanced", "enhanced by the model, out of fold"]
    return "### Against the header\n\n" + markdown(head, rows)


def _evidence(measured: Measured) -> str:
    return (
        f"### Evidence, gate and speed\n\n"
        f"The shipped model's maps plus bias equal the logit to {measured.residual:.1e} at worst. Its gate refuses "
        f"{measured.refused} of these {len(measured.truth)} series (it has seen them all). CPU time of one slice, "
        f"over all threads: {measured.seconds * 1000:.0f} ms (ONNX Runtime)."
    )
