"""Evidence maps become places and pictures that a radiologist can judge at first glance.

Comes in: a :class:`node.study.Analysis`. Goes out: regions (closed polygons in pixels of the source image), pictures
(RGB, 1024 pixels wide, the untouched image beside the image with the evidence), and in words which part of an image
contributes how much. Pure: nothing is read or written.

What can fail: nothing that a plugin may legally answer. A map that is not finite counts as no evidence there; a finding
without a map is shown as an image with words.
"""

from node.explain.contributions import contributions
from node.explain.explanation import regions_and_pictures
from node.explain.layers import layers
from node.study import Analysis, Explanation

__all__ = ["contributions", "explain", "layers", "regions_and_pictures"]


def explain(analysis: Analysis, *, volumes: bool = False, overlay: bool = False) -> Explanation:
    """All there is to say of the analysis.

    Args:
        analysis: what was found.
        volumes: also its evidence pixel by pixel, which takes memory and time.
        overlay: pictures without the untouched image beside the evidence, and larger.

    Example::

        explanation = explain(analysis)
    """
    regions, pictures = regions_and_pictures(analysis, overlay=overlay)
    told = layers(analysis) if volumes else ()
    return Explanation(regions, pictures, contributions(analysis), told)
