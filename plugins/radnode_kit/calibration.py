"""From logits to calibrated probabilities: Platt scaling for independent findings, one temperature for a softmax.

Sources: Platt 1999 (sigmoid of slope * logit + intercept); Guo et al., arXiv:1706.04599 (temperature). numpy only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """How logits become probabilities.

    Attributes:
        kind: ``platt`` (each logit alone) or ``temperature`` (softmax over all logits).
        slope: factor for each logit; a temperature has one, its inverse.
        intercept: added for each logit; empty for a temperature.
    """

    kind: str
    slope: Sequence[float]
    intercept: Sequence[float] = ()

    def __post_init__(self) -> None:
        if self.kind not in ("platt", "temperature"):
            raise ValueError(f"calibration is {self.kind!r}, allowed are 'platt' and 'temperature'")

    def __call__(self, logits: npt.ArrayLike) -> Floats:
        """Logits (n, k) -> probabilities (n, k) in 0..1; rows sum to one for a temperature."""
        z = np.asarray(logits, dtype=np.float64) * np.asarray(self.slope)
        if self.kind == "temperature":
            return softmax(z)
        return sigmoid(z + np.asarray(self.intercept))

    def table(self) -> dict[str, str | list[float]]:
        """As it stands in ``inference.json``."""
        table: dict[str, str | list[float]] = {"kind": self.kind, "slope": [round(v, 6) for v in self.slope]}
        if self.kind == "platt":
            table["intercept"] = [round(v, 6) for v in self.intercept]
        return table


def sigmoid(z: npt.ArrayLike) -> Floats:
    """1 / (1 + exp(-z)) without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * np.asarray(z, dtype=np.float64))))


def softmax(z: npt.ArrayLike) -> Floats:
    """Rows (n, k) that sum to one."""
    values = np.asarray(z, dtype=np.float64)
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def fit_platt(logits: npt.ArrayLike, truth: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> tuple[float, float]:
    """(slope, intercept) of most likelihood for one finding, with Platt's smoothed targets; Newton's method.

    Args:
        logits: (n,).
        truth: (n,), true where the finding is there.
        weights: (n,) of each sample; None: all one.
    """
    z, t = np.asarray(logits, dtype=np.float64), np.asarray(truth, dtype=bool)
    w = np.ones(len(z)) if weights is None else np.asarray(weights, dtype=np.float64)
    target = np.where(t, (t.sum() + 1) / (t.sum() + 2), 1 / ((~t).sum() + 2))
    design = np.stack([z, np.ones_like(z)], axis=1)
    answer = np.array([1.0, 0.0])
    for _ in range(50):
        p = sigmoid(design @ answer)
        slope = design.T @ (w * (p - target)) + 1e-3 * (answer - [1.0, 0.0])
        curve = (design * (w * p * (1 - p))[:, None]).T @ design + 1e-3 * np.eye(2)
        step = np.linalg.solve(curve, slope)
        answer = answer - np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-8:
            break
    return float(answer[0]), float(answer[1])


def fit_temperature(logits: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """The factor (inverse temperature) of most likelihood for logits (n, k) and true class numbers (n,)."""
    z, t = np.asarray(logits, dtype=np.float64), np.asarray(truth, dtype=np.int64)
    factors = np.geomspace(0.05, 20.0, 400)
    losses = [-np.log(softmax(z * factor)[np.arange(len(t)), t] + 1e-12).mean() for factor in factors]
    return float(factors[int(np.argmin(losses))])
