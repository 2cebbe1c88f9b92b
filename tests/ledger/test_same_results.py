"""A late image that changes nothing for a plugin gives a new revision with the very same objects: none is lost."""

from __future__ import annotations

from node.ledger import AnalysisRow, Ledger
from node.states import AnalysisState
from tests.ledger.material import KINDS, arrival, classified, plan, reported, results


def late_image(ledger: Ledger) -> AnalysisRow:
    """The analysis of the next revision, classified."""
    ledger.arrivals.record([arrival(9, "1.2", "1.2.77")])
    ledger.studies.complete(ledger.studies.get("1.2"), "quiet", partial=False, expected=None)
    ledger.analyses.route("1.2", [plan()], ["because"])
    analysis = ledger.analyses.of_study("1.2")[-1]
    ledger.analyses.classified(analysis.id, "pneumonia 0.93")
    return ledger.analyses.get(analysis.id)


def due(ledger: Ledger) -> list[str]:
    return [row.sop_instance_uid for row in ledger.deliveries.due("pacs", 300, 10)]


def deliver(ledger: Ledger) -> None:
    for row in ledger.deliveries.due("pacs", 300, 10):
        ledger.deliveries.done(row)


def test_what_waited_when_the_late_image_came_is_sent_by_the_new_revision(ledger: Ledger) -> None:
    first, made = reported(ledger)
    second = late_image(ledger)
    assert ledger.analyses.get(first.id).state is AnalysisState.DROPPED
    ledger.analyses.reported(second.id, made, KINDS)
    assert ledger.analyses.get(second.id).state is AnalysisState.REPORTED, "nothing has been sent yet"
    assert due(ledger) == [one.sop_instance_uid for one in made]
    deliver(ledger)
    assert ledger.analyses.get(second.id).state is AnalysisState.DELIVERED


def test_what_had_arrived_is_not_sent_again(ledger: Ledger) -> None:
    _, made = reported(ledger)
    deliver(ledger)
    second = late_image(ledger)
    ledger.analyses.reported(second.id, made, KINDS)
    assert due(ledger) == []
    assert ledger.analyses.get(second.id).state is AnalysisState.DELIVERED


def test_what_had_arrived_in_part_is_sent_in_the_other_part(ledger: Ledger) -> None:
    _, made = reported(ledger)
    ledger.deliveries.done(ledger.deliveries.due("pacs", 300, 1)[0])
    second = late_image(ledger)
    ledger.analyses.reported(second.id, made, KINDS)
    assert due(ledger) == [made[1].sop_instance_uid]
    deliver(ledger)
    assert ledger.analyses.get(second.id).state is AnalysisState.DELIVERED


def test_an_object_that_was_on_its_way_when_the_revision_changed_is_settled_for_the_new_one(ledger: Ledger) -> None:
    _, made = reported(ledger)
    under_way = ledger.deliveries.due("pacs", 300, 10)
    second = late_image(ledger)
    ledger.analyses.reported(second.id, made, KINDS)
    for row in under_way:
        ledger.deliveries.done(row)
    assert ledger.analyses.get(second.id).state is AnalysisState.DELIVERED


def test_the_results_are_those_of_the_newest_revision(ledger: Ledger) -> None:
    first, made = reported(ledger)
    second = late_image(ledger)
    ledger.analyses.reported(second.id, made, KINDS)
    assert ledger.analyses.results(second.id) == results()
    assert ledger.analyses.results(first.id) == []


def deliver_refusing_sr(ledger: Ledger) -> None:
    for row in ledger.deliveries.due("pacs", 300, 10):
        if row.kind == "sr":
            ledger.deliveries.replace(row, "SOP class not supported")
        else:
            ledger.deliveries.done(row)


def test_what_arrived_as_a_stand_in_still_counts(ledger: Ledger) -> None:
    made = results("1.2", "sc", "sr", "comprehensive-sr")
    first = classified(ledger)
    ledger.analyses.reported(first.id, made, KINDS)
    deliver_refusing_sr(ledger)
    deliver_refusing_sr(ledger)
    assert ledger.analyses.get(first.id).state is AnalysisState.DELIVERED
    second = late_image(ledger)
    ledger.analyses.reported(second.id, made, KINDS)
    deliver_refusing_sr(ledger)
    assert ledger.analyses.get(second.id).state is AnalysisState.DELIVERED
    assert ledger.deliveries.refused() == []
