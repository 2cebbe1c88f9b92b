from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from node.cli.app import app
from node.plugin import Array
from radnode_kit.bundle import ONNX, read_bundle
from radnode_kit.commands import folder_of
from radnode_kit.engines import bench
from radnode_kit.engines.bench import Comparison, Plan, compare
from radnode_kit.engines.choice import Choice
from radnode_kit.engines.machine import this_machine
from radnode_kit.engines.memory import key_of, remember
from radnode_kit.engines.pictures import colours, pictures

NAME = "brain-tumour-mr"
X86 = """\
processor\t: 0
cpu family\t: 6
model\t\t: 207
model name\t: Example CPU @ 2.0GHz
stepping\t: 2
flags\t\t: fpu avx2 avx512f amx_bf16 avx512_bf16

processor\t: 1
model name\t: Another
"""


def hurry(patch: pytest.MonkeyPatch) -> None:
    """What is compared here is not the machine: two pictures, and each engine runs once in a round."""
    patch.setattr(bench, "_SECONDS", 0.0)
    patch.setattr(bench, "pictures", lambda bundle: pictures(bundle)[1:6:4])


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)


@pytest.fixture(scope="module")
def found() -> Comparison:
    with pytest.MonkeyPatch.context() as patch:
        hurry(patch)
        return compare(folder_of(NAME), Plan((1, 2), threads=1, rounds=1))


def test_all_engines_are_compared_with_eager_torch(found: Comparison) -> None:
    names = [line.engine for line in found.lines]
    assert names[:6] == [
        "torch",
        "torch, no maps",
        "torch, channels last",
        "torch, channels last, bf16",
        "onnxruntime",
        "openvino",
    ]
    for line in found.lines:
        assert [speed.batch for speed in line.speeds] == [1, 2]
        assert all(speed.images_per_second > 0 and speed.ratio > 0 for speed in line.speeds)
    assert [speed.ratio for speed in found.lines[0].speeds] == [1.0, 1.0]


def test_float32_engines_answer_the_same_and_rounded_ones_are_told_apart(found: Comparison) -> None:
    lines = {line.engine: line for line in found.lines}
    for name in ("torch", "torch, channels last", "onnxruntime", "openvino"):
        assert lines[name].probability < 1e-4
        assert lines[name].maps is not None
        assert lines[name].maps < 1e-3
    assert lines["torch, channels last, bf16"].probability > 1e-4
    assert lines["torch, no maps"].maps is None


def test_what_the_maps_cost_is_measured_for_each_batch(found: Comparison) -> None:
    assert list(found.cost_of_maps) == [1, 2]
    assert all(0.2 < times < 5 for times in found.cost_of_maps.values())


@pytest.mark.slow
def test_a_network_without_a_graph_is_compared_on_torch_alone(tmp_path: Path) -> None:
    shutil.copytree(folder_of(NAME), tmp_path / "plugin")
    (tmp_path / "plugin" / ONNX).unlink()
    lines = compare(tmp_path / "plugin", Plan((1,), threads=1, rounds=1, cpu_time=True)).lines
    assert {line.engine.split(",")[0] for line in lines} == {"torch"}


@pytest.mark.slow
def test_an_engine_that_fails_is_a_line_with_its_reason(tmp_path: Path) -> None:
    shutil.copytree(folder_of(NAME), tmp_path / "plugin")
    onnx = pytest.importorskip("onnx")
    model = onnx.load(tmp_path / "plugin" / ONNX)
    model.graph.output.pop()
    onnx.save(model, tmp_path / "plugin" / ONNX)
    problems = {line.engine: line.problem for line in compare(tmp_path / "plugin", Plan((1,), 1, 1)).lines}
    assert problems["torch"] == ""
    assert "no output context" in problems["onnxruntime"]


