"""The image that shows a finding best, and its evidence map."""

from __future__ import annotations

from node.plugin import EvidenceMap, Finding, Image
from node.study import Analysed


def key_image(item: Analysed, finding: Finding) -> Image:
    """The one that the model names, or the middle one."""
    images = item.image_set.images
    key = (finding.key_sop_instance_uid, finding.key_frame)
    exact = [image for image in images if (image.sop_instance_uid, image.frame) == key]
    return exact[0] if exact else images[len(images) // 2]


def map_of(item: Analysed, finding: str, image: Image) -> EvidenceMap | None:
    """The evidence map of a finding on an image, if there is one."""
    wanted = (finding, image.sop_instance_uid, image.frame)
    for evidence in item.prediction.maps:
        if (evidence.finding, evidence.sop_instance_uid, evidence.frame) == wanted:
            return evidence
    return None
