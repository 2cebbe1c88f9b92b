"""Whatever runs the network, the answer is the same."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from node.device import Device, Wishes
from node.errors import PluginError
from radnode_kit import engine as door
from radnode_kit.bundle import ONNX, SAFETENSORS, read_bundle
from radnode_kit.commands import folder_of
from radnode_kit.engine import NAMES as OUTPUTS
from radnode_kit.engine import Engine, candidates, open_engine, run_chunks, settle
from radnode_kit.engines.choice import MOST_PROBABILITY, share_of
from radnode_kit.engines.openvino import OpenVinoEngine, pieces
from radnode_kit.engines.pictures import pictures

NAMES = ["chest-radiograph", "brain-tumour-mr"]
ENGINES = ["onnxruntime", "openvino", "torch"]


@pytest.fixture(params=NAMES)
def folder(request: pytest.FixtureRequest) -> Path:
    return folder_of(request.param)


@cache
def opened(folder: Path, name: str) -> Engine:
    classes = len(read_bundle(folder).labels)
    if name == "openvino-bf16":
        return OpenVinoEngine(folder / ONNX, classes, 1, "bf16")
    return open_engine(folder, Device("cpu", Wishes(name, 1)), classes)


def noise(folder: Path, count: int) -> np.ndarray:
    bundle = read_bundle(folder)
    shape = (count, bundle.channels, bundle.size, bundle.size)
    return np.random.default_rng(5).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_is_opened_by_its_name(folder: Path, name: str) -> None:
    assert opened(folder, name).name == name


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_engines_answer_what_torch_answers(folder: Path, name: str) -> None:
    images = noise(folder, 2)
    ours, theirs = opened(folder, name)(images), opened(folder, "torch")(images)
    for one, other in ((getattr(ours, kind), getattr(theirs, kind)) for kind in OUTPUTS):
        assert one.shape == other.shape
        assert np.abs(one - other).max() < 1e-4 * max(1.0, float(np.abs(other).max()))
    assert opened(folder, name).bias == pytest.approx(opened(folder, "torch").bias, abs=1e-4)


@pytest.mark.parametrize("name", [*ENGINES, "openvino-bf16"])
def test_maps_add_up_to_the_logits_on_every_engine(folder: Path, name: str) -> None:
    engine = opened(folder, name)
    answer = engine(pictures(read_bundle(folder))[:2])
    sums = engine.bias + answer.maps.sum(axis=(2, 3), dtype=np.float64)
    assert np.abs(sums - answer.logits).max() < 1e-4


@pytest.mark.parametrize("name", ENGINES)
def test_probabilities_and_maps_agree_on_the_packaged_pictures(folder: Path, name: str) -> None:
    bundle = read_bundle(folder)
    images = pictures(bundle)[::3]
    ours, theirs = opened(folder, name)(images), opened(folder, "onnxruntime")(images)
    apart = np.abs(bundle.calibration(ours.logits) - bundle.calibration(theirs.logits)).max()
    assert apart < MOST_PROBABILITY / 10
    assert share_of(ours.maps, theirs.maps) < 1e-4


@pytest.mark.parametrize("name", ENGINES)
def test_chunks_keep_the_order(folder: Path, name: str) -> None:
    engine, images = opened(folder, name), noise(folder, 3)
    alone = np.concatenate([engine(image[None]).logits for image in images])
    assert run_chunks(engine, list(images), chunk=2).logits == pytest.approx(alone, abs=1e-3)


def test_any_number_of_images_is_run_in_pieces_that_are_compiled_for() -> None:
    assert pieces(10) == [(0, 8), (8, 9), (9, 10)]
    assert pieces(16) == [(0, 8), (8, 16)]
    assert pieces(0) == []


def test_a_plain_device_takes_onnx_runtime(folder: Path) -> None:
    assert open_engine(folder, "cpu", len(read_bundle(folder).labels)).name == "onnxruntime"


@pytest.mark.parametrize("wanted", ["", "auto", "onnxruntime"])
def test_a_network_without_a_graph_runs_with_torch(tmp_path: Path, wanted: str) -> None:
    shutil.copytree(folder_of("brain-tumour-mr"), tmp_path / "plugin")
    (tmp_path / "plugin" / ONNX).unlink()
    assert open_engine(tmp_path / "plugin", Device("cpu", Wishes(wanted)), 4).name == "torch"


@pytest.mark.parametrize("name", ENGINES)
def test_a_missing_weight_file_is_named(tmp_path: Path, name: str) -> None:
    shutil.copytree(folder_of("brain-tumour-mr"), tmp_path / "plugin")
    for weights in (ONNX, SAFETENSORS):
        (tmp_path / "plugin" / weights).unlink()
    with pytest.raises(PluginError, match=r"there is no (ONNX graph|weight file).*model\."):
        open_engine(tmp_path / "plugin", Device("cpu", Wishes(name)), 4)


@pytest.mark.parametrize("name", ENGINES)
def test_a_network_with_other_labels_is_refused(name: str) -> None:
    with pytest.raises(PluginError, match="answers 4 logits for 5 labels"):
        open_engine(folder_of("brain-tumour-mr"), Device("cpu", Wishes(name)), 5)


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_a_graph_without_maps_is_refused(tmp_path: Path, name: str) -> None:
    onnx = pytest.importorskip("onnx")
    shutil.copytree(folder_of("brain-tumour-mr"), tmp_path / "plugin")
    model = onnx.load(tmp_path / "plugin" / ONNX)
    kept = [output for output in model.graph.output if output.name != "maps"]
    del model.graph.output[:]
    model.graph.output.extend(kept)
    onnx.save(model, tmp_path / "plugin" / ONNX)
    with pytest.raises(PluginError, match="no output maps"):
        open_engine(tmp_path / "plugin", Device("cpu", Wishes(name)), 4)


@pytest.mark.parametrize("device", ["abacus", "cuda:77"])
def test_a_device_that_is_not_there_is_refused(folder: Path, device: str) -> None:
    with pytest.raises(PluginError, match="no device"):
        open_engine(folder, device, len(read_bundle(folder).labels))


def test_an_engine_for_the_cpu_is_refused_on_a_gpu(folder: Path) -> None:
    with pytest.raises(PluginError, match="runs on the CPU only"):
        open_engine(folder, Device("cuda:0", Wishes("openvino")), 1)


def test_an_engine_nobody_knows_is_refused(folder: Path) -> None:
    with pytest.raises(PluginError, match="no engine 'abacus'"):
        open_engine(folder, Device("cpu", Wishes("abacus")), 1)


def without_openvino(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "find_spec", lambda _: None)


def test_without_openvino_auto_takes_onnx_runtime_and_measures_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    without_openvino(monkeypatch)
    memory = tmp_path / "engines.json"
    choice, engine = settle(folder, Wishes("auto", 1, memory), len(read_bundle(folder).labels))
    assert (choice.engine, engine.name, choice.trials) == ("onnxruntime", "onnxruntime", ())
    assert not memory.exists()


def test_openvino_that_is_wished_for_and_missing_is_named(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(PluginError, match=r"OpenVINO is not installed.*radnode\[openvino\]"):
        open_engine(folder, Device("cpu", Wishes("openvino")), 1)


def test_the_bfloat16_engine_is_tried_only_where_the_processor_has_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Old:
        has_bfloat16 = False

    monkeypatch.setattr(door, "this_machine", Old)
    assert list(candidates(folder, 1)) == ["onnxruntime", "openvino"]


def test_auto_chooses_without_torch() -> None:
    folder = folder_of("brain-tumour-mr")
    program = (
        "import sys; from pathlib import Path\n"
        "from node.device import Device, Wishes\n"
        "from radnode_kit.engine import open_engine\n"
        f"engine = open_engine(Path({str(folder)!r}), Device('cpu', Wishes('auto', 1)), 4)\n"
        "print(engine.name, *{'torch', 'monai', 'onnx'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in ("onnxruntime", "openvino", "openvino-bf16")
