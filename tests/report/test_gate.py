"""Every object passes the validators, whatever the source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from node.comparison import Comparison
from node.plugin import Code, Neighbour
from node.study import Analysis, Picture, Region
from tests.report import gate
from tests.report.material import (
    analysis,
    assessed,
    banded,
    built,
    by_uid,
    comparison,
    contribution,
    header,
    manifest,
    not_assessed,
    picture,
    region,
    spec,
)

pytestmark = pytest.mark.integration

KINDS_OF_REPORT = ("sc", "sr", "comprehensive-sr", "viewer-sr")
PRIVATE = Code("OP1", "99RADTEST", "Opacity of our own")
Case = tuple[Analysis, Sequence[Dataset], Sequence[Region], Sequence[Picture]]


def _one(source: Dataset, **changes: object) -> Case:
    return analysis(source, **changes), [source], [region(source)], [picture(source)]


def _series(modality: str) -> Case:
    sources = [header(modality, image=number) for number in range(1, 5)]
    told = manifest(level="series", name="brain-tumour-mr", series_number=9010)
    return analysis(*sources, manifest=told), sources, [region(sources[2])], [picture(ds) for ds in sources]


def _multi_frame(modality: str) -> Case:
    source = header(modality)
    return analysis(source), [source], [region(source)], [picture(source)]


def _abstained() -> Case:
    source = header("DX")
    return analysis(source, abstained="the image is unlike those the model knows"), [source], [], [picture(source, "")]


def _nothing_decoded() -> Case:
    source = header("XC", Modality="ECG", SOPClassUID="1.2.840.10008.5.1.4.1.1.9.1.1")
    return analysis(not_assessed=(not_assessed(source),), expected=3), [source], [], []


def _partial() -> Case:
    seen, unseen = header("DX"), header("DX", image=2)
    return (
        analysis(seen, not_assessed=(not_assessed(unseen),), expected=4),
        [seen, unseen],
        [region(seen)],
        [picture(seen)],
    )


def _several_findings() -> Case:
    source = header("DX", ImageLaterality="L", BodyPartExamined="BREAST")
    told = manifest(findings=(spec("opacity"), spec("effusion"), spec("nodule", site=None)))
    two = [region(source), region(source, share=0.2)]
    return analysis(source, manifest=told), [source], two, [picture(source)]


def _broken_tags() -> Case:
    source = header(
        "CR",
        PatientBirthDate="unknown",
        PatientSex="X",
        StudyTime="noon",
        ViewPosition="",
        BodyPartExamined="lower leg, left",
        PatientOrientation=["", "F"],
        ImagerPixelSpacing=None,
    )
    return _one(source)


def _missing_tags() -> Case:
    gone = ("PatientName", "PatientSex", "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "Rows")
    return _one(header("CR", **dict.fromkeys(gone)))


def _japanese() -> Case:
    source = header(
        "DX", SpecificCharacterSet=["", "ISO 2022 IR 87"], PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう"
    )
    return _one(source)


def _with_an_order() -> Case:
    request = Dataset()
    request.RequestedProcedureID, request.RequestedProcedureDescription = "RP1", "Thorax PA"
    request.ScheduledProcedureStepID = "SPS1"
    return _one(header("DX", RequestAttributesSequence=[request]))


def _revised() -> Case:
    before = {
        kind: ("1.2.840.10008.5.1.4.1.1.88.34", f"2.25.{number}") for number, kind in ((7, "sr"), (8, "viewer-sr"))
    }
    return _one(header("DX"), revision=2, predecessors=before)


def _undetermined() -> Case:
    source = header("DX")
    return analysis(source, probability=0.47, manifest=manifest(findings=(banded(),))), [source], [], [picture(source)]


def _talkative() -> Case:
    """Everything that a model can say beside its probability."""
    source = header("DX")
    told = analysis(source, manifest=manifest(findings=(banded(), spec("effusion"))))
    (item,) = told.analysed
    findings = tuple(replace(finding, agreement=(1, 1)) for finding in item.prediction.findings)
    cases = tuple(Neighbour("opacity", f"cxr_nih/{number}", 0.9, present=True) for number in range(5))
    said = replace(item.prediction, findings=findings, neighbours=cases, remarks=("The header contradicts itself.",))
    return replace(told, analysed=(replace(item, prediction=said),)), [source], [region(source)], [picture(source)]


def _fourteen() -> Case:
    source = header("DX")
    specs = tuple(banded(f"finding {number}") for number in range(14))
    return analysis(source, manifest=manifest(findings=specs)), [source], [], [picture(source)]


def _resolved() -> Case:
    source = header("DX")
    told = manifest(findings=(spec(), spec("effusion")), repeatability=0.2)
    found = analysis(source, probability=0.08, manifest=told, comparison=comparison(0.91))
    return found, [source], [], [picture(source)]


def _followed() -> Case:
    found, sources, regions, pictures = _resolved()
    earlier = tuple(assessed(0.3, study=f"1.2.{day}", day=day) for day in ("20240110", "20230110"))
    return replace(found, comparison=replace(comparison(0.91), earlier=earlier)), sources, regions, pictures


CASES: dict[str, Callable[[], Case]] = {
    "a DX film": lambda: _one(header("DX")),
    "a CR film without spacing": lambda: _one(header("CR")),
    "an MR series": lambda: _series("MR"),
    "a CT series": lambda: _series("CT"),
    "a multi-frame ultrasound": lambda: _multi_frame("US"),
    "an enhanced MR": lambda: _multi_frame("MRE"),
    "a colour photograph": lambda: _one(header("XC")),
    "an abstention": _abstained,
    "an ECG in place of an image": _nothing_decoded,
    "a partial study": _partial,
    "several findings and places": _several_findings,
    "an undetermined finding": _undetermined,
    "all that a model can say": _talkative,
    "fourteen findings": _fourteen,
    "nothing found": lambda: _one(header("DX"), probability=0.1),
    "broken optional tags": _broken_tags,
    "a body part that is no term of the standard": lambda: _one(header("DX", BodyPartExamined="THORAX")),
    "missing tags": _missing_tags,
    "a Japanese name": _japanese,
    "an order": _with_an_order,
    "a second revision": _revised,
    "a resolved finding": _resolved,
    "several prior studies": _followed,
    "no prior study": lambda: _one(header("DX"), comparison=Comparison(None, "the prior did not come in time")),
    "a private code": lambda: _one(header("DX"), manifest=manifest(findings=(spec(code=PRIVATE),))),
}


@pytest.mark.parametrize("name", CASES)
def test_every_object_passes_dciodvfy_and_every_report_is_read_by_dsrdump(name: str, tmp_path: Path) -> None:
    told, sources, regions, pictures = CASES[name]()
    words = [contribution(source) for source in sources]
    made = built(told, by_uid(*sources), regions, pictures, KINDS_OF_REPORT, words)
    assert any(kind == "sr" for kind, _ in made)
    for number, (kind, ds) in enumerate(made):
        path = gate.save(ds, tmp_path, f"{kind}{number}")
        assert gate.dciodvfy(path) == []
        if kind != "sc":
            assert gate.dsrdump(path) == []


def test_reports_pass_the_template_validator(tmp_path: Path) -> None:
    paths = []
    for name, wanted in (
        ("several findings and places", "sr"),
        ("an abstention", "sr"),
        ("all that a model can say", "sr"),
        ("an undetermined finding", "sr"),
        ("several prior studies", "sr"),
        ("a DX film", "viewer-sr"),
    ):
        told, sources, regions, pictures = CASES[name]()
        words = [contribution(source) for source in sources]
        for kind, ds in built(told, by_uid(*sources), regions, pictures, (wanted,), words):
            paths.append(gate.save(ds, tmp_path, f"{len(paths)}-{kind}"))
    assert len(paths) == 6
    assert gate.pixelmed(paths) == {}


def test_a_missing_tool_skips_here_but_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-tool"):
        gate.tool("no-such-tool")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no-such-tool"):
        gate.tool("no-such-tool")
