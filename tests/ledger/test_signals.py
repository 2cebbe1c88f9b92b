"""What modalities and archives tell is kept, counted, and forgotten when it is old."""

from __future__ import annotations

import time

import pytest

from node.ledger import Ledger, upkeep
from node.ledger.signals import Count
from node.signals import Kind, Named, Notification, Outcome, Step, StepStatus
from tests.ledger.material import after, arrival, completed, received

STEP = "1.5.1"


def named(*numbers: int, study: str = "1.2", **more: str) -> tuple[Named, ...]:
    return tuple(Named(f"{study}.9", f"{study}.9.{number}", **more) for number in numbers)


def told(ledger: Ledger, *numbers: int, step: str = STEP, studies: tuple[str, ...] = ("1.2",)) -> None:
    """A step that has ended and names these instances."""
    assert ledger.signals.begin(step, "CT", Step(StepStatus.IN_PROGRESS, studies, None)) is Outcome.TAKEN
    assert ledger.signals.change(step, "CT", Step(StepStatus.COMPLETED, (), named(*numbers))) is Outcome.TAKEN


def test_what_is_named_is_counted_once_and_has_come_when_it_is_here(ledger: Ledger) -> None:
    told(ledger, 1, 2, 3)
    told(ledger, 3, 4, step="1.5.2")
    assert ledger.signals.named("1.2", Kind.STEP) == Count(4, 0)
    received(ledger, images=3)
    assert ledger.signals.named("1.2", Kind.STEP) == Count(4, 3)
    assert ledger.signals.named("1.2", Kind.AVAILABILITY) == Count(0, 0)
    assert ledger.signals.named("1.3", Kind.STEP) == Count(0, 0)


def test_what_is_set_aside_has_come_and_what_the_spool_has_lost_has_not(ledger: Ledger) -> None:
    told(ledger, 1, 2)
    ledger.arrivals.record([arrival(1, defect="no pixels"), arrival(2)])
    assert ledger.signals.named("1.2", Kind.STEP) == Count(2, 2)
    with ledger._database.write() as connection:
        connection.execute("UPDATE instances SET set_aside = ?", (upkeep.MISSING_FILE,))
    assert ledger.signals.named("1.2", Kind.STEP) == Count(2, 1)


def test_an_instance_of_another_study_counts_only_where_the_step_belongs_to_both(ledger: Ledger) -> None:
    ledger.arrivals.record([arrival(1), arrival(2, study="1.3", sop_instance_uid="1.2.9.2")])
    told(ledger, 1, 2)
    assert ledger.signals.named("1.2", Kind.STEP) == Count(2, 1)
    told(ledger, 1, 2, step="1.5.2", studies=("1.2", "1.3"))
    assert ledger.signals.named("1.2", Kind.STEP) == Count(2, 2)
    assert ledger.signals.named("1.3", Kind.STEP) == Count(2, 2)


def test_what_is_unavailable_is_not_waited_for(ledger: Ledger) -> None:
    here, gone = named(1, availability="OFFLINE"), named(2, availability="UNAVAILABLE")
    assert ledger.signals.notify("1.6.1", "PACS", Notification("1.2", (*here, *gone))) is Outcome.TAKEN
    assert ledger.signals.notify("1.6.1", "PACS", Notification("1.3", here)) is Outcome.DUPLICATE
    assert ledger.signals.named("1.2", Kind.AVAILABILITY) == Count(1, 0)


def test_only_studies_that_arrive_have_words(ledger: Ledger) -> None:
    told(ledger, 1)
    assert ledger.signals.words() == {}, "no image has come"
    received(ledger)
    assert ledger.signals.words() == {"1.2": 2}
    ledger.signals.notify("1.6.1", "PACS", Notification("1.2", named(1)))
    assert ledger.signals.words() == {"1.2": 3}


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        ((1,), "it came after the study was complete, and names nothing that is not here"),
        ((1, 2, 3), "it came after the study was complete: 2 of the 3 instances that are named are not here"),
    ],
)
def test_what_is_told_late_is_compared_and_moves_nothing(ledger: Ledger, numbers: tuple[int, ...], reason: str) -> None:
    completed(ledger)
    before = ledger.studies.get("1.2")
    told(ledger, *numbers)
    events = [event for event in ledger.events.of_study("1.2") if event.action == "procedure step told"]
    assert [event.detail.get("reason") for event in events] == [None, reason]
    assert ledger.studies.get("1.2") == before


def test_what_was_told_long_ago_is_forgotten(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    told(ledger, 1, 2)
    after(100, monkeypatch)
    told(ledger, 3, step="1.5.2")
    assert ledger.signals.forget(time.time() - 50) == 1
    assert [one.sop_instance_uid for one in ledger.signals.of_study("1.2")] == ["1.5.2"]
    assert ledger.signals.named("1.2", Kind.STEP) == Count(1, 0)
    assert ledger.signals.forget(time.time() - 50) == 0
    assert ledger.upkeep.problems() == []
