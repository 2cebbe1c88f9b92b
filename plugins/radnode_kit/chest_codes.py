"""Codes of the findings on chest films that public label sets name: NIH ChestX-ray14 and the 18 of TorchXRayVision.

Where PS3.16 has the concept, its code stands here, looked up in pydicom's dictionary (CID 6102, 6104, 6107, 645). The
others are SNOMED CT concepts found in public code tables and implementation guides, and not looked up in SNOMED CT
itself; hiatal hernia and consolidation rest on the thinnest evidence. Have them checked before relying on them. What
was found nowhere gets a private code (99RADNODE) and no guess. PS3.16 CID 12249 gives 287272002 for
cardiomegaly, which SNOMED CT calls "Enlarged septal foramen of heart": 8186001 is used instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256

from node.claims import Code

PRIVATE = "99RADNODE"

LUNG = Code("39607008", "SCT", "Lung structure")
PLEURA = Code("3120008", "SCT", "Pleural structure")
HEART = Code("80891009", "SCT", "Heart")
MEDIASTINUM = Code("72410000", "SCT", "Mediastinum")
DIAPHRAGM = Code("5798000", "SCT", "Diaphragm")

#: Order of the columns in NIH ChestX-ray14 (Wang et al., arXiv:1705.02315) and in CheXNet (arXiv:1711.05225).
NIH_LABELS = (
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Pleural_Thickening",
    "Hernia",
)

#: Order of the outputs of TorchXRayVision's DenseNets (Cohen et al., arXiv:2111.00595).
XRV_LABELS = (
    "Atelectasis",
    "Consolidation",
    "Infiltration",
    "Pneumothorax",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Effusion",
    "Pneumonia",
    "Pleural_Thickening",
    "Cardiomegaly",
    "Nodule",
    "Mass",
    "Hernia",
    "Lung Lesion",
    "Fracture",
    "Lung Opacity",
    "Enlarged Cardiomediastinum",
)


@dataclass(frozen=True)
class CodedFinding:
    """A finding under its key, its words and its code.

    Attributes:
        name: key for manifests, e.g. ``pleural_thickening``.
        label: words for a person.
        code: reported as Finding (121071, DCM).
        site: reported as Finding Site, where the code does not hold it.
    """

    name: str
    label: str
    code: Code
    site: Code | None = None

    @property
    def is_private(self) -> bool:
        """Whether no published code was found."""
        return self.code.scheme == PRIVATE


def _sct(value: str, meaning: str) -> Code:
    return Code(value, "SCT", meaning)


FINDINGS = (
    CodedFinding("atelectasis", "Atelectasis", _sct("46621007", "Atelectasis"), LUNG),
    CodedFinding("cardiomegaly", "Cardiomegaly", _sct("8186001", "Cardiomegaly"), HEART),
    CodedFinding("effusion", "Pleural effusion", _sct("60046008", "Pleural effusion"), PLEURA),
    CodedFinding("infiltration", "Infiltrate", Code("112121", "DCM", "Infiltrate"), LUNG),
    CodedFinding("mass", "Mass in the lung", _sct("4147007", "Mass"), LUNG),
    CodedFinding("nodule", "Nodule in the lung", _sct("27925004", "Nodule"), LUNG),
    CodedFinding("pneumonia", "Pneumonia", _sct("233604007", "Pneumonia"), LUNG),
    CodedFinding("pneumothorax", "Pneumothorax", _sct("36118008", "Pneumothorax"), PLEURA),
    CodedFinding("consolidation", "Consolidation", _sct("95436008", "Lung consolidation"), LUNG),
    CodedFinding("edema", "Pulmonary edema", _sct("19242006", "Pulmonary edema"), LUNG),
    CodedFinding("emphysema", "Emphysema", _sct("87433001", "Pulmonary emphysema"), LUNG),
    CodedFinding("fibrosis", "Pulmonary fibrosis", _sct("51615001", "Fibrosis of lung"), LUNG),
    CodedFinding(
        "pleural_thickening", "Pleural thickening", Code("PLEURALTHICKENED", PRIVATE, "Pleural thickening"), PLEURA
    ),
    CodedFinding("hernia", "Hiatal hernia", _sct("84089009", "Hiatal hernia"), DIAPHRAGM),
    CodedFinding("lung_lesion", "Lesion in the lung", _sct("52988006", "Lesion"), LUNG),
    CodedFinding("fracture", "Fracture", _sct("125605004", "Fracture of bone")),
    CodedFinding("lung_opacity", "Opacity in the lung", Code("112001", "DCM", "Opacity"), LUNG),
    CodedFinding(
        "enlarged_cardiomediastinum", "Enlarged cardiomediastinum", _sct("260376009", "Enlarged"), MEDIASTINUM
    ),
)
_BY_NAME = {finding.name: finding for finding in FINDINGS}
_ALIASES = {"pleural_effusion": "effusion", "pulmonary_edema": "edema", "infiltrate": "infiltration"}

#: Labels of a class that says nothing was found; it is never reported as a finding.
NOTHING = frozenset({"normal", "no_finding", "negative", "none", "healthy", "notumor", "no_tumor", "background"})


def key(label: str) -> str:
    """``Pleural_Thickening``, ``Pleural Thickening`` -> ``pleural_thickening``."""
    return re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")


def coded(label: str) -> CodedFinding:
    """The finding of a label in any of the usual spellings; an unknown one gets a private code of its own."""
    name = key(label)
    name = _ALIASES.get(name, name)
    return _BY_NAME.get(name) or CodedFinding(name, label.replace("_", " ")[:64], _private(name, label))


def _private(name: str, label: str) -> Code:
    """Code Value has 16 characters at most (PS3.5 6.2, SH): the start of the name, and of its digest against twins."""
    start = name.replace("_", "").upper()[:11]
    return Code(f"{start}-{sha256(name.encode()).hexdigest()[:4].upper()}", PRIVATE, label.replace("_", " ")[:64])
