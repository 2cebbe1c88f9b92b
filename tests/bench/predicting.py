"""Predicting: images a second of each shipped network with its evidence maps, in the engine that a node here takes.

The measure is the same network as anybody would run it: eager torch, float32, without maps, the same threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from node.classify.catalogue import Catalogue
from node.classify.runner import Runner
from node.device import Device, Wishes
from node.plugin import Array
from radnode_kit.bundle import SAFETENSORS, Bundle, read_bundle
from radnode_kit.engine import open_engine
from radnode_kit.engines.machine import this_machine
from radnode_kit.engines.pictures import pictures
from radnode_kit.engines.torch import Mode, TorchEngine
from radnode_kit.sequence import engines as sequence
from radnode_kit.sequence.slices import SIZE
from tests.bench.figures import Goal, Rows, in_turn, mid, rate, ratio, table, told
from tests.bench.material import PLUGINS, THREADS, image_sets

BATCHES = (1, 8)
_EAGER, _WHOLE = "eager torch, no maps", "radnode, the whole"
#: Whether there were instructions that multiply matrices: a row of no plugin.
_AMX = "amx"
_WITH_AMX, _WITHOUT_AMX = 12.0, 5.0

_WORDS = f"""## Predicting

Images a second of each shipped network with its evidence maps, in the engine that the node takes here by itself
(`worker.engine = "auto"`), beside the same network and weights in eager torch without maps (of ct-contrast-phase, with
its attention maps), {THREADS} threads each. The whole is all that a worker does: fit the image to the network, predict,
compare it with the training images, join the series, check the answer.

"""


def measure(
    folder: Path,
    rounds: int,
    seconds: float = 0.5,
    plugins: Sequence[str] = PLUGINS,
    engine: str = "auto",
) -> Rows:
    """Plugin and batch -> images a second. Args: seconds: of each measurement; engine: as in `worker.engine`."""
    wishes = Wishes(engine=engine, threads=THREADS, memory=folder / "engines.json")
    found: Rows = {_AMX: {"radnode": [float(any("amx" in flag for flag in this_machine().flags))]}}
    for name in plugins:
        device = Device("cpu", wishes)
        ours, eager, images = _engines(Catalogue([name]).manifests[name].folder, device)
        runner = Runner(Catalogue([name]), device)
        for batch in BATCHES:
            given, sets = np.ascontiguousarray(images[:batch]), image_sets(name, batch)
            ways = {
                "radnode": partial(ours, given),
                _EAGER: partial(eager, given),
                _WHOLE: partial(runner.classify, name, sets),
            }
            acts = {way: partial(_images, act, batch, seconds) for way, act in ways.items()}
            found[f"{name}, {batch} at a time"] = in_turn(acts, rounds)
    return found


def section(rows: Rows) -> str:
    """Its part of the page."""
    names = ("radnode", _EAGER, _WHOLE)
    lines = [
        [what, *(told(figures[name]) for name in names), f"{mid(figures['radnode']) / mid(figures[_EAGER]):.1f}"]
        for what, figures in rows.items()
        if what != _AMX
    ]
    return _WORDS + table(["what", *names, f"x {_EAGER}"], lines)


def goals(rows: Rows) -> list[Goal]:
    """How much faster than eager each is to be."""
    limit = _WITH_AMX if rows[_AMX]["radnode"][0] else _WITHOUT_AMX
    return [
        Goal(f"predicting with maps, {what}, against eager torch", ratio(figures, "radnode", _EAGER), limit, "x", True)
        for what, figures in rows.items()
        if what != _AMX
    ]


def _engines(folder: Path, device: Device) -> tuple[Callable[[Array], object], Callable[[Array], object], Array]:
    """Ours, eager torch, and eight images for both."""
    try:
        bundle = read_bundle(folder)
    except Exception:  # no bundle of one image at a time: a network over the slices of a series
        return _sequence_engines(folder, device)
    return _bundle_engines(folder, bundle, device)


def _bundle_engines(folder: Path, bundle: Bundle, device: Device) -> tuple[object, object, Array]:
    eager = TorchEngine(
        folder / SAFETENSORS, bundle.network, "cpu", THREADS, Mode(channels_last=False, bfloat16=False, maps=False)
    )
    return open_engine(folder, device, len(bundle.labels)), eager, pictures(bundle)


def _sequence_engines(folder: Path, device: Device) -> tuple[object, object, Array]:
    noise = np.random.default_rng(1).normal(0, 300, (max(BATCHES), 1, SIZE, SIZE)).astype(np.float32)
    return sequence.open_engine(folder, device), sequence.TorchSlices(folder / SAFETENSORS, "cpu"), noise


def _images(act: Callable[[], object], batch: int, seconds: float) -> float:
    """Images a second; once before the clock runs, which wakes its threads."""
    act()
    return batch * rate(act, seconds)
