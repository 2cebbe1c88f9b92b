"""The values that travel between rooms: what was received, what routing may look at, what was analysed and made."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from node.comparison import Comparison
from node.plugin import ImageSet, Manifest, Prediction

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

#: Manufacturer (0008,0070) of everything this node writes; by it the node knows its own results.
MANUFACTURER = "radnode"


@dataclass(frozen=True)
class Attributes:
    """What routing may look at: tags of one instance, decoded, stripped, upper case where the standard wants it.

    Free of names, ids and dates. A missing tag is an empty value.
    """

    modality: str = ""
    sop_class_uid: str = ""
    image_type: tuple[str, ...] = ()
    body_part: str = ""
    view: str = ""
    laterality: str = ""
    age_years: float | None = None
    sex: str = ""
    series_description: str = ""
    study_description: str = ""
    protocol_name: str = ""
    manufacturer: str = ""
    model_name: str = ""
    rows: int = 0
    columns: int = 0
    frames: int = 1
    calling_ae: str = ""
    called_ae: str = ""
    department: str = ""
    priority: str = ""


@dataclass(frozen=True)
class Arrival:
    """One instance as received; its bytes are already synced in the spool.

    Attributes:
        path: relative to the spool's root.
        sha256: hex, of the dataset's bytes without the File Meta Information.
        patient_key: hex digest of Issuer of Patient ID and Patient ID; equal for equal patients; empty when both are.
        association: id of the association that brought it.
        peer: address of the sender.
        study_images: Number of Study Related Instances (0020,1208), if announced.
        acquisition_images: Images in Acquisition (0020,1002), if announced.
        instance_number: (0020,0013), 0 when missing.
        defect: why it cannot be processed; such an object is kept, set aside, and shown.
        person_key: digest of Patient ID alone, by which a report is known to be of the patient.
        order_key: digest of Accession Number and Patient ID, by which a report finds the study.
    """

    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    study_instance_uid: str
    series_instance_uid: str
    path: str
    size: int
    sha256: str
    patient_key: str
    association: str
    peer: str
    attributes: Attributes
    study_images: int | None = None
    acquisition_images: int | None = None
    instance_number: int = 0
    defect: str = ""
    person_key: str = ""
    order_key: str = ""


class Outcome(StrEnum):
    """What the ledger did with an arrival."""

    NEW = "new"
    DUPLICATE = "duplicate"  # same UID, same content: acknowledged, changes nothing
    SET_ASIDE = "set aside"  # kept in quarantine with its reason: same UID with other content, or a defect
    OWN_RESULT = "own result"  # made by this node: kept, never analysed


@dataclass(frozen=True)
class Instance:
    """A received instance as the ledger knows it."""

    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    study_instance_uid: str
    series_instance_uid: str
    path: str
    size: int
    sha256: str
    patient_key: str
    instance_number: int
    attributes: Attributes
    study_images: int | None = None
    acquisition_images: int | None = None


@dataclass(frozen=True)
class Series:
    """The instances of one series; `attributes` are those of its first instance."""

    series_instance_uid: str
    instances: tuple[Instance, ...]

    @property
    def attributes(self) -> Attributes:
        """Of the first instance."""
        return self.instances[0].attributes


@dataclass(frozen=True)
class NotAssessed:
    """An instance that could not be looked at, and why."""

    sop_instance_uid: str
    sop_class_uid: str
    series_instance_uid: str
    reason: str


@dataclass(frozen=True)
class Analysed:
    """One series with what the plugin said of it."""

    image_set: ImageSet
    prediction: Prediction


@dataclass(frozen=True)
class Analysis:
    """One plugin's finished look at one revision of a study: all that explain and report need.

    Attributes:
        study_instance_uid: the study.
        revision: from 1; each late image makes a new one.
        manifest: of the plugin.
        analysed: the series that were assessed; empty when none could be decoded.
        not_assessed: instances that could not, with reasons.
        expected: how many images the study should have had; None when unknown.
        started: seconds since the epoch, UTC; Content Date and Time of every result (a replay builds the same object).
        predecessors: (SOP Class UID, SOP Instance UID) of the reports of the revision before, by kind of object.
        station_name: of this node.
        ae_title: of this node.
        configuration_digest: hex, of the settings that shaped the result; part of the results' UIDs.
        patient_key: hex digest of Issuer of Patient ID and Patient ID; empty when both are.
        comparison: what it is compared with, or why with nothing; None: nobody wants that.
    """

    study_instance_uid: str
    revision: int
    manifest: Manifest
    analysed: tuple[Analysed, ...]
    not_assessed: tuple[NotAssessed, ...]
    started: float
    expected: int | None = None
    predecessors: dict[str, tuple[str, str]] = field(default_factory=dict)
    station_name: str = ""
    ae_title: str = ""
    configuration_digest: str = ""
    patient_key: str = ""
    comparison: Comparison | None = None


@dataclass(frozen=True)
class ResultObject:
    """A result as it lies in the spool: an object, or a message, which has a UID but neither series nor SOP class.

    `kind` is one of :data:`node.kinds.KINDS` or :data:`node.kinds.MESSAGES`, or ``rejection``. `sha256`: hex, of the
    file as it was made; empty where nobody noted it.
    """

    sop_instance_uid: str
    sop_class_uid: str
    series_instance_uid: str
    kind: str
    path: str
    sha256: str = ""


@dataclass(frozen=True)
class Region:
    """A place in an image that speaks for a finding.

    Attributes:
        finding: name of the finding.
        sop_instance_uid: of the image.
        frame: its frame number.
        polygon: (column, row) corners in pixels of the image, top left corner of the top left pixel = (0, 0), as in
            SCOORD (PS3.3 C.18.6.1.2); not repeating the first corner.
        share: part of the finding's positive evidence that lies inside, 0..1.
    """

    finding: str
    sop_instance_uid: str
    frame: int
    polygon: tuple[tuple[float, float], ...]
    share: float


@dataclass(frozen=True, eq=False)  # arrays have no single truth value
class Picture:
    """A picture for a person, drawn from one source image.

    Attributes:
        pixels: uint8 (rows, columns, 3), RGB.
        sop_instance_uid: of the source image.
        frame: its frame number.
        series_instance_uid: of the source series.
        description: what it shows, one sentence; goes into Derivation Description.
        finding: name of the finding whose evidence it shows; empty when it shows none.
    """

    pixels: npt.NDArray[np.uint8]
    sop_instance_uid: str
    frame: int
    series_instance_uid: str
    description: str
    finding: str = ""


@dataclass(frozen=True)
class Contribution:
    """What the parts of one image contribute to the logit of a finding; all of it adds up to the logit.

    Attributes:
        finding: name of the finding.
        sop_instance_uid: of the image.
        frame: its frame number.
        regions: (words, logits) of each part of the image in reading order; left and right are those of the image.
        outside: logits from beyond the image, where the model padded it.
        bias: logits that no place contributes, the baseline.
        logit: of the finding on this image.
        sentence: the same in words.
    """

    finding: str
    sop_instance_uid: str
    frame: int
    regions: tuple[tuple[str, float], ...]
    outside: float
    bias: float
    logit: float
    sentence: str


@dataclass(frozen=True, eq=False)  # arrays have no single truth value
class Layer:
    """The evidence for one finding over one image of a volume, pixel by pixel.

    Attributes:
        finding: name of the finding.
        sop_instance_uid: of the image.
        frame: its frame number.
        density: float32, (rows, columns) of the image: logits per one per cent of the image's area.
        inside: bool, of the same shape: the places that together hold half of the series' positive evidence; nowhere
            True where the finding is not present.
    """

    finding: str
    sop_instance_uid: str
    frame: int
    density: npt.NDArray[np.float32]
    inside: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Explanation:
    """All that explain has to say of one analysis.

    Attributes:
        regions: places of the findings that are present, on their key images.
        pictures: for a person; what the Secondary Captures hold.
        contributions: what the parts of an image contribute to a finding.
        layers: evidence over volumes; empty unless asked for.
    """

    regions: tuple[Region, ...] = ()
    pictures: tuple[Picture, ...] = ()
    contributions: tuple[Contribution, ...] = ()
    layers: tuple[Layer, ...] = ()
