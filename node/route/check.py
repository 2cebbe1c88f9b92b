"""One condition, what was found, and whether it holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_LONGEST = 64


@dataclass(frozen=True)
class Check:
    """One condition looked at for one series.

    Attributes:
        what: what is compared, e.g. `modality`.
        found: what the series has; empty when it is missing.
        wanted: what the condition allows, in words.
        holds: whether the condition is met.
        private: `found` is free text, which may name a patient: a reason does not repeat it.
    """

    what: str
    found: str
    wanted: str
    holds: bool
    private: bool = False

    @property
    def reason(self) -> str:
        """Why it does not hold, in words for the operator, e.g. `modality is MR, wanted CR or DX`."""
        if not self.found:
            return f"{self.what} is missing, wanted {self.wanted}"
        if self.private:
            return f"{self.what} is another, wanted {self.wanted}"
        return f"{self.what} is {self.found}, wanted {self.wanted}"


def shown(value: str) -> str:
    """A value from outside, fit for one line of a log or a page: printable, without line breaks, not too long."""
    text = "".join(letter if letter.isprintable() else "?" for letter in value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def either(values: Sequence[str]) -> str:
    """`A`, `A or B`, `A, B or C`."""
    *first, last = (shown(value) for value in values)
    return f"{', '.join(first)} or {last}" if first else last
