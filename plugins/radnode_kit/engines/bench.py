"""Compares all engines on the machine at hand, in one run and in turns: ``radnode plugins bench``.

The measure is torch as it comes (eager, float32, maps included). In each round every engine runs for a moment, so that
whatever else the machine does hits all of them; a ratio is the median of the ratios of the rounds. On a busy machine
engines with many small steps lose more than others: the load stands beside the figures.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from node.errors import PluginError
from node.plugin import Array
from radnode_kit.bundle import ONNX, SAFETENSORS, read_bundle
from radnode_kit.calibration import Calibration
from radnode_kit.engine import Opener, candidates
from radnode_kit.engines.choice import share_of
from radnode_kit.engines.machine import Machine, this_machine
from radnode_kit.engines.outputs import Engine, Outputs
from radnode_kit.engines.pictures import pictures
from radnode_kit.engines.torch import Mode, TorchEngine

MEASURE = "torch"
_NO_MAPS = "torch, no maps"
_TORCH = {
    MEASURE: Mode(channels_last=False),
    _NO_MAPS: Mode(channels_last=False, maps=False),
    "torch, channels last": Mode(),
    "torch, channels last, bf16": Mode(bfloat16=True),
}
_SECONDS = 0.1  # of one engine in one round, at least


@dataclass(frozen=True)
class Plan:
    """What to measure.

    Attributes:
        batches: images at a time.
        threads: of each engine.
        rounds: turns of all engines.
        cpu_time: count the processor's seconds and not those that pass: dependable on a busy machine too, with one
            thread (more than one may wait for each other, and some wait busily).
    """

    batches: tuple[int, ...] = (1, 8)
    threads: int = 2
    rounds: int = 7
    cpu_time: bool = False

    @property
    def clock(self) -> Callable[[], float]:
        """Seconds, from any origin."""
        return time.process_time if self.cpu_time else time.perf_counter


@dataclass(frozen=True)
class Speed:
    """Of one engine at one batch.

    Attributes:
        batch: images at a time.
        images_per_second: median of the rounds.
        ratio: to the measure in the same round, median; above 1 is faster.
    """

    batch: int
    images_per_second: float
    ratio: float


@dataclass(frozen=True)
class Line:
    """What was found of one engine.

    Attributes:
        engine: its name.
        speeds: one for each batch; empty when it could not be opened.
        probability: largest difference of a calibrated probability from the measure's.
        maps: largest difference of a map's value, over the largest value; None for an engine without maps.
        problem: why it could not be opened.
    """

    engine: str
    speeds: tuple[Speed, ...] = ()
    probability: float = 0.0
    maps: float | None = None
    problem: str = ""


@dataclass(frozen=True)
class Comparison:
    """All of a run.

    Attributes:
        machine: where it ran.
        load: average number of processes that wanted a core in the minute before.
        size: side of the network's input.
        channels: of the network's input.
        plan: what was asked for.
        lines: one for each engine.
        cost_of_maps: batch -> time with maps over time without, of the measure; of the best rounds, because the
            difference is smaller than what another process does to a round.
    """

    machine: Machine
    load: float
    size: int
    channels: int
    plan: Plan
    lines: tuple[Line, ...]
    cost_of_maps: Mapping[int, float]


def compare(folder: Path, plan: Plan) -> Comparison:
    """Open every engine for a plugin's folder, and time them; raises :class:`PluginError` when torch cannot run it."""
    bundle, load = read_bundle(folder), os.getloadavg()[0]
    engines, problems = _opened(_openers(folder, len(bundle.labels), plan.threads))
    images = pictures(bundle)
    wanted = engines[MEASURE](images)
    seconds = {batch: _seconds(engines, _batch(images, batch), plan) for batch in plan.batches}
    lines = [
        _line(name, engine(images), wanted, bundle.calibration, {b: (s[MEASURE], s[name]) for b, s in seconds.items()})
        for name, engine in engines.items()
    ]
    cost = {batch: min(found[MEASURE]) / min(found[_NO_MAPS]) for batch, found in seconds.items()}
    failed = [Line(name, problem=problem) for name, problem in problems.items()]
    return Comparison(this_machine(), load, bundle.size, bundle.channels, plan, (*lines, *failed), cost)


def _openers(folder: Path, classes: int, threads: int) -> dict[str, Opener]:
    weights, network = folder / SAFETENSORS, read_bundle(folder).network
    made: dict[str, Opener] = {
        name: partial(TorchEngine, weights, network, "cpu", threads, mode) for name, mode in _TORCH.items()
    }
    return made | (candidates(folder, classes, threads) if (folder / ONNX).is_file() else {})


def _opened(openers: Mapping[str, Callable[[], Engine]]) -> tuple[dict[str, Engine], dict[str, str]]:
    """Engines by name, and why others cannot be opened; the measure must."""
    engines: dict[str, Engine] = {MEASURE: openers[MEASURE]()}
    problems = {}
    for name, opener in openers.items():
        try:
            engines[name] = engines.get(name) or opener()
        except PluginError as error:
            problems[name] = str(error)
    return engines, problems


def _batch(images: Array, count: int) -> Array:
    """That many of the pictures, from the first again when they run out."""
    return np.ascontiguousarray(images[np.arange(count) % len(images)])


def _seconds(engines: Mapping[str, Engine], images: Array, plan: Plan) -> dict[str, list[float]]:
    """Seconds of one run, by engine and round."""
    found: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(plan.rounds):
        for name, engine in engines.items():
            engine(images)  # wakes its threads; those of the engine before go to sleep
            found[name].append(_one_run(engine, images, plan.clock))
    return found


def _one_run(engine: Engine, images: Array, clock: Callable[[], float]) -> float:
    runs, start = 0, clock()
    while runs == 0 or clock() - start < _SECONDS:
        engine(images)
        runs += 1
    return (clock() - start) / runs


def _ratio(slow: list[float], fast: list[float]) -> float:
    return median(a / b for a, b in zip(slow, fast, strict=True))


def _line(
    name: str,
    answer: Outputs,
    wanted: Outputs,
    calibration: Calibration,
    seconds: Mapping[int, tuple[list[float], list[float]]],
) -> Line:
    speeds = tuple(Speed(batch, batch / median(own), _ratio(measure, own)) for batch, (measure, own) in seconds.items())
    probability = float(np.abs(calibration(answer.logits) - calibration(wanted.logits)).max())
    return Line(name, speeds, probability, share_of(answer.maps, wanted.maps) if answer.maps.size else None)
