"""Observations, and nodes' ledgers that hold them."""

from __future__ import annotations

from typing import Any

import numpy as np

from node.ledger import Ledger, Measure, Observation, Plan, Verdict, Watched
from node.watch.observing import DIMENSIONS, INPUTS
from tests.ledger.material import arrival

PLUGIN = "chest"


def observation(generator: np.random.Generator, shift: float = 0.0, **changes: Any) -> Observation:
    """One answer about an image that is `shift` standard deviations away from the others."""
    score = float(np.clip(generator.beta(2, 4) + 0.2 * shift, 0, 1))
    values: dict[str, Any] = {
        "sender": "CT1",
        "maker": "ACME",
        "sex": "F",
        "age_band": "40-59",
        "seconds": 0.05,
        "findings": {"pneumonia": (score, "present" if score > 0.5 else "absent")},
        "inputs": {name: float(generator.normal(shift)) for name in INPUTS},
        "embedding": generator.normal(shift, 1, DIMENSIONS).astype("<f2").tobytes(),
        **changes,
    }
    return Observation(**values)


def observations(count: int, shift: float = 0.0, seed: int = 0, **changes: Any) -> list[Observation]:
    generator = np.random.default_rng(seed)
    return [observation(generator, shift, **changes) for _ in range(count)]


def answered(ledger: Ledger, observed: list[Observation], first: int = 1, plugin: str = PLUGIN) -> None:
    """A study of another patient for each, classified."""
    for number, one in enumerate(observed, first):
        answer(ledger, f"1.2.{number}", f"patient {number}", [one], plugin)


def answer(
    ledger: Ledger, study: str, patient: str, observed: list[Observation], plugin: str = PLUGIN, image: int = 1
) -> None:
    """One study with one analysis that has just been classified. Args: image: number of the one that comes."""
    ledger.arrivals.record([arrival(image, study, patient_key=patient)])
    ledger.studies.complete(ledger.studies.get(study), "quiet", partial=False, expected=None)
    ledger.analyses.route(study, [Plan(plugin, "1.0", "films", (f"{study}.9",), ())], ["because"])
    ledger.analyses.classified(ledger.analyses.of_study(study)[-1].id, "", None, observed)


def looked_at(ledger: Ledger, share: float, plugin: str = PLUGIN, reference: str = "site") -> None:
    """A look whose figures are all `share` of their limits."""
    figures = {"psi pneumonia": 0.2, "ks pneumonia": 0.16, "abstained": 0.1, "mmd": 0.01}
    figures |= {f"ks {name}": 0.15 for name in INPUTS}
    kinds = {"mmd": "embeddings", "abstained": "abstentions"} | {f"ks {name}": "inputs" for name in INPUTS}
    verdict = Verdict.ALARM if share > 1 else Verdict.AS_BEFORE
    measures = [
        Measure(kinds.get(metric, "scores"), metric, "", reference, 300, 200, share * limit, limit, verdict)
        for metric, limit in figures.items()
    ]
    measures.append(Measure("latency", "late", "", "objective", 0, 200, share * 0.03, 0.03, verdict))
    ledger.measures.record(Watched(plugin, "1.0"), measures)
