"""The input check: is this the kind of image that the model was made for, the right way round and whole?

A softmax over the network's own features says what is wrong with an image; it has seen wrong ones in training (outlier
exposure: Hendrycks et al., arXiv:1812.04606). What it has never seen is left to the gates (``radnode_kit.gate``).
numpy and safetensors only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from node.plugin import Array
from radnode_kit.calibration import Floats, softmax

#: What an image can be; the first is what the model was made for. The words go into the reason for an abstention.
KINDS = {
    "right": "",
    "inverted": "looks inverted (dark and bright exchanged)",
    "rotated": "looks rotated or upside down",
    "cropped": "looks cropped: only a part of what the model expects",
    "screen": "looks like a photograph of a screen",
    "noise": "looks like noise, a test pattern or a blank field",
    "stranger": "looks like another kind of image than the model was made for",
}
_NAMES = tuple(KINDS)


@dataclass(frozen=True)
class InputCheck:
    """A linear layer on standardised features.

    Attributes:
        weights: (kinds, n); kinds as in :data:`KINDS`, those not learned at a bias of minus infinity.
        bias: (kinds,).
        limit: log-odds of being wrong at which the check refuses.
    """

    weights: Array
    bias: Array
    limit: float = 0.0

    def answers(self, features: Array) -> Floats:
        """(m, n) -> (m, kinds), a softmax."""
        return softmax(features @ self.weights.T + self.bias)

    def distances(self, features: Array) -> Array:
        """(m, n) -> (m,): odds of being wrong over those at the limit, so that the check refuses above 1."""
        return np.asarray(np.exp(np.clip(self._odds(features) - self.limit, -20.0, 20.0)), dtype=np.float32)

    def _odds(self, features: Array) -> Floats:
        right = np.clip(self.answers(features)[:, 0], 1e-12, 1.0 - 1e-12)
        return np.asarray(np.log1p(-right) - np.log(right))

    def reasons(self, features: Array) -> list[str]:
        """For each row the words of the wrong kind that is most likely."""
        return [KINDS[_NAMES[1 + int(row)]] for row in self.answers(features)[:, 1:].argmax(axis=1)]

    def limited(self, features: Array, share: float) -> InputCheck:
        """The check with the limit that lets `share` of right images (m, n) pass."""
        return replace(self, limit=float(np.quantile(self._odds(features), share)))

    def arrays(self) -> dict[str, Array]:
        """As it stands in a file; see :func:`check_from`."""
        return {"weights": self.weights, "bias": self.bias, "limit": np.array([self.limit], np.float32)}


def features_of(embedding: Array, context: Array) -> Array:
    """(m, 1280) and (m, c) -> (m, 1280 + c): what the check looks at."""
    return np.concatenate([embedding, context], axis=1)


def check_from(arrays: Mapping[str, Array]) -> InputCheck:
    """The check of :meth:`InputCheck.arrays`."""
    return InputCheck(arrays["weights"], arrays["bias"], float(arrays["limit"][0]))


def folded(weights: Floats, bias: Floats, kinds: list[int], centre: Array, scale: Array) -> InputCheck:
    """A check from a softmax that was fitted to standardised features.

    Args:
        weights: (k, n), of the kinds learned.
        bias: (k,).
        kinds: their places in :data:`KINDS`.
        centre: (n,), subtracted from the features.
        scale: (n,), what they were divided by.
    """
    every = np.zeros((len(KINDS), weights.shape[1]), np.float32)
    shift = np.full(len(KINDS), -1e4, np.float32)
    every[kinds] = weights / scale
    shift[kinds] = bias - (weights / scale) @ centre
    return InputCheck(every, shift)
