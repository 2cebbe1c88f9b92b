from __future__ import annotations

import time

import numpy as np
import pytest

from radnode_kit.bundle import read_bundle
from radnode_kit.commands import folder_of
from radnode_kit.explanations.cost import MANY, onnx_cost, timed, torch_cost, with_many_labels
from tests.plugins.explanations.tiny import network, pictures


def test_ratios_are_to_the_first_way() -> None:
    found = timed({"short": lambda: time.sleep(0.01), "long": lambda: time.sleep(0.03)}, rounds=3)
    assert found.ratios["short"] == 1.0
    assert found.ratios["long"] == pytest.approx(3.0, rel=0.5)
    assert found.seconds["long"] >= 0.03


def test_ways_take_turns_and_the_first_round_is_not_counted() -> None:
    calls: list[str] = []
    timed({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, rounds=2)
    assert calls == ["a", "b"] * 3


@pytest.mark.filterwarnings("ignore")  # monai warns on import of things that are none of ours
@pytest.mark.slow
def test_grad_cam_of_many_labels_costs_many_passes_and_maps_cost_few() -> None:
    made = with_many_labels(network(1, dilated=True))
    found = torch_cost(made, pictures(1), rounds=3)
    assert found.ratios["with"] < 4  # 1.02 when nothing else runs, and 2.2 was seen on a busy machine
    assert found.ratios["MONAI's GradCAM"] > MANY / 2
    assert not made.training  # else later answers would be with dropout
    assert not made.head._forward_hooks
    assert not made.head._backward_hooks


def test_many_labels_keep_the_features() -> None:
    made = network(1)
    other = with_many_labels(made)
    assert other.linear.out_features == MANY
    assert made.linear.out_features == 1
    assert np.array_equal(other.head.conv.weight.detach().numpy(), made.head.conv.weight.detach().numpy())


def test_the_shipped_graph_runs_without_its_maps() -> None:
    folder = folder_of("brain-tumour-mr")
    bundle = read_bundle(folder)
    found = onnx_cost(folder, np.zeros((1, bundle.channels, bundle.size, bundle.size), np.float32), 1, rounds=2)
    assert set(found.ratios) == {"without", "with"}
    assert 0.1 < found.ratios["with"] < 10
