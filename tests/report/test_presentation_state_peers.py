"""Presentation states before real peers: dciodvfy and dcmpschk accept them, DCMTK shows the image as without them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import numpy.typing as npt
import pydicom
import pytest
from PIL import Image as PillowImage
from PIL import ImageDraw
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from node.report.presentation_state import presentation_states
from node.study import Analysis, Explanation, Region
from tests.peers.programs import system_program
from tests.report import gate
from tests.report.material import analysis, by_uid, header, manifest, region, spec
from tests.report.test_presentation_state import all_present

pytestmark = pytest.mark.integration

SERIES = manifest(level="series", name="brain-tumour-mr", series_number=9010)
Case = tuple[Analysis, Sequence[Dataset], Sequence[Region]]

#: A Modality LUT may have 8 or 16 bits, however far its values reach (PS3.3 C.11.1.1.1): they have a unit.
DCIODVFY_ALLOWED = re.compile(r"ModalityLUTSequence.*number of bits = 16 but maximum LUT Data value")

#: What dcmpschk may say, and the clause that permits it.
DCMPSCHK_ALLOWED = tuple(
    re.compile(pattern)
    for pattern in (
        r"ContributionDateTime",  # PS3.5 6.2, DT: it may end with the offset from UTC, which its own pattern refuses
        r"patientName absent or empty",  # PS3.3 C.7.1.1: type 2, empty as in the source
    )
)


def _one(source: Dataset, **changes: object) -> Case:
    return analysis(source, **changes), [source], [region(source)]


def _series(modality: str, **tags: Any) -> Case:
    sources = [header(modality, image=number, **tags) for number in range(1, 5)]
    return analysis(*sources, manifest=SERIES), sources, [region(sources[1]), region(sources[2])]


def _windows() -> Case:
    sources = [header("CT", image=n, WindowCenter=f"{n}", WindowWidth="80", RescaleIntercept="-9") for n in (1, 2)]
    return analysis(*sources, manifest=SERIES), sources, [region(ds) for ds in sources]


def _several() -> Case:
    source = header("DX", ImageLaterality="L", BodyPartExamined="BREAST")
    told = all_present(analysis(source, manifest=manifest(findings=tuple(map(spec, ("opacity", "effusion"))))))
    return told, [source], [region(source), region(source, share=0.2), region(source, "effusion")]


def _shown_with_tables() -> Dataset:
    voi, modality = _lut(4096), _lut(4096)
    modality.ModalityLUTType = "OD"
    return header("CR", VOILUTSequence=[voi], ModalityLUTSequence=[modality], PixelRepresentation=0)


def _with_overlay() -> Dataset:
    ds = header("DX", WindowCenter="2000", WindowWidth="3000")
    bits = np.zeros((64, 48), np.uint8)
    bits[5:20, 30:40] = 1
    shape = ((0x0010, "US", 64), (0x0011, "US", 48), (0x0040, "CS", "G"), (0x0050, "SS", [1, 1]))
    cells = ((0x0100, "US", 1), (0x0102, "US", 0), (0x3000, "OW", np.packbits(bits, bitorder="little").tobytes()))
    for element, vr, value in (*shape, *cells):
        ds.add_new((0x6000, element), vr, value)
    return ds


def _lut(entries: int) -> Dataset:
    item = Dataset()
    curve = np.linspace(0.0, 1.0, entries) ** 0.5 * 4095
    item.add_new("LUTDescriptor", "US", [entries, 0, 12])
    item.add_new("LUTData", "OW", np.rint(curve).astype("<u2").tobytes())
    return item


CIRCLE = {"ShutterShape": "CIRCULAR", "CenterOfCircularShutter": [32, 24], "RadiusOfCircularShutter": 15}
GONE = ("PatientName", "PatientSex", "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "Rows")
JAPANESE = {"SpecificCharacterSet": ["", "ISO 2022 IR 87"], "PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう"}

CASES: dict[str, Callable[[], Case]] = {
    "a DX film": lambda: _one(header("DX")),
    "a MONOCHROME1 film": lambda: _one(header("DX", PhotometricInterpretation="MONOCHROME1", WindowWidth=9)),
    "a CR film without spacing": lambda: _one(header("CR")),
    "an MR series": lambda: _series("MR", WindowCenter="300", WindowWidth="600"),
    "a CT series": lambda: _series("CT", RescaleIntercept="-1024", RescaleSlope="1", WindowCenter="4", WindowWidth="8"),
    "different windows": _windows,
    "a multi-frame ultrasound": lambda: _one(header("US")),
    "an enhanced MR": lambda: _one(header("MRE")),
    "a colour photograph": lambda: _one(header("XC")),
    "a colour photograph behind a shutter": lambda: _one(header("XC", **CIRCLE)),
    "lookup tables": lambda: _one(_shown_with_tables()),
    "an overlay": lambda: _one(_with_overlay()),
    "a shutter": lambda: _one(header("DX", **CIRCLE)),
    "several findings and places": _several,
    "missing tags": lambda: _one(header("CR", **dict.fromkeys(GONE))),
    "a Japanese name": lambda: _one(header("DX", **JAPANESE)),
}


def dcmpschk(path: Path) -> list[str]:
    """What DCMTK's checker of presentation states complains of; its whole output when it checked nothing."""
    done = subprocess.run([system_program("dcmpschk"), str(path)], capture_output=True, text=True, check=False)
    blocks = re.split(r"\n(?=E: Error|W: )", done.stderr.strip())
    verdicts = [block for block in blocks if "Test passed" in block or "Test failed" in block]
    said = [block for block in blocks if block not in verdicts and "Testing:" not in block]
    bad = [block for block in said if not any(allowed.search(block) for allowed in DCMPSCHK_ALLOWED)]
    return bad if len(verdicts) == 1 else [done.stderr]


