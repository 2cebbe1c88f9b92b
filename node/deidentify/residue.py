"""A last look at a copy: what the original says of people, in the attributes made for it, stands nowhere else any more.

The profile goes by attributes. But a technician types a name into the description of a sequence, and a text of our own
may quote a UID: so names, identifiers and UIDs of the original are looked for in every text that stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

_TEXTS = frozenset({"AE", "CS", "LO", "LT", "SH", "ST", "UC", "UR", "UT"})
#: Attributes whose whole value stands for somebody, beside all names of people (PN).
_IDENTIFIERS = frozenset(
    {
        "PatientID", "OtherPatientIDs", "AccessionNumber", "StudyID", "AdmissionID", "MedicalRecordLocator",
        "PatientAddress", "PatientTelephoneNumbers", "PatientBirthDate", "PersonTelephoneNumbers", "PersonAddress",
        "ReferringPhysicianAddress", "ReferringPhysicianTelephoneNumbers", "RequestedProcedureID", "FillerOrderNumber",
        "ScheduledProcedureStepID", "PerformedProcedureStepID", "PlacerOrderNumberImagingServiceRequest",
        "FillerOrderNumberImagingServiceRequest",
    }
)  # fmt: skip
#: Code strings that rule how an object is read, and so are never a person's name, whatever that is.
_RULING = frozenset(
    {
        "Modality", "ImageType", "PhotometricInterpretation", "ValueType", "RelationshipType", "ContinuityOfContent",
        "SpecificCharacterSet", "PatientIdentityRemoved", "BurnedInAnnotation", "GraphicType", "PresentationLUTShape",
        "LongitudinalTemporalInformationModified", "LossyImageCompression", "SegmentationType", "PatientSex",
        "CompletionFlag", "VerificationFlag", "PreliminaryFlag", "TemporalRangeType", "GraphicLayer",
    }
)  # fmt: skip
_SHORTEST_NAME, _SHORTEST_ID = 3, 4
_GONE = "XXX"
#: Longer than any version number: a UID, or the beginning of one.
_UID = re.compile(r"\b[0-2](?:\.(?:0|[1-9]\d*)){5,}\b")


class Residue:
    """What is to stand nowhere.

    Args:
        original: with all its items.
        uid: what stands for a UID.
        is_ours: a result of this node, whose content was created by a program.
    """

    def __init__(self, original: Dataset, uid: Callable[[str], str], *, is_ours: bool = False) -> None:
        self._uid = uid
        elements = (one for one in original.iterall() if not (is_ours and one.keyword == "ContentCreatorName"))
        found = {word for element in elements for word in _people(element)}
        longest = sorted(found, key=len, reverse=True)
        self._people = re.compile("|".join(map(_anywhere, longest)), re.IGNORECASE) if found else None

    def clean(self, copy: Dataset) -> None:
        """Replace it in every text of a copy, at any depth."""
        for element in copy.iterall():
            if element.VR in _TEXTS and element.value and element.keyword not in _RULING:
                self._clean(element)

    def _clean(self, element: DataElement) -> None:
        several = [str(one) for one in element.value] if element.VM > 1 else [str(element.value)]
        cleaned = [self._cleaned(one, element.VR) for one in several]
        if cleaned != several:
            element.value = cleaned if len(cleaned) > 1 else cleaned[0]

    def _cleaned(self, text: str, vr: str) -> str:
        said = self._people.sub(_GONE, text) if self._people else text
        if vr in ("AE", "CS"):
            return said if said == text else ""
        return _UID.sub(lambda found: self._uid(found[0]), said)


def _people(element: DataElement) -> Iterator[str]:
    if element.VR == "PN":
        for name in element.value if element.VM > 1 else [element.value]:
            yield from (part for part in re.split(r"[\^=\s,;]+", str(name or "")) if _is_name(part))
    elif element.keyword in _IDENTIFIERS and element.VR != "SQ":
        for one in element.value if element.VM > 1 else [element.value]:
            if len(text := str(one or "").strip()) >= _SHORTEST_ID:
                yield text


def _is_name(part: str) -> bool:
    return len(part) >= _SHORTEST_NAME or (len(part) > 1 and not part.isascii())  # as many are in Chinese and Japanese


def _anywhere(word: str) -> str:
    """As a word of its own; in scripts without spaces, or with letters of several forms, as a part of one too."""
    return rf"(?<![^\W_]){re.escape(word)}(?![^\W_])" if word.isascii() else re.escape(word)
