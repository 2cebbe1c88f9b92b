from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("einops")

from radnode_kit.synthetic import training
from radnode_kit.synthetic.diffusion import Denoiser
from radnode_kit.synthetic.images import CLASSES
from radnode_kit.synthetic.memorisation import image_losses
from radnode_kit.synthetic.training import draw, follow, resumed, save, set_rate, train
from tests.plugins.synthetic.material import TINY, images


def values(network: Denoiser) -> torch.Tensor:
    return torch.cat([each.detach().flatten() for each in network.parameters()])


def test_a_stopped_run_goes_on_as_if_nothing_had_been(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "_SAVE_EVERY", 2)
    whole = train(images(9), TINY, tmp_path / "whole")

    class Stopped(Exception):
        pass

    step = training._step

    def stops(progress: training.Progress, *others: object) -> float:
        if progress.step == 3:
            raise Stopped
        return step(progress, *others)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(training, "_step", stops)
    with pytest.raises(Stopped):
        train(images(9), TINY, tmp_path / "parts")
    monkeypatch.setattr(training, "_step", step)
    assert resumed(TINY, tmp_path / "parts").step == 2
    parts = train(images(9), TINY, tmp_path / "parts")
    assert torch.equal(values(whole.average), values(parts.average))
    assert torch.equal(values(whole.network), values(parts.network))
    assert whole.history == parts.history


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    first = train(images(9), TINY, tmp_path)
    again = train(images(9), TINY, tmp_path)
    assert again.step == TINY.steps
    assert again.seconds == first.seconds
    assert torch.equal(values(first.average), values(again.average))


def test_the_generator_learns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "_WARM", 5)
    plan, data = replace(TINY, steps=80, batch=8, rate=3e-3), images(6)
    untrained = image_losses(resumed(plan, tmp_path / "none").average, data, seed=1).mean()
    assert image_losses(train(data, plan, tmp_path / "some").average, data, seed=1).mean() < 0.85 * untrained


def test_the_checkpoint_holds_no_code(tmp_path: Path) -> None:
    save(resumed(TINY, tmp_path), tmp_path)
    state = torch.load(tmp_path / training.CHECKPOINT, weights_only=True)
    assert state["step"] == 0
    assert not list(tmp_path.glob("*.new"))


def test_classes_are_drawn_alike_however_rare() -> None:
    data = images(30)
    rare = data.chosen((data.classes != 0) | (np.arange(30) == 0))
    plan = replace(TINY, batch=3000)
    chosen = draw(rare, plan, 0)[0]
    counts = np.bincount(rare.classes[chosen], minlength=len(CLASSES))
    assert counts.min() > 900


def test_the_number_of_the_step_decides_what_is_drawn() -> None:
    first, again, other = (draw(images(9), TINY, step) for step in (1, 1, 2))
    assert np.array_equal(first[0], again[0])
    assert torch.equal(first[2], again[2])
    assert not torch.equal(first[2], other[2])


def test_some_classes_are_withheld() -> None:
    hidden = draw(images(9), replace(TINY, batch=2000, drop=0.1), 0)[4]
    assert 0.07 < hidden.mean() < 0.13


def test_the_rate_warms_up_and_falls(tmp_path: Path) -> None:
    progress, plan, rates = resumed(TINY, tmp_path), replace(TINY, steps=1000), []
    for progress.step in (0, 99, 500, 999):
        set_rate(progress, plan)
        rates.append(progress.optimizer.param_groups[0]["lr"])
    assert rates[0] < rates[1]
    assert rates[1] > rates[2] > rates[3]
    assert rates[1] == pytest.approx(plan.rate, rel=0.05)


def test_the_average_follows_ever_more_slowly(tmp_path: Path) -> None:
    moved = []
    for step in (0, 10000):
        progress = resumed(TINY, tmp_path)
        progress.step = step
        before = values(progress.average).clone()
        with torch.no_grad():
            for parameter in progress.network.parameters():
                parameter.add_(1.0)
        follow(progress)
        moved.append(float((values(progress.average) - before).mean()))
    assert 1 > moved[0] > 0.5
    assert moved[1] == pytest.approx(1 - training._AVERAGE, rel=1e-2)
