"""Reads the CSV file of a site: one image per line, with its labels.

Columns, in any order; names in any case:

========== ==========================================================================================================
file       DICOM (Part 10), PNG, JPEG or TIFF; relative to the CSV file, or absolute
patient    optional: cases of one patient are resampled together. Without it: Patient ID of the header, else the file
series     optional: files of one series are one case for a plugin of level ``series``. Without it: Series Instance UID
*finding*  one column per finding of the plugin: 1, 0, or empty for unknown
label      instead of those: names of what is there, separated by ``|``; a name that the plugin does not claim (such as
           ``notumor``) says that none of its findings is; empty for unknown
sex, age, view, source, maker   optional: subgroups; what is missing is read from the DICOM header
========== ==========================================================================================================

Worked example::

    file,patient,pneumonia,source
    film1.dcm,17,1,emergency
    film2.png,18,0,ward
"""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from node.errors import PermanentError
from node.plugin import Manifest
from radnode_kit.acceptance.traits import Traits, tidy

_SHOWN = 20
_TRUTH = {"1": 1.0, "0": 0.0, "": math.nan}
_SEXES = {"": "", "F": "F", "FEMALE": "F", "M": "M", "MALE": "M", "O": "O", "OTHER": "O", "U": "", "UNKNOWN": ""}
_PER_YEAR = {"D": 365.25, "W": 365.25 / 7, "M": 12.0, "Y": 1.0}
_MOST_YEARS = 130


@dataclass(frozen=True)
class Problem:
    """Why one line, or its file, is no use."""

    line: int
    file: str
    reason: str

    def __str__(self) -> str:
        return f"line {self.line} ({self.file or 'no file'}): {self.reason}"


@dataclass(frozen=True)
class Row:
    """One line. `truth`: 1, 0 or NaN for each finding of the plugin, in the manifest's order."""

    line: int
    file: str
    path: Path
    patient: str
    series: str
    truth: tuple[float, ...]
    traits: Traits


@dataclass(frozen=True)
class Table:
    """The whole file.

    Attributes:
        path: of the CSV file.
        sha256: hex, of its bytes.
        rows: in order.
        unclaimed: names in the column ``label`` that the plugin does not claim, with their counts.
    """

    path: Path
    sha256: str
    rows: tuple[Row, ...]
    unclaimed: Mapping[str, int]


class DatasetError(PermanentError):
    """Lines of the CSV, or their files, cannot be used."""


def refuse(problems: Sequence[Problem], path: Path, hint: str) -> None:
    """Raise :class:`DatasetError` that names every bad line (the first twenty in words), if there is one."""
    if not problems:
        return
    lines = [f"\n  {tidy_line(problem)}" for problem in problems[:_SHOWN]]
    more = f"\n  and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    what = f"{len(problems)} line{'s' if len(problems) > 1 else ''} cannot be used:{''.join(lines)}{more}\n"
    raise DatasetError(what, about=str(path), hint=hint)


