"""Features of many views of every slice, and sequences drawn from them for training.

Only the positions that most likely hold blood are kept: attention is practically zero at all others anyway, and it
saves nine tenths of the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from radnode_kit.sequence.cases import Case
from radnode_kit.sequence.network import Front
from radnode_kit.sequence.physics import EVEN
from radnode_kit.sequence.slices import hounsfield_canvas
from radnode_kit.sequence.views import Views, narrowed

_CHUNK, _KEPT = 8, 128


@dataclass(frozen=True)
class Bags:
    """n slices, each in v views.

    Attributes:
        features: float16 (n, v, 132, 128) of the front at the 128 likeliest positions; view 0 is the slice as it
            is, view 1 the same through a field of view of 300 mm, so that the field of view tells nothing.
        patients: (n,).
        enhanced: (n,).
    """

    features: Tensor
    patients: npt.NDArray[np.str_]
    enhanced: npt.NDArray[np.bool_]

    def sequence(self, rows: Sequence[int], view: int = 0) -> Tensor:
        """One view of the slices, as one sequence: (1, n, 132, 128)."""
        return self.features[list(rows), view][None].float()

    def draw(
        self, rows: npt.NDArray[np.int64], count: int, length: int, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """`count` made-up sequences of `length` slices from these rows, and their labels.

        Labels and, within a label, patients are drawn alike; the slices of a sequence are views of one patient's slices
        with the same label.
        """
        features, labels = [], []
        for number in range(count):
            label = number % 2 == 0
            some = rows[self.enhanced[rows] == label]
            patient = rng.choice(np.unique(self.patients[some]))
            slices = rng.choice(some[self.patients[some] == patient], length)
            features.append(self.features[slices, rng.integers(0, self.features.shape[1], length)])
            labels.append(float(label))
        return torch.stack(features).float(), torch.tensor(labels)


def make_bags(front: Front, cases: Sequence[Case], views: int, seed: int) -> Bags:
    """Run the front over every slice and `views` random changes of it."""
    change, table = Views(seed), []
    front.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # untyped; twice as fast
    for case in cases:
        canvas = torch.from_numpy(hounsfield_canvas(case.image)[0])[None, None]
        many = torch.cat([canvas, narrowed(canvas), change(canvas.repeat(views, 1, 1, 1))])
        table.append(features_of(front, many))
    enhanced = np.array([case.enhanced for case in cases])
    return Bags(torch.stack(table), np.array([case.patient for case in cases]), enhanced)


def features_of(front: Front, canvases: Tensor) -> Tensor:
    """HU (n, 1, s, s) -> float16 (n, 132, 128)."""
    with torch.inference_mode():
        parts = [front(canvases[start : start + _CHUNK])[0].contiguous() for start in range(0, len(canvases), _CHUNK)]
        every = torch.cat(parts).flatten(2)
        kept = every[:, EVEN].topk(_KEPT, dim=1).indices
        return torch.gather(every, 2, kept[:, None].expand(-1, every.shape[1], -1)).half()
