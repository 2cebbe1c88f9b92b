"""What divides cases into subgroups: sex, age, view, source and maker, from the CSV or else from the DICOM header."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from node.study import Attributes

NAMES = ("sex", "age", "view", "source", "maker")
UNKNOWN = "unknown"
_BANDS = ((18.0, "under 18"), (40.0, "18 to 39"), (60.0, "40 to 59"), (80.0, "60 to 79"), (float("inf"), "80 and over"))
_LONGEST = 40


@dataclass(frozen=True)
class Traits:
    """Of one image or case; what is unknown is empty, or None."""

    sex: str = ""
    age_years: float | None = None
    view: str = ""
    source: str = ""
    maker: str = ""

    def __or__(self, other: Traits) -> Traits:
        """These, and where they are unknown those of the other."""
        age = other.age_years if self.age_years is None else self.age_years
        return Traits(
            self.sex or other.sex, age, self.view or other.view, self.source or other.source, self.maker or other.maker
        )

    def groups(self) -> Mapping[str, str]:
        """The subgroup of each of :data:`NAMES`."""
        values = (self.sex, age_band(self.age_years), self.view, self.source, self.maker)
        return {name: value or UNKNOWN for name, value in zip(NAMES, values, strict=True)}


def age_band(years: float | None) -> str:
    """Words for an age: ``18 to 39``; empty when it is unknown."""
    return "" if years is None else next(band for end, band in _BANDS if years < end)


def traits_of(attributes: Attributes) -> Traits:
    """Those that a DICOM header tells."""
    sex = attributes.sex if attributes.sex in ("F", "M", "O") else ""
    return Traits(sex, attributes.age_years, attributes.view, "", tidy(attributes.manufacturer))


def tidy(text: str) -> str:
    """On one line, printable, of a bearable length: it becomes the name of a subgroup."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."
