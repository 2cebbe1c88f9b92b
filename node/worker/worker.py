"""The work itself: from jobs and files of the spool to predictions and result objects."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import pydicom
from pydicom import Dataset

from node import account, assemble, config, explain, report
from node.classify.catalogue import Catalogue
from node.classify.predictions import prediction_bytes, prediction_from
from node.classify.runner import Runner
from node.comparison import assessment_text
from node.errors import PermanentError, PluginError, RadnodeError, where
from node.export import ExportedStudy, messages
from node.kinds import ALWAYS, MESSAGES, in_order, with_stand_ins
from node.ledger import AnalysisRow, Critical, Job, job_from, observation_table
from node.plugin import ImageSet, Prediction
from node.report.identity import derived_uid
from node.spool import Spool
from node.stages import plain_name
from node.study import Analysed, Analysis, Instance, NotAssessed, ResultObject
from node.watch.observing import observed
from node.worker import critical
from node.worker.assessment import assessment
from node.worker.summary import changes, summary

#: Name of the file of predictions in the folder of an analysis.
PREDICTION = "prediction.npz"
#: Bytes of pixels kept between classifying and reporting, so that a CT of 500 slices, or a batch of films, is decoded
#: once.
_KEPT_BYTES = 1 << 30

Answer = dict[str, Any]  # JSON's edge
T = TypeVar("T")
Made = messages.Made
Decoded = tuple[tuple[ImageSet, ...], tuple[NotAssessed, ...]]


class Worker:
    """The work of one process. Args: settings: of the node; catalogue: plugins; spool: of the node."""

    def __init__(self, settings: config.Settings, catalogue: Catalogue, spool: Spool) -> None:
        self._settings, self._catalogue, self._spool = settings, catalogue, spool
        self._jobs: dict[int, Job] = {}  # in hand, by the id of the analysis
        self._runner = Runner(catalogue, settings.device)
        self._kept: dict[int, Decoded] = {}
        self._digest = configuration_digest(settings)
        self._seconds_each = 0.0  # that the plugin took for a series of the batch in hand

    def warm(self) -> list[str]:
        """Load the plugins that routes name, in all their versions; return what went wrong, a sentence each.

        Others are loaded when they are asked for.
        """
        problems, routed = [], {route.plugin for route in self._settings.routes}
        for name in self._catalogue.manifests:
            if plain_name(name) not in routed:
                continue
            try:
                self._runner.classifier(name)
            except RadnodeError as error:
                problems.append(str(error))
        return problems

    def handle(self, job: Answer) -> Answer:
        """The answer to one job; an analysis that fails does not touch the others."""
        self._tainted = False
        work = self._classify_each if job["op"] == "classify" else self._report_each
        self._jobs = {one.row.id: one for one in map(job_from, job["jobs"])}
        try:
            answers = work([one.row for one in self._jobs.values()])
        except RadnodeError as error:  # of all of them: the plugin cannot be loaded
            answers = [_failure(analysis_id, error) for analysis_id in self._jobs]
        return {"answers": answers, "tainted": self._tainted}

    def _classify_each(self, rows: list[AnalysisRow]) -> list[Answer]:
        """Predictions of a batch of one plugin, into the spool."""
        decoded = {row.id: self._guarded(row, partial(self._image_sets, row)) for row in rows}
        answers = {row_id: failure for row_id, failure in decoded.items() if isinstance(failure, dict)}
        sets = {row_id: found for row_id, found in decoded.items() if not isinstance(found, dict)}
        flat = [image_set for image_sets, _ in sets.values() for image_set in image_sets]
        begun = time.perf_counter()
        predictions = iter(self._runner.classify(rows[0].plugin, flat) if flat else [])
        self._seconds_each = (time.perf_counter() - begun) / max(1, len(flat))
        for row in rows:
            if row.id in sets:
                asked = [next(predictions) for _ in sets[row.id][0]]
                answers[row.id] = self._guarded(row, partial(self._keep, row, sets[row.id], asked))
        return [answers[row.id] for row in rows]

    def _report_each(self, rows: list[AnalysisRow]) -> list[Answer]:
        return [self._guarded(row, partial(self._reported, row)) for row in rows]

    def _reported(self, row: AnalysisRow) -> Answer:
        results, found, sealed, compared = self.report(row)
        return {
            "id": row.id,
            "compared": compared,
            "results": [vars(result) for result in results],
            "critical": [asdict(one) for one in found],
            "sealed": sealed,
            "version": self._runner.manifest(row.plugin).version,
        }

    def _guarded(self, row: AnalysisRow, step: Callable[[], T]) -> T | Answer:
        """What a step makes of an analysis, or its failure: what nobody has thought of fails this analysis only."""
        try:
            return step()
        except RadnodeError as error:
            return _failure(row.id, error)
        except FileNotFoundError as error:
            hint = "`radnode db check` says whether more are gone; send it again, then retry the analysis"
            gone = PermanentError(f"a file is not in the spool: {where(error)}", about=f"analysis {row.id}", hint=hint)
            return _failure(row.id, gone)
        except Exception as error:
            self._tainted = True
            self._kept.clear()
            return _failure(row.id, PermanentError(f"unexpected {where(error)}", about=f"analysis {row.id}"))

    def _keep(self, row: AnalysisRow, decoded: Decoded, predictions: list[Prediction | PluginError]) -> Answer:
        image_sets, not_assessed = decoded
        for prediction in predictions:
            if isinstance(prediction, PluginError):
                self._tainted = self._tainted or isinstance(prediction.__cause__, BaseException)
                raise prediction
        good = [prediction for prediction in predictions if isinstance(prediction, Prediction)]
        keyed = list(zip((s.series_instance_uid for s in image_sets), good, strict=True))
        data = prediction_bytes(keyed)
        self._write_file(row, PREDICTION, data)
        manifest = self._runner.manifest(row.plugin)
        key, image = self._patient_key(row), self._an_image(row)
        told = assessment(row, manifest, zip(image_sets, good, strict=True), key, image)
        return {
            "id": row.id,
            "summary": summary(manifest, good, len(not_assessed)),
            "assessment": assessment_text(told),
            "sealed": {PREDICTION: sha256(data).hexdigest()},
            "not_assessed": [{"sop_instance_uid": n.sop_instance_uid, "reason": n.reason} for n in not_assessed],
            "observed": self._observed(row, image_sets, good),
        }

    def _observed(
        self, row: AnalysisRow, image_sets: Sequence[ImageSet], predictions: list[Prediction]
    ) -> list[Answer]:
        """What is kept for those who watch the model."""
        attributes = {one.series_instance_uid: one.attributes for one in self._jobs[row.id].series}
        manifest, seconds = self._runner.manifest(row.plugin), self._seconds_each
        return [
            observation_table(observed(images, answer, manifest, attributes[images.series_instance_uid], seconds))
            for images, answer in zip(image_sets, predictions, strict=True)
        ]

    def report(self, row: AnalysisRow) -> tuple[list[ResultObject], list[Critical], dict[str, str], list[str]]:
        """Results and critical findings of a classified analysis, in the spool with an account of what they say.

        The last two are that account's name and sha256, and what it says of the changes since a prior.
        """
        analysis = self._analysis(row)
        kinds = self._kinds(row)
        overlay = self._settings.report.layout == "overlay"
        explanation = explain.explain(analysis, volumes=bool({"seg", "pm"} & set(kinds)), overlay=overlay)
        built = report.build(analysis, self._headers(row), explanation, kinds)
        told = account.account_bytes(report.account_of(analysis, explanation.contributions))
        self._write_file(row, account.FILE, told)
        self._kept.pop(row.id, None)
        made = [(self._write(row, number, kind, ds), ds) for number, (kind, ds) in enumerate(built)]
        said = account.account_from(told)
        told_to, found = self._messages(row, said, made)
        sealed = {account.FILE: sha256(told).hexdigest()}
        return [result for result, _ in made] + told_to, found, sealed, changes(said)

    def _messages(
        self, row: AnalysisRow, told: account.Account, made: list[Made]
    ) -> tuple[list[ResultObject], list[Critical]]:
        """The messages that the destinations take, known by the report that says the same, and what is critical."""
        kinds = [kind for kind in MESSAGES if any(kind in one.kinds for one in self._destinations(row))]
        if not kinds and not self._settings.critical:
            return [], []
        document = next(ds for result, ds in made if result.kind == "sr")
        series = self._jobs[row.id].series
        study = messages.reported(messages.Told(row, told, document, series, made))
        written = [self._write_message(row, kind, study, document.SOPInstanceUID) for kind in kinds]
        return written, critical.criticals(self._settings, study, partial(self._write_file, row))

    def _write_file(self, row: AnalysisRow, name: str, data: bytes) -> str:
        return self._spool.write(f"work/{row.id}/{name}", data)

    def _write_message(self, row: AnalysisRow, kind: str, study: ExportedStudy, uid: str) -> ResultObject:
        data = messages.written(kind, study, self._settings.node.ae_title)
        path = self._write_file(row, f"{kind}{messages.SUFFIX[kind]}", data)
        return ResultObject(derived_uid("message", uid, kind), "", "", kind, path, sha256(data).hexdigest())

    def _destinations(self, row: AnalysisRow) -> list[config.Destination]:
        return [one for name in row.destinations if (one := self._settings.destination(name))]

    def _kinds(self, row: AnalysisRow) -> tuple[str, ...]:
        """What the destinations take, and what may have to stand in for it where one can refuse."""
        found = self._destinations(row)
        refusable = with_stand_ins(kind for one in found if one.kind != "folder" for kind in one.kinds)
        return in_order({*ALWAYS, *refusable, *(kind for one in found for kind in one.kinds)})

    def _analysis(self, row: AnalysisRow) -> Analysis:
        image_sets, not_assessed = self._image_sets(row)
        by_series = {image_set.series_instance_uid: image_set for image_set in image_sets}
        stored = prediction_from(self._prediction(row))
        return Analysis(
            study_instance_uid=row.study_instance_uid,
            revision=row.revision,
            manifest=self._runner.manifest(row.plugin),
            analysed=tuple(Analysed(by_series[uid], prediction) for uid, prediction in stored if uid in by_series),
            not_assessed=not_assessed,
            started=row.created_at,
            expected=self._jobs[row.id].expected,
            predecessors=dict(self._jobs[row.id].predecessors),
            station_name=self._settings.node.station_name,
            ae_title=self._settings.node.ae_title,
            configuration_digest=self._digest,
            patient_key=self._patient_key(row),
            comparison=self._jobs[row.id].comparison,
        )

    def _prediction(self, row: AnalysisRow) -> bytes:
        """As it was made: every plugin of a worker may write where predictions lie."""
        data = self._spool.path(f"work/{row.id}/{PREDICTION}").read_bytes()
        if row.sealed.get(PREDICTION) not in (None, sha256(data).hexdigest()):
            hint = "retry the analysis; a plugin may have written where it must not"
            raise PermanentError("its prediction was changed after it was made", about=f"analysis {row.id}", hint=hint)
        return data

    def _image_sets(self, row: AnalysisRow) -> Decoded:
        decoded = self._kept.get(row.id) or self._decode(row)
        while self._kept and sum(map(_size, self._kept.values())) + _size(decoded) > _KEPT_BYTES:
            self._kept.pop(next(iter(self._kept)))
        if _size(decoded) <= _KEPT_BYTES:
            self._kept[row.id] = decoded
        return decoded

    def _decode(self, row: AnalysisRow) -> Decoded:
        self._jobs[row.id].check_files()
        found: list[ImageSet] = []
        missed = list(self._jobs[row.id].lost)
        for series in self._jobs[row.id].series:
            if series.series_instance_uid in row.series:
                image_set, not_assessed = assemble.read_image_set(
                    series, self._spool.root, self._settings.worker.max_pixels
                )
                missed.extend(not_assessed)
                if image_set is not None:
                    found.append(image_set)
        return tuple(found), tuple(missed)

    def _instances(self, row: AnalysisRow) -> list[Instance]:
        """Of the series that the plugin gets."""
        chosen = (one for one in self._jobs[row.id].series if one.series_instance_uid in row.series)
        return [instance for one in chosen for instance in one.instances]

    def _patient_key(self, row: AnalysisRow) -> str:
        return next((one.patient_key for one in self._instances(row)), "")

    def _an_image(self, row: AnalysisRow) -> Path | None:
        return next((self._spool.path(one.path) for one in self._instances(row)), None)

    def _headers(self, row: AnalysisRow) -> dict[str, Dataset]:
        return {one.sop_instance_uid: _header(self._spool.path(one.path)) for one in self._instances(row)}

    def _write(self, row: AnalysisRow, number: int, kind: str, dataset: Dataset) -> ResultObject:
        path, data = f"work/{row.id}/{number:03d}-{kind}.dcm", report.part10(dataset)
        self._spool.write(path, data)
        uids = dataset.SOPInstanceUID, dataset.SOPClassUID, dataset.SeriesInstanceUID
        return ResultObject(*uids, kind=kind, path=path, sha256=sha256(data).hexdigest())


def _header(path: Path) -> Dataset:
    return pydicom.dcmread(path, stop_before_pixels=True, force=True)


def _failure(analysis_id: int, error: RadnodeError) -> Answer:
    return {"id": analysis_id, "error": str(error), "temporary": error.temporary}


def _size(decoded: Decoded) -> int:
    """Bytes of the pixels."""
    images = (image for image_set in decoded[0] for image in image_set.images)
    return sum(image.pixels.nbytes + (image.values.nbytes if image.values is not None else 0) for image in images)


def configuration_digest(settings: config.Settings) -> str:
    """Hex, of the settings that shape a result: with other ones, the same study gives other objects."""
    node = settings.node
    shaping = (node.ae_title, node.station_name, settings.worker.max_pixels, settings.report.layout)
    return sha256(json.dumps(shaping).encode()).hexdigest()
