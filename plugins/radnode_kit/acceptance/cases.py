"""From files to cases, and from cases to what the plugin says of them: through the door that the node uses."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce
from pathlib import Path

from node.assemble import read_image_set
from node.classify.runner import Runner
from node.errors import DecodeError, PluginError
from node.plugin import Image, ImageSet, Manifest, Prediction
from node.route.veto import checks
from node.study import Series
from radnode_kit.acceptance.covering import MOST, Covered, covered, forms, subject
from radnode_kit.acceptance.pictures import read_picture
from radnode_kit.acceptance.sources import Source, name_of
from radnode_kit.acceptance.table import Problem
from radnode_kit.acceptance.traits import Traits

#: Most samples that one object may declare, as the node's own default.
MAX_PIXELS = 1 << 30
_BATCH_IMAGES = 16


class Status(StrEnum):
    """What became of a case."""

    ANSWERED = "answered"
    ABSTAINED = "abstained"  # the plugin says that it does not know
    REFUSED = "refused"  # by the manifest: the node would not send it to this plugin
    NOT_ASSESSED = "not assessed"  # no image of it could be read, or the plugin failed


@dataclass(frozen=True)
class Case:
    """What is classified at once: a file, or the files of a series. `truth` as in :class:`.table.Row`."""

    sources: tuple[Source, ...]
    truth: tuple[float, ...]

    @property
    def line(self) -> int:
        """Of its first file in the CSV."""
        return self.sources[0].row.line

    @property
    def patient(self) -> str:
        """See :attr:`Source.patient`."""
        return self.sources[0].patient

    @property
    def traits(self) -> Traits:
        """Of all its files, the first first."""
        return reduce(Traits.__or__, (source.traits for source in self.sources))


@dataclass(frozen=True)
class Answer:
    """A case with what came of it.

    Attributes:
        case: the case.
        status: see :class:`Status`.
        probabilities: calibrated, of each finding; empty unless it was answered.
        reason: why it was not answered.
        residual: largest distance of a map from adding up to its logit; NaN without a map.
        seconds: of the plugin, per image.
    """

    case: Case
    status: Status
    probabilities: tuple[float, ...] = ()
    reason: str = ""
    residual: float = math.nan
    seconds: float = math.nan


def cases_of(sources: Iterable[Source], level: str) -> tuple[list[Case], list[Problem]]:
    """Files that are classified together, in the order of the CSV; and series whose files contradict each other."""
    groups: dict[str, list[Source]] = {}
    for source in sources:
        groups.setdefault(source.series if level == "series" else str(source.row.path), []).append(source)
    cases, problems = [], []
    for members in groups.values():
        try:
            cases.append(_case(tuple(members)))
        except ValueError as error:
            problems.append(Problem(members[0].row.line, members[0].row.file, str(error)))
    return cases, problems


def _case(members: tuple[Source, ...]) -> Case:
    """Raises ValueError when they are not one series."""
    if len({source.patient for source in members}) > 1 and any(source.row.patient for source in members):
        raise ValueError("files of one series have different patients: correct 'patient' or 'series'")
    if len({source.instance is None for source in members}) > 1:
        raise ValueError("one series holds DICOM files and pictures: give them different names in 'series'")
    truth = []
    for values in zip(*(source.row.truth for source in members), strict=True):
        known = {value for value in values if not math.isnan(value)}
        if len(known) > 1:
            raise ValueError("files of one series have different labels: a label says what the whole series shows")
        truth.append(known.pop() if known else math.nan)
    return Case(members, tuple(truth))


class Bench:
    """Runs cases through a plugin.

    Args:
        runner: loads it and checks what it answers.
        manifest: of the plugin.
        unreadable: is told of every file that cannot be decoded; may raise.

    Attributes:
        covered: what became of answers when their evidence was blurred (see :mod:`.covering`).
    """

    def __init__(self, runner: Runner, manifest: Manifest, unreadable: Callable[[Problem], None]):
        self._runner, self._manifest, self._unreadable = runner, manifest, unreadable
        self.covered: list[Covered] = []

    def answers(self, cases: Iterable[Case]) -> Iterator[Answer]:
        """What came of each case, in order; raises :class:`~node.errors.PluginError` when the plugin cannot load."""
        batch: list[tuple[Case, ImageSet | Answer]] = []
        images = 0
        for case in cases:
            prepared = self._prepare(case)
            batch.append((case, prepared))
            images += len(prepared.images) if isinstance(prepared, ImageSet) else 0
            if images >= _BATCH_IMAGES:
                yield from self._classify(batch)
                batch, images = [], 0
        yield from self._classify(batch)

    def _prepare(self, case: Case) -> ImageSet | Answer:
        series = _series(case)
        if series and (broken := [check.reason for check in checks(self._manifest.accepts, series) if not check.holds]):
            return Answer(case, Status.REFUSED, reason="; ".join(broken))
        image_set = self._dicom(case, series) if series else self._pictures(case)
        return image_set or Answer(case, Status.NOT_ASSESSED, reason="no image of it could be read")

    def _dicom(self, case: Case, series: Series) -> ImageSet | None:
        image_set, missed = read_image_set(series, Path("/"), MAX_PIXELS)
        lines = {name_of(source): source.row for source in case.sources}
        for item in missed:
            row = lines[item.sop_instance_uid]
            self._unreadable(Problem(row.line, row.file, item.reason))
        return image_set

    def _pictures(self, case: Case) -> ImageSet | None:
        images = []
        for source in case.sources:
            try:
                images.append(Image(read_picture(source.row.path, MAX_PIXELS), None, name_of(source)))
            except DecodeError as error:
                text = f"{error.what}; {error.hint}" if error.hint else error.what
                self._unreadable(Problem(source.row.line, source.row.file, text))
        if not images:
            return None
        modality, traits = next(iter(self._manifest.accepts.modality), "OT"), case.traits
        uid = images[0].sop_instance_uid + ".1"
        return ImageSet(tuple(images), uid, modality, view=traits.view, age_years=traits.age_years, sex=traits.sex)

    def _classify(self, batch: list[tuple[Case, ImageSet | Answer]]) -> Iterator[Answer]:
        asked = [prepared for _, prepared in batch if isinstance(prepared, ImageSet)]
        begin = time.perf_counter()
        told = iter(self._runner.classify(self._manifest.name, asked) if asked else [])
        seconds = (time.perf_counter() - begin) / max(1, sum(len(image_set.images) for image_set in asked))
        for case, prepared in batch:
            if isinstance(prepared, Answer):
                yield prepared
            else:
                said = next(told)
                self._cover(case, prepared, said)
                yield self._answer(case, said, seconds)

    def _cover(self, case: Case, image_set: ImageSet, told: Prediction | PluginError) -> None:
        """Of the first cases that carry a finding and are called so: is it the evidence that the answer hangs on?"""
        if len(self.covered) >= MOST or isinstance(told, PluginError) or told.abstained:
            return
        chosen = subject(image_set, told, self._true_positives(case, told))
        if chosen is None:
            return
        finding, evidence = chosen
        said = self._runner.classify(self._manifest.name, forms(image_set, evidence, seed=case.line))
        one = covered(case.patient, finding, [each for each in said if isinstance(each, Prediction)])
        self.covered += [one] if one is not None else []

    def _true_positives(self, case: Case, told: Prediction) -> list[str]:
        points = {spec.name: spec.operating_point.threshold for spec in self._manifest.findings}
        carried = {spec.name for spec, truth in zip(self._manifest.findings, case.truth, strict=False) if truth == 1.0}
        return [one.name for one in told.findings if one.name in carried and one.probability >= points[one.name]]

    def _answer(self, case: Case, told: Prediction | PluginError, seconds: float) -> Answer:
        if isinstance(told, PluginError):
            self._unreadable(Problem(case.line, case.sources[0].row.file, told.what))
            return Answer(case, Status.NOT_ASSESSED, reason=told.what)
        residual = max((abs(evidence.residual) for evidence in told.maps), default=math.nan)
        if told.abstained:
            return Answer(case, Status.ABSTAINED, reason=told.abstained, residual=residual, seconds=seconds)
        probabilities = tuple(finding.probability for finding in told.findings)
        return Answer(case, Status.ANSWERED, probabilities, residual=residual, seconds=seconds)


def _series(case: Case) -> Series | None:
    """The instances of a case as the ledger would know them; None for pictures."""
    instances = tuple(source.instance for source in case.sources if source.instance)
    return Series(instances[0].series_instance_uid, instances) if instances else None
