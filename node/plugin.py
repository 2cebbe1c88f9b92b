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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from node.errors import PluginError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

#: As text: who only reads manifests or the ledger need not load numpy.
Array: TypeAlias = "npt.NDArray[np.float32]"


@dataclass(frozen=True)
class Code:
    """A coded concept (PS3.3 8.1): value, coding scheme designator, meaning."""

    value: str
    scheme: str
    meaning: str


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % confidence interval, all within 0..1."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class OperatingPoint:
    """The probability from which a finding counts as present, and what that costs on held-back data.

    Attributes:
        threshold: calibrated probability, 0..1.
        sensitivity: share of the diseased that reach the threshold.
        specificity: share of the healthy that stay below it.
        source: the data on which the two were measured.
    """

    threshold: float
    sensitivity: Interval
    specificity: Interval
    source: str


@dataclass(frozen=True)
class FindingSpec:
    """One finding that a plugin claims to assess.

    Attributes:
        name: key used by :class:`Finding` and :class:`EvidenceMap`, e.g. ``pneumonia``.
        label: words for a person, e.g. ``Pneumonia-like opacity``.
        code: the concept reported as Finding (121071, DCM).
        site: the concept reported as Finding Site (363698007, SCT), if any.
        operating_point: see :class:`OperatingPoint`.
        localises: evidence maps of this finding are worth a region.
    """

    name: str
    label: str
    code: Code
    operating_point: OperatingPoint
    site: Code | None = None
    localises: bool = True


@dataclass(frozen=True)
class Accepts:
    """What a plugin can be given; every empty tuple accepts anything. This is the plugin's veto over the rules.

    Attributes:
        modality: values of (0008,0060).
        sop_class: SOP Class UIDs.
        body_part: values of (0018,0015), upper case.
        view: values of (0018,5101), upper case.
        accept_missing: a missing body part or view passes.
        min_images: fewer images of one series are refused.
        exclude_image_type: values of (0008,0008) that are refused, e.g. ``LOCALIZER``.
    """

    modality: tuple[str, ...] = ()
    sop_class: tuple[str, ...] = ()
    body_part: tuple[str, ...] = ()
    view: tuple[str, ...] = ()
    accept_missing: bool = True
    min_images: int = 1
    exclude_image_type: tuple[str, ...] = ()


@dataclass(frozen=True)
class Manifest:
    """What a plugin says of itself (``manifest.toml``).

    Attributes:
        name: as in configuration and command line, e.g. ``chest-radiograph``.
        version: of weights and code together.
        title: for a person, e.g. ``Chest radiograph: pneumonia-like opacity``.
        manufacturer: who answers for it.
        family: algorithm family, DCM code value for Algorithm Family (111000).
        intended_use: one sentence.
        licence: SPDX expression of the weights.
        research_only: result objects carry ContentQualification RESEARCH and say so.
        level: ``image`` (each image is assessed alone) or ``series`` (all images of a series together).
        series_number: of the plugin's first result series; from 9000.
        accepts: see :class:`Accepts`.
        findings: what it claims, in the order of the report; what is not in here is not assessed.
        mutually_exclusive: the findings' probabilities sum to one (softmax): exactly one is the case.
        weights: file name relative to the manifest -> sha256, hex.
        explanation: code of the evidence maps' kind (CID 217), DCM 130401..130404.
        parameters: further facts for Algorithm Parameters (111002), e.g. input size.
        seconds_limit: longest time one batch may take.
        folder: where the manifest was read.
    """

    name: str
    version: str
    title: str
    manufacturer: str
    intended_use: str
    licence: str
    level: str
    series_number: int
    accepts: Accepts
    findings: tuple[FindingSpec, ...]
    weights: Mapping[str, str]
    explanation: Code = Code("130402", "DCM", "Class activation")
    family: Code = Code("123110", "DCM", "Artificial Intelligence")
    research_only: bool = True
    mutually_exclusive: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)
    seconds_limit: float = 120.0
    folder: Path = Path()

    def finding(self, name: str) -> FindingSpec:
        """The claimed finding of that name; raises :class:`PluginError`."""
        for spec in self.findings:
            if spec.name == name:
                return spec
        raise PluginError(f"the plugin answered a finding it does not claim: {str(name)[:64]!r}", about=self.name)

    @property
    def digest(self) -> str:
        """One sha256 (hex) over the digests of all weight files: the model's identity in UIDs and reports."""
        from hashlib import sha256

        lines = "".join(f"{name} {digest}\n" for name, digest in sorted(self.weights.items()))
        return sha256(f"{self.name} {self.version}\n{lines}".encode()).hexdigest()


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
    """

    pixels: Array
    values: Array | None
    sop_instance_uid: str
    sop_class_uid: str = ""
    frame: int = 1
    spacing: tuple[float, float] | None = None
    position: float | None = None
    padding: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class ImageSet:
    """The images of one series in the order of space (or of their instance numbers), with what a model may know.

    No name, no id, no dates: a plugin gets what it needs and no more.
    """

    images: tuple[Image, ...]
    series_instance_uid: str
    modality: str
    body_part: str = ""
    view: str = ""
    laterality: str = ""
    age_years: float | None = None
    sex: str = ""


@dataclass(frozen=True)
class Finding:
    """What the model says of one claimed finding.

    Attributes:
        name: of the :class:`FindingSpec`.
        logit: the sum that the evidence map adds up to, before calibration.
        probability: calibrated, 0..1.
        key_sop_instance_uid: the image that shows it best; empty: the only one.
        key_frame: its frame number.
    """

    name: str
    logit: float
    probability: float
    key_sop_instance_uid: str = ""
    key_frame: int = 1


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
    """

    findings: tuple[Finding, ...] = ()
    maps: tuple[EvidenceMap, ...] = ()
    embedding: Array | None = None
    abstained: str = ""


class Classifier(Protocol):
    """What ``plugin()`` returns."""

    manifest: Manifest

    def load(self, device: str) -> None:
        """Load the weights once; `device` is ``cpu`` or ``cuda:N``. Raises :class:`PluginError`."""

    def classify(self, batch: Sequence[ImageSet]) -> list[Prediction]:
        """One prediction for each image set, in order."""