def tidy_line(problem: Problem) -> str:
    """The problem on one printable line: the text comes from a file."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(problem))


def read_table(path: Path, manifest: Manifest) -> Table:
    """Read the file for a plugin; raises :class:`DatasetError` that names file, line and what to do."""
    data = _bytes(path)
    columns, lines = _lines(data, path)
    labels = _Labels(manifest, columns, path)
    rows, problems = [], []
    for line, cells in lines:
        try:
            rows.append(_row(line, cells, labels, path.parent))
        except ValueError as error:
            problems.append(Problem(line, cells.get("file", ""), str(error)))
    problems += _repeated(rows)
    refuse(sorted(problems, key=lambda problem: problem.line), path, "correct these lines and start again")
    if not rows:
        raise DatasetError("there is no line below the columns' names", about=str(path))
    return Table(path, sha256(data).hexdigest(), tuple(rows), dict(labels.unclaimed))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(f"the CSV file cannot be read: {error.strerror}", about=str(path)) from error


def _lines(data: bytes, path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Names of the columns, and the lines with their numbers; a spreadsheet's semicolons do as well as commas."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetError("the CSV file is not in UTF-8", about=str(path), hint="save it as CSV UTF-8") from error
    head = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in head and "," not in head else ",")
    try:
        columns = [name.strip().casefold() for name in next(reader, [])]
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except csv.Error as error:
        raise DatasetError(f"the CSV file is broken: {error}", about=f"{path}, line {reader.line_num}") from error
    _check_columns(columns, path)
    filled = [(number, cells) for number, cells in lines if any(cells)]
    uneven = [Problem(n, cells[0], _uneven(cells, columns)) for n, cells in filled if len(cells) != len(columns)]
    refuse(uneven, path, "put a text that contains the separator in quotation marks")
    return columns, [(number, dict(zip(columns, cells, strict=True))) for number, cells in filled]


def _check_columns(columns: Sequence[str], path: Path) -> None:
    twice = [name for name, count in Counter(columns).items() if count > 1]
    if twice:
        raise DatasetError(f"two columns are called {twice[0]!r}", about=str(path), hint="rename one of them")
    if "file" not in columns:
        hint = f"the first line names the columns; here it names {', '.join(columns) or 'nothing'}"
        raise DatasetError("there is no column 'file'", about=str(path), hint=hint)


def _uneven(cells: Sequence[str], columns: Sequence[str]) -> str:
    return f"it has {len(cells)} fields, the first line names {len(columns)}"


def _row(line: int, cells: Mapping[str, str], labels: _Labels, folder: Path) -> Row:
    """Raises ValueError with the reason."""
    file = cells["file"]
    if not file or "\0" in file:
        raise ValueError("the column 'file' is empty: name the image, or delete the line")
    traits = Traits(
        sex=_sex(cells.get("sex", "")),
        age_years=_age(cells.get("age", "")),
        view=tidy(cells.get("view", "").upper()),
        source=tidy(cells.get("source", "")),
        maker=tidy(cells.get("maker", "")),
    )
    return Row(line, file, folder / file, cells.get("patient", ""), cells.get("series", ""), labels.of(cells), traits)


def _sex(text: str) -> str:
    if text.upper() not in _SEXES:
        raise ValueError(f"sex is {text!r}: write F, M, O, or nothing")
    return _SEXES[text.upper()]


def _age(text: str) -> float | None:
    """Years, from a number or an Age String (AS, PS3.5 6.2)."""
    if not text:
        return None
    unit = text[-1].upper() if text[-1].upper() in _PER_YEAR else ""
    try:
        years = float(text[:-1] if unit else text) / _PER_YEAR[unit or "Y"]
    except ValueError:
        years = math.nan
    if not 0 <= years <= _MOST_YEARS:
        raise ValueError(f"age is {text!r}: write years such as 45, or 006M, or nothing")
    return years


def _repeated(rows: Iterable[Row]) -> list[Problem]:
    first: dict[Path, int] = {}
    problems = []
    for row in rows:
        if first.setdefault(row.path, row.line) != row.line:
            reason = f"the file stands in line {first[row.path]} already: delete one of them"
            problems.append(Problem(row.line, row.file, reason))
    return problems


class _Labels:
    """Reads the labels of a line, by the columns that are there."""

    def __init__(self, manifest: Manifest, columns: Sequence[str], path: Path):
        self._names = [spec.name.casefold() for spec in manifest.findings]
        self._columns = [name for name in self._names if name in columns]
        self._exclusive = manifest.mutually_exclusive
        self.unclaimed: Counter[str] = Counter()
        if not self._columns and "label" not in columns:
            wanted = ", ".join(spec.name for spec in manifest.findings)
            hint = f"add a column for a finding of {manifest.name} ({wanted}), or one called 'label'"
            raise DatasetError("there is no column with labels", about=str(path), hint=hint)

    def of(self, cells: Mapping[str, str]) -> tuple[float, ...]:
        """Truth of each finding; raises ValueError with the reason."""
        truth = self._from_columns(cells) if self._columns else self._from_names(cells["label"])
        if self._exclusive and sum(value == 1.0 for value in truth) > 1:
            raise ValueError("two findings are present, but the plugin's findings exclude each other: keep one")
        return truth

    def _from_columns(self, cells: Mapping[str, str]) -> tuple[float, ...]:
        for name in self._columns:
            if cells[name] not in _TRUTH:
                raise ValueError(f"{name} is {cells[name]!r}: write 1, 0, or nothing when it is unknown")
        return tuple(_TRUTH[cells.get(name, "")] for name in self._names)

    def _from_names(self, text: str) -> tuple[float, ...]:
        present = {name.strip().casefold() for name in text.split("|")} - {""}
        if not present:
            return (math.nan,) * len(self._names)
        self.unclaimed.update(tidy(name) for name in present - set(self._names))
        return tuple(float(name in present) for name in self._names)
