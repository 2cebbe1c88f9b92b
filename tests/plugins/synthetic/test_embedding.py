from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("einops")

from radnode_kit.synthetic.embedding import Embedder
from radnode_kit.synthetic.images import VIEWS, view
from tests.plugins.synthetic.material import Means, images


def test_each_image_has_an_embedding_for_each_view(tmp_path: Path) -> None:
    pixels = images(5).pixels
    embedder = Embedder(tmp_path, Means(), side=32)
    found = embedder.views(pixels)
    assert found.shape == (5, VIEWS, 40)
    assert np.allclose(Embedder(tmp_path, Means(), side=32).views(view(pixels, 3))[:, 0], found[:, 3], atol=1e-5)


def test_embeddings_are_kept_by_what_the_images_are(tmp_path: Path) -> None:
    pixels = images(2).pixels
    first = Embedder(tmp_path, Means()).views(pixels)

    class Broken(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise AssertionError("asked again")

    assert np.array_equal(Embedder(tmp_path, Broken()).views(pixels), first)
    with pytest.raises(AssertionError):
        Embedder(tmp_path, Broken()).views(pixels[:1])


def test_small_images_are_enlarged_before_the_network_sees_them(tmp_path: Path) -> None:
    seen = []

    class Watching(Means):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:  # type: ignore[override]  # as wide as needed
            seen.append((tuple(x.shape[1:]), float(x.min()), float(x.max())))
            return super().forward(x)

    Embedder(tmp_path, Watching(), side=48).views(images(1).pixels)
    assert {shape for shape, _, _ in seen} == {(3, 48, 48)}
    assert all(-1 <= low < high <= 1 for _, low, high in seen)
