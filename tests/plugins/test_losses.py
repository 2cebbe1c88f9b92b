from __future__ import annotations

import numpy as np
import pytest
import torch

from radnode_kit.losses import LOSSES, Loss, label_weights, mixed, prior_logits
from radnode_kit.recipe import Recipe


def loss(name: str = "bce", *, exclusive: bool = False, count: int = 2) -> Loss:
    return Loss(Recipe(("a",), exclusive=exclusive, loss=name), np.eye(count, dtype=np.float32))


@pytest.mark.parametrize("name", LOSSES)
def test_unknown_labels_do_not_pull(name: str) -> None:
    logits = torch.zeros(1, 2, requires_grad=True)
    loss(name)(logits, torch.tensor([[1.0, float("nan")]])).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert logits.grad[0, 0] < 0
    assert logits.grad[0, 1] == 0


@pytest.mark.parametrize("name", LOSSES)
def test_a_softmax_loss_falls_when_the_right_class_rises(name: str) -> None:
    made = loss(name, exclusive=True, count=3)
    assert made(torch.eye(3) * 2, torch.eye(3)) < made(torch.zeros(3, 3), torch.eye(3))


def test_a_focal_loss_looks_at_what_is_still_wrong() -> None:
    easy, hard, target = torch.tensor([[4.0]]), torch.tensor([[-1.0]]), torch.ones(1, 1)
    plain = Loss(Recipe(("a",), exclusive=False), np.ones((2, 1), np.float32))
    focal = Loss(Recipe(("a",), exclusive=False, loss="focal"), np.ones((2, 1), np.float32))
    assert focal(easy, target) / focal(hard, target) < plain(easy, target) / plain(hard, target)


def test_frequencies_become_log_odds_and_unknown_ones_do_not_count() -> None:
    targets = np.array([[1, np.nan], [0, 1], [0, 1], [0, np.nan]], np.float32)
    rare, common = prior_logits(targets, exclusive=False)
    assert rare == pytest.approx(np.log((2 / 6) / (4 / 6)), abs=1e-5)
    assert common == pytest.approx(np.log((3 / 4) / (1 / 4)), abs=1e-5)


def test_a_rare_label_has_to_rise_above_its_frequency() -> None:
    targets = np.zeros((50, 1), np.float32)
    targets[0] = 1
    made = Loss(Recipe(("a",), exclusive=False, loss="logit-adjusted"), targets)
    plain = Loss(Recipe(("a",), exclusive=False), targets)
    assert made(torch.zeros(1, 1), torch.ones(1, 1)) > plain(torch.zeros(1, 1), torch.ones(1, 1))


def test_an_unknown_loss_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ValueError, match="logit-adjusted"):
        loss("hinge")


def test_mixed_images_have_mixed_labels_and_stay_unknown_where_one_is() -> None:
    images, targets = torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0, 1.0], [0.0, float("nan")]])
    pictures, labels = mixed(images, targets, 0.75, torch.tensor([1, 0]))
    assert pictures.flatten().tolist() == [0.25, 0.75]
    assert labels[:, 0].tolist() == [0.75, 0.25]
    assert torch.isnan(labels[:, 1]).all()


def test_a_label_that_is_not_watched_counts_less() -> None:
    recipe = Recipe(("a",), exclusive=False, watch=("p",), auxiliary=0.25)
    weights = label_weights(recipe, ["p", "q"])
    assert weights.tolist() == [1.0, 0.25]
    logits, targets = torch.tensor([[0.0, 4.0]]), torch.tensor([[1.0, 0.0]])
    whole = Loss(recipe, np.ones((2, 2), np.float32), weights)(logits, targets)
    first, second = (
        Loss(recipe, np.ones((2, 1), np.float32))(logits[:, c : c + 1], targets[:, c : c + 1]) for c in (0, 1)
    )
    assert whole == pytest.approx(float((first + 0.25 * second) / 1.25), rel=1e-5)
    assert Loss(recipe, np.ones((2, 2), np.float32))(logits, targets) == pytest.approx(
        float(first + second) / 2, rel=1e-5
    )


def test_where_nothing_is_watched_all_labels_count_alike() -> None:
    assert label_weights(Recipe(("a",), exclusive=False, auxiliary=0.25), ["p", "q"]).tolist() == [1.0, 1.0]