def stored(ds: Dataset, folder: Path) -> tuple[Path, Dataset, npt.NDArray[np.float32]]:
    """The source as a file with pixels of 12 bits in all frames, the source without them, and their modality values."""
    shape = (int(ds.get("NumberOfFrames", 1)), 64, 48)
    cells = np.random.default_rng(7).integers(0, 4096, shape).astype("<u2")
    full = Dataset()
    full.update(ds)
    full.BitsAllocated, full.BitsStored, full.HighBit, full.PixelRepresentation = 16, 12, 11, 0
    full.PixelData = cells.tobytes()
    full.file_meta = FileMetaDataset()
    full.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    slope, intercept = float(ds.get("RescaleSlope", 1)), float(ds.get("RescaleIntercept", 0))
    path = folder / "image.dcm"
    full.save_as(path, enforce_file_format=True)
    values = cells[0].astype(np.float32) * slope + intercept
    return path, pydicom.dcmread(path, stop_before_pixels=True), values


def marked(ds: Dataset, values: npt.NDArray[np.float32], folder: Path, frame: int = 1) -> Path:
    """The state of that source, as a file."""
    told = analysis(ds)
    (item,) = told.analysed
    image = replace(item.image_set.images[0], values=values, frame=frame)
    finding = replace(item.prediction.findings[0], key_frame=frame)
    item = replace(
        item,
        image_set=replace(item.image_set, images=(image,)),
        prediction=replace(item.prediction, findings=(finding,)),
    )
    told = replace(told, analysed=(item,))
    (state,) = presentation_states(told, by_uid(ds), Explanation((region(ds, frame=frame),)))
    return gate.save(state, folder, "state")


def rendered(program: str, image: Path, *options: str) -> npt.NDArray[np.int64]:
    """The image as a program of DCMTK shows it, 8 bits."""
    picture = image.with_suffix(f".{program}.pgm")
    done = subprocess.run(
        [system_program(program), *options, str(image), str(picture)], capture_output=True, text=True, check=False
    )
    assert picture.exists(), done.stderr
    with PillowImage.open(picture) as opened:
        return np.asarray(opened).astype(np.int64)


