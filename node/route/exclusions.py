"""What is left out unless a route asks for it: what is no image for diagnosis."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from node.study import MANUFACTURER, Attributes, Series


@dataclass(frozen=True)
class Exclusion:
    """A row of the table.

    Attributes:
        name: what such an object is, in words that follow "it is".
        clue: by what it is known, with the clause of the standard where there is one.
        applies: whether an instance is one.
        always: no route can ask for it, as there is nothing in it that a model could look at.
    """

    name: str
    clue: str
    applies: Callable[[Attributes], bool]
    always: bool = False


#: SOP Classes without an image (PS3.4 B.5): the beginning of the UID. RT Image (481.1) is an image.
_NO_IMAGE: dict[str, str] = {
    "1.2.840.10008.5.1.4.1.1.88.": "a structured report or key object selection",
    "1.2.840.10008.5.1.4.1.1.11.": "a presentation state",
    "1.2.840.10008.5.1.4.1.1.9.": "a waveform",
    "1.2.840.10008.5.1.4.1.1.66": "raw data, a registration or a segmentation",
    "1.2.840.10008.5.1.4.1.1.67": "a real world value mapping",
    "1.2.840.10008.5.1.4.1.1.68.": "a surface scan",
    "1.2.840.10008.5.1.4.1.1.104.": "an encapsulated document",
    "1.2.840.10008.5.1.4.1.1.481.": "a radiotherapy object",
    "1.2.840.10008.5.1.4.1.1.78.": "an ophthalmic measurement",
    "1.2.840.10008.5.1.4.1.1.4.2": "a spectrum",
    "1.2.840.10008.5.1.4.1.1.30": "a parametric map",
    "1.2.840.10008.5.1.4.34.": "a procedure step or plan",
}
_RT_IMAGE = "1.2.840.10008.5.1.4.1.1.481.1"

#: Secondary Capture and its multi-frame kin (PS3.4 B.5, PS3.3 A.8).
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"

_SCREENS = ("SCREEN SAVE", "SCREENSAVE", "SCREENSHOT", "CSA REPORT", "DOSE", "DOSE_INFO", "DOSE REPORT")
_SCREEN_DESCRIPTIONS = (
    "*dose report*",
    "*dose info*",
    "*dose record*",
    "*dose summary*",
    "*dose sheet*",
    "*radiation dose*",
    "patient protocol*",
    "*screen save*",
    "*screen shot*",
    "*screenshot*",
    "*screen capture*",
)
_PHANTOM = re.compile(r"(?<![A-Z])(PHANTOMS?|QA|QC|QUALITY (CONTROL|ASSURANCE)|CONSTANCY|KONSTANZPR.*)(?![A-Z])")


def _has_no_image(attributes: Attributes) -> bool:
    uid = attributes.sop_class_uid
    return uid.startswith(tuple(_NO_IMAGE)) and uid != _RT_IMAGE


def _is_secondary_capture(attributes: Attributes) -> bool:
    uid = attributes.sop_class_uid
    return uid == _SECONDARY_CAPTURE or uid.startswith(f"{_SECONDARY_CAPTURE}.")


def _is_localizer(attributes: Attributes) -> bool:
    return any(value.upper() in ("LOCALIZER", "SCOUT", "TOPOGRAM") for value in attributes.image_type)


def _is_screen(attributes: Attributes) -> bool:
    description = attributes.series_description.casefold()
    return any(value.upper() in _SCREENS for value in attributes.image_type) or any(
        fnmatchcase(description, pattern) for pattern in _SCREEN_DESCRIPTIONS
    )


def _is_phantom(attributes: Attributes) -> bool:
    texts = (attributes.series_description, attributes.study_description, attributes.protocol_name)
    return any(_PHANTOM.search(text.upper()) for text in texts)


def _is_own_result(attributes: Attributes) -> bool:
    return attributes.manufacturer.casefold() == MANUFACTURER


#: Image Type value 2, SECONDARY, alone leaves nothing out: PS3.3 C.7.6.1.1.2 gives it to every image made after the
#: examination, so to a reformatted CT or MR volume, which is what many readers look at. A capture of a screen has a SOP
#: class or a value 3 of its own.
EXCLUSIONS: tuple[Exclusion, ...] = (
    Exclusion("a result of this node", "Manufacturer (0008,0070)", _is_own_result, always=True),
    Exclusion("no image", "SOP Class UID (0008,0016), PS3.4 B.5", _has_no_image, always=True),
    Exclusion("a localizer", "Image Type (0008,0008) value 3, PS3.3 C.8.2.1.1.1", _is_localizer),
    Exclusion("a dose report or saved screen", "Image Type (0008,0008) or Series Description (0008,103E)", _is_screen),
    Exclusion("a phantom or a quality check", "Series or Study Description, or Protocol Name", _is_phantom),
    Exclusion("a secondary capture", "SOP Class UID (0008,0016), PS3.3 A.8", _is_secondary_capture),
)


def exclusion_of(series: Series, *, include_excluded: bool) -> Exclusion | None:
    """Why a series is left out, or None. It is when every instance is: one scout does not take a volume with it."""
    found = [_first(instance.attributes, include_excluded) for instance in series.instances]
    return found[0] if found and all(found) else None


def kind_without_image(sop_class_uid: str) -> str:
    """What an object of that class is, if it is no image, e.g. `a waveform`; else empty."""
    kinds = (kind for beginning, kind in _NO_IMAGE.items() if sop_class_uid.startswith(beginning))
    return "" if sop_class_uid == _RT_IMAGE else next(kinds, "")


def _first(attributes: Attributes, include_excluded: bool) -> Exclusion | None:
    return next((row for row in EXCLUSIONS if (row.always or not include_excluded) and row.applies(attributes)), None)
