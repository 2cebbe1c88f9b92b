"""What a plugin says of itself: whom it can be given, what it claims to find, and at which operating points.

Values only; ``node.manifest`` reads them from ``manifest.toml`` and ``node.plugin`` hands them on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from node.errors import PluginError

#: Sentences that a manifest may say of a model's limits, and characters in each: a report of one page holds them all.
MOST_LIMITS, LONGEST_LIMIT = 6, 160


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

    @property
    def known(self) -> bool:
        """False for an interval from 0 to 1, which says nothing: nobody measured the figure."""
        return self.low > 0.0 or self.high < 1.0

    @property
    def figure(self) -> float | None:
        """The value; None where it is not known."""
        return self.value if self.known else None


class Outcome(StrEnum):
    """What is said of a finding that was assessed."""

    PRESENT = "present"
    ABSENT = "absent"
    UNDETERMINED = "undetermined"  # looked at, and too close to call; not to be confused with "not assessed"


@dataclass(frozen=True)
class OperatingPoint:
    """The probability from which a finding counts as present, and what that costs on held-back data.

    Attributes:
        threshold: calibrated probability, 0..1.
        sensitivity: share of the diseased that reach the threshold.
        specificity: share of the healthy that stay below it.
        source: the data on which the two were measured.
        undetermined: (low, high) around the threshold: a probability low <= p < high is reported as Undetermined; None:
            every probability is an answer. Split-conformal (Vovk et al. 2005; Sadinle et al., arXiv:1609.00451).
        error_rate: share of the diseased called absent, and of the healthy called present, that the two limits were
            set for; 0 when there are none.
    """

    threshold: float
    sensitivity: Interval
    specificity: Interval
    source: str
    undetermined: tuple[float, float] | None = None
    error_rate: float = 0.0

    def outcome(self, probability: float) -> Outcome:
        """What a calibrated probability means: the one place that decides."""
        if self.undetermined is not None and self.undetermined[0] <= probability < self.undetermined[1]:
            return Outcome.UNDETERMINED
        return Outcome.PRESENT if probability >= self.threshold else Outcome.ABSENT


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
        limits: what a reader must know before believing it, from the model card; at most :data:`MOST_LIMITS` sentences.
        seconds_limit: longest time one batch may take.
        compare_with_prior: its answers are compared with those on the patient's prior study, unless a route says no.
        repeatability: the calibrated probability of an unchanged patient moves by less in 19 of 20 pictures, 0..1: the
            95th percentile under that change of the card's table "Consistency" which moves it most; None: not measured.
        comparable_views: groups of views (View Position) on which its answers may be compared with each other.
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
    limits: tuple[str, ...] = ()
    seconds_limit: float = 120.0
    compare_with_prior: bool = False
    repeatability: float | None = None
    comparable_views: tuple[tuple[str, ...], ...] = ()
    folder: Path = Path()

    def finding(self, name: str) -> FindingSpec:
        """The claimed finding of that name; raises :class:`PluginError`."""
        for spec in self.findings:
            if spec.name == name:
                return spec
        raise PluginError(f"the plugin answered a finding it does not claim: {str(name)[:64]!r}", about=self.name)

    @cached_property
    def claims_digest(self) -> str:
        """One sha256 (hex) over all that a report says of the plugin: with another threshold it is another report."""
        from hashlib import sha256
        from json import dumps

        unsaid = ("folder", "seconds_limit", "accepts", "compare_with_prior", "repeatability", "comparable_views")
        said = {name: value for name, value in asdict(self).items() if name not in unsaid}
        return sha256(dumps(said, sort_keys=True, default=str).encode()).hexdigest()

    @cached_property
    def digest(self) -> str:
        """One sha256 (hex) over the digests of all weight files: the model's identity as a device."""
        from hashlib import sha256

        lines = "".join(f"{name} {digest}\n" for name, digest in sorted(self.weights.items()))
        return sha256(f"{self.name} {self.version}\n{lines}".encode()).hexdigest()