@pytest.mark.parametrize("name", CASES)
def test_every_state_passes_the_validators(name: str, tmp_path: Path) -> None:
    told, sources, regions = CASES[name]()
    made = list(presentation_states(told, by_uid(*sources), Explanation(tuple(regions))))
    assert len(made) == 1
    path = gate.save(made[0], tmp_path, "state")
    assert [line for line in gate.dciodvfy(path) if not DCIODVFY_ALLOWED.search(line)] == []
    assert dcmpschk(path) == []


def test_the_checker_still_finds_what_is_wrong(tmp_path: Path) -> None:
    told, sources, regions = CASES["a DX film"]()
    (state,) = presentation_states(told, by_uid(*sources), Explanation(tuple(regions)))
    state.PresentationLUTShape = "ROUND"
    assert any("presentationLUTShape" in line for line in dcmpschk(gate.save(state, tmp_path, "state")))


RESCALED = {"RescaleSlope": "1", "RescaleIntercept": "-1024", "WindowCenter": ["400", "40"], "WindowWidth": [1500, 80]}
WINDOW = {"WindowCenter": "2000", "WindowWidth": "3000"}


@pytest.mark.parametrize(
    ("source", "options"),
    [
        (lambda: header("CT", **RESCALED), ["+Wi", "1"]),
        (lambda: header("CR", **WINDOW), ["+Wi", "1"]),
        (lambda: header("DX", **WINDOW, PhotometricInterpretation="MONOCHROME1"), ["+Wi", "1"]),
        (_shown_with_tables, ["+Wl", "1"]),
        (lambda: header("MR"), ["+Wm"]),
        (lambda: header("MR", RescaleSlope="0.5", RescaleIntercept="10"), ["+Wm"]),
    ],
    ids=["rescale", "CR", "MONOCHROME1", "tables", "no window", "no window, rescaled"],
)
def test_the_image_looks_the_same_through_the_state(
    source: Callable[[], Dataset], options: list[str], tmp_path: Path
) -> None:
    image, ds, values = stored(source(), tmp_path)
    untouched = rendered("dcm2pnm", image, *options)
    through = rendered("dcmp2pgm", image, "-p", str(marked(ds, values, tmp_path)))
    assert np.abs(through - untouched).max() <= 1
    assert np.ptp(untouched) > 200, "something is to be seen"


def test_a_frame_looks_the_same_through_the_state(tmp_path: Path) -> None:
    image, ds, values = stored(header("US", **WINDOW), tmp_path)
    untouched = rendered("dcm2pnm", image, "+Wi", "1", "+F", "2")
    through = rendered("dcmp2pgm", image, "-f", "2", "-p", str(marked(ds, values, tmp_path, frame=2)))
    assert np.abs(through - untouched).max() <= 1


def test_dcmtk_reads_the_shutter_of_the_source(tmp_path: Path) -> None:
    image, ds, values = stored(header("DX", **WINDOW, **CIRCLE), tmp_path)
    saved = tmp_path / "saved.dcm"
    rendered("dcmp2pgm", image, "-p", str(marked(ds, values, tmp_path)), "+S", str(saved))
    read = pydicom.dcmread(saved)
    assert {keyword: read[keyword].value for keyword in CIRCLE} == CIRCLE
    assert read.ShutterPresentationValue == 0


