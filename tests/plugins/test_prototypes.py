from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from node.errors import PluginError
from radnode_kit.prototypes import NEAREST, Prototypes, load_prototypes, projected

KNOWN = frozenset({"p", "q"})


def prototypes(count: int = 8) -> Prototypes:
    """Cases on a quarter of a circle; the first half has p, and only even ones tell of q."""
    angles = np.linspace(0, np.pi / 2, count)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    labels = [
        (frozenset({"p"} if n < count // 2 else ()), KNOWN if n % 2 == 0 else frozenset({"p"})) for n in range(count)
    ]
    space = np.zeros((2, 3), np.float32)
    space[0, 0] = space[1, 1] = 1.0
    return Prototypes(np.ones(3, np.float32), space, vectors, [f"set/{n}" for n in range(count)], labels)


def test_the_nearest_case_comes_first_with_its_label() -> None:
    near = prototypes().neighbours(np.array([3.0, 1.0, 9.0], np.float32), ["p"])
    assert (near[0].case, near[0].present) == ("set/0", True)
    assert near[0].similarity == pytest.approx(1.0)
    assert [n.similarity for n in near] == sorted((n.similarity for n in near), reverse=True)
    assert len(near) == NEAREST


def test_only_cases_that_tell_of_the_finding_are_named() -> None:
    near = prototypes().neighbours(np.array([3.0, 1.0, 1.0], np.float32), ["q"])
    assert [n.case for n in near] == ["set/0", "set/2", "set/4", "set/6"]
    assert not any(n.present for n in near)


def test_they_survive_the_disk(tmp_path: Path) -> None:
    made, files = prototypes(), (tmp_path / "v.safetensors", tmp_path / "n.json")
    made.save(*files)
    embedding = np.array([2.0, 2.5, 0.0], np.float32)
    read = load_prototypes(*files)
    assert read is not None
    for one, other in zip(read.neighbours(embedding, ["p"]), made.neighbours(embedding, ["p"]), strict=True):
        assert (one.case, one.present) == (other.case, other.present)
        assert one.similarity == pytest.approx(other.similarity, abs=2e-3)


def test_a_plugin_without_them_names_none(tmp_path: Path) -> None:
    assert load_prototypes(tmp_path / "v.safetensors", tmp_path / "n.json") is None


def test_names_that_do_not_fit_the_vectors_are_refused(tmp_path: Path) -> None:
    files = tmp_path / "v.safetensors", tmp_path / "n.json"
    prototypes().save(*files)
    files[1].write_text("[]")
    with pytest.raises(PluginError, match="differ in number"):
        load_prototypes(*files)


def test_an_embedding_at_the_mean_is_near_to_nothing() -> None:
    assert projected(np.ones((1, 3), np.float32), np.ones(3, np.float32), np.eye(3, dtype=np.float32)).tolist() == [
        [0.0, 0.0, 0.0]
    ]
