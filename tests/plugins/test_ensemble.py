from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import nn

from radnode_kit import ensemble, training
from radnode_kit.commands import Run, network_of
from radnode_kit.ensemble import Teachers
from radnode_kit.lite import Lite
from radnode_kit.recipe import Recipe

IMAGES = torch.rand(2, 1, 32, 32)


def network(seed: int) -> Lite:
    torch.manual_seed(seed)
    made = Lite(3)
    torch.nn.init.normal_(made.linear.weight, std=0.2)
    return made


def said(networks: list[Lite]) -> torch.Tensor:
    with torch.inference_mode():
        return torch.stack([each.eval()(IMAGES)[0] for each in networks]).mean(dim=0)


@pytest.mark.parametrize("exclusive", [False, True])
def test_teachers_say_what_their_mean_logit_says(exclusive: bool) -> None:
    networks = [network(1), network(2)]
    expected = said(networks).softmax(1) if exclusive else said(networks).sigmoid()
    assert torch.allclose(Teachers(networks, exclusive=exclusive)(IMAGES), expected, atol=1e-5)


class LeftHalf(nn.Module):
    """Says how bright the left half is."""

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor]:
        return (images[..., : images.shape[-1] // 2].mean(dim=(1, 2, 3))[:, None],)


def test_teachers_look_at_the_mirror_image_as_well() -> None:
    networks = cast("list[Lite]", [LeftHalf()])
    alone, both = (Teachers(networks, exclusive=False, mirrored=mirrored) for mirrored in (False, True))
    assert not torch.allclose(alone(IMAGES), alone(IMAGES.flip(-1)), atol=1e-4)
    assert torch.allclose(both(IMAGES), IMAGES.mean(dim=(1, 2, 3))[:, None].sigmoid(), atol=1e-6)


@pytest.mark.parametrize("exclusive", [False, True])
def test_who_says_the_same_has_nothing_to_learn(exclusive: bool) -> None:
    networks = [network(1), network(2)]
    logits = said(networks).clone().requires_grad_(True)
    teachers = Teachers(networks, exclusive=exclusive)
    loss = teachers.loss(logits, IMAGES)
    loss.backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert logits.grad.abs().max() < 1e-5
    assert teachers.loss(logits.detach() + torch.tensor([1.0, 0.0, 0.0]), IMAGES) > loss


def test_teachers_do_not_learn() -> None:
    teachers = Teachers([network(1)], exclusive=False)
    assert not any(parameter.requires_grad for parameter in teachers.parameters())
    assert not teachers(IMAGES).requires_grad


def test_members_differ_from_the_recipe_only_where_they_say() -> None:
    recipe = Recipe(("a",), exclusive=False, epochs=8, members=({"seed": 5, "balance": ["view"]}, {"epochs": 3}))
    first, second = recipe.of_members()
    assert (first.seed, first.balance, first.epochs, first.members) == (5, ("view",), 8, ())
    assert (second.seed, second.epochs) == (recipe.seed, 3)


ENSEMBLE = Recipe(("a",), exclusive=False, epochs=3, members=({"seed": 1, "epochs": 16}, {"variant": "lite1"}))


def test_so_many_epochs_are_those_of_every_member() -> None:
    asked = ENSEMBLE.lasting(2)
    assert (asked.epochs, [member.epochs for member in asked.of_members()]) == (2, [2, 2])
    assert [(member.seed, member.variant) for member in asked.of_members()] == [(1, ""), (ENSEMBLE.seed, "lite1")]


@pytest.mark.parametrize(
    ("recipe", "epochs", "trained"),
    [
        (ENSEMBLE, None, ("members", [16, 3], 3)),
        (ENSEMBLE, 2, ("members", [2, 2], 2)),
        (ENSEMBLE, 0, ("alone", [], 0)),
        (replace(ENSEMBLE, members=()), None, ("alone", [], 3)),
        (replace(ENSEMBLE, members=()), 2, ("alone", [], 2)),
    ],
)
def test_what_the_command_line_says_of_epochs_drops_no_member(
    recipe: Recipe, epochs: int | None, trained: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def members(asked: Recipe, *_: object) -> object:
        return "members", [member.epochs for member in asked.of_members()], asked.epochs

    alone = SimpleNamespace(run=lambda count: ("alone", [], count))
    monkeypatch.setattr(ensemble, "train_ensemble", members)
    monkeypatch.setattr(training, "Trainer", lambda *_: alone)
    nothing: Any = None
    assert network_of(recipe, nothing, nothing, nothing, Run(epochs, device="cpu")) == trained


def test_a_member_with_a_key_that_there_is_not_is_refused() -> None:
    with pytest.raises(TypeError, match="colour"):
        Recipe(("a",), exclusive=False, members=({"colour": 1},)).of_members()


def test_what_teachers_say_of_a_label_that_is_not_watched_counts_less() -> None:
    networks = [network(1)]
    far = said(networks) + torch.tensor([0.0, 5.0, 0.0])
    alike = Teachers(networks, exclusive=False).loss(far, IMAGES)
    less = Teachers(networks, exclusive=False, weights=torch.tensor([1.0, 0.1, 1.0])).loss(far, IMAGES)
    assert less < alike
