from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from node.errors import PluginError
from radnode_kit.bundle import Bundle
from radnode_kit.calibration import Calibration
from radnode_kit.dataset import Dataset, load_dataset, targets_of
from radnode_kit.lite import Lite
from radnode_kit.recipe import Recipe
from radnode_kit.sources import Sample

pytest.importorskip("sklearn")

from radnode_kit.augmentation import Augmentation
from radnode_kit.probe import probe
from radnode_kit.sampling import chances, draw, sample_weights
from radnode_kit.training import Trainer, average, prepare, set_rate

PATH = Path("x.png")


def sample(source: str, label: str = "", known: str = "p", number: int = 0) -> Sample:
    return Sample(PATH, source, f"{source}{number}", frozenset([label] if label else []), frozenset(known), {})


def dataset(samples: list[Sample], labels: str) -> Dataset:
    empty = np.zeros((len(samples), 1, 4, 4), np.uint8)
    return Dataset(samples, empty, targets_of(samples, list(labels)), np.array(["train"] * len(samples)))


def test_unknown_labels_are_no_number() -> None:
    targets = targets_of([sample("a", "p", known="pq"), sample("b", "p", known="p")], ["p", "q"])
    assert targets[0].tolist() == [1.0, 0.0]
    assert targets[1, 0] == 1.0
    assert np.isnan(targets[1, 1])


def test_each_label_weighs_the_same_in_each_source() -> None:
    samples = [sample("a", "p")] * 10 + [sample("a")] * 30 + [sample("b", "p")] * 2 + [sample("b")] * 6
    data = dataset(samples, "p")
    weights = sample_weights(data, Recipe(("a", "b"), exclusive=False))[:, 0]
    assert weights[:10].sum() == pytest.approx(weights[10:40].sum(), rel=1e-5)
    assert weights[40:42].sum() == pytest.approx(weights[42:].sum(), rel=1e-5)


def test_a_source_can_weigh_more() -> None:
    data = dataset([sample("a", "p"), sample("a"), sample("b", "p"), sample("b")], "p")
    weights = sample_weights(data, Recipe(("a", "b"), exclusive=False, source_weights=(3.0, 1.0)))[:, 0]
    assert weights[0] == pytest.approx(3 * weights[2])


def test_exclusive_classes_weigh_the_same() -> None:
    data = dataset([sample("a", "p", "pq")] * 9 + [sample("a", "q", "pq")] * 3, "pq")
    weights = sample_weights(data, Recipe(("a",), exclusive=True, reference="q"))[:, 0]
    assert weights[:9].sum() == pytest.approx(weights[9:].sum(), rel=1e-5)


@pytest.mark.parametrize("exclusive", [False, True])
def test_the_probe_finds_what_can_be_told_apart(exclusive: bool) -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 300)
    embeddings = (rng.normal(size=(300, 8)) + np.eye(3, 8)[truth] * 6).astype(np.float32)
    targets = np.eye(3, dtype=np.float32)[truth]
    weight, bias = probe(embeddings, targets, np.ones_like(targets), Recipe(("a",), exclusive=exclusive, ridge=1.0))
    assert ((embeddings @ weight.T + bias).argmax(axis=1) == truth).mean() > 0.97


def test_labels_are_drawn_alike_within_a_source_and_sources_as_asked() -> None:
    samples = [sample("a", "p")] * 10 + [sample("a")] * 30 + [sample("b", "p")] * 2 + [sample("b")] * 6
    chance = chances(dataset(samples, "p"), Recipe(("a", "b"), exclusive=False, source_weights=(3.0, 1.0)))
    assert chance[:10].sum() == pytest.approx(chance[10:40].sum())
    assert chance[:40].sum() == pytest.approx(3 * chance[40:].sum())
    assert chance.sum() == pytest.approx(1)


def test_strata_are_drawn_alike_for_each_label_so_that_they_tell_nothing() -> None:
    made = [("p", "AP", 3), ("p", "PA", 30), ("", "AP", 40), ("", "PA", 5)]
    samples = [replace(sample("a", label), strata={"view": view}) for label, view, count in made for _ in range(count)]
    chance = chances(dataset(samples, "p"), Recipe(("a",), exclusive=False, watch=("p",), balance=("view",)))
    starts = np.cumsum([0, 3, 30, 40, 5])
    shares = [chance[low:high].sum() for low, high in pairwise(starts)]
    assert shares == pytest.approx([0.25] * 4)


def test_frozen_blocks_keep_their_weights_and_follow_the_data() -> None:
    network = Lite(1)
    prepare(network, frozen=3)
    still = [name for name, parameter in network.named_parameters() if not parameter.requires_grad]
    assert {name.split(".")[0] for name in still} == {"stem", "blocks"}
    assert {name.split(".")[1] for name in still if name.startswith("blocks")} == {"0", "1", "2"}
    before = network.stem.norm.running_mean.clone()  # type: ignore[union-attr,operator]
    network.train()(torch.rand(2, 1, 32, 32))
    assert not torch.equal(before, network.stem.norm.running_mean)  # type: ignore[arg-type]


def test_the_same_seed_draws_the_same_images() -> None:
    chance = np.full(10, 0.1)
    assert np.array_equal(draw(chance, 100, 1), draw(chance, 100, 1))
    assert not np.array_equal(draw(chance, 100, 1), draw(chance, 100, 2))


