"""Images, performed procedure steps and notifications in any order: one completeness, one result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import permutations
from pathlib import Path

import pytest

from node.config import StudySettings
from node.signals import Kind, Named, Notification, Step, StepStatus
from node.states import StudyState
from node.study import Arrival
from tests.test_pipeline import Bench

STUDY, SERIES = "1.2", "1.2.1"
STEP = "the modality's performed procedure step"


def image(bench: Bench) -> Arrival:
    """The next one: 1.2.1.1, 1.2.1.2 ..."""
    return bench.receive(STUDY, association="a")


def names(*numbers: int) -> tuple[Named, ...]:
    return tuple(Named(SERIES, f"{SERIES}.{number}") for number in numbers)


def begin(bench: Bench, step: str = "9.1") -> None:
    bench.ledger.signals.begin(step, "CR1", Step(StepStatus.IN_PROGRESS, (STUDY,), None))


def end(bench: Bench, *numbers: int, step: str = "9.1", status: str = "COMPLETED", code: str = "") -> None:
    bench.ledger.signals.change(step, "CR1", Step(StepStatus(status), (), names(*numbers), code))


def notify(bench: Bench, *numbers: int) -> None:
    bench.ledger.signals.notify("8.1", "PACS", Notification(STUDY, names(*numbers)))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Quiet 60 s, settled 1 s, what is missing 30 s more, a step 7200 s."""
    one = Bench(tmp_path, study=patient())
    yield one
    one.ledger.close()


def patient(**more: bool) -> StudySettings:
    return StudySettings(quiet_seconds={"default": 60}, settled_seconds=1, missing_wait_seconds=30, **more)


def waits(bench: Bench, seconds: float = 0) -> bool:
    """After so long it still does."""
    bench.tick(seconds)
    return bench.study().state is StudyState.RECEIVING


def reason(bench: Bench, study: str = STUDY) -> str:
    """Which signal closed it."""
    closed = [event for event in bench.ledger.events.of_study(study) if event.action == "study completed"]
    return str(closed[-1].detail["reason"])


ORDERS = [
    order
    for order in permutations(("first", "second", "begin", "end", "notify"))
    if order.index("begin") < order.index("end")
]


def test_any_order_leads_to_the_same_completeness_and_one_result(bench: Bench) -> None:
    """Each order is a study of its own; what comes next is told half a second later."""
    for number, order in enumerate(ORDERS):
        study, step, first = f"1.2.{number}", f"9.{number}", bench.count + 1
        named = tuple(Named(f"{study}.1", f"{study}.1.{one}") for one in (first, first + 1, first + 2))
        does: dict[str, Callable[[], object]] = {
            "first": partial(bench.receive, study),
            "second": partial(bench.receive, study),
            "begin": partial(bench.ledger.signals.begin, step, "CR1", Step(StepStatus.IN_PROGRESS, (study,), None)),
            "end": partial(bench.ledger.signals.change, step, "CR1", Step(StepStatus.COMPLETED, (), named[:2])),
            "notify": partial(bench.ledger.signals.notify, f"8.{number}", "PACS", Notification(study, named)),
        }
        for one in order:
            does[one]()
            bench.tick(0.5)
        bench.tick(1)
        row = bench.study(study)
        assert (row.state, row.revision, row.expected, row.partial) == (StudyState.ROUTED, 1, 2, False), order
        assert reason(bench, study) == f"all 2 instances that {STEP} names have come", order
        assert len(bench.ledger.analyses.of_study(study)) == 1, order


def test_a_signal_for_a_study_without_images_makes_none(bench: Bench) -> None:
    begin(bench)
    end(bench, 1, 2)
    bench.tick(100)
    assert bench.ledger.studies.latest(10) == []


def test_while_its_association_is_open_a_study_is_closed_by_its_step_alone(bench: Bench) -> None:
    bench.ledger.arrivals.open_association("a", "CR1", "RADNODE", "127.0.0.1")
    for _ in range(2):
        image(bench)
    assert waits(bench)
    assert waits(bench, 100)
    begin(bench)
    end(bench, 1, 2)
    assert waits(bench)
    assert not waits(bench, 1)
    assert not bench.study().partial


