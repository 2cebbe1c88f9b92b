"""The coded concepts of the reports (PS3.16), as data."""

from __future__ import annotations

from functools import lru_cache

from highdicom.sr import CodedConcept

from node import plugin
from node.comparison import CHANGE_CODES


@lru_cache(maxsize=512)
def concept(code: plugin.Code) -> CodedConcept:
    """A highdicom concept, the same object for the same code: who adds to it copies it before.

    A Code Meaning beyond LO's 64 characters is cut (PS3.3 8.3).
    """
    return CodedConcept(value=code.value, scheme_designator=code.scheme, meaning=code.meaning[:64])


def _dcm(value: str, meaning: str) -> CodedConcept:
    return CodedConcept(value=value, scheme_designator="DCM", meaning=meaning)


def _sct(value: str, meaning: str) -> CodedConcept:
    return CodedConcept(value=value, scheme_designator="SCT", meaning=meaning)


REPORT = _dcm("126000", "Imaging Measurement Report")
LANGUAGE = _dcm("121049", "Language of Content Item and Descendants")
ENGLISH = CodedConcept(value="en-US", scheme_designator="RFC5646", meaning="English (United States)")
OBSERVER_TYPE = _dcm("121005", "Observer Type")
DEVICE = _dcm("121007", "Device")
DEVICE_UID = _dcm("121012", "Device Observer UID")
DEVICE_NAME = _dcm("121013", "Device Observer Name")
DEVICE_MANUFACTURER = _dcm("121014", "Device Observer Manufacturer")
DEVICE_MODEL = _dcm("121015", "Device Observer Model Name")
DEVICE_SERIAL = _dcm("121016", "Device Observer Serial Number")
PROCEDURE_REPORTED = _dcm("121058", "Procedure reported")
IMAGING_PROCEDURE = _sct("363679005", "Imaging procedure")  # in CID 100
IMAGE_LIBRARY = _dcm("111028", "Image Library")
IMAGE_LIBRARY_GROUP = _dcm("126200", "Image Library Group")
SOURCE = _sct("260753009", "Source")
MODALITY = _dcm("121139", "Modality")
IMAGE_LATERALITY = _dcm("111027", "Image Laterality")
IMAGE_VIEW = _dcm("111031", "Image View")
ROWS = _dcm("110910", "Pixel Data Rows")
COLUMNS = _dcm("110911", "Pixel Data Columns")
HORIZONTAL_SPACING = _dcm("111026", "Horizontal Pixel Spacing")
VERTICAL_SPACING = _dcm("111066", "Vertical Pixel Spacing")
MEASUREMENTS = _dcm("126010", "Imaging Measurements")
MEASUREMENT_GROUP = _dcm("125007", "Measurement Group")
TRACKING_IDENTIFIER = _dcm("112039", "Tracking Identifier")
TRACKING_UID = _dcm("112040", "Tracking Unique Identifier")
FINDING = _dcm("121071", "Finding")
FINDING_SITE = _sct("363698007", "Finding Site")
LATERALITY = _sct("272741003", "Laterality")
ALGORITHM_NAME = _dcm("111001", "Algorithm Name")
ALGORITHM_VERSION = _dcm("111003", "Algorithm Version")
ALGORITHM_MANUFACTURER = _dcm("122405", "Algorithm Manufacturer")
ALGORITHM_FAMILY = _dcm("111000", "Algorithm Family")
ALGORITHM_PARAMETERS = _dcm("111002", "Algorithm Parameters")
CERTAINTY = _dcm("111012", "Certainty of Finding")
SENSITIVITY = _dcm("111088", "Case Sensitivity")
SPECIFICITY = _dcm("111090", "Case Specificity")
NOT_ATTEMPTED = _dcm("114007", "Measurement not attempted")
PRESENCE = _dcm("121052", "Presence of property")
PRESENT = _sct("52101004", "Present")
ABSENT = _sct("272519000", "Absent")
UNDETERMINED = _sct("373068000", "Undetermined")
QUALITATIVE_DIFFERENCE = _dcm("111049", "Qualitative Difference")
CHANGES = {change: concept(code) for change, code in CHANGE_CODES.items()}
STUDY_DATE = _dcm("111060", "Study Date")
STUDY_INSTANCE_UID = _dcm("110180", "Study Instance UID")
QUALITY = _dcm("111050", "Quality Assessment")
UNUSABLE = _dcm("111235", "Unusable - Quality renders image unusable")
BELOW_STANDARD = _dcm("111236", "Usable - Does not meet the quality control standard")
SOURCE_OF_MEASUREMENT = _dcm("121112", "Source of Measurement")
IMAGE_REGION = _dcm("111030", "Image Region")
COMMENT = _dcm("121106", "Comment")
SUMMARY = _dcm("121111", "Summary")
PROCESSING_EQUIPMENT = _dcm("109102", "Processing Equipment")

PERCENT = CodedConcept(value="%", scheme_designator="UCUM", meaning="Percent")
MILLIMETRE = CodedConcept(value="mm", scheme_designator="UCUM", meaning="mm")
PIXELS = CodedConcept(value="{pixels}", scheme_designator="UCUM", meaning="pixels")

#: Values of Laterality (0020,0060) and Image Laterality (0020,0062).
SIDES = {"L": _sct("7771000", "Left"), "R": _sct("24028007", "Right"), "B": _sct("51440002", "Right and left")}

#: View Position (0018,5101) -> CID 4010; what is not in here is left out.
VIEWS = {
    "AP": _sct("399348003", "antero-posterior"),
    "PA": _sct("272479007", "postero-anterior"),
    "LL": _sct("399173006", "left lateral"),
    "RL": _sct("399198007", "right lateral"),
    "LAT": _sct("399067008", "lateral"),
    "LATERAL": _sct("399067008", "lateral"),
    "LLO": _sct("399184004", "left oblique"),
    "RLO": _sct("399236003", "right oblique"),
    "CC": _sct("399162004", "cranio-caudal"),
    "MLO": _sct("399368009", "medio-lateral oblique"),
    "ML": _sct("399260004", "medial-lateral"),
    "LM": _sct("399352003", "lateral-medial"),
}

#: Modality (0008,0060) -> CID 29.
MODALITIES = {
    code: _dcm(code, meaning)
    for code, meaning in {
        "CR": "Computed Radiography",
        "CT": "Computed Tomography",
        "DX": "Digital Radiography",
        "ES": "Endoscopy",
        "GM": "General Microscopy",
        "IO": "Intra-oral Radiography",
        "IVUS": "Intravascular Ultrasound",
        "MG": "Mammography",
        "MR": "Magnetic Resonance",
        "NM": "Nuclear Medicine",
        "OP": "Ophthalmic Photography",
        "OPT": "Ophthalmic Tomography",
        "PT": "Positron emission tomography",
        "PX": "Panoramic X-Ray",
        "RF": "Radiofluoroscopy",
        "RG": "Radiographic imaging",
        "RTIMAGE": "RT Image",
        "SM": "Slide Microscopy",
        "US": "Ultrasound",
        "XA": "X-Ray Angiography",
        "XC": "External-camera Photography",
    }.items()
}
