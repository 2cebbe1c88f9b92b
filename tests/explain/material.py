"""One builder of images, maps and analyses for the tests of pictures and regions."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from node.plugin import (
    Accepts,
    Code,
    EvidenceMap,
    Finding,
    FindingSpec,
    Image,
    ImageSet,
    Interval,
    Manifest,
    OperatingPoint,
    Prediction,
)
from node.study import Analysed, Analysis, NotAssessed

Grid = npt.NDArray[np.float32]


def spot(rows: int = 10, columns: int = 10, at: tuple[float, float] = (6.0, 7.0), width: float = 1.0) -> Grid:
    """A grid with one warm place around (row, column), its sum about two logits."""
    y, x = np.mgrid[0:rows, 0:columns]
    bump = np.exp(-((y - at[0]) ** 2 + (x - at[1]) ** 2) / (2 * width**2))
    return (2.0 * bump / bump.sum()).astype(np.float32)


def image(rows: int = 200, columns: int = 160, number: int = 1, **changes: Any) -> Image:
    """A grey ramp."""
    pixels = np.linspace(0.0, 1.0, rows * columns, dtype=np.float32).reshape(rows, columns)
    values: dict[str, Any] = {"pixels": pixels, "values": None, "sop_instance_uid": f"1.2.3.{number}"}
    return Image(**(values | changes))


def evidence(picture: Image, grid: Grid | None = None, **changes: Any) -> EvidenceMap:
    """A map over the whole image."""
    grid = spot() if grid is None else grid
    rows, columns = picture.pixels.shape[:2]
    values: dict[str, Any] = {
        "finding": "opacity",
        "grid": grid,
        "bias": 0.0,
        "logit": float(grid.sum()),
        "sop_instance_uid": picture.sop_instance_uid,
        "frame": picture.frame,
        "extent": (0.0, 0.0, float(rows), float(columns)),
    }
    return EvidenceMap(**(values | changes))


def spec(name: str = "opacity", **changes: Any) -> FindingSpec:
    """A claimed finding with an operating point of 50 %."""
    point = OperatingPoint(0.5, Interval(0.95, 0.9, 0.98), Interval(0.88, 0.8, 0.9), "films kept aside")
    values: dict[str, Any] = {"label": name.capitalize(), "code": Code("1", "99T", name), "operating_point": point}
    return FindingSpec(name=name, **(values | changes))


def manifest(*findings: FindingSpec, **changes: Any) -> Manifest:
    """What a plugin says of itself."""
    values: dict[str, Any] = {
        "name": "chest",
        "version": "1.0",
        "title": "Chest film",
        "manufacturer": "radnode authors",
        "intended_use": "Research.",
        "licence": "Apache-2.0",
        "level": "series",
        "series_number": 9000,
        "accepts": Accepts(),
        "findings": findings or (spec(),),
        "weights": {},
    }
    return Manifest(**(values | changes))


def analysis(
    images: tuple[Image, ...] = (),
    told: Manifest | None = None,
    probabilities: tuple[float, ...] = (0.9,),
    not_assessed: tuple[NotAssessed, ...] = (),
    **changes: Any,
) -> Analysis:
    """One series, each finding with a map on every image; `changes` are those of the prediction."""
    images = images or (image(),)
    told = told or manifest()
    key = images[len(images) // 2]
    findings = tuple(
        Finding(one.name, 1.0, probability, key.sop_instance_uid, key.frame)
        for one, probability in zip(told.findings, probabilities, strict=True)
    )
    maps = tuple(evidence(one, finding=claimed.name) for claimed in told.findings for one in images)
    values: dict[str, Any] = {"findings": findings, "maps": maps}
    analysed = (Analysed(ImageSet(images, "1.2.9", "DX"), Prediction(**(values | changes))),)
    return Analysis("1.2", 1, told, analysed, not_assessed, 0.0)