def test_dcmtk_activates_the_overlay_of_the_source(tmp_path: Path) -> None:
    image, ds, values = stored(_with_overlay(), tmp_path)
    told = [system_program("dcmp2pgm"), "-v", "-p", str(marked(ds, values, tmp_path)), str(image)]
    # it writes the overlay into the folder it runs in
    done = subprocess.run(
        [*told, str(tmp_path / "picture.pgm")], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    layer = re.search(r"Layer #1 \[OVERLAYS\](.*?)Layer #2", done.stderr, re.DOTALL)
    assert layer is not None
    assert "Number of activated overlays: 1" in layer[1]
    assert "group=0x6000" in layer[1]


def test_dcmtk_reads_the_contour_arrow_and_words_that_were_meant(tmp_path: Path) -> None:
    image, ds, values = stored(header("CT", **RESCALED), tmp_path)
    state, saved = marked(ds, values, tmp_path), tmp_path / "saved.dcm"
    rendered("dcmp2pgm", image, "-p", str(state), "+S", str(saved))
    (mine,), (theirs,) = (pydicom.dcmread(path).GraphicAnnotationSequence for path in (state, saved))
    contour, arrow = theirs.GraphicObjectSequence
    place = region(ds)
    assert np.reshape(contour.GraphicData, (-1, 2)).tolist() == [list(p) for p in (*place.polygon, place.polygon[0])]
    assert arrow.GraphicData == mine.GraphicObjectSequence[1].GraphicData
    assert theirs.TextObjectSequence[0].UnformattedTextValue == mine.TextObjectSequence[0].UnformattedTextValue
    assert theirs.TextObjectSequence[0].AnchorPoint == mine.TextObjectSequence[0].AnchorPoint


def test_the_drawn_contour_changes_the_picture_where_the_region_ends_and_nowhere_far_from_the_marks(
    tmp_path: Path,
) -> None:
    image, ds, values = stored(header("CT", **RESCALED), tmp_path)
    state = marked(ds, values, tmp_path)
    untouched = rendered("dcmp2pgm", image, "-p", str(state))
    drawn = _drawn(untouched, pydicom.dcmread(state))
    changed = drawn != untouched[..., None]
    ends = np.round(np.array(region(ds).polygon)).astype(int)
    assert all(changed[row - 1 : row + 1, column - 1 : column + 1].any() for column, row in ends)
    assert not changed[45:].any(), "the marks end above"
    assert not changed[20:38, 36:].any(), "and left of here"


def _drawn(grey: npt.NDArray[np.int64], state: Dataset) -> npt.NDArray[np.uint8]:
    """The picture with the polylines of a state in colour, by a reader that knows PS3.3 C.10.5 only."""
    picture = PillowImage.fromarray(grey.astype(np.uint8)).convert("RGB")
    pen = ImageDraw.Draw(picture)
    for item in state.GraphicAnnotationSequence:
        for graphic in item.GraphicObjectSequence:
            # the corner of a pixel is whole in a state, the middle of a pixel in Pillow
            corners = np.reshape(graphic.GraphicData, (-1, 2)) - 0.5
            pen.line([tuple(corner) for corner in corners.tolist()], fill=(255, 0, 1))
    return np.asarray(picture)


def test_highdicom_takes_the_graphics_for_what_they_are(tmp_path: Path) -> None:
    _, ds, values = stored(header("CT", **RESCALED), tmp_path)
    (item,) = pydicom.dcmread(marked(ds, values, tmp_path)).GraphicAnnotationSequence
    contour, text = item.GraphicObjectSequence[0], item.TextObjectSequence[0]
    theirs = highdicom.pr.GraphicObject(
        "POLYLINE",
        np.array([*region(ds).polygon, region(ds).polygon[0]]),
        "PIXEL",
        tracking_id=contour.TrackingID,
        tracking_uid=contour.TrackingUID,
    )
    assert {found.keyword: found.value for found in theirs} == {found.keyword: found.value for found in contour}
    box = (*text.BoundingBoxTopLeftHandCorner, *text.BoundingBoxBottomRightHandCorner)
    same = highdicom.pr.TextObject(
        text.UnformattedTextValue,
        "PIXEL",
        bounding_box=box,
        anchor_point=tuple(text.AnchorPoint),
        text_justification="LEFT",
        anchor_point_visible=False,
        tracking_id=text.TrackingID,
        tracking_uid=text.TrackingUID,
    )
    assert {found.keyword: found.value for found in same} == {found.keyword: found.value for found in text}
