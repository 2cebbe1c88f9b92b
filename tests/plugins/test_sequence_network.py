from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from radnode_kit.bundle import ONNX, SAFETENSORS
from radnode_kit.sequence.classifier import weights_of
from radnode_kit.sequence.engines import NAMES, OnnxSlices, TorchSlices, bias_of, run_slices
from radnode_kit.sequence.network import LITE_FEATURES, Front, Reader, SliceNetwork, network_from, windows
from radnode_kit.sequence.physics import BODY, EVEN, FEATURES, Physics, candidates
from tests.plugins.phantoms import chest

pytest.importorskip("onnx")

from radnode_kit.sequence.exporting import export


def physics(canvas: np.ndarray) -> Tensor:
    return Physics()(torch.from_numpy(canvas)[None, None])[0]


def disc(hounsfield: float, millimetres: float, rim: float | None = None) -> np.ndarray:
    down, across = (np.indices((256, 256)) - 127.5) * 2.0
    far = np.hypot(down, across)
    canvas = np.where(far < 100.0, 40.0, -1024.0)
    canvas = np.where(far < millimetres / 2, hounsfield, canvas)
    if rim is not None:
        canvas = np.where(abs(far - millimetres / 2) < 3.0, rim, canvas)
    return canvas.astype(np.float32)


def network(pooling: str = "attention", seed: int = 0) -> SliceNetwork:
    torch.manual_seed(seed)
    readers = [Reader(slice(0, FEATURES + LITE_FEATURES), pooling) for _ in range(2)]
    for reader in readers:
        reader.linear.weight.data *= 20
    return SliceNetwork(Front().fold(), readers).eval()


def test_an_enhanced_vessel_is_the_brightest_even_blob() -> None:
    assert physics(disc(280.0, 30.0))[EVEN].max() > physics(disc(45.0, 30.0))[EVEN].max() + 0.5


def test_brightness_near_bone_does_not_count_as_away_from_it() -> None:
    vessel, bone = physics(disc(220.0, 34.0)), physics(disc(220.0, 34.0, rim=900.0))
    assert vessel[2].max() > 0.5
    assert bone[2].max() < 0.2


def test_noise_is_no_blob() -> None:
    noisy = disc(40.0, 30.0) + np.random.default_rng(0).normal(0, 150, (256, 256)).astype(np.float32)
    assert physics(noisy)[EVEN].max() < 0.1


def test_every_measure_is_a_share() -> None:
    values = physics(chest(enhanced=True))
    assert values.shape == (FEATURES, 32, 32)
    assert values.min() >= 0.0
    assert values.max() <= 1.0
    assert values[BODY].max() == pytest.approx(1.0, abs=1e-3)


def test_blood_cannot_be_in_air_fat_or_lung() -> None:
    for hounsfield in (-1024.0, -100.0, -850.0):
        flat = Physics()(torch.full((1, 1, 64, 64), hounsfield)).flatten(2)
        assert not candidates(flat).any()
    assert candidates(Physics()(torch.full((1, 1, 64, 64), 45.0)).flatten(2)).all()


def test_windows_are_what_imagenet_wants() -> None:
    shown = windows(torch.tensor([[[[-2000.0, 40.0, 200.0, 3000.0]]]]))
    assert shown[0, :, 0, 0].tolist() == [-1.0, -1.0, -1.0]
    assert shown[0, 0, 0, 1] == pytest.approx(0.0)
    assert shown[0, 1, 0, 2] == pytest.approx(0.0)
    assert shown[0, :, 0, 3].tolist() == [1.0, 1.0, 1.0]


def test_maps_and_bias_add_up_to_the_logit_of_each_slice() -> None:
    built = network()
    canvases = torch.from_numpy(np.stack([chest(enhanced=True), chest(enhanced=False)]))[:, None]
    with torch.inference_mode():
        logits, maps, *_ = built(canvases)
    sums = maps.sum(dim=(2, 3)) + torch.cat([reader.linear.bias for reader in built.readers])
    assert (sums - logits).abs().max() < 1e-4
    assert maps.abs().max() > 1e-3


def test_attention_sums_to_one_and_stays_where_blood_can_be() -> None:
    built = network()
    with torch.inference_mode():
        features = built.front(torch.from_numpy(chest(enhanced=True))[None, None])[0].flatten(2)
        reader = next(iter(built.readers))
        alpha = reader.attention(reader.standardise(features), features)
    assert alpha.sum() == pytest.approx(1.0, abs=1e-5)
    assert alpha[~candidates(features)].sum() < 1e-6


def test_the_logit_of_a_series_is_the_weighted_mean_of_its_slices() -> None:
    built = network()
    canvases = torch.from_numpy(np.stack([chest(enhanced=n % 2 == 0, seed=n) for n in range(3)]))[:, None]
    with torch.inference_mode():
        logits, _, scores, *_ = built(canvases)
        features = built.front(canvases)[0].flatten(2)[None]
        whole = [float(reader(features)) for reader in built.readers]
    assert (weights_of(scores.numpy()) * logits.numpy()).sum(axis=0) == pytest.approx(whole, abs=1e-4)


def test_a_recurrent_reader_sees_the_order_and_the_others_do_not() -> None:
    sequence = torch.rand(1, 4, FEATURES + LITE_FEATURES, 20)
    for pooling, differs in (("recurrent", True), ("attention", False), ("mean", False)):
        torch.manual_seed(1)
        reader = Reader(slice(0, FEATURES + LITE_FEATURES), pooling).eval()
        with torch.inference_mode():
            gap = abs(float(reader(sequence)) - float(reader(sequence[:, [1, 0, 3, 2]])))
        assert (gap > 1e-6) == differs, pooling


def test_a_recurrent_reader_cannot_be_exported_slice_by_slice() -> None:
    with pytest.raises(ValueError, match="all slices at once"):
        network("recurrent")


@pytest.mark.parametrize("chosen", [slice(0, FEATURES), slice(FEATURES, FEATURES + LITE_FEATURES)])
def test_parameters_tell_what_the_reader_reads(chosen: slice) -> None:
    built = SliceNetwork(Front().fold(), [Reader(chosen) for _ in range(3)])
    assert [reader.chosen for reader in network_from(built.state_dict()).readers] == [chosen] * 3


def test_the_exported_graph_answers_what_torch_answers(tmp_path: Path) -> None:
    export(network(), tmp_path)
    canvases = [chest(enhanced=n % 2 == 0, seed=n) for n in range(3)]
    onnx = run_slices(OnnxSlices(tmp_path / ONNX), canvases)
    torch_ = run_slices(TorchSlices(tmp_path / SAFETENSORS, "cpu"), canvases)
    for name in NAMES:
        assert getattr(onnx, name) == pytest.approx(getattr(torch_, name), abs=2e-3), name
    means = onnx.maps.sum(axis=(2, 3)).mean(axis=1) + bias_of(OnnxSlices(tmp_path / ONNX))
    assert means == pytest.approx(onnx.logits.mean(axis=1), abs=1e-3)
