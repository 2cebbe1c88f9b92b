"""Body part and side of a result, as its source tells them (PS3.3 C.7.3.1)."""

from __future__ import annotations

from pydicom.dataset import Dataset

from node.report import source

#: Body parts (PS3.16 Annex L) without a left and a right one; of any other part the side is told, or told unknown.
#: THORAX, which some write for CHEST, is no term of that annex: validators do not know that it is unpaired.
_UNPAIRED_PARTS = (
    "ABDOMEN ABDOMENPELVIS AORTA BLADDER BRAIN CERVIX CHEST CHESTABDOMEN CHESTABDPELVIS COCCYX COLON CSPINE CTSPINE "
    "ESOPHAGUS FACE GALLBLADDER HEAD HEADNECK HEART JAW LIVER LSPINE LSSPINE MEDIASTINUM MOUTH NECK NECKCHEST "
    "NECKCHESTABDOMEN NECKCHESTABDPELV NOSE PANCREAS PELVIS PENIS PROSTATE RECTUM SACRUM SELLA SKULL SPINE SPLEEN "
    "SSPINE STERNUM STOMACH TLSPINE TONGUE TRACHEA TSPINE UTERUS VAGINA WHOLEBODY"
)
_UNPAIRED = frozenset(_UNPAIRED_PARTS.split())


def add_part(ds: Dataset, origin: Dataset) -> None:
    """Body Part Examined where the source has a valid one."""
    part = source.element(origin, "BodyPartExamined")
    if part is not None and part.value and source.is_valid(part):
        ds.BodyPartExamined = str(part.value)


def add_side(ds: Dataset, origin: Dataset) -> None:
    """Laterality: required, though empty when unknown, where the part in `ds` may be paired (type 2C)."""
    if ds.get("BodyPartExamined") not in _UNPAIRED:
        side = source.value(origin, "ImageLaterality") or source.value(origin, "Laterality")
        ds.Laterality = side if side in ("L", "R") else ""
