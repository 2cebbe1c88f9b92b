"""Takes the fastest engine whose answers agree with the reference, and says why.

The reference is ONNX Runtime on the exported graph, which the export compares with torch: a CPU worker never imports
torch. Each candidate answers the packaged pictures; those within the limits are timed, the reference among them, in
turns, on one image and on eight.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from statistics import median

import numpy as np

from node.errors import PluginError
from node.plugin import Array
from radnode_kit.calibration import Calibration
from radnode_kit.engines.outputs import NAMES, Engine, Outputs

REFERENCE = "onnxruntime"
#: How far a probability may be from the reference's.
MOST_PROBABILITY = 0.005
#: How far a map, embedding or context value may be, as a share of the largest of its kind.
MOST_SHARE = 0.01
BATCHES = (1, 8)
_ROUNDS = 3


@dataclass(frozen=True)
class Trial:
    """How one engine did.

    Attributes:
        engine: its name.
        probability: largest difference of a calibrated probability from the reference's.
        share: largest difference of a map, embedding or context value, over the largest value of its kind.
        seconds: for each of :data:`BATCHES`, median; empty when it was not timed.
        problem: why it could not be tried; empty when it could.
    """

    engine: str
    probability: float = 0.0
    share: float = 0.0
    seconds: tuple[float, ...] = ()
    problem: str = ""

    @property
    def agrees(self) -> bool:
        """Whether its answers may stand for the reference's."""
        return not self.problem and self.probability <= MOST_PROBABILITY and self.share <= MOST_SHARE


@dataclass(frozen=True)
class Choice:
    """The engine that was taken. Attributes: engine: its name; reason: why, for a person; trials: of all candidates."""

    engine: str
    reason: str
    trials: tuple[Trial, ...] = ()


def choose(
    candidates: Mapping[str, Callable[[], Engine]], images: Array, calibration: Calibration
) -> tuple[Choice, Engine]:
    """The fastest candidate that agrees with :data:`REFERENCE`, opened.

    Args:
        candidates: by name; the reference is one of them, and an error in opening it is raised.
        images: (8, c, s, s), normalised.
        calibration: from logits to probabilities.
    """
    opened: dict[str, Engine] = {REFERENCE: candidates[REFERENCE]()}
    wanted, trials = opened[REFERENCE](images), {REFERENCE: Trial(REFERENCE)}
    for name, opener in candidates.items():
        if name == REFERENCE:
            continue
        try:
            opened[name] = opener()
            trials[name] = _compared(opened[name], images, wanted, calibration)
        except PluginError as error:
            trials[name] = Trial(name, problem=str(error))
    racing = {name: engine for name, engine in opened.items() if trials[name].agrees}
    for name, seconds in timed(racing, images).items():
        trials[name] = replace(trials[name], seconds=seconds)
    best = min(racing, key=lambda name: prod(trials[name].seconds))
    return Choice(best, _reason(best, trials), tuple(trials.values())), racing[best]


def _compared(engine: Engine, images: Array, wanted: Outputs, calibration: Calibration) -> Trial:
    """On one picture first: who fails there need not be made ready for eight."""
    first = Outputs(*(getattr(wanted, kind)[:1] for kind in NAMES))
    trial = compared(engine.name, engine(images[:1]), first, calibration)
    return compared(engine.name, engine(images), wanted, calibration) if trial.agrees else trial


def compared(name: str, answer: Outputs, wanted: Outputs, calibration: Calibration) -> Trial:
    """How far an engine's answer is from the reference's."""
    probability = np.abs(calibration(answer.logits) - calibration(wanted.logits)).max()
    shares = [share_of(getattr(answer, kind), getattr(wanted, kind)) for kind in NAMES[1:]]
    return Trial(name, float(probability), max(shares))


def share_of(values: Array, wanted: Array) -> float:
    """Largest difference over the largest value; infinite for a value that is no number."""
    if not np.isfinite(values).all():
        return float("inf")
    return float(np.abs(values - wanted).max() / max(float(np.abs(wanted).max()), 1e-12))


def timed(engines: Mapping[str, Engine], images: Array) -> dict[str, tuple[float, ...]]:
    """Median seconds of each engine for each of :data:`BATCHES`; in turns, so that a busy machine is so to all."""
    if len(engines) == 1:
        return {}
    medians: dict[str, tuple[float, ...]] = dict.fromkeys(engines, ())
    for batch in BATCHES:
        seconds: dict[str, list[float]] = {name: [] for name in engines}
        for _ in range(_ROUNDS + 1):
            for name, engine in engines.items():
                seconds[name].append(_once(engine, images[:batch]))
        medians = {name: (*medians[name], median(runs[1:])) for name, runs in seconds.items()}
    return medians


def _once(engine: Engine, images: Array) -> float:
    start = time.perf_counter()
    engine(images)
    return time.perf_counter() - start


def _reason(best: str, trials: Mapping[str, Trial]) -> str:
    """One sentence for each candidate."""
    told = [_told(trial, trials[best]) for trial in trials.values() if trial.engine != best]
    return "; ".join([f"{best} is the fastest that agrees" if trials[best].seconds else f"{best} alone agrees", *told])


def _told(trial: Trial, best: Trial) -> str:
    if trial.problem:
        return f"{trial.engine}: {trial.problem}"
    if not trial.agrees:
        return f"{trial.engine} is off by {trial.probability:.4f} in probability, {trial.share:.1%} in its maps"
    slower: Sequence[float] = [mine / other for mine, other in zip(trial.seconds, best.seconds, strict=True)]
    return f"{trial.engine} takes {' and '.join(f'{times:.1f}' for times in slower)} times as long (1, 8 images)"
