"""The file of a result: byte for byte what pydicom writes."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence

from node.kinds import KINDS
from node.plugin import Code
from node.report import build, part10
from node.report.provenance import finished
from tests.report import stack
from tests.report.material import analysis, built, by_uid, header, manifest, not_assessed, picture, region, spec
from tests.report.test_results import written

_NAMES = [
    ({}, "Doe^Jane"),
    ({"SpecificCharacterSet": "ISO_IR 100"}, "Müller^Jürg"),
    ({"SpecificCharacterSet": "ISO_IR 192"}, "Wang^XiaoDong=王^小东"),
    ({"SpecificCharacterSet": ["", "ISO 2022 IR 87"]}, "Yamada^Tarou=山田^太郎=やまだ^たろう"),
]


def _odd(**elements: Any) -> Dataset:
    """A data set of our own with these elements, complete."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "1.2.3"
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    return finished(ds, Dataset())


@pytest.mark.parametrize(("tags", "name"), _NAMES, ids=["ASCII", "Latin", "UTF-8", "ISO 2022"])
@pytest.mark.parametrize("modality", ["DX", "US", "XC"])
def test_every_object_of_a_film_is_written_as_pydicom_writes_it(modality: str, tags: dict[str, Any], name: str) -> None:
    source = header(modality, PatientName=name, StudyDescription=name.split("^")[-1], **tags)
    claims = manifest(findings=(spec("opacity"), spec("nodule", label="Größe")))
    told = analysis(source, manifest=claims, not_assessed=(not_assessed(header(image=2)),))
    made = built(told, by_uid(source), [region(source)], [picture(source)], tuple(KINDS))
    assert len({kind for kind, _ in made}) == 7
    for kind, ds in made:
        assert part10(ds) == written(ds), kind


def test_the_length_of_the_meta_information_is_counted_anew() -> None:
    ds = _odd(PatientName="Doe^Jane")
    expected = written(ds)
    ds.file_meta.FileMetaInformationGroupLength = 7
    assert part10(ds) == expected


def test_every_object_of_a_volume_is_written_as_pydicom_writes_it() -> None:
    sources = stack.stack()
    made = build(stack.series(*sources), by_uid(*sources), stack.evidence(*sources), tuple(KINDS))
    assert {"seg", "pm", "sr"} <= {kind for kind, _ in made}
    for kind, ds in made:
        assert part10(ds) == written(ds), kind


@pytest.mark.parametrize(
    "elements",
    [
        {"PatientComments": "x" * 70_001},
        {"SeriesDescription": ""},
        {"PatientName": None},
        {"OtherPatientIDs": ["one", "zwölf"]},
        {"SmallestImagePixelValue": 3},
        {"FrameIncrementPointer": 0x00181063},
        {"WindowCenter": [1.5, 2.25], "Rows": 7, "RealWorldValueSlope": 1.5},
        {"EncapsulatedDocument": b"odd"},
    ],
    ids=lambda elements: next(iter(elements)),
)
@pytest.mark.filterwarnings("ignore")
def test_whatever_stands_in_an_object(elements: dict[str, Any]) -> None:
    assert part10(_odd(**elements)) == written(_odd(**elements))


def test_sequences_whose_length_a_source_left_open() -> None:
    item = Dataset()
    item.CodeValue = "1"
    ds = _odd(ProcedureCodeSequence=DicomSequence([item]))
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    ds["ProcedureCodeSequence"].is_undefined_length = True
    item.is_undefined_length_sequence_item = True
    assert b"\xfe\xff\xdd\xe0" in part10(ds)
    assert part10(ds) == written(ds)


def test_an_item_that_stands_twice_is_written_twice() -> None:
    item = Dataset()
    item.CodeValue = "1"
    ds = _odd(ProcedureCodeSequence=[item], RequestedProcedureCodeSequence=[item, item])
    read = pydicom.dcmread(BytesIO(part10(ds)))
    assert [one.CodeValue for one in read.RequestedProcedureCodeSequence] == ["1", "1"]
    assert part10(ds) == written(ds)


def test_a_code_that_two_plugins_name_differently_keeps_both_names() -> None:
    source = header()
    for meaning in ("Lung", "Lung structure"):
        claims = manifest(findings=(spec(site=Code("39607008", "SCT", meaning)),))
        ds = dict(built(analysis(source, manifest=claims), by_uid(source), [], [], ("sr",)))["sr"]
        named = {str(one.value) for one in ds.iterall() if one.keyword == "CodeMeaning"}
        assert named & {"Lung", "Lung structure"} == {meaning}
