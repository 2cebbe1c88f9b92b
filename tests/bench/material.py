"""What the parts of the bench work on: packaged and test images on the product's own way up to where a part begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image as Pillow
from pydicom.dataset import Dataset

from node.assemble import read_image_set, read_images
from node.classify.catalogue import Catalogue
from node.classify.runner import Runner
from node.device import Device, Wishes
from node.offline import bench
from node.plugin import Image, ImageSet, Prediction
from node.samples import sample_paths
from node.study import Analysed, Analysis

THREADS = 2
_IMAGES = Path(__file__).parents[1] / "data" / "images"
_MOST_PIXELS = 1 << 30


@dataclass(frozen=True)
class Study:
    """A classified study. Attributes: paths: its files; analysis: what was found; headers: of its files, by UID."""

    paths: tuple[Path, ...]
    analysis: Analysis
    headers: dict[str, Dataset]


def runner(plugin: str, engine: str = "onnxruntime") -> Runner:
    """A plugin as a worker loads it, with the threads of the bench."""
    return Runner(Catalogue([plugin]), Device("cpu", Wishes(engine=engine, threads=THREADS)))


def film() -> Study:
    """A packaged film, with pneumonia."""
    return _study("chest-radiograph", [path for path in sample_paths() if path.parent.name == "2-adult-pneumonia"])


def series(slices: int = 10_000) -> Study:
    """Those slices of the packaged brain with a tumour that the model knows, or the first so many of them."""
    return _study("brain-tumour-mr", _known()[:slices])


@cache
def _known() -> list[Path]:
    paths = [path for path in sample_paths() if path.parent.name == "5-brain-mr"]
    alone = [next(_read(path, "MR", "BRAIN")) for path in paths]
    told = runner("brain-tumour-mr").classify("brain-tumour-mr", alone)
    return [path for path, one in zip(paths, told, strict=True) if isinstance(one, Prediction) and not one.abstained]


@cache
def _cached(plugin: str, paths: tuple[Path, ...]) -> Study:
    with bench([]) as place:
        place.take(paths)
        (found,) = place.series()
        images, missed = read_image_set(found, place.spool.root, _MOST_PIXELS)
    if images is None or missed:
        raise RuntimeError(f"the samples cannot be decoded: {missed}")
    ran = runner(plugin)
    (prediction,) = ran.classify(plugin, [images])
    if not isinstance(prediction, Prediction):
        raise prediction
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in paths]
    analysis = Analysis(
        study_instance_uid=str(headers[0].StudyInstanceUID),
        revision=1,
        manifest=ran.manifest(plugin),
        analysed=(Analysed(images, prediction),),
        not_assessed=(),
        started=1_750_000_000.0,
        ae_title="RADNODE",
    )
    return Study(paths, analysis, {str(ds.SOPInstanceUID): ds for ds in headers})


def _study(plugin: str, paths: Sequence[Path]) -> Study:
    return _cached(plugin, tuple(paths))


def image_sets(plugin: str, count: int) -> list[ImageSet]:
    """So many image sets of one image each, of the kind that a shipped plugin takes; then the first again."""
    found = list(_KINDS[plugin]())
    return [found[number % len(found)] for number in range(count)]


def _films() -> Iterator[ImageSet]:
    for folder in ("1-adult-no-finding", "2-adult-pneumonia", "3-child-normal", "4-child-pneumonia"):
        (path,) = (path for path in sample_paths() if path.parent.name == folder)
        yield from _read(path, "CR", "CHEST")


def _brains() -> Iterator[ImageSet]:
    for path in [path for path in sample_paths() if path.parent.name == "5-brain-mr"][8:32:3]:
        yield from _read(path, "MR", "BRAIN")


def _chests() -> Iterator[ImageSet]:
    for path in sorted((_IMAGES / "ct_chest_tcga").glob("*.dcm")):
        yield from _read(path, "CT", "CHEST")


def _skins() -> Iterator[ImageSet]:
    for path in sorted((_IMAGES / "skin_isic2017").glob("*.jpg"))[:8]:
        with Pillow.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB"), np.float32) / 255
        yield ImageSet((Image(pixels, None, path.stem),), path.stem, "XC", "SKIN")


def _read(path: Path, modality: str, body_part: str) -> Iterator[ImageSet]:
    for image in read_images(path, _MOST_PIXELS):
        yield ImageSet((image,), f"{image.sop_instance_uid}.1", modality, body_part)


_KINDS = {
    "chest-radiograph": _films,
    "brain-tumour-mr": _brains,
    "ct-contrast-phase": _chests,
    "skin-lesion": _skins,
}
PLUGINS = tuple(_KINDS)
