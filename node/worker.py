"""A worker process: decodes, classifies, explains and reports; the only process that may load torch.

It reads rows from the ledger and files from the spool, writes files into `work/<analysis>/`, and answers with what the
main process then commits; it moves no state itself, so that it can be killed on any line. Started as
``python -m node.worker CONFIG SOCKET``; one JSON line is one job:

    {"op": "classify" | "report", "ids": [1, 2]}
    -> {"answers": [{"id": 1, ...} | {"id": 2, "error": "...", "temporary": false}]}
"""

from __future__ import annotations

import gc
import io
import json
import os
import resource
import socket
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pydicom
from pydicom import Dataset

from node import assemble, config, explain, report
from node.classify import Catalogue, Runner, prediction_bytes, prediction_from
from node.errors import PluginError, RadnodeError, where
from node.ledger import AnalysisRow, Ledger
from node.plugin import ImageSet, Manifest, Prediction
from node.spool import Spool
from node.study import Analysed, Analysis, NotAssessed, ResultObject

#: Made for every analysis, whether or not a destination asks for more.
ALWAYS = ("sc", "sr")
#: Image sets kept between classifying and reporting, so that they are decoded once.
_KEPT = 8

Answer = dict[str, Any]  # JSON's edge


class Worker:
    """The work of one process. Args: settings: of the node; catalogue: plugins; ledger, spool: opened by the caller."""

    def __init__(self, settings: config.Settings, catalogue: Catalogue, ledger: Ledger, spool: Spool) -> None:
        self._settings, self._catalogue = settings, catalogue
        self._ledger, self._spool = ledger, spool
        self._runner = Runner(catalogue, settings.worker.device)
        self._kept: dict[int, tuple[tuple[ImageSet, ...], tuple[NotAssessed, ...]]] = {}

    def warm(self) -> list[str]:
        """Load every usable plugin; return what went wrong, a sentence each."""
        problems = []
        for name in self._catalogue.manifests:
            try:
                self._runner.classifier(name)
            except RadnodeError as error:
                problems.append(str(error))
        return problems

    def handle(self, job: Answer) -> Answer:
        """The answer to one job; an analysis that fails does not touch the others."""
        rows = [self._ledger.analyses.get(analysis_id) for analysis_id in job["ids"]]
        return {"answers": self.classify(rows) if job["op"] == "classify" else [self._one(row) for row in rows]}

    def classify(self, rows: list[AnalysisRow]) -> list[Answer]:
        """Predictions of a batch of one plugin, into the spool."""
        sets = [self._image_sets(row) for row in rows]
        flat = [image_set for image_sets, _ in sets for image_set in image_sets]
        try:
            predictions = iter(self._runner.classify(rows[0].plugin, flat) if flat else [])
        except RadnodeError as error:
            return [_failure(row, error) for row in rows]
        return [
            self._keep(row, image_sets, not_assessed, [next(predictions) for _ in image_sets])
            for row, (image_sets, not_assessed) in zip(rows, sets, strict=True)
        ]

    def _keep(
        self,
        row: AnalysisRow,
        image_sets: tuple[ImageSet, ...],
        not_assessed: tuple[NotAssessed, ...],
        predictions: list[Prediction | PluginError],
    ) -> Answer:
        good = [p for p in predictions if isinstance(p, Prediction)]
        if errors := [p for p in predictions if isinstance(p, PluginError)]:
            return _failure(row, errors[0])
        keyed = list(zip((s.series_instance_uid for s in image_sets), good, strict=True))
        try:
            self._spool.write(f"work/{row.id}/prediction.npz", prediction_bytes(keyed))
        except RadnodeError as error:
            return _failure(row, error)
        manifest = self._manifest(row)
        return {
            "id": row.id,
            "summary": summary(manifest, good, len(not_assessed)),
            "not_assessed": [{"sop_instance_uid": n.sop_instance_uid, "reason": n.reason} for n in not_assessed],
        }

    def _one(self, row: AnalysisRow) -> Answer:
        try:
            return {"id": row.id, "results": [vars(result) for result in self.report(row)]}
        except RadnodeError as error:
            return _failure(row, error)
        except Exception as error:  # an edge: a source nobody has thought of must fail its own analysis only
            return _failure(row, PluginError(f"the report cannot be built: {where(error)}", about=f"analysis {row.id}"))

    def report(self, row: AnalysisRow) -> list[ResultObject]:
        """The result objects of a classified analysis, written into the spool."""
        analysis = self._analysis(row)
        regions, pictures = explain.explain(analysis)
        kinds = {*ALWAYS, *(k for name in row.destinations if (d := self._settings.destination(name)) for k in d.kinds)}
        built = report.build(analysis, self._headers(row), regions, pictures, kinds=tuple(sorted(kinds)))
        self._kept.pop(row.id, None)
        return [self._write(row, number, kind, dataset) for number, (kind, dataset) in enumerate(built)]

    def _analysis(self, row: AnalysisRow) -> Analysis:
        image_sets, not_assessed = self._image_sets(row)
        by_series = {image_set.series_instance_uid: image_set for image_set in image_sets}
        stored = prediction_from(self._spool.path(f"work/{row.id}/prediction.npz").read_bytes())
        return Analysis(
            study_instance_uid=row.study_instance_uid,
            revision=row.revision,
            manifest=self._manifest(row),
            analysed=tuple(Analysed(by_series[uid], prediction) for uid, prediction in stored if uid in by_series),
            not_assessed=not_assessed,
            started=row.created_at,
            expected=self._ledger.studies.get(row.study_instance_uid).expected,
            predecessors=self._ledger.analyses.delivered_before(row),
            station_name=self._settings.node.station_name,
            ae_title=self._settings.node.ae_title,
        )

    def _image_sets(self, row: AnalysisRow) -> tuple[tuple[ImageSet, ...], tuple[NotAssessed, ...]]:
        if row.id not in self._kept:
            while len(self._kept) >= _KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[row.id] = self._decode(row)
        return self._kept[row.id]

    def _decode(self, row: AnalysisRow) -> tuple[tuple[ImageSet, ...], tuple[NotAssessed, ...]]:
        found: list[ImageSet] = []
        missed: list[NotAssessed] = []
        for series in self._ledger.studies.series(row.study_instance_uid):
            if series.series_instance_uid in row.series:
                image_set, not_assessed = assemble.read_image_set(
                    series, self._spool.root, self._settings.worker.max_pixels
                )
                missed.extend(not_assessed)
                if image_set is not None:
                    found.append(image_set)
        return tuple(found), tuple(missed)

    def _headers(self, row: AnalysisRow) -> dict[str, Dataset]:
        return {
            instance.sop_instance_uid: _header(self._spool.path(instance.path))
            for series in self._ledger.studies.series(row.study_instance_uid)
            if series.series_instance_uid in row.series
            for instance in series.instances
        }

    def _manifest(self, row: AnalysisRow) -> Manifest:
        manifest = self._catalogue.get(row.plugin).manifest
        if manifest is None:
            raise PluginError("the plugin's manifest cannot be used", about=row.plugin)
        return manifest

    def _write(self, row: AnalysisRow, number: int, kind: str, dataset: Dataset) -> ResultObject:
        stream = io.BytesIO()
        pydicom.dcmwrite(stream, dataset, enforce_file_format=True)
        path = self._spool.write(f"work/{row.id}/{number:03d}-{kind}.dcm", stream.getbuffer())
        return ResultObject(
            dataset.SOPInstanceUID, dataset.SOPClassUID, dataset.SeriesInstanceUID, kind=kind, path=path
        )


