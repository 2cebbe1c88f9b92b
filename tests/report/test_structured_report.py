"""The complete report: always made, one group for each claimed finding, and never a silence that reads as healthy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import Comprehensive3DSRStorage, SecondaryCaptureImageStorage

from node.errors import ReportError
from node.plugin import Code, Interval, Neighbour
from node.study import Analysis, Picture, Region
from tests.report import walk
from tests.report.material import (
    analysis,
    banded,
    built,
    by_uid,
    contribution,
    header,
    manifest,
    not_assessed,
    picture,
    read_back,
    region,
    spec,
    unmeasured,
)


def report(
    told: Analysis, *sources: Dataset, regions: Sequence[Region] = (), pictures: Sequence[Picture] = ()
) -> Dataset:
    """The complete report, written and read back; pictures make Secondary Captures beside it."""
    made = built(told, by_uid(*sources), regions, pictures, kinds=("sc", "sr") if pictures else ("sr",))
    return read_back(made[-1][1])


def of(source: Dataset, **changes: Any) -> Dataset:
    """The complete report on one source."""
    return report(analysis(source, **changes), source)


def test_it_is_a_comprehensive_3d_sr_on_the_template_of_imaging_measurements() -> None:
    ds = of(header())
    assert ds.SOPClassUID == Comprehensive3DSRStorage
    assert (ds.Modality, ds.ContentTemplateSequence[0].TemplateIdentifier) == ("SR", "1500")
    assert ds.ConceptNameCodeSequence[0].CodeValue == "126000"


def test_the_root_lists_its_parts_in_the_order_of_the_template() -> None:
    ds = of(header())
    codes = [item.ConceptNameCodeSequence[0].CodeValue for item in ds.ContentSequence]
    context = ["121049", "121005", "121012", "121013", "121014", "121015", "121016", "121058"]
    assert codes == [*context, "111028", "126010", "121111"]


def test_no_person_has_verified_it() -> None:
    ds = of(header())
    assert (ds.VerificationFlag, ds.PreliminaryFlag, ds.CompletionFlag) == ("UNVERIFIED", "PRELIMINARY", "COMPLETE")
    assert "No person has verified it" in walk.texts(ds, "121111")[0]


def test_a_present_finding_carries_probability_and_operating_point() -> None:
    (group,) = walk.groups(of(header(), probability=0.8734))
    assert walk.coded(group, "121071") == ["Opacity"]
    assert walk.coded(group, "363698007") == ["Lung"]
    assert walk.coded(group, "121052") == ["Present"]
    assert walk.number(group, "111012") == pytest.approx(87.34)
    assert (walk.number(group, "111088"), walk.number(group, "111090")) == (95.0, 88.0)


def test_the_threshold_itself_counts_as_present() -> None:
    assert walk.coded(of(header(), probability=0.5), "121052") == ["Present"]


def test_nothing_found_is_said_of_every_claimed_finding() -> None:
    told = manifest(findings=(spec("opacity"), spec("effusion"), spec("nodule")))
    ds = of(header(), manifest=told, probability=0.02)
    assert walk.coded(ds, "121052") == ["Absent", "Absent", "Absent"]


def test_the_algorithm_is_named_with_version_family_and_the_digest_of_its_weights() -> None:
    (group,) = walk.groups(of(header()))
    assert walk.texts(group, "111001") == ["chest-radiograph"]
    assert walk.texts(group, "111003") == ["1.2.0"]
    assert walk.texts(group, "122405") == ["radnode authors"]
    assert walk.coded(group, "111000") == ["Artificial Intelligence"]
    parameters = walk.texts(group, "111002")
    assert "threshold on the calibrated probability: 0.5" in parameters
    assert f"sha256 of model.onnx: {'ab' * 32}" in parameters
    assert "calibration: temperature 1.3" in parameters
    assert "input size: 320 x 320" in parameters
    assert any("95 % CI 0.92 to 0.97" in line for line in parameters)


def test_how_far_the_evidence_map_is_from_adding_up_is_stated() -> None:
    (group,) = walk.groups(of(header()))
    assert "evidence map and bias add up to the logit within 0e+00" in walk.texts(group, "111002")


def test_the_observer_is_a_device_known_by_its_weights() -> None:
    ds = of(header())
    assert walk.coded(ds, "121005") == ["Device"]
    assert ds.ContributingEquipmentSequence[0].DeviceUID == walk.named(ds, "121012")[0].UID
    assert walk.texts(ds, "121013") == ["NODE1"]


def test_the_procedure_reported_is_imaging_not_the_algorithm() -> None:
    assert walk.coded(of(header()), "121058") == ["Imaging procedure"]


def test_an_abstention_is_undetermined_and_gives_its_reason() -> None:
    ds = of(header(), abstained="the image is unlike those the model knows")
    (group,) = walk.groups(ds)
    (certainty,) = walk.named(group, "111012")
    assert len(certainty.MeasuredValueSequence) == 0
    assert certainty.NumericValueQualifierCodeSequence[0].CodeValue == "114007"
    assert walk.coded(group, "121052") == ["Undetermined"]
    assert walk.coded(group, "111050") == ["Usable - Does not meet the quality control standard"]
    assert "unlike those the model knows" in walk.texts(group, "121106")[0]
    assert "not assessed" in walk.texts(ds, "121111")[0]
    assert not walk.named(group, "111088")


def test_nothing_decodable_is_reported_on_every_claimed_finding() -> None:
    source = header("DX")
    told = analysis(not_assessed=(not_assessed(source),), manifest=manifest(findings=(spec("opacity"), spec("nodule"))))
    ds = report(told, source)
    assert walk.coded(ds, "121052") == ["Undetermined", "Undetermined"]
    assert set(walk.coded(ds, "111050")) == {"Unusable - Quality renders image unusable"}
    assert walk.evidence(ds) == {source.SOPInstanceUID: source.SeriesInstanceUID}
    assert ds.CompletionFlag == "PARTIAL"
    assert not walk.named(ds, "111028")


def test_an_instance_that_was_not_assessed_is_named_with_its_reason() -> None:
    seen, unseen = header(image=1), header(image=2)
    ds = report(analysis(seen, not_assessed=(not_assessed(unseen, "the codestream is cut off"),)), seen, unseen)
    assert ds.CompletionFlag == "PARTIAL"
    (comment,) = walk.texts(ds, "121106")
    assert unseen.SOPInstanceUID in comment
    assert "cut off" in comment


def test_images_that_never_came_make_the_report_partial() -> None:
    ds = of(header(), expected=3)
    assert ds.CompletionFlag == "PARTIAL"
    assert walk.texts(ds, "121106") == ["2 of 3 expected images had not arrived when the analysis began."]


def test_a_complete_study_is_complete() -> None:
    assert of(header(), expected=1).CompletionFlag == "COMPLETE"


def test_evidence_lists_every_analysed_instance_in_its_series() -> None:
    sources = [header("MR", series=2, image=number) for number in (1, 2, 3)]
    ds = report(analysis(*sources, manifest=manifest(level="series")), *sources)
    assert walk.evidence(ds) == {one.SOPInstanceUID: one.SeriesInstanceUID for one in sources}


def test_a_series_is_one_subject_and_an_image_another() -> None:
    sources = [header("MR", image=number) for number in (1, 2, 3)]
    as_series = report(analysis(*sources, manifest=manifest(level="series")), *sources)
    as_images = report(analysis(*sources), *sources)
    assert len(walk.groups(as_series)) == 1
    assert len(walk.groups(as_images)) == 3
    tracked = {item.UID for ds in (as_series, as_images) for item in walk.named(ds, "112040")}
    assert len(tracked) == 1, "one finding of one patient, on whichever image it is seen"


def test_the_source_of_the_measurement_is_the_image_that_shows_it_best() -> None:
    sources = [header("MR", image=number) for number in (1, 2, 3)]
    ds = report(analysis(*sources, manifest=manifest(level="series")), *sources)
    (item,) = walk.named(walk.groups(ds)[0], "121112")
    assert item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == sources[1].SOPInstanceUID


def test_the_image_library_describes_each_image() -> None:
    ds = of(header("DX", ImageLaterality="L"))
    (library,) = walk.named(ds, "111028")
    assert walk.coded(library, "121139") == ["Digital Radiography"]
    assert walk.coded(library, "111031") == ["postero-anterior"]
    assert walk.coded(library, "111027") == ["Left"]
    assert (walk.number(library, "110910"), walk.number(library, "110911")) == (64.0, 48.0)
    assert walk.number(library, "111026") == 0.5


def test_the_image_library_leaves_out_what_is_not_known() -> None:
    (library,) = walk.named(of(header("CR")), "111028")
    assert not walk.named(library, "111026")
    assert not walk.named(library, "111031")


def test_a_region_is_closed_and_names_its_image() -> None:
    source = header()
    ds = report(analysis(source), source, regions=[region(source)])
    (group,) = walk.groups(ds)
    (shape,) = walk.named(group, "111030")
    points = list(shape.GraphicData)
    assert group.ContentTemplateSequence[0].TemplateIdentifier == "1410"
    assert (shape.GraphicType, points[:2], points[-2:]) == ("POLYLINE", [10.0, 10.0], [10.0, 10.0])
    (selected,) = shape.ContentSequence
    assert selected.RelationshipType == "SELECTED FROM"
    assert selected.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
    assert "ReferencedFrameNumber" not in selected.ReferencedSOPSequence[0]


def test_several_places_of_one_finding_stay_in_one_group() -> None:
    source = header()
    ds = report(analysis(source), source, regions=[region(source, share=0.3), region(source, share=0.6)])
    (group,) = walk.groups(ds)
    assert len(walk.named(group, "111030")) == 2
    assert group.ContentTemplateSequence[0].TemplateIdentifier == "1501"


def test_a_region_in_a_multi_frame_image_names_its_frame() -> None:
    source = header("US")
    ds = report(analysis(source), source, regions=[region(source)])
    (shape,) = walk.named(ds, "111030")
    assert shape.ContentSequence[0].ReferencedSOPSequence[0].ReferencedFrameNumber == 1


def test_a_region_of_another_finding_or_image_is_not_taken() -> None:
    source = header()
    strangers = [region(source, finding="nodule"), region(header(image=7))]
    assert not walk.named(report(analysis(source), source, regions=strangers), "111030")


def test_the_heatmap_is_referred_to_by_the_kind_of_its_explanation() -> None:
    source = header()
    told = analysis(source, manifest=manifest(explanation=Code("130404", "DCM", "Saliency")))
    made = built(told, by_uid(source), [], [picture(source)], kinds=("sc", "sr"))
    heatmap, ds = made[0][1], made[1][1]
    (item,) = walk.named(walk.groups(ds)[0], "130404")
    reference = item.ReferencedSOPSequence[0]
    assert reference.ReferencedSOPClassUID == SecondaryCaptureImageStorage
    assert reference.ReferencedSOPInstanceUID == heatmap.SOPInstanceUID
    assert walk.evidence(ds)[heatmap.SOPInstanceUID] == heatmap.SeriesInstanceUID


def test_without_secondary_captures_nothing_is_referred_to_that_is_not_sent() -> None:
    source = header()
    ((_, ds),) = built(analysis(source), by_uid(source), [], [picture(source)], kinds=("sr",))
    assert list(walk.evidence(ds)) == [source.SOPInstanceUID]


def test_the_side_of_the_finding_site_is_told() -> None:
    source = header()
    told = analysis(source)
    (item,) = told.analysed
    sided = analysis(source, analysed=(replace(item, image_set=replace(item.image_set, laterality="L")),))
    assert walk.coded(report(sided, source), "272741003") == ["Left"]


def test_a_later_revision_names_its_predecessor() -> None:
    source = header()
    before = {"sr": (str(Comprehensive3DSRStorage), "2.25.7")}
    ds = report(analysis(source, revision=2, predecessors=before), source)
    (study,) = ds.PredecessorDocumentsSequence
    (series,) = study.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == ds.SeriesInstanceUID
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == "2.25.7"


def test_the_order_is_referred_to_when_the_source_names_it() -> None:
    request = Dataset()
    request.RequestedProcedureID, request.RequestedProcedureDescription = "RP1", "Thorax"
    ds = of(header(RequestAttributesSequence=[request]))
    (order,) = ds.ReferencedRequestSequence
    assert (order.RequestedProcedureID, order.AccessionNumber) == ("RP1", "A-77")


def test_the_summary_is_one_paragraph_for_a_person() -> None:
    (words,) = walk.texts(of(header()), "121111")
    assert words.startswith("Chest radiograph: opacity (chest-radiograph 1.2.0) assessed 1 image.")
    assert "Opacity of the lung: present, calibrated probability 87 % (operating point 50 %" in words
    assert words.endswith("Research use, not for diagnosis.")
    assert "\n" not in words


def test_a_private_scheme_of_codes_names_who_answers_for_it() -> None:
    ds = of(header(), manifest=manifest(findings=(spec(code=Code("OP1", "99TEST", "Opacity")),)))
    (item,) = ds.CodingSchemeIdentificationSequence
    assert (item.CodingSchemeDesignator, item.CodingSchemeResponsibleOrganization) == ("99TEST", "radnode authors")
    assert "CodingSchemeIdentificationSequence" not in of(header())


def test_a_source_of_unknown_class_cannot_be_referred_to() -> None:
    source = header()
    told = analysis(source)
    (item,) = told.analysed
    (seen,) = item.image_set.images
    unknown = replace(item, image_set=replace(item.image_set, images=(replace(seen, sop_class_uid=""),)))
    with pytest.raises(ReportError, match="SOP class"):
        built(replace(told, analysed=(unknown,)), {}, [], [])


def test_tracking_identifiers_are_plain() -> None:
    (words,) = walk.texts(of(header()), "112039")
    assert words == "chest-radiograph: Opacity of the lung"
    assert "Cornerstone" not in words


def answering(told: Analysis, **changes: Any) -> Analysis:
    """The analysis with that changed in its only prediction; `agreement` is that of every finding."""
    (item,) = told.analysed
    findings = item.prediction.findings
    if "agreement" in changes:
        findings = tuple(replace(finding, agreement=changes["agreement"]) for finding in findings)
        changes = {name: value for name, value in changes.items() if name != "agreement"}
    return replace(told, analysed=(replace(item, prediction=replace(item.prediction, findings=findings, **changes)),))


def test_between_two_limits_a_finding_is_undetermined_with_its_certainty_and_the_reason() -> None:
    ds = of(header(), probability=0.47, manifest=manifest(findings=(banded(),)))
    (group,) = walk.groups(ds)
    assert walk.coded(group, "121052") == ["Undetermined"]
    assert walk.number(group, "111012") == pytest.approx(47.0)
    assert walk.number(group, "111088") == 95.0
    assert not walk.named(group, "111050"), "its quality is not in question"
    parameters = walk.texts(group, "111002")
    assert "undetermined from 0.3 to below 0.7, limits set for an error rate of 0.1" in parameters
    (reason,) = walk.texts(group, "121106")
    assert (
        "between the two limits 30 % and 70 %, set so that beyond them at most 10 % of each kind is called wrongly"
        in reason
    )
    assert "Not assessed" not in reason


def test_the_limits_are_stated_also_where_the_finding_is_decided() -> None:
    (group,) = walk.groups(of(header(), probability=0.9, manifest=manifest(findings=(banded(),))))
    assert walk.coded(group, "121052") == ["Present"]
    assert any("limits set for an error rate of 0.1" in line for line in walk.texts(group, "111002"))
    assert not walk.texts(group, "121106")


def test_a_finding_without_limits_states_none() -> None:
    (group,) = walk.groups(of(header()))
    assert not any("undetermined" in line for line in walk.texts(group, "111002"))


def test_what_stands_behind_a_finding_is_told_in_its_group() -> None:
    source = header()
    cases = (Neighbour("opacity", "cxr_nih/1_004", 0.93, present=True), Neighbour("opacity", "b/2", 0.8, present=False))
    told = answering(analysis(source), neighbours=cases, agreement=(17, 300))
    ((_, ds),) = built(told, by_uid(source), [], [], ("sr",), [contribution(source)])
    (group,) = walk.groups(read_back(ds))
    assert walk.texts(group, "121106") == [
        contribution(source).sentence,
        "17 of 300 images reach the operating point on their own.",
        "Nearest training cases: cxr_nih/1_004 (present, similarity 0.93), b/2 (absent, similarity 0.80); "
        "1 of 2 carry the finding.",
    ]


def test_remarks_are_comments_on_the_whole_and_leave_the_report_complete() -> None:
    source = header()
    ds = report(answering(analysis(source), remarks=("The header contradicts the pixels.",)), source)
    (comment,) = [item for item in ds.ContentSequence if item.ConceptNameCodeSequence[0].CodeValue == "121106"]
    assert comment.TextValue == "The header contradicts the pixels."
    assert "The header contradicts the pixels." in walk.texts(ds, "121111")[0]
    assert ds.CompletionFlag == "COMPLETE"


def test_a_group_with_one_place_is_of_the_template_of_places_and_one_without_is_not() -> None:
    source = header()
    told = analysis(source, manifest=manifest(findings=(spec("opacity"), spec("effusion"))))
    mixed = walk.groups(report(told, source, regions=[region(source)]))
    assert [one.ContentTemplateSequence[0].TemplateIdentifier for one in mixed] == ["1410", "1501"]


def test_what_was_never_measured_is_no_number_but_said_in_words() -> None:
    ds = of(header(), manifest=manifest(findings=(unmeasured(),)))
    (group,) = walk.groups(ds)
    assert walk.number(group, "111012") == pytest.approx(87.0)
    assert not walk.named(group, "111088")
    assert not walk.named(group, "111090")
    parameters = walk.texts(group, "111002")
    assert {"sensitivity: not measured", "specificity: not measured"} < set(parameters)
    assert "source of the operating point: a paper's threshold" in parameters
    assert not any("CI 0 to 1" in line for line in parameters)
    (words,) = walk.texts(ds, "121111")
    assert "(operating point 50 %, sensitivity and specificity not measured)" in words


def test_the_one_figure_that_was_measured_stays_a_number() -> None:
    half = spec(operating_point=replace(spec().operating_point, specificity=Interval(0.0, 0.0, 1.0)))
    ds = of(header(), manifest=manifest(findings=(half,)))
    (group,) = walk.groups(ds)
    assert walk.number(group, "111088") == 95.0
    assert not walk.named(group, "111090")
    parameters = walk.texts(group, "111002")
    assert "specificity: not measured" in parameters
    assert not any(line.startswith("source of") for line in parameters)
    assert "sensitivity 95 %, specificity not measured)" in walk.texts(ds, "121111")[0]


def test_a_report_is_never_its_own_predecessor() -> None:
    source = header()
    first = of(source)
    again = analysis(source, revision=2, predecessors={"sr": (first.SOPClassUID, first.SOPInstanceUID)})
    assert "PredecessorDocumentsSequence" not in report(again, source)
