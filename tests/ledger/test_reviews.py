"""Reviews in the ledger: reports are read once, every word is kept, the last one counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.claims import Outcome
from node.ledger import Ledger
from node.reviews import Answer, Judgement, Review, tallies
from node.states import StudyState
from node.study import Attributes
from node.study import Outcome as Arrived
from tests.ledger.material import SR, arrival, reported

KO = "1.2.840.10008.5.1.4.1.1.88.59"
GSPS = "1.2.840.10008.5.1.4.1.1.11.1"
PDF = "1.2.840.10008.5.1.4.1.1.104.1"


def answered(ledger: Ledger, study: str = "1.2", outcome: Outcome = Outcome.PRESENT) -> Answer:
    """A study that was analysed, and what was answered."""
    row, _ = reported(ledger, study)
    for delivery in ledger.deliveries.of_study(study):
        ledger.deliveries.done(delivery)
    return Answer(row.id, "chest", "1.0", "pneumonia", "", "2.25.9", None, outcome, 0.9)


def review(
    answer: Answer, judgement: Judgement = Judgement.ACCEPTED, reader: str = "rita", **changes: object
) -> Review:
    return replace(Review(answer, judgement, None, reader, "typed"), **changes)  # type: ignore[arg-type]


def send(ledger: Ledger, number: int = 50, sop_class: str = SR, **changes: object) -> Arrived:
    """An object that somebody made of the study."""
    attributes = Attributes(modality="SR", calling_ae="WORKSTATION")
    made = arrival(number, series="1.2.50", sop_class_uid=sop_class, attributes=attributes, **changes)
    return ledger.arrivals.record([made])[0]


def actions(ledger: Ledger) -> list[str]:
    return [one.action for one in ledger.events.of_study("1.2")]


# Documents


@pytest.mark.parametrize("sop_class", [SR, KO, GSPS, PDF])
def test_what_people_make_of_a_study_makes_no_new_revision(ledger: Ledger, sop_class: str) -> None:
    answered(ledger)
    before = ledger.studies.get("1.2")
    assert send(ledger, sop_class=sop_class) is Arrived.NEW
    after = ledger.studies.get("1.2")
    assert (after.state, after.revision) == (StudyState.CLOSED, before.revision)
    assert after.images == before.images + 1, "it counts for what the study is announced to hold"
    assert "1.2.9.50" in {i.sop_instance_uid for one in ledger.studies.series("1.2") for i in one.instances}


def test_a_late_image_still_makes_one(ledger: Ledger) -> None:
    answered(ledger)
    ledger.arrivals.record([arrival(2)])
    assert ledger.studies.get("1.2").revision == 2


def test_a_report_that_comes_with_the_images_is_one_of_them(ledger: Ledger) -> None:
    send(ledger)
    assert (ledger.studies.get("1.2").state, ledger.studies.get("1.2").images) == (StudyState.RECEIVING, 1)


def test_a_report_on_another_patient_is_set_aside_and_stops_nothing(ledger: Ledger) -> None:
    answered(ledger)
    assert send(ledger, patient_key="somebody else") is Arrived.SET_ASIDE
    assert ledger.studies.get("1.2").state is StudyState.CLOSED
    assert "another patient" in str(ledger.studies.set_aside("1.2")[0]["reason"])
    assert ledger.reviews.unread() == []


def test_only_reports_wait_to_be_read_and_each_once(ledger: Ledger) -> None:
    answered(ledger)
    for number, sop_class in enumerate((KO, GSPS, PDF, SR), 50):
        send(ledger, number, sop_class)
    assert send(ledger, 53) is Arrived.DUPLICATE
    (document,) = ledger.reviews.unread()
    assert (document.sop_instance_uid, document.calling_ae) == ("1.2.9.53", "WORKSTATION")
    ledger.reviews.read(document, [], [])
    assert ledger.reviews.unread() == []


def test_an_own_result_that_comes_back_is_not_read_but_one_under_a_new_uid_is(ledger: Ledger) -> None:
    answered(ledger)
    own = Attributes(modality="SR", manufacturer="radnode")
    ledger.arrivals.record([arrival(sop_instance_uid="1.2.7.2", sop_class_uid=SR, attributes=own)])
    assert ledger.reviews.unread() == []
    ledger.arrivals.record([arrival(sop_instance_uid="1.2.7.99", sop_class_uid=SR, attributes=own)])
    assert [one.sop_instance_uid for one in ledger.reviews.unread()] == ["1.2.7.99"]


# Reviews


def test_a_review_is_kept_with_its_study_and_in_the_trail(ledger: Ledger) -> None:
    said = review(answered(ledger), Judgement.CORRECTED, stated=Outcome.ABSENT)
    assert ledger.reviews.add("1.2", [said]) == [said]
    (row,) = ledger.reviews.of_study("1.2")
    assert (row.plugin, row.finding, row.outcome, row.judgement) == ("chest", "pneumonia", "present", "corrected")
    assert (row.stated, row.truth, row.reader, row.origin) == ("absent", "absent", "rita", "typed")
    assert ledger.reviews.latest(5) == [row]
    assert actions(ledger)[-1] == "finding corrected by a reader"


def test_the_same_word_again_changes_nothing_but_a_changed_mind_does(ledger: Ledger) -> None:
    answer = answered(ledger)
    first, other = review(answer), review(answer, Judgement.REJECTED)
    assert ledger.reviews.add("1.2", [first]) == [first]
    assert ledger.reviews.add("1.2", [first]) == []
    assert ledger.reviews.add("1.2", [other]) == [other]
    assert ledger.reviews.add("1.2", [first]) == [first]
    assert len(ledger.reviews.of_study("1.2")) == 3


def test_the_last_word_counts_whoever_says_it(ledger: Ledger) -> None:
    answer = answered(ledger)
    ledger.reviews.add("1.2", [review(answer), review(answer, Judgement.REJECTED, reader="tom")])
    (tally,) = tallies(ledger.reviews.counted())
    assert (tally.reviewed, tally.ppv.hits, tally.ppv.total, tally.sender) == (1, 0, 1, "SENDER")


def test_a_review_of_a_later_revision_takes_the_place_of_that_of_an_earlier_one(ledger: Ledger) -> None:
    first = answered(ledger)
    ledger.reviews.add("1.2", [review(first)])
    ledger.reviews.add("1.2", [review(replace(first, outcome=Outcome.ABSENT), reader="tom")])
    (tally,) = tallies(ledger.reviews.counted())
    assert (tally.ppv.total, tally.npv.total) == (0, 1)


def test_findings_plugins_and_studies_count_apart(ledger: Ledger) -> None:
    first, second = answered(ledger), answered(ledger, "1.3", Outcome.ABSENT)
    ledger.reviews.add("1.2", [review(first), review(replace(first, finding="effusion"))])
    ledger.reviews.add("1.3", [review(second)])
    effusion, pneumonia = tallies(ledger.reviews.counted())
    assert (effusion.finding, effusion.reviewed) == ("effusion", 1)
    assert (pneumonia.ppv.hits, pneumonia.npv.hits) == (1, 1)


def test_a_report_is_read_and_its_reviews_are_taken_in_one_step_once(ledger: Ledger) -> None:
    answer = answered(ledger)
    send(ledger)
    (document,) = ledger.reviews.unread()
    ledger.reviews.read(document, [review(answer)], ["it does not say which"])
    ledger.reviews.read(document, [review(answer, reader="another process")], [])
    assert len(ledger.reviews.of_study("1.2")) == 1
    last = ledger.events.of_study("1.2")[-1]
    assert (last.action, last.detail["reasons"]) == ("not taken as a review", ["it does not say which"])


def test_no_reason_leaves_no_trace_of_a_report_that_is_somebody_elses(ledger: Ledger) -> None:
    answered(ledger)
    send(ledger)
    before = actions(ledger)
    ledger.reviews.read(ledger.reviews.unread()[0], [], [])
    assert actions(ledger) == before
