"""The gates: refuse images that look unlike anything the model learned from.

Distance of an embedding to the nearest of the training groups' centres under one Gaussian: Mahalanobis within the
main components, the rest measured against its usual length (Lee et al., arXiv:1807.03888; Tipping and Bishop 1999).
A distance of 1 is the limit, set on the validation part. numpy and safetensors only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from node.plugin import Array
from radnode_kit.input_check import InputCheck, check_from, features_of

_CHECK = "check"


@dataclass(frozen=True)
class Gate:
    """The Gaussian and its limit.

    Attributes:
        centres: (c, n), mean embedding of each training group.
        components: (d, n), orthonormal main directions within the groups, divided by their standard deviation.
        directions: (d, n), the same directions with length one.
        rest: mean square that remains for each dimension beyond the main ones.
        limit: square distance at which the gate closes.
    """

    centres: Array
    components: Array
    directions: Array
    rest: float
    limit: float = 1.0

    def distances(self, embeddings: Array) -> Array:
        """(m, n) -> (m,): 0 at a centre, 1 at the limit."""
        squares = np.stack([self._square(embeddings - centre) for centre in self.centres])
        return np.asarray(np.sqrt(squares.min(axis=0) / self.limit), dtype=np.float32)

    def _square(self, offsets: Array) -> Array:
        inside = np.square(offsets @ self.components.T).sum(axis=1)
        beyond = np.square(offsets).sum(axis=1) - np.square(offsets @ self.directions.T).sum(axis=1)
        return np.asarray(inside + np.maximum(beyond, 0.0) / self.rest, dtype=np.float32)

    def arrays(self) -> dict[str, Array]:
        """As it stands in a file; see :func:`gate_from`."""
        lengths, numbers = np.linalg.norm(self.components, axis=1), np.array([self.rest, self.limit])
        table = {"centres": self.centres, "directions": self.directions, "lengths": lengths, "numbers": numbers}
        return {key: np.ascontiguousarray(values, np.float32) for key, values in table.items()}


def gate_from(arrays: Mapping[str, Array]) -> Gate:
    """The gate of :meth:`Gate.arrays`."""
    components = arrays["directions"] * arrays["lengths"][:, None]
    rest, limit = (float(value) for value in arrays["numbers"])
    return Gate(arrays["centres"], components, arrays["directions"], rest, limit)


@dataclass(frozen=True)
class Gates:
    """Several gates, each on one of the network's outputs, and the input check; an image must pass all of them.

    Attributes:
        parts: name of the output (``embedding``, ``context``) -> its gate.
        check: the input check; None where there is none.
    """

    parts: Mapping[str, Gate]
    check: InputCheck | None = None

    def distances(self, outputs: Mapping[str, Array]) -> Array:
        """The largest of the distances of each image: name -> (m, n) becomes (m,), with 1 at the limit."""
        nothing = np.zeros(len(next(iter(outputs.values()))), dtype=np.float32)
        each = [nothing, *(gate.distances(outputs[name]) for name, gate in self.parts.items())]
        if self.check is not None:
            each.append(self.check.distances(features_of(outputs["embedding"], outputs["context"])))
        return np.asarray(np.maximum.reduce(each), dtype=np.float32)

    def reasons(self, outputs: Mapping[str, Array]) -> list[str]:
        """For each image why it would be refused, in words that follow "the image"."""
        features = features_of(outputs["embedding"], outputs["context"])
        if self.check is None:
            return ["looks unlike those the model was trained on"] * len(features)
        closed = self.check.distances(features) > 1.0
        words = self.check.reasons(features)
        return [
            why if shut else "looks unlike those the model was trained on"
            for why, shut in zip(words, closed, strict=True)
        ]

    def save(self, path: Path) -> None:
        """Write a safetensors file."""
        tables = {name: gate.arrays() for name, gate in self.parts.items()}
        if self.check is not None:
            tables[_CHECK] = self.check.arrays()
        save_file({f"{name}.{key}": v for name, table in tables.items() for key, v in table.items()}, path)


def load_gates(path: Path) -> Gates:
    """Read what :meth:`Gates.save` wrote."""
    tables: dict[str, dict[str, Array]] = {}
    for key, values in load_file(path).items():
        name, _, part = key.partition(".")
        tables.setdefault(name, {})[part] = values
    check = tables.pop(_CHECK, None)
    parts = {name: gate_from(arrays) for name, arrays in sorted(tables.items())}
    return Gates(parts, None if check is None else check_from(check))


def fit_gate(embeddings: Array, groups: Sequence[str], dimensions: int = 64) -> Gate:
    """The Gaussian of training embeddings (m, n) with one centre for each group; its limit is not set yet."""
    names = sorted(set(groups))
    member = np.array([names.index(group) for group in groups])
    centres = np.stack([embeddings[member == index].mean(axis=0) for index in range(len(names))])
    offsets = embeddings - centres[member]
    dimensions = min(dimensions, len(offsets) // 4)  # a direction needs some images to be known by
    _, lengths, directions = np.linalg.svd(offsets, full_matrices=False)
    variances = np.square(lengths) / len(offsets)
    rest = float(variances[dimensions:].sum() / (embeddings.shape[1] - dimensions))
    main = directions[:dimensions]
    components = main / np.sqrt(variances[:dimensions])[:, None]
    return Gate(centres, components, main, rest)


def set_limit(gate: Gate, embeddings: Array, share: float = 0.99, margin: float = 1.0) -> Gate:
    """The gate with the limit that lets `share` of validation embeddings (m, n) pass, times `margin`."""
    open_gate = replace(gate, limit=1.0)
    distance = float(np.quantile(open_gate.distances(embeddings), share)) * margin
    return replace(gate, limit=distance**2)
