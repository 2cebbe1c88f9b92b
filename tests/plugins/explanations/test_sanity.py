from __future__ import annotations

import numpy as np
import pytest
import torch

from radnode_kit.explanations.sanity import likeness, rank_correlations, shuffled
from tests.plugins.explanations.tiny import network, pictures

COLUMNS = np.zeros(4, dtype=np.int64)


@pytest.mark.parametrize("all_layers", [False, True], ids=["last layer", "all layers"])
def test_shuffled_weights_destroy_the_map(all_layers: bool) -> None:
    made = network(1, dilated=True)
    found = likeness(made, pictures(4), COLUMNS, all_layers=all_layers, draws=8)
    assert abs(found.mean.value) < 0.35
    assert found.mean.low <= found.mean.value <= found.mean.high
    assert found.size < 0.8


def test_draws_differ_and_the_seed_repeats_them() -> None:
    made = network(1, dilated=True)
    one, again, other = (likeness(made, pictures(2), COLUMNS[:2], all_layers=False, draws=1, seed=s) for s in (1, 1, 2))
    assert one == again
    assert one != other


def test_shuffling_moves_values_and_makes_none() -> None:
    made = network(2)
    other = shuffled(made, all_layers=True, seed=0)
    for (name, before), after in zip(made.named_parameters(), other.parameters(), strict=True):
        assert torch.equal(before.ravel().sort().values, after.ravel().sort().values), name
    assert not torch.equal(made.stem.conv.weight, other.stem.conv.weight)


def test_the_last_layer_is_shuffled_label_by_label_and_alone() -> None:
    made = network(2)
    other = shuffled(made, all_layers=False, seed=0)
    assert torch.equal(made.linear.weight.sort(dim=1).values, other.linear.weight.sort(dim=1).values)
    assert not torch.equal(made.linear.weight, other.linear.weight)
    assert torch.equal(made.linear.bias, other.linear.bias)
    assert torch.equal(made.head.conv.weight, other.head.conv.weight)


def test_the_same_map_in_another_unit_is_fully_alike() -> None:
    maps = np.random.default_rng(0).random((2, 3, 3)).astype(np.float32)
    assert rank_correlations(maps, maps * 2 + 1) == pytest.approx([1.0, 1.0])


def test_correlation_is_by_rank_and_has_a_sign() -> None:
    one = np.arange(9, dtype=np.float32).reshape(1, 3, 3)
    assert rank_correlations(one, np.exp(one)) == pytest.approx([1.0])
    assert rank_correlations(one, -one) == pytest.approx([-1.0])


def test_a_map_without_differences_is_like_no_other() -> None:
    flat = np.ones((1, 2, 2), dtype=np.float32)
    assert rank_correlations(flat, np.arange(4, dtype=np.float32).reshape(1, 2, 2)).tolist() == [0.0]
