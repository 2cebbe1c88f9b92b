"""Names of parameters: every public layout is recognised, and whatever does not fit is named."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from node.errors import PluginError
from radnode_kit.foreign.densenet import DenseNet121
from radnode_kit.foreign.layouts import LAYOUTS, densenet, layout_of, names, renamed
from tests.plugins.foreign.strangers import MONAI, NEW, OLD, densenet_state

CASES = {
    "CheXNet": ("module.densenet121.", "classifier.0", OLD),
    "CheXNet, renamed": ("densenet121.", "classifier.0", NEW),
    "torchvision before 0.4": ("", "classifier", OLD),
    "torchvision or TorchXRayVision": ("", "classifier", NEW),
    "MONAI": ("", "class_layers.out", MONAI),
}


def state_of(program: str) -> dict[str, Tensor]:
    prefix, last, layer = CASES[program]
    return densenet_state(prefix, last, layer)


@pytest.fixture(scope="module")
def published() -> dict[str, Tensor]:
    return state_of("CheXNet")


@pytest.mark.parametrize("program", CASES)
def test_every_layout_is_recognised_by_its_names(program: str) -> None:
    assert layout_of(state_of(program)).program == program


@pytest.mark.parametrize("program", CASES)
def test_every_layout_fills_the_whole_network(program: str) -> None:
    own = {name for name in DenseNet121(14, 3).state_dict() if not name.endswith("num_batches_tracked")}
    assert set(renamed(state_of(program))) == own


def test_the_tables_say_each_name_once() -> None:
    for layout in LAYOUTS:
        ours, theirs = zip(*names(layout), strict=True)
        assert len(set(ours)) == len(set(theirs)) == len(ours) == 606


def test_public_names_of_chexnet_are_expected_word_for_word(published: dict[str, Tensor]) -> None:
    assert "module.densenet121.features.denseblock1.denselayer1.norm.1.weight" in published
    assert "module.densenet121.features.denseblock4.denselayer16.conv.2.weight" in published
    assert "module.densenet121.classifier.0.weight" in published
    renamed(published)


def test_values_stay_with_their_names(published: dict[str, Tensor]) -> None:
    own = renamed(published)
    start = "module.densenet121.features."
    assert torch.equal(own["blocks.2.23.grow.weight"], published[f"{start}denseblock3.denselayer24.conv.2.weight"])
    assert torch.equal(own["transitions.1.norm.running_var"], published[f"{start}transition2.norm.running_var"])
    assert torch.equal(own["norm.bias"], published[f"{start}norm5.bias"])


def test_counts_of_batches_may_be_there_or_not(published: dict[str, Tensor]) -> None:
    counted = published | {"module.densenet121.features.norm0.num_batches_tracked": torch.tensor(9)}
    assert set(renamed(counted)) == set(renamed(published))


def test_a_missing_tensor_is_named(published: dict[str, Tensor]) -> None:
    name = "module.densenet121.features.transition2.conv.weight"
    rest = {key: value for key, value in published.items() if key != name}
    with pytest.raises(PluginError, match=r"missing module\.densenet121\.features\.transition2\.conv\.weight"):
        renamed(rest)


def test_an_unexpected_tensor_is_named(published: dict[str, Tensor]) -> None:
    with pytest.raises(PluginError, match=r"unexpected module.densenet121.attention.weight"):
        renamed(published | {"module.densenet121.attention.weight": torch.zeros(1)})


def test_what_is_known_to_lie_beside_the_network_is_no_surprise() -> None:
    state = densenet_state() | {"op_threshs": torch.zeros(14)}
    with pytest.raises(PluginError, match="unexpected op_threshs"):
        renamed(state)
    assert "linear.bias" in renamed(state, frozenset({"op_threshs"}))


def test_many_missing_tensors_are_counted_not_listed(published: dict[str, Tensor]) -> None:
    part = {key: value for key, value in published.items() if "denseblock4" not in key}
    with pytest.raises(PluginError, match=r"and 156 more"):
        renamed(part)


def test_a_larger_densenet_is_refused_with_a_guess(published: dict[str, Tensor]) -> None:
    extra = {"module.densenet121.features.denseblock4.denselayer17.norm.1.weight": torch.ones(1)}
    with pytest.raises(PluginError, match="DenseNet-169"):
        renamed(published | extra)


@pytest.mark.parametrize("state", [{}, {"layer1.0.conv1.weight": torch.zeros(1)}])
def test_another_network_is_refused(state: dict[str, Tensor]) -> None:
    with pytest.raises(PluginError, match="no DenseNet-121"):
        densenet(state)


def test_a_wrong_shape_is_named(published: dict[str, Tensor]) -> None:
    name = "module.densenet121.features.denseblock1.denselayer1.conv.1.weight"
    with pytest.raises(PluginError, match=r"'blocks.0.0.narrow.weight' has shape \(64, 64, 1, 1\)"):
        densenet(published | {name: torch.zeros(64, 64, 1, 1)})


def test_half_precision_becomes_single(published: dict[str, Tensor]) -> None:
    halves = {key: value.half() for key, value in published.items()}
    assert all(value.dtype == torch.float32 for value in renamed(halves).values())
