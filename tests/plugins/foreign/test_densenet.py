"""Our DenseNet-121: exact maps, and the same numbers as an implementation that is not ours."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from radnode_kit.foreign.densenet import DenseNet121
from radnode_kit.foreign.layouts import densenet
from tests.plugins.foreign.strangers import densenet_state


@pytest.fixture(scope="module")
def network() -> DenseNet121:
    return densenet(densenet_state())


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(2))


@pytest.fixture(scope="module")
def reference() -> nn.Module:
    """MONAI's DenseNet-121 with statistics that are not those of a new network."""
    from monai.networks.nets import DenseNet121 as Theirs

    torch.manual_seed(5)
    network: nn.Module = Theirs(spatial_dims=2, in_channels=3, out_channels=14)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.2, 0.4)
            nn.init.uniform_(module.running_mean, -0.1, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return network.eval()


def test_outputs_have_the_shapes_that_engines_expect(network: DenseNet121, images: Tensor) -> None:
    with torch.inference_mode():
        logits, maps, embedding, context = network(images)
    assert logits.shape == (2, 14)
    assert maps.shape == (2, 14, 2, 3)
    assert embedding.shape == (2, 1024)
    assert context.shape == (2, 1024)


def test_bias_and_map_add_up_to_the_logit(network: DenseNet121, images: Tensor) -> None:
    with torch.inference_mode():
        logits, maps, _, _ = network(images)
    assert torch.allclose(network.linear.bias + maps.sum((2, 3)), logits, atol=1e-4)


def test_features_are_not_negative(network: DenseNet121, images: Tensor) -> None:
    with torch.inference_mode():
        assert network.features(images)[0].min() >= 0


def test_it_has_as_many_parameters_as_the_paper_says() -> None:
    # 7 978 856 for 1000 classes and three channels, as torchvision documents it.
    assert sum(parameter.numel() for parameter in DenseNet121(1000, 3).parameters()) == 7_978_856


def test_grey_input_needs_one_channel() -> None:
    with torch.inference_mode():
        assert DenseNet121(2).eval()(torch.zeros(1, 1, 32, 32))[0].shape == (1, 2)


def test_it_gives_the_logits_of_another_implementation(reference: nn.Module, images: Tensor) -> None:
    with torch.inference_mode():
        ours, theirs = densenet(reference.state_dict())(images)[0], reference(images)
    assert theirs.std() > 0.01
    assert torch.allclose(ours, theirs, atol=1e-5, rtol=1e-4)


def test_old_names_give_the_same_logits_as_new_ones(reference: nn.Module, images: Tensor) -> None:
    old = {}
    for name, value in reference.state_dict().items():
        for kind in ("norm", "conv"):
            for number in "12":
                name = name.replace(f"layers.{kind}{number}", f"{kind}.{number}")
        old["module.densenet121." + name.replace("class_layers.out", "classifier.0")] = value
    with torch.inference_mode():
        assert torch.equal(densenet(old)(images)[0], densenet(reference.state_dict())(images)[0])
