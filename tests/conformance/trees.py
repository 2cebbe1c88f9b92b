"""Trees of content items that are alike: PixelMed's validator takes a second for a tree, and sees one of each kind.

Alike are two reports whose trees have the same items with the same codes in the same order, and differ only in what no
template and no context group speaks of: UIDs, texts, names, dates and numbers. (What each object holds of these is
checked by dciodvfy and dsrdump.)
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

#: Of the root, which also holds the patient, the order and the device.
_ROOT = ("ValueType", "ConceptNameCodeSequence", "ContinuityOfContent", "ContentTemplateSequence", "ContentSequence")
#: Value representations of codes and terms. The value of any other element of an item plays no part.
_TERMS = frozenset({"CS", "SH", "LO", "UC", "UR"})


@dataclass(frozen=True)
class Report:
    """A file with a tree. Attributes: tree: its digest, see ``digest``; character_set: of its source."""

    path: Path
    tree: str
    character_set: str


def digest(report: Dataset) -> str:
    """Equal for reports whose trees are alike."""
    root = Dataset()
    root.update({report[keyword].tag: report[keyword] for keyword in _ROOT if keyword in report})
    lines = [str(report.SOPClassUID), *_lines(root, 0)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _lines(item: Dataset, depth: int) -> Iterator[str]:
    for element in item:
        yield f"{depth} {element.tag} {_term(element)}"
        for inner in element.value if element.VR == "SQ" else ():
            yield from _lines(inner, depth + 1)


def _term(element: DataElement) -> str:
    return str(element.value) if element.VR in _TERMS else element.VR


def chosen(reports: Sequence[Report]) -> dict[str, Report]:
    """Tree -> the report that stands for all that are like it; the character sets have their turns."""
    alike: dict[str, list[Report]] = {}
    for report in reports:
        alike.setdefault(report.tree, []).append(report)
    turns: Counter[str] = Counter()
    found = {}
    for tree, several in alike.items():
        found[tree] = min(several, key=lambda report: turns[report.character_set])
        turns[found[tree].character_set] += 1
    return found


def complaints(
    reports: Sequence[Report], validate: Callable[[Sequence[Path]], Mapping[Path, Sequence[str]]]
) -> dict[Path, list[str]]:
    """File -> what the validator says of its tree; a file of which it says nothing is left out.

    Args:
        reports: all of them; the validator sees one of those whose trees are alike, and what it says holds for all.
        validate: answers path -> complaints.
    """
    standing = chosen(reports)
    told = validate([report.path for report in standing.values()])
    return {
        report.path: list(told[standing[report.tree].path]) for report in reports if standing[report.tree].path in told
    }
