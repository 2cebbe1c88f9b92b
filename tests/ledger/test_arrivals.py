"""What becomes of an instance that was received."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from node.errors import SpoolError
from node.ledger import Ledger
from node.ledger.arrivals import OTHER_CONTENT, OWN_RESULT, TWO_PATIENTS
from node.states import AnalysisState, StudyState
from node.study import Attributes, Outcome
from tests.ledger.material import arrival, completed, received, reported, routed


def actions(ledger: Ledger, study: str = "1.2") -> list[str]:
    return [event.action for event in ledger.events.of_study(study)]


def test_a_first_image_opens_a_study(ledger: Ledger) -> None:
    assert ledger.arrivals.record([arrival()]) == [Outcome.NEW]
    study = ledger.studies.get("1.2")
    assert (study.state, study.revision, study.images, study.sender) == (StudyState.RECEIVING, 1, 1, "SENDER")
    assert actions(ledger) == ["received"]


def test_no_row_is_there_before_its_file_is_durable(ledger: Ledger, tmp_path: Path) -> None:
    seen = list[list[str]]()

    def settle() -> None:
        other = Ledger(tmp_path / "ledger.db")
        seen.append([study.study_instance_uid for study in other.studies.latest(10)])
        other.close()

    ledger.arrivals.record([arrival()], [settle])
    assert seen == [[]]
    assert ledger.studies.get("1.2").images == 1


def test_a_file_that_does_not_become_durable_leaves_no_row(ledger: Ledger) -> None:
    def settle() -> None:
        raise SpoolError("the spool cannot be written")

    with pytest.raises(SpoolError):
        ledger.arrivals.record([arrival()], [settle])
    assert ledger.studies.latest(10) == []
    assert ledger.arrivals.record([arrival()]) == [Outcome.NEW]


def test_an_instance_comes_back_as_it_was_written(ledger: Ledger) -> None:
    attributes = Attributes(modality="MR", image_type=("ORIGINAL", "PRIMARY"), age_years=1.5, frames=3)
    one = arrival(attributes=attributes, study_images=4, acquisition_images=2)
    ledger.arrivals.record([one])
    (series,) = ledger.studies.series("1.2")
    (instance,) = series.instances
    assert instance.attributes == attributes
    for name in ("sop_instance_uid", "path", "sha256", "study_images", "acquisition_images", "instance_number"):
        assert getattr(instance, name) == getattr(one, name)


def test_images_come_back_by_series_and_instance_number(ledger: Ledger) -> None:
    ledger.arrivals.record([arrival(n, series=series) for n, series in ((3, "1.2.9"), (1, "1.2.9"), (2, "1.2.8"))])
    found = [(s.series_instance_uid, [i.instance_number for i in s.instances]) for s in ledger.studies.series("1.2")]
    assert found == [("1.2.8", [2]), ("1.2.9", [1, 3])]


def test_the_same_image_again_changes_nothing(ledger: Ledger) -> None:
    assert ledger.arrivals.record([arrival(), arrival()]) == [Outcome.NEW, Outcome.DUPLICATE]
    completed_before = ledger.studies.get("1.2")
    assert ledger.arrivals.record([arrival()]) == [Outcome.DUPLICATE]
    assert ledger.studies.get("1.2") == completed_before
    assert actions(ledger)[-1] == "received again"


def test_an_image_that_comes_again_after_the_end_does_not_reopen_its_study(ledger: Ledger) -> None:
    routed(ledger)
    ledger.arrivals.record([arrival()])
    assert ledger.studies.get("1.2").state is StudyState.ROUTED


def test_other_content_under_the_same_uid_is_set_aside_and_the_first_is_kept(ledger: Ledger) -> None:
    other = arrival(sha256="other", path="instances/00/other.dcm")
    assert ledger.arrivals.record([arrival(), other, other]) == [Outcome.NEW, Outcome.SET_ASIDE, Outcome.SET_ASIDE]
    (kept,) = ledger.studies.series("1.2")[0].instances
    assert kept.sha256 == arrival().sha256
    (row,) = ledger.studies.set_aside("1.2")
    assert (row["reason"], row["path"]) == (OTHER_CONTENT, "instances/00/other.dcm")
    assert ledger.studies.count_set_aside() == 1
    assert ledger.studies.get("1.2").images == 1


def test_a_defect_is_set_aside_with_its_reason_and_opens_no_study(ledger: Ledger) -> None:
    assert ledger.arrivals.record([arrival(defect="no pixel data")]) == [Outcome.SET_ASIDE]
    assert ledger.studies.latest(10) == []
    assert [row["reason"] for row in ledger.studies.set_aside()] == ["no pixel data"]
    assert ledger.upkeep.knows(arrival().sop_instance_uid, arrival().path)


@pytest.mark.parametrize("manufacturer", ["radnode", "RADNODE"])
def test_an_own_result_that_comes_back_is_kept_and_never_analysed(ledger: Ledger, manufacturer: str) -> None:
    own = arrival(attributes=Attributes(manufacturer=manufacturer))
    assert ledger.arrivals.record([own]) == [Outcome.OWN_RESULT]
    assert ledger.studies.get("1.2").state is StudyState.IGNORED
    assert ledger.studies.series("1.2") == ()
    assert ledger.studies.paths("1.2") == [own.path]


def test_an_own_result_is_known_by_its_uid_even_without_its_manufacturer(ledger: Ledger) -> None:
    _, (result, _) = reported(ledger)
    back = arrival(sop_instance_uid=result.sop_instance_uid, attributes=Attributes(manufacturer="PACS"))
    assert ledger.arrivals.record([back]) == [Outcome.OWN_RESULT]
    assert ledger.studies.get("1.2").state is StudyState.ROUTED
    assert OWN_RESULT


def test_an_image_after_an_own_result_opens_the_study_as_a_first_one_does(ledger: Ledger) -> None:
    ledger.arrivals.record([arrival(1, attributes=Attributes(manufacturer="radnode"))])
    ledger.arrivals.record([arrival(2)])
    study = ledger.studies.get("1.2")
    assert (study.state, study.revision, study.images, study.sender) == (StudyState.RECEIVING, 1, 1, "SENDER")


def test_an_own_result_of_another_patient_key_does_not_make_a_contradiction(ledger: Ledger) -> None:
    ledger.arrivals.record([arrival(1, attributes=Attributes(manufacturer="radnode"), patient_key="re-issued")])
    ledger.arrivals.record([arrival(2)])
    assert ledger.studies.get("1.2").state is StudyState.RECEIVING


# Late images


def test_a_late_image_reopens_a_complete_study_as_a_new_revision(ledger: Ledger) -> None:
    completed(ledger)
    ledger.arrivals.record([arrival(2)])
    study = ledger.studies.get("1.2")
    assert (study.state, study.revision, study.images) == (StudyState.RECEIVING, 2, 2)
    assert study.reason == "a late image makes a new revision"


def test_a_late_image_drops_what_is_unfinished(ledger: Ledger) -> None:
    (analysis,) = routed(ledger)
    ledger.arrivals.record([arrival(2)])
    dropped = ledger.analyses.get(analysis.id)
    assert dropped.state is AnalysisState.DROPPED
    assert "late image" in dropped.error
    assert ledger.studies.get("1.2").state is StudyState.RECEIVING


def test_a_late_image_leaves_what_was_delivered(ledger: Ledger) -> None:
    analysis, _ = reported(ledger, wanted={})
    assert ledger.studies.get("1.2").state is StudyState.CLOSED
    ledger.arrivals.record([arrival(2)])
    assert ledger.analyses.get(analysis.id).state is AnalysisState.DELIVERED
    assert ledger.studies.get("1.2").revision == 2


def test_several_late_images_make_one_new_revision(ledger: Ledger) -> None:
    completed(ledger)
    ledger.arrivals.record([arrival(2), arrival(3)])
    ledger.arrivals.record([arrival(4)])
    assert ledger.studies.get("1.2").revision == 2


def test_a_late_image_of_an_ignored_study_gives_it_another_chance(ledger: Ledger) -> None:
    completed(ledger)
    ledger.analyses.route("1.2", [], ["no route"])
    ledger.arrivals.record([arrival(2)])
    study = ledger.studies.get("1.2")
    assert (study.state, study.revision) == (StudyState.RECEIVING, 2)


# Two patients


def test_two_patients_in_one_study_stop_it(ledger: Ledger) -> None:
    ledger.arrivals.record([arrival(1), arrival(2, patient_key="somebody else")])
    study = ledger.studies.get("1.2")
    assert (study.state, study.reason, study.images) == (StudyState.QUARANTINED, TWO_PATIENTS, 2)


def test_a_study_that_was_stopped_goes_on_taking_images(ledger: Ledger) -> None:
    ledger.arrivals.record([arrival(1), arrival(2, patient_key="somebody else")])
    assert ledger.arrivals.record([arrival(3)]) == [Outcome.NEW]
    study = ledger.studies.get("1.2")
    assert (study.state, study.revision, study.images) == (StudyState.QUARANTINED, 1, 3)


def test_a_late_image_of_another_patient_stops_a_closed_study(ledger: Ledger) -> None:
    reported(ledger, wanted={})
    ledger.arrivals.record([arrival(2, patient_key="somebody else")])
    assert ledger.studies.get("1.2").state is StudyState.QUARANTINED


def test_the_operator_releases_a_study_that_was_stopped(ledger: Ledger) -> None:
    ledger.arrivals.record([arrival(1), arrival(2, patient_key="somebody else")])
    ledger.studies.ask("1.2")
    assert ledger.studies.get("1.2").state is StudyState.COMPLETE


def test_images_without_any_patient_id_agree_with_each_other(ledger: Ledger) -> None:
    ledger.arrivals.record([arrival(1, patient_key=""), arrival(2, patient_key="")])
    assert ledger.studies.get("1.2").state is StudyState.RECEIVING


# Commits


def test_a_batch_is_one_commit_for_all_or_none(ledger: Ledger) -> None:
    broken = replace(arrival(2), size=object())  # type: ignore[arg-type]
    with pytest.raises(Exception, match="type 'object' is not supported"):
        ledger.arrivals.record([arrival(1), broken])
    assert ledger.studies.latest(10) == []
    assert ledger.events.latest(10) == []
    received(ledger)
    assert ledger.studies.get("1.2").images == 1


# Associations


def test_an_open_association_is_counted_for_the_studies_it_brought(ledger: Ledger) -> None:
    ledger.arrivals.open_association("a1", "SENDER", "NODE", "127.0.0.1")
    ledger.arrivals.open_association("a1", "SENDER", "NODE", "127.0.0.1")
    received(ledger)
    assert ledger.studies.streaming("1.2").associations == 1
    assert ledger.studies.streaming("1.3").associations == 0
    ledger.arrivals.close_association("a1", "released")
    assert ledger.studies.streaming("1.2").associations == 0


def test_no_association_of_an_earlier_life_is_open(ledger: Ledger) -> None:
    ledger.arrivals.open_association("a1", "SENDER", "NODE", "127.0.0.1")
    received(ledger)
    ledger.arrivals.close_all_associations("the node was stopped")
    assert ledger.studies.streaming("1.2").associations == 0


def test_what_goes_beyond_the_limit_of_a_study_is_set_aside_and_the_study_goes_on(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "limited.db", most_objects=2)
    outcomes = ledger.arrivals.record([arrival(number) for number in (1, 2, 3)])
    assert outcomes == [Outcome.NEW, Outcome.NEW, Outcome.SET_ASIDE]
    assert ledger.arrivals.record([arrival(1)]) == [Outcome.DUPLICATE], "what it has may come again"
    assert ledger.arrivals.record([arrival(1, "1.3")]) == [Outcome.NEW]
    assert (ledger.studies.get("1.2").images, ledger.studies.get("1.2").state) == (2, StudyState.RECEIVING)
    assert "its study has 2 objects already" in str(ledger.studies.set_aside("1.2")[0]["reason"])


def test_what_goes_beyond_the_bytes_of_a_study_is_set_aside_and_the_study_goes_on(tmp_path: Path) -> None:
    ledger, half = Ledger(tmp_path / "limited.db", most_bytes=2 << 20), 1 << 20
    outcomes = ledger.arrivals.record([arrival(number, size=half) for number in (1, 2)])
    assert outcomes == [Outcome.NEW, Outcome.NEW], "as much as the limit is not more than it"
    assert ledger.arrivals.record([arrival(3, size=1)]) == [Outcome.SET_ASIDE]
    assert ledger.arrivals.record([arrival(1, size=half)]) == [Outcome.DUPLICATE], "what it has may come again"
    assert ledger.arrivals.record([arrival(1, "1.3", size=half)]) == [Outcome.NEW]
    assert (ledger.studies.get("1.2").images, ledger.studies.get("1.2").state) == (2, StudyState.RECEIVING)
    assert "its study would have more than 2 MiB" in str(ledger.studies.set_aside("1.2")[0]["reason"])


def test_an_image_whose_file_is_missing_leaves_its_bytes_to_others(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "limited.db", most_bytes=200)
    received(ledger, images=2)
    ledger.upkeep.set_missing(ledger.upkeep.named("1.2")[:1])
    assert ledger.arrivals.record([arrival(1)]) == [Outcome.NEW]
    assert ledger.arrivals.record([arrival(3)]) == [Outcome.SET_ASIDE]
    ledger.close()
