"""The fastest engine is taken if its answers agree, the reason is told, and it is remembered."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from node.device import Wishes
from node.errors import PluginError
from node.plugin import Array
from radnode_kit.bundle import INFERENCE, ONNX
from radnode_kit.calibration import Calibration
from radnode_kit.commands import folder_of
from radnode_kit.engine import settle
from radnode_kit.engines.choice import Choice, Trial, choose, share_of
from radnode_kit.engines.memory import key_of, recall, remember
from radnode_kit.engines.outputs import Engine, Outputs

SIGMOID = Calibration("platt", [1.0], [0.0])
IMAGES = np.linspace(-1, 1, 8 * 16, dtype=np.float32).reshape(8, 1, 4, 4)


@dataclass
class Fake:
    """An engine that answers the mean, late and wrong by as much as it is told."""

    name: str
    seconds: float = 0.0
    logit: float = 0.0
    maps: float = 0.0
    context: float = 0.0
    asked: list[int] = field(default_factory=list)
    bias: Array = field(default_factory=lambda: np.zeros(1, dtype=np.float32))

    def __call__(self, images: Array) -> Outputs:
        self.asked.append(len(images))
        time.sleep(self.seconds)
        mean = images.mean(axis=(2, 3))
        grid = images / 16 * (1 + self.maps)
        return Outputs(mean + self.logit, grid, mean, mean * (1 + self.context))


def race(*engines: Fake) -> tuple[Choice, Engine]:
    return choose({engine.name: (lambda engine=engine: engine) for engine in engines}, IMAGES, SIGMOID)


def test_the_fastest_that_agrees_is_taken() -> None:
    quick = Fake("quick", 0.001)
    choice, engine = race(Fake("onnxruntime", 0.02), quick, Fake("slow", 0.03))
    assert engine is quick
    assert choice.engine == "quick"
    assert choice.reason.startswith("quick is the fastest that agrees; onnxruntime takes ")
    assert {trial.engine: len(trial.seconds) for trial in choice.trials} == {"onnxruntime": 2, "quick": 2, "slow": 2}


def test_the_reference_stays_when_it_is_the_fastest() -> None:
    assert race(Fake("onnxruntime", 0.001), Fake("other", 0.02))[0].engine == "onnxruntime"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (Fake("wrong", logit=0.04), "off by 0.0084 in probability"),
        (Fake("wrong", maps=0.02), "2.0% in its maps"),
        (Fake("wrong", context=0.02), "2.0% in its maps"),
        (Fake("wrong", logit=float("nan")), "off by nan"),
        (Fake("wrong", maps=float("nan")), "inf% in its maps"),
    ],
    ids=["probability", "maps", "context", "no number", "no map"],
)
def test_an_engine_that_answers_otherwise_is_not_taken(wrong: Fake, told: str) -> None:
    choice, _ = race(Fake("onnxruntime", 0.005), wrong)
    assert choice.engine == "onnxruntime"
    assert choice.reason.startswith("onnxruntime alone agrees; wrong is off by ")
    assert told in choice.reason


@pytest.mark.parametrize("close", [Fake("close", logit=0.015), Fake("close", maps=0.009)], ids=["logit", "maps"])
def test_what_lies_within_the_limits_agrees(close: Fake) -> None:
    assert race(Fake("onnxruntime", 0.01), close)[0].engine == "close"


def test_who_fails_on_one_picture_is_not_asked_for_eight() -> None:
    wrong = Fake("wrong", logit=1.0)
    race(Fake("onnxruntime"), wrong)
    assert wrong.asked == [1]


def test_an_engine_that_cannot_be_opened_is_told_and_left_out() -> None:
    def broken() -> Engine:
        raise PluginError("its library is damaged", about="here")

    candidates: dict[str, Callable[[], Engine]] = {"onnxruntime": lambda: Fake("onnxruntime"), "broken": broken}
    choice, engine = choose(candidates, IMAGES, SIGMOID)
    assert engine.name == "onnxruntime"
    assert "broken: " in choice.reason
    assert "its library is damaged" in choice.reason


def test_a_share_is_of_the_largest_value() -> None:
    wanted = np.array([0.0, -4.0, 2.0], dtype=np.float32)
    assert share_of(wanted + np.float32(0.04), wanted) == pytest.approx(0.01, rel=1e-3)
    assert share_of(np.zeros(2, np.float32), np.zeros(2, np.float32)) == 0.0


CHOICE = Choice("openvino", "it is fast", (Trial("onnxruntime", seconds=(0.2, 0.9)), Trial("odd", problem="no")))


def test_a_choice_is_remembered(tmp_path: Path) -> None:
    memory = tmp_path / "engines.json"
    assert remember(memory, "key", CHOICE)
    assert recall(memory, "key") == CHOICE
    assert recall(memory, "another") is None
    assert [path.name for path in tmp_path.iterdir()] == ["engines.json"]


def test_other_choices_stay_and_the_oldest_go(tmp_path: Path) -> None:
    memory = tmp_path / "engines.json"
    for number in range(70):
        remember(memory, f"key {number}", replace(CHOICE, reason=str(number)))
    kept = json.loads(memory.read_text())
    assert len(kept) == 64
    assert list(kept)[-1] == "key 69"
    assert "key 5" not in kept


def test_without_a_place_nothing_is_remembered(tmp_path: Path) -> None:
    assert not remember(None, "key", CHOICE)
    assert recall(None, "key") is None
    assert not remember(tmp_path / "no such folder" / "engines.json", "key", CHOICE)
    (tmp_path / "engines.json").mkdir()  # neither to be read nor to be replaced, whoever we are
    assert not remember(tmp_path / "engines.json", "key", CHOICE)
    assert [path.name for path in tmp_path.iterdir()] == ["engines.json"]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"key": 5}', '{"key": {"engine": "x"}}', '{"key": {"trials": [1]}}'])
def test_a_damaged_memory_is_no_memory(tmp_path: Path, text: str) -> None:
    memory = tmp_path / "engines.json"
    memory.write_text(text)
    assert recall(memory, "key") is None
    assert remember(memory, "key", CHOICE)
    assert recall(memory, "key") == CHOICE


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder_of("brain-tumour-mr"), tmp_path / "plugin"))


@pytest.mark.parametrize("changed", [ONNX, INFERENCE])
def test_another_model_is_another_key(plugin: Path, changed: str) -> None:
    before = key_of(plugin, 2)
    assert key_of(plugin, 2) == before
    assert key_of(plugin, 1) != before
    path = plugin / changed
    path.write_bytes(path.read_bytes() + b" ")
    assert key_of(plugin, 2) != before


def test_what_was_measured_once_is_not_measured_again(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wishes = Wishes("auto", 1, plugin / "engines.json")
    first, engine = settle(plugin, wishes, 4)
    assert engine.name == first.engine
    assert {trial.engine for trial in first.trials} >= {"onnxruntime", "openvino"}

    def forbidden(*_: object) -> None:
        raise AssertionError("it was measured again")

    monkeypatch.setattr("radnode_kit.engine.choose", forbidden)
    again, engine = settle(plugin, wishes, 4)
    assert (again, engine.name) == (first, first.engine)


def test_a_remembered_engine_that_is_gone_is_chosen_anew(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("radnode_kit.engine.choose", lambda *_: (CHOICE, Fake("openvino")))
    wishes = Wishes("auto", 1, plugin / "engines.json")
    remember(wishes.memory, key_of(plugin, 1), Choice("abacus", "it was there yesterday"))
    assert settle(plugin, wishes, 4)[0] == CHOICE
    assert recall(wishes.memory, key_of(plugin, 1)) == CHOICE
