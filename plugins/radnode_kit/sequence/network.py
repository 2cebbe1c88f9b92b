"""The sequence model: features of each position, gated attention over positions and slices, and a linear read-out.

Attention pooling: Ilse, Tomczak, Welling, *Attention-based deep multiple instance learning* (arXiv:1802.04712), twice:
over the positions of a slice, then over the slices of a series. Both only weigh; what they weigh is read out linearly:

``logit = bias + sum over slices i, positions p of  a_i * alpha_ip * (w . z_ip)``,  sum of a_i = 1,  sum of alpha_ip = 1

so the share of every position in the logit is exact, and the logit of a series is the weighted mean of what each of its
slices would get alone. Several such readers, fitted with other seeds, are averaged: a mean of sums is a sum.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from radnode_kit.lite import STAGES, Block, ConvNorm, moments
from radnode_kit.sequence.physics import FEATURES, Physics, candidates

FRONT_BLOCKS = 8  # of EfficientNet-Lite0: up to 80 channels at every 16 pixels
_FINE = 5  # blocks up to 40 channels at every 8 pixels
LITE_FEATURES = 120
POOLINGS = ("mean", "attention", "recurrent")
_FAR = -30.0


def windows(hounsfield: Tensor) -> Tensor:
    """Three windows as red, green and blue, as ImageNet's networks want them: (n, 1, s, s) HU -> (n, 3, s, s), -1..1.

    Soft tissue (-160..240), vessels (0..400) and everything (-1000..1000).
    """
    bounds = ((-160.0, 240.0), (0.0, 400.0), (-1000.0, 1000.0))
    shown = [((hounsfield - low) / (high - low)).clamp(0.0, 1.0) for low, high in bounds]
    return torch.cat(shown, dim=1) * 2.0 - 1.0


class Front(nn.Module):
    """The frozen part: HU (n, 1, s, s) -> features (n, 132, s / 8, s / 8) and context (n, 160).

    Features are those of :class:`Physics`, then 40 and 80 channels from the first eight blocks of EfficientNet-Lite0;
    context is the mean and spread of the last, for the gate.
    """

    def __init__(self) -> None:
        super().__init__()
        self.physics = Physics()
        self.stem = ConvNorm(3, 32, 3, step=(2, 1), active=True)
        blocks, inputs = [], 32
        for stage in STAGES[:4]:
            for repeat in range(stage.repeats):
                blocks.append(Block(inputs, stage, first=repeat == 0))
                inputs = stage.channels
        self.blocks = nn.ModuleList(blocks)

    def forward(self, hounsfield: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        x = fine = self.stem(windows(hounsfield))
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index + 1 == _FINE:
                fine = x
        coarse = functional.interpolate(x, scale_factor=2.0, mode="nearest")
        return torch.cat([self.physics(hounsfield), fine, coarse], dim=1), moments(x)

    def fold(self) -> Front:
        """Fold all normalisations into the convolutions, in place."""
        for module in self.modules():
            if isinstance(module, ConvNorm):
                module.fold()
        return self


class Gated(nn.Module):
    """Gated attention score of vectors: (..., c) -> (...)."""

    def __init__(self, inputs: int, hidden: int):
        super().__init__()
        self.what, self.whether = nn.Linear(inputs, hidden), nn.Linear(inputs, hidden)
        self.score = nn.Linear(hidden, 1, bias=False)

    def forward(self, vectors: Tensor) -> Tensor:
        """See the class."""
        hidden = torch.tanh(self.what(vectors)) * torch.sigmoid(self.whether(vectors))
        score: Tensor = self.score(hidden)[..., 0]
        return score


class Reader(nn.Module):
    """The learned part: features of a sequence of slices -> one logit.

    Args:
        chosen: which of the front's features it reads.
        pooling: one of :data:`POOLINGS`: slices weigh the same, by their own features, or by a recurrent network
            (GRU, both ways) that sees their neighbours. With ``mean``, all candidate positions weigh the same too.
        hidden: width of the attention.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, chosen: slice, pooling: str = "attention", hidden: int = 8):
        super().__init__()
        count = chosen.stop - chosen.start
        self.chosen, self.pooling = chosen, pooling
        self.register_buffer("mean", torch.zeros(count))
        self.register_buffer("deviation", torch.ones(count))
        self.position, self.slice = Gated(count, hidden), Gated(count, hidden)
        self.recurrent = nn.GRU(count, hidden, batch_first=True, bidirectional=True) if pooling == "recurrent" else None
        self.after = nn.Linear(2 * hidden, 1, bias=False) if pooling == "recurrent" else None
        self.linear = nn.Linear(count, 1)
        self.dropout = nn.Dropout(0.2)

    def standardise(self, features: Tensor) -> Tensor:
        """(..., 132, p) -> chosen features (..., p, c), with mean 0 and deviation 1 over the training."""
        z: Tensor = (features[..., self.chosen, :].transpose(-1, -2) - self.mean) / self.deviation
        return z.clamp(-6.0, 6.0)

    def attention(self, z: Tensor, features: Tensor) -> Tensor:
        """Weights alpha (..., p) of the positions, sum one; where blood cannot be they are practically zero."""
        score = _FAR * (~candidates(features)).float()
        return torch.softmax(score if self.pooling == "mean" else score + self.position(z), dim=-1)

    def slice_scores(self, vectors: Tensor) -> Tensor:
        """Attention scores (b, n) of slices (b, n, c); their softmax over the series is a_i."""
        if self.recurrent is not None and self.after is not None:
            after: Tensor = self.after(self.recurrent(vectors)[0])[..., 0]
            return after
        scores: Tensor = self.slice(vectors) if self.pooling == "attention" else vectors.new_zeros(vectors.shape[:-1])
        return scores

    def forward(self, features: Tensor) -> Tensor:
        """Features of b sequences of n slices (b, n, 132, p) -> logits (b,)."""
        z = self.dropout(self.standardise(features))
        alpha = self.attention(z, features)
        vectors = (alpha[..., None] * z).sum(dim=-2)
        weight = torch.softmax(self.slice_scores(vectors), dim=-1)
        logits: Tensor = self.linear((weight[..., None] * vectors).sum(dim=-2))[..., 0]
        return logits

    def slices(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """n slices, each alone (n, 132, p) -> logits (n,), shares of the places (n, p), scores (n,), vectors (n, c)."""
        z = self.standardise(features)
        alpha = self.attention(z, features)
        vectors = (alpha[..., None] * z).sum(dim=-2)
        shares = alpha * (z @ self.linear.weight[0])
        return self.linear(vectors)[:, 0], shares, self.slice_scores(vectors[None])[0], vectors


class SliceNetwork(nn.Module):
    """What is exported: one slice at a time, without the pooling over slices, which is a softmax and a sum.

    Several readers, fitted with other seeds, share the front; the model's logit is the mean of theirs. Answers logits
    (n, k) of each slice alone by k readers; maps (n, k, s / 8, s / 8), whose sum plus the reader's bias is that logit;
    scores (n, k) of the attention over slices; embedding (n, k, c), what the linear layers read; context (n, 160), for
    the gate.
    """

    def __init__(self, front: Front, readers: Sequence[Reader]):
        super().__init__()
        if any(reader.pooling == "recurrent" for reader in readers):
            raise ValueError("a recurrent reader needs all slices at once")
        self.front = front
        self.readers: Iterable[Reader] = nn.ModuleList(readers)  # type: ignore[assignment]  # torch types no elements

    def forward(self, hounsfield: Tensor) -> tuple[Tensor, ...]:
        """HU (n, 1, s, s) -> see the class."""
        features, context = self.front(hounsfield)
        height, width = int(features.shape[2]), int(features.shape[3])
        told = [reader.slices(features.flatten(2)) for reader in self.readers]
        logits, maps, scores, vectors = (torch.stack(each, dim=1) for each in zip(*told, strict=True))
        return logits, maps.reshape(-1, len(told), height, width), scores, vectors, context


def network_from(state: Mapping[str, Tensor]) -> SliceNetwork:
    """The network of exported parameters. How many readers there are and what they read follows from their names."""
    count = len(state["readers.0.mean"])
    start = FEATURES if count == LITE_FEATURES else 0
    members = len({key.split(".")[1] for key in state if key.startswith("readers.")})
    network = SliceNetwork(Front().fold(), [Reader(slice(start, start + count)) for _ in range(members)])
    network.load_state_dict(dict(state))
    return network
