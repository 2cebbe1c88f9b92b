from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

import radnode_kit
from node.plugin import Array
from radnode_kit.bundle import INFERENCE, ONNX, Bundle, read_bundle
from radnode_kit.engine import Engine, Outputs, run_chunks
from radnode_kit.engines.pictures import pictures
from radnode_kit.explanations.exactness import LIMIT, residual, residuals, runtimes

PLUGINS = Path(radnode_kit.__file__).parent.parent
SHIPPED = sorted(
    graph.parents[2]
    for graph in PLUGINS.glob(f"radnode_*/{ONNX}")
    if "radnode_kit.lite.Lite" in (graph.parents[2] / INFERENCE).read_text()
)
#: One of them in every run, the others in the slow one.
CASES = [pytest.param(one, id=one.name, marks=[pytest.mark.slow] * (one.name != SHIPPED[0].name)) for one in SHIPPED]


@cache
def shown(folder: Path) -> Array:
    """Packaged films and slices, random numbers, black, and white."""
    bundle = read_bundle(folder)
    rng = np.random.default_rng(3)
    made = [rng.random(shape_of(bundle)), np.zeros(shape_of(bundle)), np.ones(shape_of(bundle))]
    made.append(np.kron(rng.random((bundle.channels, 8, 8)), np.ones((bundle.size // 8, bundle.size // 8))))
    patterns = bundle.normalised(np.stack(made).astype(np.float32))
    return np.concatenate([pictures(bundle)[::2], patterns])


def shape_of(bundle: Bundle) -> tuple[int, int, int]:
    return bundle.channels, bundle.size, bundle.size


def test_there_are_plugins_to_hold_to_it() -> None:
    assert {"radnode_chest_radiograph", "radnode_brain_tumour_mr"} <= {folder.name for folder in SHIPPED}


@pytest.mark.parametrize("folder", CASES)
def test_bias_and_map_are_the_logit_in_every_runtime(folder: Path) -> None:
    found = residuals(folder, shown(folder))
    assert {"torch", "onnxruntime"} <= set(found)
    assert all(value < LIMIT for value in found.values()), found


@pytest.mark.parametrize("folder", CASES)
def test_runtimes_agree_on_the_map(folder: Path) -> None:
    engines = {name: engine for name, engine in runtimes(folder).items() if not name.endswith("bf16")}
    maps = {name: run_chunks(engine, list(shown(folder))).maps for name, engine in engines.items()}
    for each in maps.values():
        assert each == pytest.approx(maps["torch"], abs=LIMIT)


def test_a_map_that_does_not_add_up_is_found() -> None:
    engine: Engine = Wrong()
    assert residual(engine, np.zeros((3, 1, 8, 8), np.float32), np.array([0.5])) == pytest.approx(0.25)


class Wrong:
    """Answers a logit that is a quarter above its bias of 0.5 and its map."""

    name = "wrong"
    bias = np.array([0.5], dtype=np.float32)

    def __call__(self, images: Array) -> Outputs:
        maps, none = np.full((len(images), 1, 2, 2), 0.25, np.float32), np.zeros((len(images), 1), np.float32)
        return Outputs(none + np.float32(1.75), maps, none, none)
