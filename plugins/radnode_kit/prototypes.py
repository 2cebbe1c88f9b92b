"""Nearest training cases: a second reason beside the evidence map. Identifiers and vectors only, never an image.

Similarity is the cosine of two embeddings about the training mean, within the main directions of the training set.
numpy and safetensors only.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from node.errors import PluginError
from node.plugin import Array, Neighbour

#: Cases named for each finding.
NEAREST = 5


@dataclass(frozen=True)
class Prototypes:
    """Training cases in a small space.

    Attributes:
        mean: (n,), of the training embeddings.
        directions: (d, n), onto which embeddings are projected.
        vectors: (m, d), unit length, of the cases.
        cases: m public identifiers.
        labels: m pairs: labels present, labels known.
    """

    mean: Array
    directions: Array
    vectors: Array
    cases: Sequence[str]
    labels: Sequence[tuple[frozenset[str], frozenset[str]]]

    def neighbours(self, embedding: Array, findings: Sequence[str]) -> tuple[Neighbour, ...]:
        """The nearest cases of each finding that tell about it, nearest first; `embedding` is (n,)."""
        similarity = self.vectors @ projected(embedding[None], self.mean, self.directions)[0]
        order = [int(index) for index in np.argsort(-similarity, kind="stable")]
        return tuple(
            Neighbour(name, self.cases[index], float(np.clip(similarity[index], -1.0, 1.0)), name in present)
            for name in findings
            for index, present in self._nearest(name, order)
        )

    def _nearest(self, name: str, order: Sequence[int]) -> list[tuple[int, frozenset[str]]]:
        telling = ((index, self.labels[index]) for index in order)
        return [(index, present) for index, (present, known) in telling if name in known][:NEAREST]

    def save(self, vectors: Path, names: Path) -> None:
        """Write the numbers as safetensors and the identifiers with their labels as JSON."""
        half = {"directions": self.directions, "vectors": self.vectors}
        save_file({"mean": self.mean, **{key: value.astype(np.float16) for key, value in half.items()}}, vectors)
        rows = [
            {"case": case, "present": sorted(present), "known": sorted(known)}
            for case, (present, known) in zip(self.cases, self.labels, strict=True)
        ]
        lines = ",\n".join(json.dumps(row) for row in rows)
        names.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def projected(embeddings: Array, mean: Array, directions: Array) -> Array:
    """(m, n) -> (m, d), of length one."""
    flat = (embeddings - mean) @ directions.T
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9), dtype=np.float32)


def load_prototypes(vectors: Path, names: Path) -> Prototypes | None:
    """Read what :meth:`Prototypes.save` wrote; None where a plugin has none; raises :class:`PluginError`."""
    if not vectors.is_file():
        return None
    stored = {key: value.astype(np.float32) for key, value in load_file(vectors).items()}
    rows = json.loads(names.read_text(encoding="utf-8"))
    if len(rows) != len(stored["vectors"]):
        raise PluginError("the prototypes and their names differ in number", about=str(names))
    labels = [(frozenset(row["present"]), frozenset(row["known"])) for row in rows]
    return Prototypes(stored["mean"], stored["directions"], stored["vectors"], [row["case"] for row in rows], labels)
