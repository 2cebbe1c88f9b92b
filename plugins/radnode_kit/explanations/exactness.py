"""Bias plus map equals the logit: how nearly, in every runtime that is installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from node.plugin import Array
from radnode_kit.bundle import SAFETENSORS, read_bundle
from radnode_kit.engine import Engine, candidates, run_chunks
from radnode_kit.engines.torch import Mode, TorchEngine

#: Above this a map is not the logit's evidence but something beside it.
LIMIT = 1e-4


def runtimes(folder: Path, threads: int = 1) -> dict[str, Engine]:
    """Everything that can run the plugin of a folder on this machine's CPU, torch first."""
    bundle = read_bundle(folder)
    eager = TorchEngine(folder / SAFETENSORS, bundle.network, threads=threads, mode=Mode(channels_last=False))
    others = {name: opened() for name, opened in candidates(folder, len(bundle.labels), threads).items()}
    return {"torch": eager, **others}


def residuals(folder: Path, images: Array, threads: int = 1) -> dict[str, float]:
    """For each runtime the largest ``|logit - bias - sum of the map|`` over normalised images and all labels.

    The bias is that of the weight file for all of them.
    """
    bias = load_file(folder / SAFETENSORS)["linear.bias"].astype(np.float64)
    return {name: residual(engine, images, bias) for name, engine in runtimes(folder, threads).items()}


def residual(engine: Engine, images: Array, bias: Array) -> float:
    """The largest ``|logit - bias - sum of the map|`` of one engine."""
    answer = run_chunks(engine, list(images))
    return float(np.abs(answer.logits - bias - answer.maps.sum(axis=(2, 3), dtype=np.float64)).max())
