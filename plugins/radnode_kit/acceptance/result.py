"""What an evaluation found, as a value, as JSON and as a table of its cases."""

from __future__ import annotations

import csv
import io
import json
import math
import platform
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from node import __version__
from node.plugin import Manifest
from radnode_kit.acceptance.cases import Answer, Status
from radnode_kit.acceptance.checks import Check, accepted
from radnode_kit.acceptance.classes import Classes
from radnode_kit.acceptance.covering import Covering
from radnode_kit.acceptance.finding import FindingFigures
from radnode_kit.acceptance.table import Problem

#: Raised with every change that a reader of ``report.json`` would notice.
SCHEMA = "radnode.evaluation/2"
_FORMULA = ("=", "+", "-", "@", "\t")


@dataclass(frozen=True)
class Counts:
    """What became of the lines and cases.

    Attributes:
        lines: of the CSV file, each a file.
        cases: what was to be classified: files, or series.
        patients: of all cases.
        answered: cases with probabilities.
        abstained: cases on which the plugin abstained.
        refused: cases that the manifest does not accept.
        not_assessed: files that could not be read, or on which the plugin failed.
    """

    lines: int
    cases: int
    patients: int
    answered: int
    abstained: int
    refused: int
    not_assessed: int


@dataclass(frozen=True)
class Machine:
    """Where it ran."""

    name: str
    system: str
    processor: str
    python: str
    radnode: str
    device: str
    seconds_per_image: float


@dataclass(frozen=True)
class Provenance:
    """What was measured, on what, and when. `date`: UTC, ISO 8601."""

    plugin: str
    version: str
    title: str
    digest: str
    csv: str
    csv_sha256: str
    date: str
    machine: Machine


@dataclass(frozen=True)
class Evaluation:
    """All of it.

    Attributes:
        provenance: plugin, data, date, machine.
        counts: of lines and cases.
        checks: promises and what became of them.
        findings: figures of each finding.
        classes: figures over all classes; None unless the findings exclude each other.
        residual: largest distance of an evidence map from adding up to its logit; NaN without maps.
        reasons: why cases were not answered -> how many.
        unclaimed: names in the column ``label`` that count as none -> how many.
        unreadable: files that were not assessed.
        answers: of all cases; not part of the JSON.
        manifest: of the plugin; not part of the JSON.
        covering: whether answers hang on the evidence that is shown; None where no case could tell.
    """

    provenance: Provenance
    counts: Counts
    checks: tuple[Check, ...]
    findings: tuple[FindingFigures, ...]
    classes: Classes | None
    residual: float
    reasons: Mapping[str, int]
    unclaimed: Mapping[str, int]
    unreadable: tuple[Problem, ...]
    answers: tuple[Answer, ...]
    manifest: Manifest
    covering: Covering | None = None

    @property
    def accepted(self) -> bool:
        """See :func:`~radnode_kit.acceptance.checks.accepted`."""
        return accepted(self.checks)


def machine(device: str, seconds_per_image: float) -> Machine:
    """This one."""
    processor = platform.processor() or platform.machine()
    return Machine(
        platform.node(),
        platform.platform(),
        processor,
        platform.python_version(),
        __version__,
        device,
        seconds_per_image,
    )


def json_text(evaluation: Evaluation, *, phi: bool) -> str:
    """``report.json``: what is not a number is null. Args: phi: name the files that could not be read."""
    left_out = ("answers", "manifest")
    plain = {name: _plain(value) for name, value in vars(evaluation).items() if name not in left_out}
    plain["unreadable"] = [_problem(problem, phi) for problem in evaluation.unreadable]
    return json.dumps({"schema": SCHEMA, "accepted": evaluation.accepted} | plain, indent=1, allow_nan=False) + "\n"


def _problem(problem: Problem, phi: bool) -> dict[str, Any]:  # Any: JSON's edge
    row: dict[str, Any] = {"line": problem.line, "reason": problem.reason}
    return row | {"file": problem.file} if phi else row


def _plain(value: Any) -> Any:  # Any: JSON's edge
    if hasattr(value, "__dataclass_fields__"):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def cases_text(evaluation: Evaluation, *, phi: bool) -> str:
    """``cases.csv``: one line per case. Args: phi: with file and patient, which else stay out."""
    out, manifest = io.StringIO(), evaluation.manifest
    writer = csv.DictWriter(out, _columns(manifest, phi), lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(
        {name: _safe(cell) for name, cell in _cells(answer, manifest, phi)} for answer in evaluation.answers
    )
    return out.getvalue()


def _columns(manifest: Manifest, phi: bool) -> list[str]:
    names = [spec.name for spec in manifest.findings]
    kinds = [f"{kind}_{name}" for kind in ("truth", "probability", "outcome") for name in names]
    own = ["file", "patient"] if phi else []
    return ["line", *own, "images", "status", *kinds, "sex", "age", "view", "source", "maker", "reason"]


def _cells(answer: Answer, manifest: Manifest, phi: bool) -> Iterator[tuple[str, str]]:
    case = answer.case
    yield from (("line", str(case.line)), ("images", str(len(case.sources))), ("status", answer.status))
    yield from case.traits.groups().items()
    yield "reason", answer.reason
    if phi:
        yield from (("file", case.sources[0].row.file), ("patient", case.sources[0].row.patient))
    for spec, truth in zip(manifest.findings, case.truth, strict=True):
        yield f"truth_{spec.name}", "" if math.isnan(truth) else f"{truth:.0f}"
    if answer.status is Status.ANSWERED:
        for spec, probability in zip(manifest.findings, answer.probabilities, strict=True):
            yield f"probability_{spec.name}", f"{probability:.6f}"
            yield (
                f"outcome_{spec.name}",
                outcome(probability, spec.operating_point.threshold, spec.operating_point.undetermined),
            )


def outcome(probability: float, threshold: float, undetermined: tuple[float, float] | None) -> str:
    """``present``, ``absent`` or ``undetermined``, as the report of the node says it."""
    if undetermined and undetermined[0] <= probability < undetermined[1]:
        return "undetermined"
    return "present" if probability >= threshold else "absent"


def _safe(cell: str) -> str:
    """No spreadsheet takes it for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
