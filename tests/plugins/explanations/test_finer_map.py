"""The claim of the finer map: it is the mean of four shifted plain networks, with the same parameters."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from radnode_kit.explanations.gradients import before_last_stride
from radnode_kit.explanations.subject import both_forms
from radnode_kit.lite import VARIANTS, Lite
from tests.plugins.explanations.tiny import network

IMAGES = torch.rand(2, 1, 96, 160, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.fixture(scope="module", params=VARIANTS)
def forms(request: pytest.FixtureRequest) -> tuple[Lite, Lite]:
    torch.manual_seed(1)
    made = Lite(3, variant=request.param)
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 1.5, 2.5)
            torch.nn.init.uniform_(module.bias, -0.5, 1.0)
    return both_forms(made.fold(), classes=3, variant=request.param)


def answer(made: Lite, images: Tensor = IMAGES) -> tuple[Tensor, Tensor]:
    with torch.inference_mode():
        logits, maps, _, _ = made(images)
    return logits, maps


def test_both_forms_have_the_same_parameters(forms: tuple[Lite, Lite]) -> None:
    plain, fine = (made.state_dict() for made in forms)
    assert plain.keys() == fine.keys()
    assert all(torch.equal(plain[key], fine[key]) for key in plain)


def test_the_fine_map_has_twice_the_cells_along_each_side(forms: tuple[Lite, Lite]) -> None:
    plain, fine = (answer(made)[1].shape[2:] for made in forms)
    assert tuple(plain) == (3, 5)
    assert tuple(fine) == (6, 10)


def test_every_second_place_of_the_fine_map_is_the_plain_map(forms: tuple[Lite, Lite]) -> None:
    plain, fine = (answer(made)[1] for made in forms)
    assert plain.std() > 1e-3  # else agreement would say nothing
    assert torch.allclose(fine[:, :, 1::2, 1::2] * 4, plain, atol=1e-4)


@pytest.mark.parametrize(("down", "across"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_the_other_places_are_the_plain_map_of_the_shifted_image(
    forms: tuple[Lite, Lite], down: int, across: int
) -> None:
    """Shown on what comes after the cells of 16 pixels, where a shift by 16 pixels is a shift by one cell."""
    plain, fine = forms
    start = before_last_stride(plain) + 1
    cells = torch.rand(1, fine.blocks[start].widen.conv.in_channels, 48, 48, generator=torch.Generator().manual_seed(2))
    shifted = tail(plain, torch.roll(cells, (down, across), (2, 3)), start)
    places = tail(fine, cells, start)[:, :, 1 - down :: 2, 1 - across :: 2]
    middle = (..., slice(10, 14), slice(10, 14))  # an edge, where the shift shows other pixels, reaches no further
    assert shifted[middle].std() > 1e-3
    assert torch.allclose(places[middle], shifted[middle], atol=1e-4)


def tail(made: Lite, cells: Tensor, start: int) -> Tensor:
    """Features of what comes from block `start` on."""
    with torch.inference_mode():
        for block in made.blocks[start:]:
            cells = block(cells)
        features: Tensor = made.head(cells)
    return features


def test_the_fine_map_and_the_bias_add_up_to_the_logit(forms: tuple[Lite, Lite]) -> None:
    for made in forms:
        logits, maps = answer(made)
        assert torch.allclose(made.linear.bias + maps.sum((2, 3)), logits, atol=1e-4)


def test_the_quarter_that_is_plain_answers_the_plain_logit(forms: tuple[Lite, Lite]) -> None:
    plain, fine = forms
    quarter = fine.linear.bias + answer(fine)[1][:, :, 1::2, 1::2].sum((2, 3)) * 4
    assert torch.allclose(quarter, answer(plain)[0], atol=1e-4)


def test_an_image_of_mosaic_size_keeps_the_sum() -> None:
    made = network(2, dilated=True)
    logits, maps = answer(made, torch.rand(1, 1, 448, 448))
    assert torch.allclose(made.linear.bias + maps.sum((2, 3)), logits, atol=1e-4)
