"""Volumes for the tests: a stack of slices, or one enhanced multi-frame object, with evidence over it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from node.plugin import Image, ImageSet, Manifest
from node.study import Analysed, Analysis, Explanation, Layer
from tests.report.material import STARTED, STUDY, by_uid, header, image, manifest, prediction, read_back, spec

SHAPE = (64, 48)
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
#: Turned by 30 degrees about the x axis, then by 20 about the new y axis; as precise as a Decimal String is.
OBLIQUE = (0.939692620786, 0.171010071663, -0.29619813273, 0.0, 0.866025403784, 0.5)
Builder = Callable[[Analysis, Mapping[str, Dataset], Explanation], Iterator[Dataset]]


def stack(
    depths: Iterable[float] = (0.0, 5.0, 10.0, 15.0),
    modality: str = "MR",
    orientation: Sequence[float] = AXIAL,
    **tags: Any,
) -> list[Dataset]:
    """Headers of slices at these depths along the normal, in that order."""
    normal = np.cross(orientation[:3], orientation[3:])
    return [
        header(
            modality,
            image=number,
            ImageOrientationPatient=list(orientation),
            ImagePositionPatient=[round(float(x), 9) for x in np.array((-90.5, -120.25, 30.0)) + depth * normal],
            **tags,
        )
        for number, depth in enumerate(depths, start=1)
    ]


def enhanced(depths: Sequence[float] = (0.0, 5.0, 10.0), *, shared: bool = True, **tags: Any) -> Dataset:
    """An enhanced MR object; its pixel measures and orientation are shared, or told for every frame."""
    ds = header("MRE", NumberOfFrames=len(depths), FrameOfReferenceUID=f"{STUDY}.99", BodyPartExamined="BRAIN", **tags)
    common = [_group(PixelMeasuresSequence={"PixelSpacing": [0.5, 0.75], "SliceThickness": 4}, **_turned())]
    ds.SharedFunctionalGroupsSequence = common if shared else [Dataset()]
    ds.PerFrameFunctionalGroupsSequence = [
        _group(PlanePositionSequence={"ImagePositionPatient": [-10, -20, depth]}) for depth in depths
    ]
    for groups in () if shared else ds.PerFrameFunctionalGroupsSequence:
        groups.update(common[0])
    return ds


def _turned() -> dict[str, dict[str, Any]]:
    return {"PlaneOrientationSequence": {"ImageOrientationPatient": list(AXIAL)}}


def _group(**macros: Mapping[str, Any]) -> Dataset:
    group = Dataset()
    for keyword, values in macros.items():
        item = Dataset()
        for name, value in values.items():
            setattr(item, name, value)
        setattr(group, keyword, [item])
    return group


def told(**changes: Any) -> Manifest:
    """A plugin that looks at a series as a whole and claims two findings."""
    values: dict[str, Any] = {"level": "series", "findings": (spec("opacity"), spec("nodule"))}
    return manifest(**(values | changes))


def series(*sources: Dataset, claims: Manifest | None = None, probability: float = 0.9, **changes: Any) -> Analysis:
    """An analysis of these sources as one series, all frames of each."""
    claims = claims or told()
    images = tuple(frame for ds in sources for frame in frames_of(ds))
    answer = prediction(claims, images, probability, "")
    analysed = (Analysed(ImageSet(images, sources[0].SeriesInstanceUID, sources[0].get("Modality", "")), answer),)
    plain = Analysis(STUDY, 1, claims, analysed, (), STARTED)
    return replace(plain, **changes)


def frames_of(ds: Dataset) -> list[Image]:
    """Its decoded frames."""
    return [image(ds, number) for number in range(1, int(ds.get("NumberOfFrames", 1)) + 1)]


def density(number: int) -> npt.NDArray[np.float32]:
    """Evidence that differs from slice to slice, negative in places."""
    rows, columns = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    return (0.01 * rows - 0.005 * columns + 0.1 * number - 0.2).astype(np.float32)


def inside(number: int) -> npt.NDArray[np.bool_]:
    """A place without any symmetry, another one on each slice."""
    mask = np.zeros(SHAPE, bool)
    mask[3 + number : 20, 5 : 17 + number] = True
    mask[40, 1] = True
    return mask


def layer(ds: Dataset, finding: str = "opacity", frame: int = 1, **arrays: Any) -> Layer:
    """Evidence over one slice."""
    number = int(ds.InstanceNumber) + frame
    values: dict[str, Any] = {"density": density(number), "inside": inside(number)}
    return Layer(finding, ds.SOPInstanceUID, frame, **(values | arrays))


def evidence(*sources: Dataset, finding: str = "opacity") -> Explanation:
    """Evidence over every frame of these."""
    return Explanation(layers=tuple(layer(ds, finding, frame.frame) for ds in sources for frame in frames_of(ds)))


def made(
    builder: Builder, sources: Sequence[Dataset], explanation: Explanation | None = None, **changes: Any
) -> list[Dataset]:
    """What is made of these sources, written and read back; with evidence over all of them unless told otherwise."""
    explanation = evidence(*sources) if explanation is None else explanation
    return [read_back(ds) for ds in builder(series(*sources, **changes), by_uid(*sources), explanation)]
