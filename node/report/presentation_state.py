"""Marks over the untouched source image: the Softcopy Presentation State, in grey or in colour (PS3.3 A.33.1, A.33.2).

Each finding has a graphic layer of its own, so that a viewer can show it and hide it. A state tells Modality LUT,
polarity, shutter and colour profile once for all its images, so images that differ in these get a state of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.uid import UID

from node.plugin import Image, Outcome
from node.report import anatomy, annotation, evidence, label, provenance, softcopy, source
from node.report.group import tracking
from node.report.verdict import Verdict, verdicts_of
from node.study import Analysis, Explanation, Region

KIND = "gsps"
#: Colours of the layers, CIELab under D50: colour-blind eyes can tell them apart (Okabe and Ito 2008), and none is so
#: light or so dark that it is lost on a bright or dark part of an image.
_COLOURS = (
    (69.3, -16.8, -35.5),  # sky blue
    (71.2, 20.1, 74.7),  # orange
    (61.2, 37.7, -10.1),  # reddish purple
    (57.6, -44.7, 12.2),  # bluish green
    (54.9, 45.3, 64.2),  # vermilion
)


@dataclass(frozen=True, eq=False)  # images have no single truth value
class _Mark:
    """All places of one finding on one image, each with its number among the finding's places, from 1."""

    verdict: Verdict
    number: int  # of the finding in the manifest, from 0
    image: Image
    series_instance_uid: str
    places: tuple[tuple[int, Region], ...]

    @property
    def key(self) -> tuple[str, int]:
        return self.image.sop_instance_uid, self.image.frame

    @property
    def layer(self) -> str:
        """Name of its graphic layer: a Code String of at most 16 characters."""
        name = re.sub(r"[^A-Z0-9]+", "_", self.verdict.spec.name.upper())
        return f"{self.number + 1}_{name}"[:16]

    @property
    def boxes(self) -> list[label.Box]:
        return [label.around(place.polygon) for _, place in self.places]


def presentation_states(
    analysis: Analysis, sources: Mapping[str, Dataset], explanation: Explanation
) -> Iterator[Dataset]:
    """One state for each source series with marked places; none where nothing is marked.

    Args:
        analysis: what was found.
        sources: headers by SOP Instance UID; missing ones are tolerated.
        explanation: its regions are drawn, those of present findings.
    """
    by_series: dict[str, list[_Mark]] = {}
    for mark in _marks(analysis, explanation.regions):
        by_series.setdefault(mark.series_instance_uid, []).append(mark)

    def look(mark: _Mark) -> Dataset:
        return softcopy.look(_origin(mark, sources), mark.image)

    states = [state for marks in by_series.values() for state in _grouped(marks, look)]
    for index, (shared, marks) in enumerate(states):
        yield _state(analysis, sources, shared, marks, index)


def _marks(analysis: Analysis, regions: Sequence[Region]) -> Iterator[_Mark]:
    numbers = {spec.name: number for number, spec in enumerate(analysis.manifest.findings)}
    for item in analysis.analysed:
        images = {(image.sop_instance_uid, image.frame): image for image in item.image_set.images}
        for verdict in verdicts_of(analysis, item, regions, ()):
            if verdict.outcome is not Outcome.PRESENT:
                continue
            places = tuple(enumerate(verdict.regions, start=1))
            for key in dict.fromkeys((place.sop_instance_uid, place.frame) for _, place in places):
                own = tuple(one for one in places if (one[1].sop_instance_uid, one[1].frame) == key)
                series_instance_uid = item.image_set.series_instance_uid
                yield _Mark(verdict, numbers[verdict.spec.name], images[key], series_instance_uid, own)


def _origin(mark: _Mark, sources: Mapping[str, Dataset]) -> Dataset:
    return sources.get(mark.image.sop_instance_uid, Dataset())


def _grouped(marks: Sequence[_Mark], aspect: Callable[[_Mark], Dataset]) -> list[tuple[Dataset, list[_Mark]]]:
    """The marks whose images have the same attributes, with these attributes."""
    groups: list[tuple[Dataset, list[_Mark]]] = []
    for mark in marks:
        made = aspect(mark)
        for known, members in groups:
            if known == made:
                members.append(mark)
                break
        else:
            groups.append((made, [mark]))
    return groups


def _state(
    analysis: Analysis, sources: Mapping[str, Dataset], look: Dataset, marks: Sequence[_Mark], index: int
) -> Dataset:
    origin = _origin(marks[0], sources) or source.main_source(analysis, sources)
    ds = provenance.head(analysis, origin, provenance.Role(KIND, UID(look.SOPClassUID), "PR", index))
    anatomy.add_part(ds, origin)
    anatomy.add_side(ds, origin)
    ds.update(look)
    _add_identification(ds, analysis, marks)
    ds.ReferencedSeriesSequence = [_series(marks, sources)]
    areas = _grouped(marks, lambda mark: softcopy.displayed_area(_origin(mark, sources), mark.image))
    ds.DisplayedAreaSelectionSequence = [_limited(area, some, marks, sources) for area, some in areas]
    _add_voi(ds, marks, sources)
    ds.GraphicAnnotationSequence = list(_annotations(analysis, marks, sources))
    ds.GraphicLayerSequence = _layers(ds, marks)
    return provenance.finished(ds, origin)