def _header(path: Path) -> Dataset:
    return pydicom.dcmread(path, stop_before_pixels=True, force=True)


def _failure(row: AnalysisRow, error: RadnodeError) -> Answer:
    return {"id": row.id, "error": str(error), "temporary": error.temporary}


def summary(manifest: Manifest, predictions: Iterable[Prediction], not_assessed: int) -> str:
    """One line for the operator: findings with probability, abstentions, what was not assessed; no patient's data."""
    parts = []
    for prediction in predictions:
        if prediction.abstained:
            parts.append(f"abstained: {prediction.abstained}")
        for finding in prediction.findings:
            spec = manifest.finding(finding.name)
            reached = finding.probability >= spec.operating_point.threshold
            parts.append(f"{spec.label} {finding.probability:.0%} ({'present' if reached else 'absent'})")
    if not_assessed:
        parts.append(f"{not_assessed} image{'s' if not_assessed > 1 else ''} not assessed")
    return "; ".join(parts) or "nothing was assessed"


def _limit(settings: config.WorkerSettings) -> None:
    """Memory, open files and core dumps of this process."""
    resource.setrlimit(resource.RLIMIT_AS, (settings.memory_mb << 20, settings.memory_mb << 20))
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(settings.threads)


def _die_with(parent: int) -> None:
    """End this process when the parent is gone: nobody would hear the answer."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.killpg(0, 9)

    threading.Thread(target=watch, daemon=True, name="parent-watch").start()


def main(arguments: list[str]) -> int:
    """Serve jobs until the socket is closed. Args: configuration file, number of the inherited socket."""
    path, descriptor = Path(arguments[0]), int(arguments[1])
    settings = config.load(path)
    _die_with(os.getppid())
    _limit(settings.worker)
    data = settings.node.data_dir
    ledger = Ledger(data / "ledger.db", settings.storage.busy_seconds)
    worker = Worker(settings, Catalogue(settings.worker.plugins), ledger, Spool(data / "spool"))
    with socket.socket(fileno=descriptor) as channel, channel.makefile("rwb") as lines:
        _say(lines, {"problems": worker.warm()})
        gc.freeze()
        for line in lines:
            _say(lines, worker.handle(json.loads(line)))
    return 0


def _say(lines: Any, answer: Answer) -> None:  # Any: makefile("rwb") has no public type
    lines.write(json.dumps(answer).encode() + b"\n")
    lines.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
