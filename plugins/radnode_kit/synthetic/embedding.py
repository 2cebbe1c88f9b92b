"""What a frozen network sees: ImageNet's Lite0 on the small images, each in its eight views."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from rich.progress import track
from torch import nn
from torch.nn import functional

from node.plugin import Array
from radnode_kit.imagenet import pretrained
from radnode_kit.synthetic.diffusion import scaled
from radnode_kit.synthetic.images import Pixels, all_views
from radnode_kit.whole import whole

INPUT = 224
_BATCH = 32


class Embedder:
    """Embeds images; made-up and real ones alike come at the same small size, so that sharpness tells nothing.

    Args:
        work: folder in which embeddings are kept, by the images' digest.
        network: answers (logits, maps, embedding, context); without one ImageNet's Lite0, folded.
        side: to which images are enlarged.
    """

    def __init__(self, work: Path, network: nn.Module | None = None, side: int = INPUT):
        self.work, self.side = work, side
        self.network = (pretrained(1, channels=3).fold() if network is None else network).eval()

    def views(self, pixels: Pixels) -> Array:
        """float32 (n, 8, d) of images (n, 3, s, s): one embedding for each view."""
        stored = self.work / f"embeddings-{sha256(pixels.tobytes()).hexdigest()[:12]}-{self.side}.npy"
        if not stored.is_file():
            views = np.stack([self._embed(each) for each in all_views(pixels)], axis=1)
            with whole(stored) as new:
                np.save(new, views)
        return np.asarray(np.load(stored))

    def _embed(self, pixels: Pixels) -> Array:
        starts = track(range(0, len(pixels), _BATCH), description=f"embed {len(pixels)}")
        with torch.inference_mode():
            return np.concatenate([self._batch(pixels[start : start + _BATCH]) for start in starts])

    def _batch(self, pixels: Pixels) -> Array:
        large = functional.interpolate(scaled(pixels), size=self.side, mode="bilinear", align_corners=False)
        return np.asarray(self.network(large.contiguous(memory_format=torch.channels_last))[2].float().numpy())
