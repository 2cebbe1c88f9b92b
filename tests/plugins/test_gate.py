from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from node.plugin import Array
from radnode_kit.gate import Gate, Gates, fit_gate, load_gates, set_limit
from radnode_kit.input_check import KINDS, InputCheck


def cloud(centre: float, count: int = 400, seed: int = 0) -> Array:
    scale = np.linspace(2.0, 0.1, 40)
    return (centre + np.random.default_rng(seed).normal(size=(count, 40)) * scale).astype(np.float32)


def fitted() -> Gate:
    gate = fit_gate(np.concatenate([cloud(0), cloud(8, seed=1)]), ["a"] * 400 + ["b"] * 400, dimensions=10)
    return set_limit(gate, np.concatenate([cloud(0, seed=2), cloud(8, seed=3)]), share=0.99)


def test_the_limit_lets_the_asked_share_pass() -> None:
    passed = fitted().distances(np.concatenate([cloud(0, seed=2), cloud(8, seed=3)])) <= 1
    assert passed.mean() == pytest.approx(0.99, abs=0.005)


def test_both_groups_are_at_home_and_the_middle_is_not() -> None:
    gate = fitted()
    assert (gate.distances(cloud(0, seed=4)) <= 1).mean() > 0.95
    assert (gate.distances(cloud(8, seed=5)) <= 1).mean() > 0.95
    assert (gate.distances(cloud(4, seed=6)) > 1).all()


def test_a_centre_is_at_distance_zero() -> None:
    gate = fitted()
    assert gate.distances(gate.centres) == pytest.approx(0, abs=1e-3)


def test_gates_survive_the_disk(tmp_path: Path) -> None:
    gates, path = Gates({"embedding": fitted(), "context": fitted()}), tmp_path / "gate.safetensors"
    gates.save(path)
    outputs = {"embedding": cloud(3), "context": cloud(1)}
    assert load_gates(path).distances(outputs) == pytest.approx(gates.distances(outputs), rel=1e-4)


def test_an_image_must_pass_every_gate() -> None:
    gates = Gates({"embedding": fitted(), "context": fitted()})
    at_home, strange = fitted().centres, fitted().centres + 50
    assert (gates.distances({"embedding": at_home, "context": at_home}) <= 1).all()
    assert (gates.distances({"embedding": at_home, "context": strange}) > 1).all()
    assert (gates.distances({"embedding": strange, "context": at_home}) > 1).all()


def checked() -> InputCheck:
    """Inverted where the sum of the features is large."""
    weights, bias = np.zeros((len(KINDS), 80), np.float32), np.full(len(KINDS), -1e4, np.float32)
    bias[:2], weights[1] = 0.0, 0.02
    return InputCheck(weights, bias)


def test_the_check_refuses_beside_the_gates_and_says_why(tmp_path: Path) -> None:
    gates = Gates({}, checked().limited(cloud(0).repeat(2, axis=1), share=0.98))
    gates.save(tmp_path / "gate.safetensors")
    stored = load_gates(tmp_path / "gate.safetensors")
    outputs = {"embedding": cloud(0, seed=5), "context": cloud(0, seed=5)}
    assert (stored.distances(outputs) <= 1).mean() > 0.95
    wrong = {"embedding": cloud(9), "context": cloud(9)}
    assert (stored.distances(wrong) > 1).all()
    assert set(stored.reasons(wrong)) == {KINDS["inverted"]}


def test_no_gate_lets_everything_pass() -> None:
    assert Gates({}).distances({"embedding": cloud(0, count=3), "context": cloud(0, count=3)}).tolist() == [
        0.0,
        0.0,
        0.0,
    ]
