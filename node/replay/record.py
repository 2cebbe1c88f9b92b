"""Comparisons as lines of JSON, for `radnode compare` and for other programs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from node.errors import PermanentError
from node.replay.comparison import Comparison, FindingPair

#: Name of the file in the folder of a replay.
FILE = "replay.jsonl"


def written(comparisons: Iterable[Comparison]) -> bytes:
    """A line for each."""
    return b"".join(json.dumps(asdict(one)).encode() + b"\n" for one in comparisons)


def read(folder: Path) -> list[Comparison]:
    """What a replay left in a folder; raises :class:`~node.errors.PermanentError`."""
    path = folder / FILE
    try:
        return [_comparison(line) for line in path.read_bytes().splitlines()]
    except OSError as error:
        hint = "name the folder that `radnode replay --out` wrote"
        raise PermanentError(f"there is no replay: {error.strerror}", about=str(path), hint=hint) from error
    except (ValueError, KeyError, TypeError) as error:
        raise PermanentError("it is no record of a replay", about=str(path)) from error


def _comparison(line: bytes) -> Comparison:
    table = json.loads(line)
    pairs = tuple(FindingPair(**one) for one in table.pop("pairs"))
    return Comparison(**table | {"pairs": pairs, "remarks": tuple(table["remarks"]), "models": tuple(table["models"])})
