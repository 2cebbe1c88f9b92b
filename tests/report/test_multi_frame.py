"""Segmentation and Parametric Map lie exactly where their source lies, and say what they were made from."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
from pydicom.dataset import Dataset

from node.plugin import Code
from node.report.multi_frame import decimal
from node.report.parametric_map import parametric_maps
from node.report.segmentation import segmentations
from node.study import Explanation
from tests.peers import RealOrthanc
from tests.report import gate
from tests.report.material import STUDY, by_uid, header, spec
from tests.report.stack import AXIAL, OBLIQUE, Builder, enhanced, evidence, made, series, stack, told

ROOT = Path(__file__).parents[2]
BUILDERS: dict[str, Builder] = {"seg": segmentations, "pm": parametric_maps}
both = pytest.mark.parametrize("builder", BUILDERS.values(), ids=BUILDERS)


def affine(position: list[float], orientation: list[float], spacing: list[float]) -> np.ndarray:
    """(column, row, 1) of a pixel -> millimetres in the patient (PS3.3 C.7.6.2.1.1, equation C.7.6.2.1-1)."""
    row, column = np.array(orientation[:3], float), np.array(orientation[3:], float)
    return np.stack([row * float(spacing[1]), column * float(spacing[0]), np.array(position, float)], axis=1)


def affines(ds: Dataset) -> list[np.ndarray]:
    """Of every frame."""
    shared = ds.SharedFunctionalGroupsSequence[0]
    measures, turned = shared.PixelMeasuresSequence[0], shared.PlaneOrientationSequence[0]
    return [
        affine(
            groups.PlanePositionSequence[0].ImagePositionPatient,
            turned.ImageOrientationPatient,
            measures.PixelSpacing,
        )
        for groups in ds.PerFrameFunctionalGroupsSequence
    ]


def sources_of(ds: Dataset) -> list[tuple[str, int | None]]:
    """SOP Instance UID and frame that each frame was made from."""
    items = [groups.DerivationImageSequence[0].SourceImageSequence for groups in ds.PerFrameFunctionalGroupsSequence]
    assert all(len(item) == 1 for item in items)
    return [(item[0].ReferencedSOPInstanceUID, item[0].get("ReferencedFrameNumber")) for item in items]


@both
@pytest.mark.parametrize("orientation", [AXIAL, OBLIQUE], ids=["axial", "oblique"])
def test_a_voxel_lies_where_the_source_s_pixel_lies(builder: Builder, orientation: tuple[float, ...]) -> None:
    sources = stack((7.5, 0.0, 2.5, 5.0), orientation=orientation, PixelSpacing=[0.4882812, 0.6933333])
    (ds,) = made(builder, sources)
    placed = by_uid(*sources)
    corner = np.array([47.0, 63.0, 1.0])
    for own, (uid, _) in zip(affines(ds), sources_of(ds), strict=True):
        one = placed[uid]
        wanted = affine(one.ImagePositionPatient, one.ImageOrientationPatient, one.PixelSpacing)
        np.testing.assert_allclose(own @ corner, wanted @ corner, atol=1e-6)


@both
def test_highdicom_reads_the_same_volume(builder: Builder) -> None:
    sources = stack((5.0, 0.0, 2.5), orientation=OBLIQUE)
    (ds,) = made(builder, sources)
    geometry = hd.Image.from_dataset(ds).get_volume_geometry()
    assert geometry.spatial_shape == (3, 64, 48)
    last = [
        affine(one.ImagePositionPatient, one.ImageOrientationPatient, one.PixelSpacing) @ (47, 63, 1) for one in sources
    ]
    indices = geometry.map_reference_to_indices(np.array(last), round_output=False)
    np.testing.assert_allclose(indices[:, 1:], [[63, 47]] * 3, atol=1e-5)
    np.testing.assert_allclose(np.abs(np.diff(indices[:, 0])), [2, 1], atol=1e-5)


@both
def test_frames_follow_each_other_in_space_and_are_numbered_so(builder: Builder) -> None:
    sources = stack((10.0, 0.0, 5.0))
    (ds,) = made(builder, sources)
    assert [uid for uid, _ in sources_of(ds)] == [sources[i].SOPInstanceUID for i in (1, 2, 0)]
    contents = [groups.FrameContentSequence[0] for groups in ds.PerFrameFunctionalGroupsSequence]
    indices = [np.atleast_1d(content.DimensionIndexValues).tolist() for content in contents]
    assert [index[-1] for index in indices] == [1, 2, 3]
    assert {len(index) for index in indices} == {len(ds.DimensionIndexSequence)}


@both
def test_the_frames_of_an_enhanced_source_are_named(builder: Builder) -> None:
    source = enhanced((10.0, 0.0, 5.0))
    (ds,) = made(builder, [source])
    assert sources_of(ds) == [(source.SOPInstanceUID, frame) for frame in (2, 3, 1)]
    (referenced,) = ds.ReferencedSeriesSequence
    assert [item.ReferencedSOPInstanceUID for item in referenced.ReferencedInstanceSequence] == [source.SOPInstanceUID]


@both
def test_a_single_frame_source_is_referenced_without_a_frame(builder: Builder) -> None:
    (ds,) = made(builder, stack())
    assert {frame for _, frame in sources_of(ds)} == {None}


@both
def test_every_source_slice_is_listed_under_its_series(builder: Builder) -> None:
    sources = stack()
    (ds,) = made(builder, sources)
    (referenced,) = ds.ReferencedSeriesSequence
    assert referenced.SeriesInstanceUID == sources[0].SeriesInstanceUID
    listed = [
        (item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID) for item in referenced.ReferencedInstanceSequence
    ]
    assert listed == [(one.SOPClassUID, one.SOPInstanceUID) for one in sources]


@both
def test_patient_study_and_frame_of_reference_are_the_source_s(builder: Builder) -> None:
    sources = stack(PositionReferenceIndicator="XY")
    (ds,) = made(builder, sources)
    for keyword in ("PatientName", "PatientID", "StudyInstanceUID", "AccessionNumber", "FrameOfReferenceUID"):
        assert ds[keyword].value == sources[0][keyword].value
    assert (ds.PositionReferenceIndicator, ds.BodyPartExamined, ds.Manufacturer) == ("XY", "BRAIN", "radnode")


@both
def test_a_gap_stays_a_gap(builder: Builder) -> None:
    (ds,) = made(builder, stack((0.0, 5.0, 20.0)))
    measures = ds.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert "SpacingBetweenSlices" not in measures
    assert measures.SliceThickness == 5
    depths = [g.PlanePositionSequence[0].ImagePositionPatient[2] for g in ds.PerFrameFunctionalGroupsSequence]
    np.testing.assert_allclose(np.diff(depths), [5.0, 15.0])


@both
def test_what_is_derived_from_lossy_images_says_so(builder: Builder) -> None:
    lossy = {
        "LossyImageCompression": "01",
        "LossyImageCompressionRatio": 12.5,
        "LossyImageCompressionMethod": "ISO_15444_1",
    }
    (ds,) = made(builder, [*stack((0.0, 5.0)), header("MR", image=3, **lossy)][::-1])
    assert (ds.LossyImageCompression, ds.LossyImageCompressionRatio) == ("01", 12.5)
    assert ds.LossyImageCompressionMethod == "ISO_15444_1"


@both
def test_a_loss_of_which_the_source_tells_neither_ratio_nor_method_cannot_be_told(builder: Builder) -> None:
    (ds,) = made(builder, stack(LossyImageCompression="01"))
    assert ds.LossyImageCompression == "00"
    assert "LossyImageCompressionRatio" not in ds


@both
@pytest.mark.parametrize(
    "gone", ["FrameOfReferenceUID", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"]
)
def test_without_a_geometry_there_is_none(builder: Builder, gone: str) -> None:
    assert made(builder, [header("MR", image=number, **{gone: None}) for number in (1, 2)]) == []


@both
def test_without_headers_or_evidence_there_is_none(builder: Builder) -> None:
    sources = stack()
    assert list(builder(series(*sources), {}, evidence(*sources))) == []
    assert made(builder, sources, Explanation()) == []
    assert made(builder, [header("DX")]) == []


@both
def test_a_slice_without_a_header_is_left_out(builder: Builder) -> None:
    sources = stack()
    (ds,) = builder(series(*sources), by_uid(*sources[1:]), evidence(*sources))
    assert ds.NumberOfFrames == 3


@both
def test_each_volume_of_a_series_has_an_object_in_a_series_of_its_own(builder: Builder) -> None:
    phases = made(builder, stack((0.0, 0.0, 5.0, 5.0)))
    assert [ds.NumberOfFrames for ds in phases] == [2, 2]
    for keyword in ("SeriesInstanceUID", "SOPInstanceUID"):
        assert len({ds[keyword].value for ds in phases}) == 2
    assert [ds.InstanceNumber for ds in phases] == [1, 2]


@both
def test_a_revision_is_a_later_instance_of_the_same_series(builder: Builder) -> None:
    sources = stack()
    (first,) = made(builder, sources[:3])
    (second,) = made(builder, sources, revision=2)
    assert first.SeriesInstanceUID == second.SeriesInstanceUID
    assert first.SOPInstanceUID != second.SOPInstanceUID
    assert first.InstanceNumber < second.InstanceNumber


@both
def test_a_private_scheme_is_identified(builder: Builder) -> None:
    claims = told(findings=(spec(code=Code("OP1", "99RADTEST", "Opacity of our own")),))
    (ds,) = made(builder, stack(), claims=claims)
    (scheme,) = ds.CodingSchemeIdentificationSequence
    assert (scheme.CodingSchemeDesignator, scheme.CodingSchemeResponsibleOrganization) == (
        "99RADTEST",
        "radnode authors",
    )


@pytest.mark.parametrize("value", [0.1 + 0.2, -1.0 / 3.0, 1e-17, -1.0 / 3.0e7, 123456.789012345, 5.0, -1e300 / 3.0])
def test_a_decimal_string_fits_and_is_as_close_as_it_can_be(value: float) -> None:
    assert len(str(decimal(value))) <= 16
    assert float(str(decimal(value))) == pytest.approx(value, rel=1e-8)


@pytest.mark.parametrize(
    "spelled", ["-.02178837516921", ".999032176441525", "-1.2345678901e-5", "-0.2961981327300", "12345678901234.5", "1"]
)
def test_what_a_source_spells_in_sixteen_characters_stays_the_same_to_the_last_bit(spelled: str) -> None:
    assert len(spelled) <= 16
    assert float(str(decimal(float(spelled)))) == float(spelled)


def digests() -> list[str]:
    """sha256 of the bytes of all objects of an oblique series and of an enhanced one, two findings each."""
    found = []
    for sources in (stack(orientation=OBLIQUE), [enhanced()]):
        layers = (*evidence(*sources).layers, *evidence(*sources, finding="nodule").layers)
        for builder in BUILDERS.values():
            for ds in builder(series(*sources), by_uid(*sources), Explanation(layers=layers)):
                buffer = BytesIO()
                ds.save_as(buffer, enforce_file_format=True)
                found.append(sha256(buffer.getvalue()).hexdigest())
    return found


@pytest.mark.parametrize("seed", ["1", "77"])
def test_another_process_builds_the_same_bytes(seed: str) -> None:
    code = "from tests.report.test_multi_frame import digests; print(*digests())"
    environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": "Asia/Tokyo", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == digests()
    assert len(set(digests())) == 6


def _missing() -> list[Dataset]:
    gone = (
        "PatientName",
        "PatientSex",
        "StudyDate",
        "StudyTime",
        "AccessionNumber",
        "SliceThickness",
        "Modality",
        "Rows",
    )
    return stack(**dict.fromkeys((*gone, "ReferringPhysicianName", "BodyPartExamined")))


def _japanese() -> list[Dataset]:
    name = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    return stack(SpecificCharacterSet=["", "ISO 2022 IR 87"], PatientName=name)


GATE: dict[str, Callable[[], list[Dataset]]] = {
    "an MR series": stack,
    "a CT series": lambda: stack(modality="CT", BodyPartExamined="CHEST"),
    "an enhanced MR": lambda: [enhanced()],
    "an enhanced MR with groups of each frame": lambda: [enhanced(shared=False)],
    "a single slice": lambda: stack((0.0,)),
    "slices of unknown thickness": lambda: stack(SliceThickness=None),
    "slices with a gap": lambda: stack((0.0, 5.0, 20.0)),
    "an oblique series": lambda: stack(orientation=OBLIQUE, PixelSpacing=[1 / 3, 2 / 3]),
    "a dynamic series": lambda: stack((0.0, 0.0, 5.0, 5.0)),
    "a Japanese name": _japanese,
    "missing tags": _missing,
    "a paired body part": lambda: stack(BodyPartExamined="KNEE", Laterality="L"),
    "a paired body part of an unknown side": lambda: stack(BodyPartExamined="KNEE"),
    "a side of an unpaired body part": lambda: stack(BodyPartExamined="BRAIN", Laterality="R"),
    "broken tags": lambda: stack(BodyPartExamined="lower leg, left", PositionReferenceIndicator="x" * 70),
    "lossy images": lambda: stack(
        LossyImageCompression="01", LossyImageCompressionRatio=10, LossyImageCompressionMethod="ISO_10918_1"
    ),
}


@pytest.mark.integration
@pytest.mark.filterwarnings("ignore:.*exceeds the maximum length:UserWarning:pydicom")
@both
@pytest.mark.parametrize("name", GATE)
def test_every_object_passes_dciodvfy(builder: Builder, name: str, tmp_path: Path) -> None:
    sources = GATE[name]()
    layers = (*evidence(*sources).layers, *evidence(*sources, finding="nodule").layers)
    found = made(builder, sources, Explanation(layers=layers))
    assert found
    for number, ds in enumerate(found):
        assert gate.dciodvfy(gate.save(ds, tmp_path, f"{number}")) == []


@pytest.mark.integration
@both
def test_a_side_and_a_private_code_pass_dciodvfy(builder: Builder, tmp_path: Path) -> None:
    claims = told(
        findings=(spec(code=Code("OP1", "99RADTEST", "Opacity of our own"), label="O" * 70),), research_only=False
    )
    sources = stack(BodyPartExamined="KNEE")
    looked = series(*sources, claims=claims)
    (item,) = looked.analysed
    sided = replace(looked, analysed=(replace(item, image_set=replace(item.image_set, laterality="L")),))
    (ds,) = builder(sided, by_uid(*sources), evidence(*sources))
    assert gate.dciodvfy(gate.save(ds, tmp_path, "sided")) == []


@pytest.mark.integration
def test_orthanc_stores_both_and_gives_back_the_same_bytes(orthanc: RealOrthanc, tmp_path: Path) -> None:
    sources = stack(orientation=OBLIQUE)
    for number, ds in enumerate(ds for builder in BUILDERS.values() for ds in made(builder, sources)):
        path = gate.save(ds, tmp_path, f"{number}")
        stored = orthanc.upload(path)
        assert stored["Status"] == "Success"
        assert orthanc.download(stored["ID"], tmp_path / "back.dcm").read_bytes() == path.read_bytes()
    found = orthanc.results(STUDY)
    assert sorted(one["Tags"]["SOPClassUID"] for one in found) == [
        "1.2.840.10008.5.1.4.1.1.30",
        "1.2.840.10008.5.1.4.1.1.66.4",
    ]
    assert {one["Tags"]["NumberOfFrames"] for one in found} == {"4"}
