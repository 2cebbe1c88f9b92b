"""The order of the work, from the CSV file to the evaluation.

Worked example::

    evaluation = evaluate("chest-radiograph", Path("site.csv"), Options(keep_going=True))
    evaluation.accepted, evaluation.findings[0].discrimination.auroc
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from node.classify.catalogue import Catalogue
from node.classify.runner import Runner
from node.plugin import Manifest
from radnode_kit.acceptance.cases import Answer, Bench, Case, Status, cases_of
from radnode_kit.acceptance.checks import checks_of
from radnode_kit.acceptance.classes import classes
from radnode_kit.acceptance.covering import covering
from radnode_kit.acceptance.figures import Scored
from radnode_kit.acceptance.finding import FindingFigures, finding_figures
from radnode_kit.acceptance.resampling import Resamples
from radnode_kit.acceptance.result import Counts, Evaluation, Provenance, machine
from radnode_kit.acceptance.sources import look_at
from radnode_kit.acceptance.table import Problem, Table, read_table, refuse

Advance = Callable[[int], None]
#: A progress bar: (what is done, how many of it) -> a context that yields what to tell of each step.
Progress = Callable[[str, int], AbstractContextManager[Advance]]
_NUMBER = re.compile(r"\d+(\.\d+)?")
_KEEP_GOING = "correct these lines, or count such files as not assessed with --keep-going"


@dataclass(frozen=True)
class Options:
    """How to evaluate.

    Attributes:
        keep_going: files that cannot be read are counted and listed; else they end the evaluation.
        device: ``cpu`` or ``cuda:N``.
        max_abstained: share of abstentions above which the plugin is not accepted.
        rounds: of the bootstrap.
    """

    keep_going: bool = False
    device: str = "cpu"
    max_abstained: float = 0.1
    rounds: int = 2000


def _silent(what: str, total: int) -> AbstractContextManager[Advance]:
    return nullcontext(lambda done: None)


def evaluate(plugin: str, csv: Path, options: Options, progress: Progress = _silent) -> Evaluation:
    """Measure an installed plugin on a site's images.

    Raises :class:`~node.errors.PluginError` when there is no such plugin or it cannot be loaded, and
    :class:`~radnode_kit.acceptance.table.DatasetError` for lines and files that cannot be used.
    """
    runner = Runner(Catalogue(), options.device)
    manifest = runner.manifest(plugin)
    table = read_table(csv, manifest)
    runner.classifier(plugin)
    unreadable: list[Problem] = []

    def note(problems: list[Problem]) -> None:
        if not options.keep_going:
            refuse(problems, csv, _KEEP_GOING)
        unreadable.extend(problems)

    cases = _cases(table, manifest, note, progress)
    bench, answers = Bench(runner, manifest, lambda problem: note([problem])), []
    with progress("classifying", len(cases)) as advance:
        for answer in bench.answers(cases):
            answers.append(answer)
            advance(1)
    told = covering(bench.covered, options.rounds)
    return replace(_evaluation(table, manifest, answers, unreadable, options), covering=told)


def _cases(table: Table, manifest: Manifest, note: Callable[[list[Problem]], None], progress: Progress) -> list[Case]:
    with progress("reading headers", len(table.rows)) as advance:
        sources, problems = look_at(table.rows, advance)
    note(problems)
    cases, contradictions = cases_of(sources, manifest.level)
    refuse(contradictions, table.path, "correct these lines and start again")
    return cases


def _evaluation(
    table: Table, manifest: Manifest, answers: list[Answer], unreadable: list[Problem], options: Options
) -> Evaluation:
    by_status = Counter(answer.status for answer in answers)
    residual = _largest([answer.residual for answer in answers])
    findings, scored, resamples = _findings(manifest, answers, options.rounds)
    counts = Counts(
        lines=len(table.rows),
        cases=len(answers),
        patients=len({answer.case.patient for answer in answers}),
        answered=by_status[Status.ANSWERED],
        abstained=by_status[Status.ABSTAINED],
        refused=by_status[Status.REFUSED],
        not_assessed=len(unreadable),
    )
    names = tuple(spec.name for spec in manifest.findings)
    return Evaluation(
        provenance=_provenance(table, manifest, answers, options.device),
        counts=counts,
        checks=checks_of(findings, counts.answered, counts.abstained, residual, options.max_abstained),
        findings=findings,
        classes=classes(scored, names, resamples) if manifest.mutually_exclusive else None,
        residual=residual,
        reasons=kinds_of([answer.reason for answer in answers if answer.reason]),
        unclaimed=table.unclaimed,
        unreadable=tuple(sorted(unreadable, key=lambda problem: problem.line)),
        answers=tuple(answers),
        manifest=manifest,
    )


def _findings(
    manifest: Manifest, answers: list[Answer], rounds: int
) -> tuple[tuple[FindingFigures, ...], Scored, Resamples]:
    answered = [answer for answer in answers if answer.status is Status.ANSWERED]
    abstained = [answer.case.truth for answer in answers if answer.status is Status.ABSTAINED]
    shape = (len(answered), len(manifest.findings))
    scored = Scored(
        probabilities=np.array([answer.probabilities for answer in answered], dtype=np.float64).reshape(shape),
        truth=np.array([answer.case.truth for answer in answered], dtype=np.float64).reshape(shape),
        patients=np.array([answer.case.patient for answer in answered], dtype=np.str_),
        groups=tuple(dict(answer.case.traits.groups()) for answer in answered),
    )
    resamples = Resamples(scored.patients, rounds)
    table = tuple(
        finding_figures(scored, index, spec, [truth[index] for truth in abstained], resamples)
        for index, spec in enumerate(manifest.findings)
    )
    return table, scored, resamples


def _provenance(table: Table, manifest: Manifest, answers: list[Answer], device: str) -> Provenance:
    seconds = [answer.seconds for answer in answers if np.isfinite(answer.seconds)]
    return Provenance(
        plugin=manifest.name,
        version=manifest.version,
        title=manifest.title,
        digest=manifest.digest,
        csv=table.path.name,
        csv_sha256=table.sha256,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=machine(device, float(np.median(seconds)) if seconds else float("nan")),
    )


def kinds_of(reasons: list[str]) -> dict[str, int]:
    """How often each reason was given, the most frequent first; reasons that differ in numbers only are one.

    The first of them is shown.
    """
    shapes = [_NUMBER.sub("0", reason) for reason in reasons]
    first = dict(zip(reversed(shapes), reversed(reasons), strict=True))
    return {first[shape]: count for shape, count in Counter(shapes).most_common()}


def _largest(values: list[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return max(known) if known else float("nan")