def test_the_rate_warms_up_and_falls_and_the_new_layer_learns_faster() -> None:
    groups = [{"params": [torch.zeros(1, requires_grad=True)], "factor": factor} for factor in (1.0, 4.0)]
    optimizer = torch.optim.AdamW(groups, lr=1.0)
    rates = []
    for done in (0, 5, 50, 99):
        set_rate(optimizer, 1.0, done, 10, 10)
        rates.append(optimizer.param_groups[0]["lr"])
        assert optimizer.param_groups[1]["lr"] == pytest.approx(4 * rates[-1])
    assert rates[0] < rates[1] > rates[2] > rates[3]
    assert rates[3] == pytest.approx(0.01)


def test_the_average_follows_weights_and_statistics_ever_more_slowly() -> None:
    moved = []
    for done in (0, 1000):
        network, mean = Lite(1), Lite(1)
        mean.load_state_dict(network.state_dict())
        with torch.no_grad():
            network.linear.bias += 1.0
            network.stem.norm.running_mean += 1.0
        average(mean, network, done)
        moved.append(float((mean.linear.bias - network.linear.bias).detach()) + 1.0)
        assert float((network.stem.norm.running_mean - mean.stem.norm.running_mean)[0]) == pytest.approx(1 - moved[-1])
    assert 1 > moved[0] > moved[1] > 0


def test_training_follows_its_own_statistics_and_leaves_out_deep_blocks() -> None:
    network = Lite(1)
    prepare(network)
    norms = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert {norm.momentum for norm in norms} == {0.1}
    drops = [block.drop for block in network.blocks]
    assert drops[0] == 0
    assert drops == sorted(drops)
    assert 0 < drops[-1] < 0.1


@pytest.mark.parametrize("channels", [1, 3])
def test_changed_images_stay_images_and_the_seed_decides(channels: int) -> None:
    canvases = np.random.default_rng(0).integers(0, 256, (4, channels, 64, 64)).astype(np.uint8)
    recipe = Recipe(("a",), exclusive=False, turn=channels == 3, invert=0.5)
    first, again, other = (Augmentation(recipe, seed=seed)(canvases) for seed in (1, 1, 2))
    assert first.shape == (4, channels, 64, 64)
    assert float(first.min()) >= 0
    assert float(first.max()) <= 1
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_images_are_decoded_once(tmp_path: Path) -> None:
    from PIL import Image as Pillow

    path = tmp_path / "one.png"
    Pillow.fromarray(np.full((20, 40), 200, np.uint8)).save(path)
    samples = [Sample(path, "a", "g", frozenset(), frozenset("p"), {})]
    bundle = Bundle(("p",), 32, 1, (0.5,), (0.5,), {}, Calibration("temperature", [1.0]))
    first = load_dataset(samples, bundle, tmp_path / "work")
    path.unlink()
    again = load_dataset(samples, bundle, tmp_path / "work")
    assert first.canvases[0, 0, 16, 16] == 200
    assert np.array_equal(first.canvases, again.canvases)


@pytest.mark.parametrize(("asked", "built"), [("", "lite0"), ("lite1", "lite1")])
def test_a_member_may_have_another_backbone_than_the_shipped_network(tmp_path: Path, asked: str, built: str) -> None:
    samples = [sample("a", "p", number=number) if number % 2 else sample("a", number=number) for number in range(8)]
    canvases = np.random.default_rng(1).integers(0, 256, (8, 1, 32, 32), np.uint8)
    data = Dataset(samples, canvases, targets_of(samples, ["p"]), np.array(["train", "validation"]).repeat(4))
    bundle = Bundle(("p",), 32, 1, (0.5,), (0.5,), {"variant": "lite0"}, Calibration("temperature", [1.0]))
    recipe = Recipe(("a",), exclusive=False, variant=asked)
    network = Trainer(recipe, bundle, data, tmp_path).run(0)
    assert len(network.blocks) == len(Lite(1, variant=built).blocks)


def test_some_images_keep_their_place_and_are_as_sharp_as_they_were() -> None:
    canvases = np.random.default_rng(1).integers(96, 160, (200, 1, 24, 24), np.uint8)
    placed = Augmentation(Recipe(("a",), exclusive=False), seed=1)._place(torch.from_numpy(canvases / 255.0).float())
    edges = np.abs(np.diff(placed.numpy(), axis=3))[:, :, 8:-8, 8:-8].mean(axis=(1, 2, 3))
    sharp = edges > 0.95 * np.abs(np.diff(canvases / 255.0, axis=3)).mean()
    assert 0.1 < sharp.mean() < 0.3


def test_a_checkpoint_of_another_recipe_is_no_start(tmp_path: Path) -> None:
    samples = [sample("a", "p", number=number) if number % 2 else sample("a", number=number) for number in range(8)]
    canvases = np.random.default_rng(1).integers(0, 256, (8, 1, 32, 32), np.uint8)
    data = Dataset(samples, canvases, targets_of(samples, ["p"]), np.array(["train", "validation"]).repeat(4))
    bundle = Bundle(("p",), 32, 1, (0.5,), (0.5,), {}, Calibration("temperature", [1.0]))
    recipe = Recipe(("a",), exclusive=False, batch=4)
    Trainer(recipe, bundle, data, tmp_path).run(1)
    Trainer(recipe, bundle, data, tmp_path).run(2)
    for other in (replace(recipe, seed=2), replace(recipe, rate=0.5)):
        with pytest.raises(PluginError, match="another recipe"):
            Trainer(other, bundle, data, tmp_path).run(2)
    with pytest.raises(PluginError, match="another recipe"):
        Trainer(recipe, replace(bundle, smooth=0.8), data, tmp_path).run(2)
