"""Evidence maps become places and pictures that a radiologist can judge at first glance.

Comes in: a :class:`node.study.Analysis`. Goes out: regions (closed polygons in pixels of the source image), pictures
(RGB, 1024 pixels wide, the untouched image beside the image with the evidence), and in words which part of an image
contributes how much. Pure: nothing is read or written.

What can fail: nothing that a plugin may legally answer. A map that is not finite counts as no evidence there; a finding
without a map is shown as an image with words.
"""

from node.explain.contributions import contributions
from node.explain.explanation import explain

__all__ = ["contributions", "explain"]
