from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from node.errors import PluginError
from radnode_kit.bundle import SAFETENSORS, read_bundle
from radnode_kit.commands import folder_of
from radnode_kit.engines.outputs import Outputs
from radnode_kit.engines.torch import NETWORKS, Mode, TorchEngine, network_from

FOLDER = folder_of("brain-tumour-mr")
BUNDLE = read_bundle(FOLDER)
IMAGES = np.random.default_rng(1).normal(size=(2, 1, BUNDLE.size, BUNDLE.size)).astype(np.float32)


def answer(**mode: bool) -> Outputs:
    return TorchEngine(FOLDER / SAFETENSORS, BUNDLE.network, threads=1, mode=Mode(**mode))(IMAGES)


@pytest.fixture(scope="module")
def plain() -> Outputs:
    return answer(channels_last=False)


def test_the_layout_in_memory_changes_no_value(plain: Outputs) -> None:
    last = answer(channels_last=True)
    assert last.logits == pytest.approx(plain.logits, abs=1e-4)
    assert last.maps == pytest.approx(plain.maps, abs=1e-5)


def test_bfloat16_moves_the_logits_a_little(plain: Outputs) -> None:
    difference = float(np.abs(answer(bfloat16=True).logits - plain.logits).max())
    assert 1e-4 < difference < 1.0


def test_without_maps_the_logits_are_the_same(plain: Outputs) -> None:
    bare = answer(channels_last=False, maps=False)
    assert bare.logits == pytest.approx(plain.logits, abs=1e-5)
    assert bare.maps.size == 0


@pytest.mark.parametrize("target", NETWORKS)
def test_every_network_of_the_list_answers_what_engines_read(target: str) -> None:
    network: Any = network_from({"_target_": target, "classes": 3, "channels": 1}, "here")
    assert not network.training
    assert network.linear.out_features == 3
    assert hasattr(network, "features")


@pytest.mark.parametrize(
    "target", ["", "os.system", "radnode_kit.lite.STAGES", "radnode_kit.__main__.app", "torch.nn.Linear"]
)
def test_a_bundle_cannot_name_other_code(target: str) -> None:
    with pytest.raises(PluginError, match="is not one of ours"):
        network_from({"_target_": target, "classes": 3}, "here")


@pytest.mark.parametrize("argument", [{}, {"classes": 3, "wings": 2}])
def test_arguments_that_do_not_fit_are_named(argument: dict[str, int]) -> None:
    with pytest.raises(PluginError, match="cannot be built"):
        network_from({"_target_": NETWORKS[0], **argument}, "here")


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(PluginError, match="do not fit"):
        TorchEngine(FOLDER / SAFETENSORS, {**BUNDLE.network, "classes": 9})


def test_weights_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"no weight file.*model\.safetensors"):
        TorchEngine(tmp_path / SAFETENSORS, BUNDLE.network)
