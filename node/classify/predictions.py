"""Predictions as bytes: an npz of plain arrays with one JSON text, never a pickle."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from node.plugin import EvidenceMap, Finding, Neighbour, Prediction

Keyed = tuple[str, Prediction]  # Series Instance UID, prediction


def prediction_bytes(predictions: Sequence[Keyed]) -> bytes:
    """The predictions of one analysis, by series; equal predictions give equal bytes."""
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    described = [_describe(f"s{number}", keyed, arrays) for number, keyed in enumerate(predictions)]
    text = json.dumps(described, sort_keys=True, default=_number).encode()
    stream = io.BytesIO()
    np.savez(stream, json=np.frombuffer(text, np.uint8), **arrays)  # type: ignore[arg-type]  # numpy's stub: allow_pickle
    return stream.getvalue()


def prediction_from(data: bytes) -> list[Keyed]:
    """The inverse of :func:`prediction_bytes`."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        described = json.loads(arrays["json"].tobytes())
        return [(item["series"], _restore(item, arrays)) for item in described]


def _number(value: np.generic) -> object:
    """What JSON does not know: a plugin may answer numpy's numbers."""
    return value.item()


def _describe(prefix: str, keyed: Keyed, arrays: dict[str, np.ndarray[Any, Any]]) -> dict[str, Any]:
    series, prediction = keyed
    maps = []
    for number, evidence in enumerate(prediction.maps):
        arrays[f"{prefix}m{number}"] = evidence.grid
        maps.append({k: v for k, v in vars(evidence).items() if k != "grid"} | {"grid": f"{prefix}m{number}"})
    if prediction.embedding is not None:
        arrays[f"{prefix}e"] = prediction.embedding
    return {
        "series": series,
        "findings": [asdict(finding) for finding in prediction.findings],
        "maps": maps,
        "embedding": f"{prefix}e" if prediction.embedding is not None else "",
        "abstained": prediction.abstained,
        "neighbours": [asdict(case) for case in prediction.neighbours],
        "remarks": list(prediction.remarks),
    }


def _restore(item: dict[str, Any], arrays: Any) -> Prediction:  # Any: JSON's edge, and numpy's NpzFile is untyped
    maps = tuple(
        EvidenceMap(**{**m, "grid": arrays[m["grid"]].astype(np.float32), "extent": tuple(m["extent"])})
        for m in item["maps"]
    )
    return Prediction(
        findings=tuple(_finding(finding) for finding in item["findings"]),
        maps=maps,
        embedding=arrays[item["embedding"]] if item["embedding"] else None,
        abstained=item["abstained"],
        # an older node wrote neither
        neighbours=tuple(Neighbour(**case) for case in item.get("neighbours", ())),
        remarks=tuple(item.get("remarks", ())),
    )


def _finding(table: dict[str, Any]) -> Finding:
    agreement = table.get("agreement")
    return Finding(**table | {"agreement": None if agreement is None else tuple(agreement)})
