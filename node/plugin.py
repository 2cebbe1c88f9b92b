"""The public API of plugins: frozen values over numpy, and two protocols.

A plugin is a package with a function ``plugin() -> Classifier``, announced through the entry point group
``radnode.plugins``. It is handed :class:`ImageSet` values and answers :class:`Prediction` values; it never sees the
service, the ledger or the network. Importing this module loads neither torch nor numpy nor pynetdicom.

Worked example::

    class Mean:
        manifest = node.manifest.read_manifest(Path(__file__).with_name("manifest.toml"))

        def load(self, device: str) -> None: ...

        def classify(self, batch: Sequence[ImageSet]) -> list[Prediction]:
            return [Prediction(findings=(Finding("bright", logit=4.0, probability=0.98),)) for _ in batch]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from node.claims import Accepts, Code, FindingSpec, Interval, Manifest, OperatingPoint, Outcome

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = [
    "Accepts",
    "Array",
    "Classifier",
    "Code",
    "EvidenceMap",
    "Finding",
    "FindingSpec",
    "Image",
    "ImageSet",
    "Interval",
    "Manifest",
    "Neighbour",
    "OperatingPoint",
    "Outcome",
    "Prediction",
]

#: As text: who only reads manifests or the ledger need not load numpy.
Array: TypeAlias = "npt.NDArray[np.float32]"
#: Headers hold anything; no picture can be drawn of pixels more stretched than this.
_TALLEST_PIXEL = 100.0


@dataclass(frozen=True, eq=False)  # arrays have no single truth value
class Image:
    """One decoded frame.

    Attributes:
        pixels: float32 in 0..1 as a viewer shows it at its default window: (rows, columns), bright = high (MONOCHROME1
            already inverted), or (rows, columns, 3) RGB. Rows and columns are those of the stored frame.
        values: float32 (rows, columns), output of the Modality LUT in its units (HU for CT); None for colour.
        sop_instance_uid: of the instance it comes from.
        sop_class_uid: its SOP class.
        frame: frame number, from 1.
        spacing: millimetres between rows and between columns; None when unknown.
        position: millimetres along the slice normal; None for projections.
        padding: bool (rows, columns), True where PixelPaddingValue stands; None when there is none.
        aspect_ratio: height of a pixel over its width by Pixel Aspect Ratio (0028,0034); None when that is absent.
    """

    pixels: Array
    values: Array | None
    sop_instance_uid: str
    sop_class_uid: str = ""
    frame: int = 1
    spacing: tuple[float, float] | None = None
    position: float | None = None
    padding: npt.NDArray[np.bool_] | None = None
    aspect_ratio: float | None = None

    @property
    def pixel_height(self) -> float:
        """Height of a pixel over its width: by the spacing, else by the aspect ratio, else 1; within 1/100 and 100.

        Who resamples an image to square pixels needs it: its rows and columns alone do not tell its proportions.
        """
        ratio = self.aspect_ratio or 1.0
        if self.spacing is not None and min(self.spacing) > 0:
            ratio = self.spacing[0] / self.spacing[1]
        return min(_TALLEST_PIXEL, max(1.0 / _TALLEST_PIXEL, ratio))


@dataclass(frozen=True)
class ImageSet:
    """The images of one series in the order of space (or of their instance numbers), with what a model may know.

    No name, no id, no dates: a plugin gets what it needs and no more.

    Attributes:
        images: the decoded frames.
        series_instance_uid: of the series.
        modality: (0008,0060).
        body_part: (0018,0015), upper case.
        view: (0018,5101), upper case.
        laterality: (0020,0060) or (0020,0062).
        age_years: from Patient's Age (0010,1010) or the dates.
        sex: (0010,0040).
        contrast_agent: Contrast/Bolus Agent (0018,0010) as the header has it; None when the tag is absent, empty when
            it is there without a value.
    """

    images: tuple[Image, ...]
    series_instance_uid: str
    modality: str
    body_part: str = ""
    view: str = ""
    laterality: str = ""
    age_years: float | None = None
    sex: str = ""
    contrast_agent: str | None = None


@dataclass(frozen=True)
class Finding:
    """What the model says of one claimed finding.

    Attributes:
        name: of the :class:`FindingSpec`.
        logit: the sum that the evidence map adds up to, before calibration.
        probability: calibrated, 0..1.
        key_sop_instance_uid: the image that shows it best; empty: the only one.
        key_frame: its frame number.
        agreement: (images that alone reach the operating point, images that were assessed); None for a single image.
    """

    name: str
    logit: float
    probability: float
    key_sop_instance_uid: str = ""
    key_frame: int = 1
    agreement: tuple[int, int] | None = None


@dataclass(frozen=True)
class Neighbour:
    """A training case that lies near in the model's embedding: a second reason, beside the evidence map.

    Attributes:
        finding: name of the finding that the case speaks for or against.
        case: identifier of the case in its public data set, e.g. ``cxr_nih/00001280_004``; never a patient's.
        similarity: cosine of the two embeddings about the training mean, -1..1.
        present: whether the finding is present in that case, by the labels of its data set.
    """

    finding: str
    case: str
    similarity: float
    present: bool


@dataclass(frozen=True, eq=False)  # arrays have no single truth value
class EvidenceMap:
    """Which part of an image contributed how much to a logit: ``grid.sum() + bias == logit`` (to float precision).

    Attributes:
        finding: name of the finding.
        grid: float32 (h, w), contributions in logits.
        bias: the rest of the logit that no place contributed.
        logit: of the finding on this image.
        sop_instance_uid: of the image.
        frame: its frame number.
        extent: (top, left, bottom, right) of the grid in pixels of the image, where 0, 0 is the outer corner of the
            top left pixel; may reach beyond the image where the model padded it.
    """

    finding: str
    grid: Array
    bias: float
    logit: float
    sop_instance_uid: str
    frame: int
    extent: tuple[float, float, float, float]

    @property
    def residual(self) -> float:
        """How far the map is from adding up, in logits."""
        return float(self.grid.sum(dtype="float64")) + self.bias - self.logit


@dataclass(frozen=True, eq=False)  # arrays have no single truth value
class Prediction:
    """A plugin's answer for one :class:`ImageSet`.

    Attributes:
        findings: one for each claimed finding, in the manifest's order; empty when it abstained.
        maps: evidence maps, for the key images at least.
        embedding: float32 (n,), the pooled features; None when the model has none.
        abstained: why the model does not answer; empty when it does.
        neighbours: the nearest training cases of the claimed findings, nearest first; empty when there are none.
        remarks: sentences for the report that are no finding, e.g. that the header contradicts the pixels.
    """

    findings: tuple[Finding, ...] = ()
    maps: tuple[EvidenceMap, ...] = ()
    embedding: Array | None = None
    abstained: str = ""
    neighbours: tuple[Neighbour, ...] = ()
    remarks: tuple[str, ...] = ()


class Classifier(Protocol):
    """What ``plugin()`` returns."""

    manifest: Manifest

    def load(self, device: str) -> None:
        """Load the weights once; `device` is ``cpu`` or ``cuda:N``. Raises :class:`PluginError`."""

    def classify(self, batch: Sequence[ImageSet]) -> list[Prediction]:
        """One prediction for each image set, in order."""
