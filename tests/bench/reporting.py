"""Reporting: milliseconds from an explanation to objects, each kind alone and as destinations take them, encoded.

The measure is what highdicom alone does with the full datasets: the same findings as TID 1500, and the same pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path

import highdicom
import numpy as np
import pydicom
from highdicom import sr
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

from node.explain import explain
from node.kinds import PROFILES
from node.report import build
from node.study import Explanation
from tests.bench import material
from tests.bench.figures import Rows, compared, in_turn, rate
from tests.bench.material import Study

_KINDS = ("sr", "sc", "viewer-sr", "gsps", "seg", "pm", "pdf")
_PLAIN = "highdicom alone"

_WORDS = f"""## Reporting

Milliseconds from an explanation to objects, encoded as Part 10 files in memory: each kind alone (of heatmaps, all), and
what destinations of a profile take. {_PLAIN}: the same findings as TID 1500 in a Comprehensive 3D SR, and the same
pictures as Secondary Captures, given the full datasets; no region, no account of the model, no colour profile.

"""


def measure(folder: Path, rounds: int, seconds: float = 0.3, slices: int = 10_000) -> Rows:
    """What was made -> milliseconds. Args: seconds: of each measurement; slices: of the series."""
    found: Rows = {}
    for what, study in (("a film", material.film()), ("a series", material.series(slices))):
        told = explain(study.analysis, volumes=len(study.paths) > 1)
        full = [pydicom.dcmread(path) for path in study.paths]
        plain = {"sr": partial(_plain_report, study, full), "sc": partial(_plain_captures, told, full)}
        asked: dict[str, Collection[str]] = {kind: (kind,) for kind in _KINDS}
        asked |= {f"profile {name}": PROFILES[name] for name in ("sc+sr", "all")}
        for name, kinds in asked.items():
            make = partial(_made, study, told, kinds)
            if not make():
                continue  # nothing of that kind comes of it
            ways: dict[str, Callable[[], object]] = {"radnode": make}
            if name in plain:
                ways[_PLAIN] = plain[name]
            acts = {way: partial(_milliseconds, act, seconds) for way, act in ways.items()}
            found[f"{what} ({len(study.paths)} images), {name}"] = in_turn(acts, rounds)
    return found


def section(rows: Rows) -> str:
    """Its part of the page."""
    return _WORDS + compared(rows, "what", less=True)


def _made(study: Study, told: Explanation, kinds: Collection[str]) -> list[bytes]:
    return [_encoded(ds) for _, ds in build(study.analysis, study.headers, told, kinds)]


def _encoded(ds: Dataset) -> bytes:
    stream = BytesIO()
    pydicom.dcmwrite(stream, ds, enforce_file_format=True)
    return stream.getvalue()


def _milliseconds(act: Callable[[], object], seconds: float) -> float:
    act()
    return 1000 / rate(act, seconds)


def _plain_report(study: Study, full: Sequence[Dataset]) -> bytes:
    """The findings as a person who has read highdicom's manual would write them."""
    observer = sr.ObserverContext(codes.DCM.Device, sr.DeviceObserverIdentifyingAttributes(generate_uid()))
    groups = []
    for finding in study.analysis.analysed[0].prediction.findings:
        spec = study.analysis.manifest.finding(finding.name)
        code = sr.CodedConcept(spec.code.value, spec.code.scheme, spec.code.meaning)
        image = next(ds for ds in full if ds.SOPInstanceUID == (finding.key_sop_instance_uid or ds.SOPInstanceUID))
        groups.append(
            sr.MeasurementsAndQualitativeEvaluations(
                tracking_identifier=sr.TrackingIdentifier(uid=generate_uid(), identifier=finding.name),
                finding_type=code,
                source_images=[sr.SourceImageForMeasurementGroup.from_source_image(image)],
                measurements=[sr.Measurement(codes.DCM.Probability, finding.probability * 100, codes.UCUM.Percent)],
            )
        )
    report = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=observer),
        procedure_reported=codes.LN.DiagnosticImagingReport,
        imaging_measurements=groups,
    )
    document = sr.Comprehensive3DSR(
        evidence=full,
        content=report,
        series_instance_uid=generate_uid(),
        series_number=9000,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="bench",
    )
    return _encoded(document)


def _plain_captures(told: Explanation, full: Sequence[Dataset]) -> list[bytes]:
    """The pictures, each referring to nothing."""
    series = generate_uid()
    return [
        _encoded(
            highdicom.sc.SCImage.from_ref_dataset(
                full[0],
                pixel_array=np.ascontiguousarray(picture.pixels),
                photometric_interpretation="RGB",
                bits_allocated=8,
                coordinate_system="PATIENT",
                series_instance_uid=series,
                series_number=9001,
                sop_instance_uid=generate_uid(),
                instance_number=number,
                manufacturer="bench",
                patient_orientation=("L", "F"),
            )
        )
        for number, picture in enumerate(told.pictures, 1)
    ]
