"""What a peer says in its own words, without those of a patient: it goes into the trail and the log, which name nobody.

An archive or a RIS that cannot take an object says so in free text, and likes to repeat whose it is. What stays is what
an operator needs: the words of the trouble, codes, UIDs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from pydicom import dcmread

_HIDDEN = "***"
_TOKEN = re.compile(r"[^\s,;:()\[\]\"'=]+")
_WORD = re.compile(r"[^\W_]+")
_UID = re.compile(r"\d+(\.\d+){3,}")
#: More digits than in an error code: a number of a patient or an order, or a date.
_MOST_DIGITS = 5
#: From so many letters on a part of a word counts as the word: it was cut, or something was put to it.
_PART = 4
_IDENTIFYING = (
    "PatientName",
    "PatientID",
    "OtherPatientIDs",
    "PatientBirthDate",
    "AccessionNumber",
    "StudyID",
    "ReferringPhysicianName",
)
_IDENTIFYING_SEGMENTS = ("PID", "PV1")


def discreet(said: str, private: Iterable[str]) -> str:
    """The text, with `***` for each word that is one of the private values, or looks like a person's name or number."""
    known = {word for value in private for word in _words(value) if len(word) > 1}
    return _TOKEN.sub(lambda found: _HIDDEN if _tells(found[0], known) else found[0], said)


def of_object(path: Path) -> list[str]:
    """What a DICOM file says of who it is about."""
    ds = dcmread(path, stop_before_pixels=True, specific_tags=list(_IDENTIFYING))
    return [str(element.value) for element in ds if element.keyword in _IDENTIFYING]  # the character set comes along


def of_message(message: bytes) -> list[str]:
    """What an HL7 message says of who it is about."""
    segments = message.decode("utf-8", "replace").split("\r")
    return [segment for segment in segments if segment.startswith(_IDENTIFYING_SEGMENTS)]


def _tells(token: str, known: set[str]) -> bool:
    if _UID.fullmatch(token):
        return False
    if "^" in token or sum(letter.isdigit() for letter in token) > _MOST_DIGITS:  # ^ parts a name, PS3.5 6.2.1
        return True
    return any(word in known or _shares(word, known) for word in _words(token))


def _shares(word: str, known: set[str]) -> bool:
    return any((len(one) >= _PART and one in word) or (len(word) >= _PART and one.startswith(word)) for one in known)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())
