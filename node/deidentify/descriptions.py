"""Descriptions that somebody typed (PS3.15 E.3.5, Clean Descriptors): the words of the trade stay, all others go."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_WORD = re.compile(r"[^\W_]+(?:\.\d+[^\W_]*)?", re.UNICODE)
#: A number with or without a unit, e.g. 5, 2.5, 3mm, 120kV; no date and no identifier has so few digits.
_FIGURE = re.compile(r"\d{1,3}(\.\d{1,2})?(mm|cm|ml|kv|ma|mas|s|ms|d|t)?")


@cache
def words() -> frozenset[str]:
    """The list."""
    lines = files("node.deidentify").joinpath("words.txt").read_text(encoding="ascii").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


def clean_description(text: str) -> str:
    """The words and figures that may stay, with single spaces; empty when none may."""
    return " ".join(word for word in _WORD.findall(text) if _may_stay(word))


def is_of_the_trade(text: str) -> bool:
    """Whether nothing of it has to go."""
    return all(map(_may_stay, _WORD.findall(text)))


def _may_stay(word: str) -> bool:
    return word.lower() in words() or _FIGURE.fullmatch(word.lower()) is not None
