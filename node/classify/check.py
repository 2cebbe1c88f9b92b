"""What a plugin's answer must be before anybody believes it, and a report may be built on it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from operator import index

import numpy as np

from node.errors import PluginError
from node.plugin import EvidenceMap, Finding, ImageSet, Manifest, Neighbour, Prediction

#: How far an evidence map may be from adding up to its logit: float32 in sums, nothing worse.
MAX_RESIDUAL = 1e-3
#: Characters of the identifier of a training case, and cases for one finding.
LONGEST_CASE, MOST_NEIGHBOURS = 64, 32
#: Characters of a remark, and remarks on one series.
LONGEST_REMARK, MOST_REMARKS = 1024, 16


def check(prediction: Prediction, image_set: ImageSet, manifest: Manifest) -> None:
    """Raise :class:`~node.errors.PluginError` for an answer that cannot be, or any error for one of other types."""
    if not isinstance(prediction, Prediction):
        raise PluginError(f"the plugin answered a {type(prediction).__name__}", about=manifest.name)
    known = {image.sop_instance_uid for image in image_set.images}
    for finding in prediction.findings:
        _check_finding(finding, manifest, known)
        _check_agreement(finding, manifest, len(image_set.images))
    for evidence in prediction.maps:
        _check_map(evidence, manifest, known)
    claimed = [] if prediction.abstained else [spec.name for spec in manifest.findings]
    if [finding.name for finding in prediction.findings] != claimed or not isinstance(prediction.abstained, str):
        raise PluginError(f"the plugin answered other findings than it has to: {claimed}", about=manifest.name)
    if prediction.embedding is not None and not np.isfinite(prediction.embedding.astype(np.float32)).all():
        raise PluginError("the plugin's embedding is not finite", about=manifest.name)
    _check_neighbours(prediction.neighbours, manifest)
    _check_remarks(prediction.remarks, manifest)


def _check_finding(finding: Finding, manifest: Manifest, known: set[str]) -> None:
    manifest.finding(finding.name)
    for what, value in (("logit", finding.logit), ("probability", finding.probability)):
        if not math.isfinite(value) or (what == "probability" and not 0 <= value <= 1):
            text = f"the plugin answered a {what} of {float(value)} for {finding.name!r}"
            raise PluginError(text, about=manifest.name)
    if finding.key_sop_instance_uid and finding.key_sop_instance_uid not in known:
        raise PluginError("the plugin's key image is none of those it was given", about=manifest.name)


def _check_agreement(finding: Finding, manifest: Manifest, images: int) -> None:
    if finding.agreement is None:
        return
    agreeing, assessed = (index(number) for number in finding.agreement)
    if not 0 <= agreeing <= assessed <= images or not assessed:
        told = f"{agreeing} of {assessed} images agree on {finding.name!r}, where it was given {images}"
        raise PluginError(f"the plugin answered that {told}", about=manifest.name)


def _check_map(evidence: EvidenceMap, manifest: Manifest, known: set[str]) -> None:
    manifest.finding(evidence.finding)
    top, left, bottom, right = evidence.extent
    whole = evidence.grid.ndim == 2 and evidence.grid.size > 0 and bool(np.isfinite(evidence.grid).all())
    if not (whole and top < bottom and left < right and evidence.sop_instance_uid in known):
        raise PluginError(f"the plugin's evidence map for {evidence.finding!r} is no map", about=manifest.name)
    if not abs(evidence.residual) <= MAX_RESIDUAL:
        raise PluginError(
            f"the evidence map for {evidence.finding!r} does not add up: off by {evidence.residual:.3g} logits",
            about=manifest.name,
        )


def _check_neighbours(neighbours: Sequence[Neighbour], manifest: Manifest) -> None:
    for case in neighbours:
        manifest.finding(case.finding)
        if not -1 <= case.similarity <= 1:  # a NaN is not either
            raise PluginError(
                f"the plugin answered a similarity of {float(case.similarity)} for {case.finding!r}",
                about=manifest.name,
            )
        if not (0 < len(case.case) <= LONGEST_CASE and case.case.isprintable() and case.present in (True, False)):
            raise PluginError(
                f"the plugin named a training case for {case.finding!r} that is none", about=manifest.name
            )
    counted = Counter(case.finding for case in neighbours)
    if counted and max(counted.values()) > MOST_NEIGHBOURS:
        raise PluginError(f"the plugin named more than {MOST_NEIGHBOURS} cases for one finding", about=manifest.name)


def _check_remarks(remarks: Sequence[str], manifest: Manifest) -> None:
    """Texts that go into reports and onto screens: short, and nothing in them but characters that are seen."""
    if not isinstance(remarks, tuple) or len(remarks) > MOST_REMARKS:
        raise PluginError(f"the plugin's remarks are no tuple of up to {MOST_REMARKS} sentences", about=manifest.name)
    for remark in remarks:
        if not (remark.strip() and len(remark) <= LONGEST_REMARK and remark.isprintable()):
            limit = f"1 to {LONGEST_REMARK} printable characters"
            raise PluginError(f"a remark of the plugin has not {limit}", about=manifest.name)
