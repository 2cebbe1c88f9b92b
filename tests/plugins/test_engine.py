from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radnode_kit.bundle import SAFETENSORS, read_bundle
from radnode_kit.commands import folder_of
from radnode_kit.engine import NAMES as OUTPUTS
from radnode_kit.engine import Engine, TorchEngine, open_engine, run_chunks

NAMES = ["chest-radiograph", "brain-tumour-mr"]


@pytest.fixture(params=NAMES)
def folder(request: pytest.FixtureRequest) -> Path:
    return folder_of(request.param)


def both(folder: Path) -> tuple[Engine, Engine, int]:
    bundle = read_bundle(folder)
    classes = len(bundle.labels)
    return open_engine(folder, "cpu", classes), TorchEngine(folder / SAFETENSORS, "cpu", classes), bundle.size


def test_onnx_and_torch_answer_the_same(folder: Path) -> None:
    onnx, torch, size = both(folder)
    images = np.random.default_rng(5).normal(size=(2, 1, size, size)).astype(np.float32)
    ours, theirs = onnx(images), torch(images)
    for one, other in ((getattr(ours, name), getattr(theirs, name)) for name in OUTPUTS):
        assert np.abs(one - other).max() < 1e-4 * max(1.0, float(np.abs(other).max()))
    assert onnx.bias == pytest.approx(torch.bias, abs=1e-4)


def test_chunks_keep_the_order(folder: Path) -> None:
    onnx, _, size = both(folder)
    rng = np.random.default_rng(6)
    images = [rng.normal(size=(size, size)).astype(np.float32) for _ in range(3)]
    alone = np.concatenate([onnx(image[None, None]).logits for image in images])
    assert run_chunks(onnx, images, chunk=2).logits == pytest.approx(alone, abs=1e-3)
