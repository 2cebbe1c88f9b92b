"""What training watches on the validation part, epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from radnode_kit.dataset import Dataset
from radnode_kit.metrics import auroc


def score(logits: npt.ArrayLike, data: Dataset, labels: Sequence[str] = (), names: Sequence[str] = ()) -> float:
    """Mean AUROC over the sources and labels that a data set tells.

    Args:
        logits: (n, k).
        data: n samples.
        labels: those that count; empty: all.
        names: the label of each column, where `labels` chooses.
    """
    values, scores = np.asarray(logits, dtype=np.float64), []
    columns = [c for c in range(values.shape[1]) if not labels or names[c] in labels]
    for source in np.unique(data.sources):
        here = data.sources == source
        for column in columns:
            known = here & ~np.isnan(data.targets[:, column])
            if known.any():
                scores.append(auroc(values[known, column], data.targets[known, column] > 0.5))
    return float(np.nanmean(scores))
