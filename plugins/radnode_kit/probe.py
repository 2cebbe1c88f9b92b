"""The linear probe: logistic regression on frozen features, the first stage of training and the floor for the rest."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

from node.plugin import Array
from radnode_kit.recipe import Recipe


def probe(embeddings: Array, targets: Array, weights: Array, recipe: Recipe) -> tuple[Array, Array]:
    """Weight (k, n) and bias (k,) of a linear layer on embeddings (m, n).

    Args:
        embeddings: (m, n), of the training part.
        targets: (m, k): 1, 0 or NaN.
        weights: (m, k), importance of each sample.
        recipe: gives the regularisation and whether the labels exclude each other.
    """
    centre, scale = embeddings.mean(axis=0), embeddings.std(axis=0)
    # Features that hardly vary would get huge weights, and the first steps of fine-tuning would tear them apart.
    scale = np.maximum(scale, max(float(np.median(scale)), 1e-6))
    standard = (embeddings - centre) / scale
    if recipe.exclusive:
        slope, bias = _softmax(standard, targets, weights, recipe.ridge)
    else:
        rows = [_sigmoid(standard, targets[:, c], weights[:, c], recipe.ridge) for c in range(targets.shape[1])]
        slope, bias = np.stack([row[0] for row in rows]), np.array([row[1] for row in rows])
    weight = slope / scale
    return weight.astype(np.float32), (bias - weight @ centre).astype(np.float32)


def _softmax(standard: Array, targets: Array, weights: Array, ridge: float) -> tuple[Array, Array]:
    model = LogisticRegression(C=ridge, max_iter=2000)
    model.fit(standard, targets.argmax(axis=1), sample_weight=weights[:, 0])
    return np.asarray(model.coef_), np.asarray(model.intercept_)


def _sigmoid(standard: Array, target: Array, weights: Array, ridge: float) -> tuple[Array, float]:
    known = ~np.isnan(target)
    model = LogisticRegression(C=ridge, max_iter=2000)
    model.fit(standard[known], target[known] > 0.5, sample_weight=weights[known])
    return np.asarray(model.coef_[0]), float(model.intercept_[0])
