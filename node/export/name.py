"""A person's name (PS3.5 6.2.1): up to three representations of five components."""

from __future__ import annotations

from dataclasses import dataclass

_COMPONENTS = 5


@dataclass(frozen=True)
class Name:
    """One representation of a name. `representation` is A (alphabetic), I (ideographic) or P (phonetic)."""

    representation: str
    family: str = ""
    given: str = ""
    middle: str = ""
    prefix: str = ""
    suffix: str = ""

    @property
    def text(self) -> str:
        """As one reads it."""
        return " ".join(part for part in (self.prefix, self.given, self.middle, self.family, self.suffix) if part)


def names(value: str) -> tuple[Name, ...]:
    """The representations that a PN holds; none of an empty one. More components than five stay with the last."""
    groups = zip("AIP", value.split("=", 2), strict=False)
    found = (Name(kind, *_parts(group)) for kind, group in groups)
    return tuple(name for name in found if name.text)


def _parts(group: str) -> list[str]:
    return [part.strip() for part in group.split("^", _COMPONENTS - 1)]