def _add_identification(ds: Dataset, analysis: Analysis, marks: Sequence[_Mark]) -> None:
    """PS3.3 C.11.10."""
    labels = dict.fromkeys(mark.verdict.spec.label for mark in marks)
    ds.ContentLabel = "AI_FINDINGS"
    ds.ContentDescription = f"AI, not verified: {', '.join(labels)}"[:64]
    ds.ContentCreatorName = f"{re.sub(r'[=^]', ' ', analysis.manifest.name)[:60]}^AI"
    # a presentation state has no Content Date and Time, but a time of its own
    ds.PresentationCreationDate = ds.pop("ContentDate").value
    ds.PresentationCreationTime = ds.pop("ContentTime").value


def _series(marks: Sequence[_Mark], sources: Mapping[str, Dataset]) -> Dataset:
    """PS3.3 C.11.11."""
    item = Dataset()
    item.SeriesInstanceUID = marks[0].series_instance_uid
    item.ReferencedImageSequence = _images(marks, sources)
    return item


def _images(marks: Sequence[_Mark], sources: Mapping[str, Dataset]) -> list[Dataset]:
    """Each instance once, with the marked frames where it has several."""
    frames: dict[tuple[str, str], set[int]] = {}
    for mark in marks:
        sop_class_uid, sop_instance_uid, frame = evidence.pointer(mark.image, sources)
        frames.setdefault((sop_class_uid, sop_instance_uid), set()).update(() if frame is None else (frame,))
    return [_image(*instance, sorted(marked)) for instance, marked in frames.items()]


def _image(sop_class_uid: str, sop_instance_uid: str, frames: list[int]) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class_uid, sop_instance_uid
    if frames:
        item.ReferencedFrameNumber = frames
    return item


def _limited(item: Dataset, some: Sequence[_Mark], marks: Sequence[_Mark], sources: Mapping[str, Dataset]) -> Dataset:
    """`item`, which names the images of `some` where it does not hold for those of all marks: type 1C everywhere."""
    if {mark.key for mark in some} != {mark.key for mark in marks}:
        item.ReferencedImageSequence = _images(some, sources)
    return item


def _add_voi(ds: Dataset, marks: Sequence[_Mark], sources: Mapping[str, Dataset]) -> None:
    """One item for each window or table among the images; none in colour, which knows no VOI LUT."""
    if "ICCProfile" in ds:
        return
    groups = _grouped(marks, lambda mark: softcopy.voi(_origin(mark, sources), mark.image))
    items = [_limited(voi, some, marks, sources) for voi, some in groups if voi]
    if items:
        ds.SoftcopyVOILUTSequence = items


def _annotations(analysis: Analysis, marks: Sequence[_Mark], sources: Mapping[str, Dataset]) -> Iterator[Dataset]:
    taken: dict[tuple[str, int], list[label.Box]] = {}
    for mark in marks:
        said = annotation.lines(mark.verdict, research_only=analysis.manifest.research_only)
        others = [box for other in marks if other.key == mark.key and other is not mark for box in other.boxes]
        texts = taken.setdefault(mark.key, [])
        texts.append(label.label(said, mark.image.pixels, [*mark.boxes, *others], texts))
        yield _limited(_annotation(analysis, mark, said, texts[-1]), [mark], marks, sources)


def _annotation(analysis: Analysis, mark: _Mark, said: Sequence[str], box: label.Box) -> Dataset:
    """The words once, and an arrow from them to each place."""
    image, verdict = mark.image, mark.verdict
    tips = [annotation.nearest(place, box.centre) for _, place in mark.places]
    arrows = [annotation.arrow(box.nearest(tip), tip, image) for tip in tips]
    contours = [_tracked(annotation.contour(place, image), analysis, verdict, number) for number, place in mark.places]
    item = Dataset()
    item.GraphicLayer = mark.layer
    item.TextObjectSequence = [_tracked(annotation.text(said, box, tips[0], image), analysis, verdict)]
    item.GraphicObjectSequence = [*contours, *(arrow for arrow in arrows if arrow is not None)]
    return item


def _tracked(item: Dataset, analysis: Analysis, verdict: Verdict, place: int = 0) -> Dataset:
    """`item`, which tells of which finding or place it speaks as the reports do (PS3.3 C.10.5, Tracking ID)."""
    named, uid = tracking(analysis, verdict, place)
    item.TrackingID, item.TrackingUID = named.TextValue, uid.UID
    return item


def _layers(ds: Dataset, marks: Sequence[_Mark]) -> list[Dataset]:
    """One for each finding, in the manifest's order, above the source's own overlays (PS3.3 C.10.7)."""
    layers = []
    if any(found.value == softcopy.OVERLAYS for found in ds if found.tag.group >> 8 == 0x60):
        layers.append(_layer(softcopy.OVERLAYS, "Overlays of the image", (100.0, 0.0, 0.0)))
    findings = {mark.number: mark for mark in marks}
    for number, mark in sorted(findings.items()):
        layers.append(_layer(mark.layer, f"AI: {mark.verdict.spec.label}"[:64], _COLOURS[number % len(_COLOURS)]))
    for order, layer in enumerate(layers, start=1):
        layer.GraphicLayerOrder = order
    return layers


def _layer(name: str, description: str, colour: tuple[float, float, float]) -> Dataset:
    lightness, *chroma = colour
    item = Dataset()
    item.GraphicLayer, item.GraphicLayerDescription = name, description
    item.GraphicLayerRecommendedDisplayGrayscaleValue = 0xFFFF
    # PS3.3 C.10.7.1.1
    scaled = (lightness / 100.0, *((part + 128.0) / 255.0 for part in chroma))
    item.GraphicLayerRecommendedDisplayCIELabValue = [round(65535 * part) for part in scaled]
    return item
