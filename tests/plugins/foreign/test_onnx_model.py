"""ONNX files: logits or probabilities, maps that are found, given or not there, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn

from node.errors import PluginError
from node.manifest import read_manifest
from node.plugin import Prediction
from radnode_kit.bundle import ONNX, read_bundle
from radnode_kit.foreign import onnx_model as reader
from radnode_kit.foreign.classifier import ForeignClassifier
from radnode_kit.foreign.export import write_onnx
from radnode_kit.foreign.graph import run
from radnode_kit.foreign.install import import_model
from radnode_kit.foreign.model import Input, Wish
from tests.plugins.builders import image_set, pattern
from tests.plugins.foreign.strangers import Deep, Pooled

ENTRY = Input(32, 3, (0.0,) * 3, (1.0,) * 3)
WISH = Wish("theirs", labels=("pneumonia", "Pneumothorax"), modality=("DX",), activation="sigmoid")


class Ended(nn.Module):
    """A network with an activation behind it."""

    def __init__(self, network: nn.Module, end: nn.Module):
        super().__init__()
        self.network, self.end = network, end

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.end(self.network(x))
        return answer


class Mapped(nn.Module):
    """Answers logits and maps, which add up or do not."""

    def __init__(self, error: float):
        super().__init__()
        self.conv, self.error = nn.Conv2d(3, 2, 8, stride=8), error

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.conv(x)
        return maps.sum((2, 3)) + self.error * x.mean((1, 2, 3))[:, None], maps


def written(network: nn.Module, folder: Path, outputs: tuple[str, ...] = ("answer",)) -> Path:
    path = folder / "model.onnx"
    write_onnx(network, ENTRY, path, outputs)
    return path


def imported(path: Path, folder: Path, wish: Wish = WISH) -> ForeignClassifier:
    import_model("onnx", path, wish, folder / "package")
    classifier = ForeignClassifier(folder / "package" / "radnode_theirs")
    classifier.load("cpu")
    return classifier


def answer(classifier: ForeignClassifier) -> Prediction:
    return classifier.classify([image_set(pattern(32, 32), modality="DX")])[0]


def logits_of(network: nn.Module) -> list[float]:
    with torch.inference_mode():
        images = torch.from_numpy(pattern(32, 32)).expand(1, 3, 32, 32)
        return [float(value) for value in network.eval()(images)[0]]


def test_logits_come_through_with_exact_maps_of_the_pooled_features(tmp_path: Path) -> None:
    classifier = imported(written(Pooled(), tmp_path), tmp_path)
    found = answer(classifier)
    assert [finding.logit for finding in found.findings] == pytest.approx(logits_of(Pooled()), abs=1e-5)
    assert [evidence.grid.shape for evidence in found.maps] == [(8, 8)] * 2
    assert max(abs(evidence.residual) for evidence in found.maps) < 1e-5
    assert found.embedding is not None
    assert found.embedding.shape == (8,)


def test_the_bias_is_that_of_the_linear_layer(tmp_path: Path) -> None:
    classifier = imported(written(Pooled(), tmp_path), tmp_path)
    assert classifier.engine.bias == pytest.approx(Pooled().linear.bias.detach().numpy(), abs=1e-5)


def test_a_network_that_does_not_end_in_pooling_has_no_maps_and_says_so(tmp_path: Path) -> None:
    classifier = imported(written(Deep(), tmp_path), tmp_path)
    found = answer(classifier)
    assert [finding.logit for finding in found.findings] == pytest.approx(logits_of(Deep()), abs=1e-5)
    assert found.maps == ()
    assert not any(spec.localises for spec in classifier.manifest.findings)
    assert "There is no evidence map" in (classifier.manifest.folder / "MODEL_CARD.md").read_text()


@pytest.mark.parametrize("end", [nn.Sigmoid(), nn.Softmax(1)])
def test_a_final_activation_is_cut_off_and_kept_in_mind(tmp_path: Path, end: nn.Module) -> None:
    path = written(Ended(Pooled(), end), tmp_path)
    classifier = imported(path, tmp_path, replace(WISH, activation="auto"))
    found = answer(classifier)
    assert [finding.logit for finding in found.findings] == pytest.approx(logits_of(Pooled()), abs=1e-5)
    assert [finding.probability for finding in found.findings] == pytest.approx(
        logits_of(Ended(Pooled(), end)), abs=1e-5
    )
    assert classifier.manifest.mutually_exclusive == isinstance(end, nn.Softmax)
    assert len(found.maps) == 2


def test_probabilities_without_an_activation_in_sight_become_log_odds(tmp_path: Path) -> None:
    class Clamped(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (x * 0.2 + 0.5).clamp(0, 1)

    network = Ended(Pooled(), Clamped())
    classifier = imported(written(network, tmp_path), tmp_path, replace(WISH, activation="none"))
    found = answer(classifier)
    assert [finding.probability for finding in found.findings] == pytest.approx(logits_of(network), abs=1e-5)
    assert found.maps == ()


def test_a_graph_that_does_not_say_what_it_answers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="logits or probabilities") as caught:
        reader.read(written(Pooled(), tmp_path), replace(WISH, activation="auto"))
    assert "--activation" in caught.value.hint


@pytest.mark.parametrize(("error", "exact"), [(0.0, True), (0.3, False)])
def test_maps_of_their_own_are_believed_only_if_they_add_up(tmp_path: Path, error: float, exact: bool) -> None:
    path = written(Mapped(error), tmp_path, ("logits", "maps"))
    classifier = imported(path, tmp_path)
    found = answer(classifier)
    assert bool(found.maps) == exact
    assert classifier.manifest.parameters["Evidence map"].startswith("exact" if exact else "none")
    assert all(abs(evidence.residual) < 1e-4 for evidence in found.maps)


def test_maps_that_do_not_add_up_are_not_even_in_the_graph(tmp_path: Path) -> None:
    classifier = imported(written(Mapped(0.3), tmp_path, ("logits", "maps")), tmp_path)
    logits, maps, _, _ = run(onnx.load(classifier.manifest.folder / ONNX), np.zeros((1, 3, 32, 32), dtype=np.float32))
    assert maps.flatten().tolist() == logits.flatten().tolist()


def test_the_wish_normalises(tmp_path: Path) -> None:
    wish = replace(WISH, mean=(0.5,), deviation=(0.25, 0.5, 1.0))
    classifier = imported(written(Pooled(), tmp_path), tmp_path, wish)
    bundle = read_bundle(classifier.manifest.folder)
    assert bundle.mean == (0.5, 0.5, 0.5)
    assert bundle.deviation == (0.25, 0.5, 1.0)


@pytest.mark.parametrize("wish", [replace(WISH, mean=(0.1, 0.2)), replace(WISH, deviation=(0.0,))])
def test_a_normalisation_that_cannot_be_is_refused(tmp_path: Path, wish: Wish) -> None:
    with pytest.raises(PluginError, match="do not fit"):
        reader.read(written(Pooled(), tmp_path), wish)


@pytest.mark.parametrize(
    ("wish", "match"),
    [
        (replace(WISH, labels=()), "--labels is needed"),
        (replace(WISH, modality=()), "--modality is needed"),
        (replace(WISH, labels=("a", "b", "c")), "2 outputs, there are 3 labels"),
        (replace(WISH, labels=("a", "a")), "label of its own"),
        (replace(WISH, labels=("a", " ")), "label of its own"),
        (replace(WISH, labels=("a=1:SCT", "b")), "VALUE:SCHEME:MEANING"),
        (replace(WISH, size=64), "32 pixels, asked for were 64"),
    ],
)
def test_what_the_file_does_not_say_must_be_said_rightly(tmp_path: Path, wish: Wish, match: str) -> None:
    with pytest.raises(PluginError, match=match):
        reader.read(written(Pooled(), tmp_path), wish)


def test_codes_may_be_given_with_the_labels(tmp_path: Path) -> None:
    wish = replace(WISH, labels=("Old TB=427099000:SCT:Inactive tuberculosis", "normal"))
    import_model("onnx", written(Pooled(), tmp_path), wish, tmp_path / "package")
    (spec,) = read_manifest(tmp_path / "package" / "radnode_theirs" / "manifest.toml").findings
    assert (spec.name, spec.label) == ("old_tb", "Old TB")
    assert (spec.code.value, spec.code.scheme, spec.code.meaning) == ("427099000", "SCT", "Inactive tuberculosis")


def test_a_free_size_must_be_said(tmp_path: Path) -> None:
    path = written(Pooled(), tmp_path)
    model = onnx.load(path)
    for axis, name in zip(model.graph.input[0].type.tensor_type.shape.dim[2:], "hw", strict=True):
        axis.dim_param = name
    onnx.save(model, path)
    with pytest.raises(PluginError, match="leaves its input's size free"):
        reader.read(path, WISH)
    assert reader.read(path, replace(WISH, size=48)).input.size == 48


def graph(shape: list[object], kind: int = TensorProto.FLOAT, inputs: int = 1, outputs: int = 1) -> onnx.ModelProto:
    sources = [helper.make_tensor_value_info(f"x{i}", kind, shape) for i in range(inputs)]
    answers = [helper.make_tensor_value_info(f"y{i}", kind, shape) for i in range(outputs)]
    nodes = [helper.make_node("Identity", ["x0"], [f"y{i}"]) for i in range(outputs)]
    made = helper.make_graph(nodes, "g", sources, answers)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize(
    ("model", "match"),
    [
        (graph([1, 3, 32, 32], inputs=2), "2 inputs"),
        (graph(["n", 32, 32, 3]), "channels first"),
        (graph(["n", 3, 32, 16]), "square"),
        (graph(["n", 3, 32]), "needed is float32"),
        (graph(["n", 3, 32, 32], TensorProto.UINT8), "needed is float32"),
        (graph(["n", 3, 32, 32], outputs=2), "2 outputs that could be the answer"),
        (graph(["n", 3, 32, 32]), r"needed is \(2, labels\)"),
    ],
)
def test_graphs_that_no_plugin_can_be_made_of_are_refused(tmp_path: Path, model: onnx.ModelProto, match: str) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(model, path)
    with pytest.raises(PluginError, match=match):
        reader.read(path, WISH)


def test_an_unknown_operator_is_refused_by_its_name(tmp_path: Path) -> None:
    model = graph(["n", 3, 32, 32])
    model.graph.node[0].op_type, model.graph.node[0].domain = "Divination", "strange"
    model.opset_import.append(helper.make_opsetid("strange", 1))
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(PluginError, match=r"Divination|strange"):
        reader.read(tmp_path / "model.onnx", WISH)


def test_weights_in_another_file_are_refused(tmp_path: Path) -> None:
    path = written(Pooled(), tmp_path)
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="weights", size_threshold=0)
    with pytest.raises(PluginError, match="another file"):
        reader.read(path, WISH)


@pytest.mark.parametrize("data", [b"", b"no graph at all", b"\x08\x07"])
def test_what_is_no_onnx_file_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    with pytest.raises(PluginError, match="no valid ONNX file"):
        reader.read(path, WISH)