def test_the_command_prints_machine_engines_and_cost() -> None:
    done = CliRunner().invoke(app, ["plugins", "bench", NAME, "--batch", "1", "--threads", "1", "--rounds", "1"])
    assert done.exception is None, done.output
    assert f"machine: {this_machine()}; load " in done.output
    assert "onnxruntime\t" in done.output
    assert "with maps a forward pass takes " in done.output


@pytest.mark.slow
def test_the_command_answers_json() -> None:
    asked = ["--batch", "1", "--threads", "1", "--rounds", "1", "--cpu-time", "--json"]
    done = CliRunner().invoke(app, ["plugins", "bench", NAME, *asked])
    told = json.loads(done.output)
    assert told["plugin"] == NAME
    assert told["plan"] == {"batches": [1], "threads": 1, "rounds": 1, "cpu_time": True}
    assert told["machine"]["cores"] >= 1
    assert "1" in told["cost_of_maps"]


@pytest.mark.parametrize("batch", ["eight", "0", "1,"])
def test_a_batch_that_is_no_number_is_a_wrong_command_line(batch: str) -> None:
    assert CliRunner().invoke(app, ["plugins", "bench", NAME, "--batch", batch]).exit_code == 2


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "radnode.toml"
    path.write_text('[node]\ndata_dir = "."\n')
    return path


def shown(config: Path) -> str:
    return CliRunner().invoke(app, ["plugins", "show", NAME, "-c", str(config)]).output


def test_show_tells_which_engine_was_chosen_and_why(config: Path) -> None:
    assert "not chosen yet" in shown(config)
    (config.parent / "cache").mkdir()
    remember(
        config.parent / "cache" / "engines.json", key_of(folder_of(NAME), 2), Choice("openvino", "it was the fastest")
    )
    assert "engine        it was the fastest" in shown(config)
    told = CliRunner().invoke(app, ["plugins", "show", NAME, "-c", str(config), "--json"]).output
    assert json.loads(told)["engine"] == "it was the fastest"


def test_show_tells_the_engine_of_the_settings(config: Path) -> None:
    config.write_text('[node]\ndata_dir = "."\n[worker]\nengine = "torch"\n')
    assert "engine        torch (worker.engine)" in shown(config)


def test_show_needs_no_node(tmp_path: Path) -> None:
    assert "engine  " not in shown(tmp_path / "radnode.toml")


def test_a_machine_is_read_from_the_table_of_processors(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(X86)
    machine = this_machine(tmp_path / "cpuinfo")
    assert machine.cpu == "Example CPU @ 2.0GHz (family 6.207.2)"
    assert machine.flags == ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
    assert machine.has_bfloat16
    assert "avx2 avx512f avx512_bf16 amx_bf16" in str(machine)


def test_a_machine_of_another_kind_has_a_name_too(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nFeatures\t: fp asimd bf16\n")
    assert this_machine(tmp_path / "cpuinfo").flags == ("asimd", "bf16")
    unknown = this_machine(tmp_path / "nothing")
    assert unknown.cpu
    assert not unknown.has_bfloat16
    assert unknown.cores >= 1


def test_the_pictures_are_eight_and_always_the_same() -> None:
    bundle = read_bundle(folder_of(NAME))
    images = pictures(bundle)
    assert images.shape == (8, 1, bundle.size, bundle.size)
    assert images.dtype == np.float32
    assert len({image.tobytes() for image in images}) == 8
    assert images.tobytes() == pictures(bundle).tobytes()


def spread(image: Array) -> float:
    """How much the colours of a pixel differ, on average."""
    return float(np.ptp(image, axis=-1).mean())


def test_made_up_colours_are_coloured_and_differ() -> None:
    first, second = colours(0), colours(1)
    assert first.shape == (256, 256, 3)
    assert 0.0 <= first.min() <= first.max() <= 1.0
    assert spread(first) > 0.1
    assert np.abs(first - second).mean() > 0.02
    assert first.tobytes() == colours(0).tobytes()