def test_a_step_that_nobody_ends_holds_its_study_for_a_limited_time(bench: Bench) -> None:
    image(bench)
    begin(bench)
    assert waits(bench)
    assert waits(bench, 7000)
    image(bench)
    assert waits(bench, 0)
    assert waits(bench, 7199)
    assert not waits(bench, 1)
    assert bench.study().partial
    assert reason(bench) == f"closed by timer, {STEP} is IN PROGRESS, and nothing was heard for 7200 s"


def test_what_a_step_names_is_waited_for_from_its_last_word_on(bench: Bench) -> None:
    for _ in range(3):
        image(bench)
    begin(bench)
    assert waits(bench, 3600)
    end(bench, 1, 2, 3, 4, 5)
    assert waits(bench)
    assert waits(bench, 89)
    assert not waits(bench, 1)
    assert (bench.study().partial, bench.study().expected) == (True, 5)
    assert reason(bench) == f"closed by timer, 3 of 5 instances that {STEP} names have come"


def test_a_study_of_two_steps_waits_for_both(bench: Bench) -> None:
    image(bench)
    begin(bench)
    begin(bench, "9.2")
    end(bench, 1)
    assert waits(bench)
    assert waits(bench, 100)
    image(bench)
    end(bench, 2, step="9.2")
    assert waits(bench)
    assert not waits(bench, 1)
    assert reason(bench) == "all 2 instances that the modality's 2 performed procedure steps name have come"


def test_what_comes_late_is_compared_and_a_late_image_makes_the_revision_whole(bench: Bench) -> None:
    image(bench)
    bench.settle()
    bench.tick(60)
    assert bench.study().state is StudyState.ROUTED
    begin(bench)
    end(bench, 1, 2)
    bench.tick(1)
    assert (bench.study().state, bench.study().revision) == (StudyState.ROUTED, 1)
    late = bench.ledger.events.of_study(STUDY)[-1].detail["reason"]
    assert late == "it came after the study was complete: 1 of the 2 instances that are named are not here"
    image(bench)
    assert waits(bench)
    assert not waits(bench, 1)
    assert (bench.study().revision, bench.study().expected, bench.study().partial) == (2, 2, False)


def test_a_notification_alone_closes_a_study(bench: Bench) -> None:
    notify(bench, 1, 2)
    image(bench)
    assert waits(bench)
    assert waits(bench, 80)
    image(bench)
    assert waits(bench)
    assert not waits(bench, 1)
    assert reason(bench) == "all 2 instances that the notification of PACS names have come"


@pytest.mark.parametrize(("held", "state"), [(False, StudyState.ROUTED), (True, StudyState.QUARANTINED)])
def test_a_wrong_worklist_entry_is_told_and_held_where_that_is_wanted(
    tmp_path: Path, held: bool, state: StudyState
) -> None:
    bench = Bench(tmp_path, study=patient(hold_wrong_worklist_entry=held))
    image(bench)
    begin(bench)
    end(bench, 1, status="DISCONTINUED", code="110514")
    assert waits(bench)
    assert not waits(bench, 1)
    assert bench.study().state is state
    if held:
        assert "incorrect worklist entry selected" in bench.study().reason
        bench.ledger.studies.ask(STUDY)
        bench.tick()
        assert bench.study().state is StudyState.ROUTED, "a person has looked"
    bench.ledger.close()


def test_what_is_old_is_forgotten_with_the_files(bench: Bench) -> None:
    begin(bench)
    assert bench.ledger.signals.named(STUDY, Kind.STEP).instances == 0
    days = bench.settings.storage.keep_days
    at = bench.ledger.signals.of_study(STUDY)[0].told_at
    bench.pipeline.purge(at + days * 86400 - 1)
    assert len(bench.ledger.signals.of_study(STUDY)) == 1
    bench.pipeline.purge(at + days * 86400 + 1)
    assert bench.ledger.signals.of_study(STUDY) == []
