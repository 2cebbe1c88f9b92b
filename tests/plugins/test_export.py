from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("onnxscript")

from radnode_kit.bundle import ONNX, SAFETENSORS, Bundle
from radnode_kit.calibration import Calibration
from radnode_kit.engines.onnx import OnnxEngine
from radnode_kit.engines.torch import TorchEngine
from radnode_kit.export import export, finished
from radnode_kit.lite import Lite


def bundle(classes: int = 3, **network: object) -> Bundle:
    table = {"_target_": "radnode_kit.lite.Lite", "classes": classes, "folded": True, **network}
    labels = tuple(f"label {number}" for number in range(classes))
    return Bundle(labels, 64, 1, (0.5,), (0.5,), table, Calibration("temperature", [1.0]))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Lite]:
    torch.manual_seed(1)
    folder, network = tmp_path_factory.mktemp("bundle"), finished(Lite(3), 2, bundle())
    export(network, bundle(), folder)
    return folder, network


def test_both_files_answer_what_the_network_answers(exported: tuple[Path, Lite]) -> None:
    folder, network = exported
    images = np.random.default_rng(0).normal(size=(3, 1, 64, 64)).astype(np.float32)
    with torch.inference_mode():
        expected = [value.numpy() for value in network(torch.from_numpy(images))]
    for engine in (OnnxEngine(folder / ONNX, 3), TorchEngine(folder / SAFETENSORS, bundle().network)):
        for value, wanted in zip(vars(engine(images)).values(), expected, strict=True):
            assert np.abs(value - wanted).max() < 1e-4


def test_onnx_runtime_pads_inside_its_convolutions(exported: tuple[Path, Lite], tmp_path: Path) -> None:
    """Each Pad on its own costs as much as the convolution behind it: together they took 57 % of the time."""
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    onnxruntime.InferenceSession(str(exported[0] / ONNX), options, providers=["CPUExecutionProvider"])
    kinds = [node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node]
    assert "Pad" not in kinds
    assert sum("Conv" in kind for kind in kinds) == 50


def test_files_are_half_the_size_of_single_precision(exported: tuple[Path, Lite]) -> None:
    folder, network = exported
    numbers = sum(parameter.numel() for parameter in network.parameters())
    for name in (ONNX, SAFETENSORS):
        assert (folder / name).stat().st_size < 2.3 * numbers


def test_the_reference_class_has_logit_zero_and_the_softmax_stays() -> None:
    torch.manual_seed(2)
    network, images = Lite(3).eval(), torch.rand(2, 1, 64, 64)
    with torch.inference_mode():
        before = network(images)[0].softmax(1)
        logits, maps, _, _ = finished(network, 1, bundle())(images)
    assert torch.allclose(logits[:, 1], torch.zeros(2), atol=1e-6)
    assert maps[:, 1].abs().max() < 1e-6
    assert torch.allclose(before, logits.softmax(1), atol=2e-3)


def test_a_dilated_network_is_exported_with_the_finer_map(tmp_path: Path) -> None:
    torch.manual_seed(3)
    fine = bundle(2, channels=3, dilated=True)
    fine = replace(fine, channels=3, mean=(0.5,) * 3, deviation=(0.5,) * 3)
    export(finished(Lite(2, 3), None, fine), fine, tmp_path)
    engine = OnnxEngine(tmp_path / ONNX, 2)
    answer = engine(np.random.default_rng(0).normal(size=(2, 3, 64, 64)).astype(np.float32))
    assert answer.maps.shape == (2, 2, 4, 4)
    assert np.abs(answer.maps.sum((2, 3)) + engine.bias - answer.logits).max() < 1e-4


def test_a_wrong_number_of_labels_is_refused(exported: tuple[Path, Lite]) -> None:
    from node.errors import PluginError

    with pytest.raises(PluginError, match="3 logits for 4 labels"):
        OnnxEngine(exported[0] / ONNX, 4)
