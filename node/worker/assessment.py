"""What an analysis said, as it is kept for whoever is compared with it: plain values, digests of whom it is about."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset

from node.comparison import Answer, Aspect, Assessment, SeriesAssessment
from node.ledger import AnalysisRow
from node.plugin import Image, ImageSet, Manifest, Prediction

_TAGS = ("StudyDate", "StudyTime", "PatientBirthDate", "PatientSex")


def assessment(
    row: AnalysisRow,
    manifest: Manifest,
    answered: Iterable[tuple[ImageSet, Prediction]],
    patient_key: str,
    image: Path | None,
) -> Assessment:
    """Of one analysis.

    Args:
        row: the analysis.
        manifest: of the plugin.
        answered: each series with its prediction.
        patient_key: see :class:`node.study.Arrival`; with it a digest of a birth date differs from patient to patient.
        image: a file of the study, whose header says when it was made and whom it shows; None: there is none.
    """
    ds = _header(image)
    return Assessment(
        study_instance_uid=row.study_instance_uid,
        study_date=_day(_text(ds, "StudyDate")),
        study_time=re.sub(r"\D.*", "", _text(ds, "StudyTime"))[:6],
        born=_digest(patient_key, re.sub(r"\D", "", _text(ds, "PatientBirthDate"))),
        sex=_digest(patient_key, _text(ds, "PatientSex").upper()),
        plugin=manifest.name,
        version=manifest.version,
        model=manifest.claims_digest,
        series=tuple(_series(manifest, *one) for one in answered),
    )


def _header(path: Path | None) -> Dataset:
    """Empty when it cannot be read: then nothing is compared."""
    if path is None:
        return Dataset()
    try:
        return pydicom.dcmread(path, stop_before_pixels=True, force=True, specific_tags=list(_TAGS))
    except Exception:  # an edge: whatever a broken header makes pydicom raise
        return Dataset()


def _text(ds: Dataset, keyword: str) -> str:
    try:
        return str(ds.get(keyword) or "").strip()
    except Exception:  # as above
        return ""


def _day(text: str) -> str:
    """YYYYMMDD; empty for what is no day."""
    try:
        return f"{datetime.strptime(text, '%Y%m%d'):%Y%m%d}"
    except ValueError:
        return ""


def _digest(patient_key: str, value: str) -> str:
    return sha256(f"{patient_key} {value}".encode()).hexdigest()[:16] if value else ""


def _series(manifest: Manifest, image_set: ImageSet, prediction: Prediction) -> SeriesAssessment:
    shown = {} if prediction.abstained else {one.name: one for one in prediction.findings}
    return SeriesAssessment(
        series_instance_uid=image_set.series_instance_uid,
        aspect=Aspect.of(image_set.body_part, image_set.laterality, image_set.view),
        instances=tuple(dict.fromkeys(_key_images(image_set, prediction))),
        findings=tuple(
            Answer(
                name,
                str(manifest.finding(name).operating_point.outcome(one.probability)),
                float(one.probability),
                float(one.logit),
            )
            for name, one in shown.items()
        ),
        abstained=prediction.abstained,
    )


def _key_images(image_set: ImageSet, prediction: Prediction) -> Iterator[tuple[str, str]]:
    """Those that show the findings best, else the one in the middle."""
    images = {image.sop_instance_uid: image for image in image_set.images}
    middle: list[Image] = list(image_set.images[len(image_set.images) // 2 :][:1])
    keys = [images[one.key_sop_instance_uid] for one in prediction.findings if one.key_sop_instance_uid in images]
    for image in keys or middle:
        yield image.sop_class_uid, image.sop_instance_uid
