"""From the ledger to a destination, and what became of it back into the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import pytest

from node.config import Destination, RetrySettings, Settings
from node.deliver import Courier, Outcome, Outgoing, Verdict
from node.deliver.circuit import CircuitState
from node.errors import DeliveryError, DeliveryRefused, LedgerBusy
from node.ledger import Ledger
from node.priority import Priority
from node.spool import Spool
from node.states import AnalysisState, StudyState
from tests.ledger.material import SC, SR, arrival, reported

Answer = Callable[[Outgoing], Outcome]

PACS = Destination(name="pacs", kind="dicom", ae_title="PACS")
WARD = Destination(name="ward", kind="dicom", ae_title="WARD")
RETRY = RetrySettings(first_seconds=0, longest_seconds=0, delivery_attempts=3)


def says(verdict: Verdict, reason: str = "", sop_class_uid: str = "") -> Answer:
    """The verdict for objects of that class, or for all; the others are delivered."""

    def answer(outgoing: Outgoing) -> Outcome:
        if sop_class_uid in ("", outgoing.sop_class_uid):
            return Outcome(outgoing, verdict, reason)
        return Outcome(outgoing, Verdict.DELIVERED)

    return answer


class Script:
    """A sender that answers by script: one entry for each call of `send`, the last one for ever."""

    def __init__(self, *entries: Answer | Exception) -> None:
        self._entries = list(entries) or [says(Verdict.DELIVERED)]
        self.calls: list[list[str]] = []
        self.rests: list[bool] = []

    def echo(self) -> None: ...

    def rest(self, *, at_once: bool = False) -> None:
        self.rests.append(at_once)

    def send(self, objects: Sequence[Outgoing]) -> Iterator[Outcome]:
        entry = self._entries.pop(0) if len(self._entries) > 1 else self._entries[0]
        self.calls.append([one.sop_instance_uid for one in objects])
        for outgoing in objects:
            if isinstance(entry, Exception):
                raise entry
            yield entry(outgoing)


class House:
    """A ledger and a spool with studies whose results wait for delivery."""

    def __init__(self, root: Path) -> None:
        self.ledger, self.spool = Ledger(root / "ledger.db"), Spool(root / "spool")
        self.spool.prepare()

    def study(self, uid: str, *destinations: str) -> None:
        kinds = dict.fromkeys(destinations or ("pacs",), ("sc", "sr"))
        _, made = reported(self.ledger, uid, kinds)
        for result in made:
            self.spool.write(result.path, b"object")

    def courier(self, sender: Script, destination: Destination = PACS, retry: RetrySettings = RETRY) -> Courier:
        return Courier(destination, self.ledger, self.spool, Settings(retry=retry), sender)

    def rows(self, uid: str) -> list[tuple[str, int, str]]:
        return [(row.state, row.attempts, row.error) for row in self.ledger.deliveries.of_study(uid)]

    def actions(self, uid: str = "") -> list[str]:
        return [event.action for event in self.ledger.events.of_study(uid)]

    def analysis_state(self, uid: str) -> AnalysisState:
        (analysis,) = self.ledger.analyses.of_study(uid)
        return analysis.state


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    one = House(tmp_path)
    yield one
    one.ledger.close()


def test_what_is_due_is_sent_study_by_study_and_the_studies_close(house: House) -> None:
    house.study("1.2")
    house.study("1.3")
    sender = Script()
    assert house.courier(sender).step() == 4
    assert sender.calls == [["1.2.7.1", "1.2.7.2"], ["1.3.7.1", "1.3.7.2"]]
    assert house.rows("1.2") == [("DONE", 1, "")] * 2
    assert house.ledger.studies.get("1.2").state is StudyState.CLOSED
    assert house.analysis_state("1.2") is AnalysisState.DELIVERED


def test_nothing_due_sends_nothing(house: House) -> None:
    sender = Script()
    courier = house.courier(sender)
    assert courier.step() == 0
    assert sender.calls == []
    courier.rest()
    assert sender.rests == [False, True]  # what is kept open may go; it has to go


def test_a_file_that_was_changed_after_it_was_made_is_refused_and_the_rest_is_sent(house: House) -> None:
    digest = sha256(b"object").hexdigest()
    _, (first, second) = reported(house.ledger, "1.2", {"pacs": ("sc", "sr")}, digest)
    house.spool.write(first.path, b"another")
    house.spool.write(second.path, b"object")
    sender = Script()
    house.courier(sender).step()
    assert sender.calls == [[second.sop_instance_uid]]
    (refused, _, reason), delivered = house.rows("1.2")
    assert (refused, delivered) == ("REFUSED", ("DONE", 1, ""))
    assert reason.startswith(f"its file was changed after it was made: {first.path}")
    assert house.analysis_state("1.2") is AnalysisState.FAILED


def test_a_warning_is_delivered_and_kept(house: House) -> None:
    house.study("1.2")
    house.courier(Script(says(Verdict.WARNING, "status B000"))).step()
    assert house.rows("1.2") == [("DONE", 1, "status B000")] * 2
    assert house.analysis_state("1.2") is AnalysisState.DELIVERED


def test_a_refused_class_is_refused_alone_and_the_other_object_stands_in_for_it(house: House) -> None:
    house.study("1.2")
    house.courier(Script(says(Verdict.PERMANENT, "no SR here", SR))).step()
    assert house.rows("1.2") == [("DONE", 1, ""), ("REPLACED", 1, "replaced by sc: no SR here")]
    assert house.analysis_state("1.2") is AnalysisState.DELIVERED
    assert house.ledger.deliveries.refused() == []


def test_a_refused_class_without_anything_simpler_fails_the_analysis(house: House) -> None:
    house.study("1.2")
    house.courier(Script(says(Verdict.PERMANENT, "no images here", SC))).step()
    assert house.rows("1.2") == [("REFUSED", 1, "no images here"), ("DONE", 1, "")]
    assert house.analysis_state("1.2") is AnalysisState.FAILED
    assert [row.sop_instance_uid for row in house.ledger.deliveries.refused()] == ["1.2.7.1"]


def test_what_cannot_be_sent_is_the_operators_whatever_else_arrived(house: House) -> None:
    house.study("1.2")
    house.courier(Script(says(Verdict.UNSENDABLE, "this is no DICOM file", SR))).step()
    assert house.rows("1.2") == [("DONE", 1, ""), ("REFUSED", 1, "this is no DICOM file")]
    assert house.analysis_state("1.2") is AnalysisState.FAILED


@pytest.mark.parametrize(("verdict", "attempts"), [(Verdict.NOT_UNDERSTOOD, 8), (Verdict.TEMPORARY, 20)])
def test_what_is_not_understood_is_replaced_sooner_than_what_is_refused_for_now(
    house: House, verdict: Verdict, attempts: int
) -> None:
    house.study("1.2")
    courier = house.courier(Script(says(verdict, "no", SR)), retry=RETRY.model_copy(update={"delivery_attempts": 20}))
    while courier.step():
        pass
    reason = f"replaced by sc: no; given up after {attempts} attempts"
    assert house.rows("1.2") == [("DONE", 1, ""), ("REPLACED", attempts, reason)]


def test_what_is_not_understood_and_has_nothing_simpler_gets_every_attempt(house: House) -> None:
    house.study("1.2")
    retry = RETRY.model_copy(update={"delivery_attempts": 20})
    courier = house.courier(Script(says(Verdict.NOT_UNDERSTOOD, "no", SC)), retry=retry)
    while courier.step():
        pass
    assert house.rows("1.2") == [("REFUSED", 20, "no; given up after 20 attempts"), ("DONE", 1, "")]


def test_only_what_failed_is_sent_again(house: House) -> None:
    house.study("1.2")
    sender = Script(says(Verdict.TEMPORARY, "status A700", SC), says(Verdict.DELIVERED))
    courier = house.courier(sender)
    assert [courier.step(), courier.step(), courier.step()] == [2, 1, 0]
    assert sender.calls == [["1.2.7.1", "1.2.7.2"], ["1.2.7.1"]]
    assert house.rows("1.2") == [("DONE", 2, ""), ("DONE", 1, "")]


def test_a_refusal_that_does_not_pass_ends_with_the_attempts(house: House) -> None:
    house.study("1.2")
    sender = Script(says(Verdict.TEMPORARY, "status C000"))
    courier = house.courier(sender)
    for _ in range(5):
        courier.step()
    assert len(sender.calls) == 3
    assert house.rows("1.2") == [("REFUSED", 3, "status C000; given up after 3 attempts")] * 2
    assert house.analysis_state("1.2") is AnalysisState.FAILED


def test_a_postponed_object_waits_and_does_not_hold_up_the_others(house: House) -> None:
    house.study("1.2")
    retry = RetrySettings(first_seconds=1000, longest_seconds=1000)
    sender = Script(says(Verdict.TEMPORARY, "status C000"), says(Verdict.DELIVERED))
    courier = house.courier(sender, retry=retry)
    courier.step()
    house.study("1.3")
    assert courier.step() == 2
    assert sender.calls[1] == ["1.3.7.1", "1.3.7.2"]
    assert [row[0] for row in house.rows("1.2")] == ["WAITING"] * 2


def test_a_destination_that_is_gone_spends_no_attempt_and_is_left_alone(house: House) -> None:
    house.study("1.2")
    house.study("1.3")
    sender = Script(DeliveryError("cannot be reached"), says(Verdict.DELIVERED))
    courier = house.courier(sender, retry=RetrySettings(first_seconds=1000, longest_seconds=1000))
    assert [courier.step(), courier.step()] == [0, 0]
    assert len(sender.calls) == 1  # one probe, and not for the second study either
    assert house.rows("1.2") == [("WAITING", 0, "")] * 2
    health = courier.health()
    assert (health.destination, health.state, health.failures) == ("pacs", CircuitState.OPEN, 1)
    assert 0 < health.pause_seconds <= 60
    assert health.reason == "cannot be reached"
    assert house.actions() == ["destination does not answer"]
    assert house.ledger.facts.troubles() == {"destination pacs": "cannot be reached"}


def test_when_it_comes_back_everything_is_delivered(house: House) -> None:
    house.study("1.2")
    gone = DeliveryError("cannot be reached")
    courier = house.courier(Script(gone, gone, says(Verdict.DELIVERED)))
    assert [courier.step(), courier.step(), courier.step()] == [0, 0, 2]
    assert house.rows("1.2") == [("DONE", 1, "")] * 2
    assert courier.health().state is CircuitState.CLOSED
    assert house.actions() == ["destination does not answer", "destination answers again"]
    assert house.ledger.facts.troubles() == {}


def test_what_was_delivered_before_it_went_away_stays_delivered(house: House) -> None:
    house.study("1.2")

    class Breaks(Script):
        def send(self, objects: Sequence[Outgoing]) -> Iterator[Outcome]:
            yield Outcome(objects[0], Verdict.DELIVERED)
            raise DeliveryError("gone")

    assert house.courier(Breaks()).step() == 1
    assert house.rows("1.2") == [("DONE", 1, ""), ("WAITING", 0, "")]


def test_a_destination_that_refuses_us_for_good_is_told_at_once(house: House) -> None:
    house.study("1.2")
    house.courier(Script(DeliveryRefused("it rejects associations", hint="compare AE titles"))).step()
    assert house.rows("1.2") == [("REFUSED", 1, "it rejects associations - compare AE titles")] * 2


def test_one_dead_destination_does_not_delay_another(house: House) -> None:
    house.study("1.2", "pacs", "ward")
    dead, alive = Script(DeliveryError("gone")), Script()
    house.courier(dead).step()
    assert house.courier(alive, WARD).step() == 2
    states = {(row.destination, row.state) for row in house.ledger.deliveries.of_study("1.2")}
    assert states == {("pacs", "WAITING"), ("ward", "DONE")}
    assert house.analysis_state("1.2") is AnalysisState.REPORTED


@pytest.mark.parametrize("missing", [True, False], ids=["no file", "no DICOM file"])
def test_a_study_that_cannot_be_sent_does_not_say_that_the_destination_answers_again(
    house: House, missing: bool
) -> None:
    house.study("1.2")
    sender = Script(DeliveryError("gone"), says(Verdict.UNSENDABLE, "no DICOM file"))
    courier = house.courier(sender)
    courier.step()
    if missing:
        for row in house.ledger.deliveries.of_study("1.2"):
            house.spool.path(row.path).unlink()
    assert courier.step() == 2
    assert courier.health().failures == 1
    assert house.actions() == ["destination does not answer"]
    assert house.ledger.facts.troubles() == {"destination pacs": "gone"}


class CannotStand(Script):
    """A destination that falls silent at one study and answers to all others."""

    def __init__(self, study: str) -> None:
        super().__init__()
        self._study = study

    def send(self, objects: Sequence[Outgoing]) -> Iterator[Outcome]:
        self.calls.append([one.study_instance_uid for one in objects])
        if objects[0].study_instance_uid == self._study:
            raise DeliveryError("the association was aborted")
        yield from (Outcome(one, Verdict.DELIVERED) for one in objects)


def test_a_study_at_which_a_destination_falls_silent_does_not_hold_up_the_others(house: House) -> None:
    for study in ("1.2", "1.3", "1.4"):
        house.study(study)
    courier = house.courier(CannotStand("1.2"))
    assert [courier.step(), courier.step()] == [0, 6]  # 1.3 and 1.4 go first now; and then 1.2 spends an attempt
    assert [row[0] for study in ("1.3", "1.4") for row in house.rows(study)] == ["DONE"] * 4
    assert house.rows("1.2") == [("WAITING", 1, "the association was aborted")] * 2
    assert courier.health().state is CircuitState.CLOSED


def test_a_study_at_which_a_destination_always_falls_silent_ends_in_the_operators_list(house: House) -> None:
    house.study("1.2")
    courier = house.courier(CannotStand("1.2"))
    for number in range(3, 3 + RETRY.delivery_attempts):
        assert courier.step() == 0  # alone, it does not count: who is gone is silent as well
        house.study(f"1.{number}")
        courier.step()
    assert {(row.study_instance_uid, row.attempts) for row in house.ledger.deliveries.refused()} == {("1.2", 3)}
    assert house.analysis_state("1.2") is AnalysisState.FAILED


def test_a_file_that_is_gone_is_refused_with_a_hint(house: House) -> None:
    house.study("1.2")
    house.spool.remove("work/1.2/sr.dcm")
    sender = Script()
    assert house.courier(sender).step() == 2
    assert sender.calls == [["1.2.7.1"]]
    (_, (state, _, reason)) = house.rows("1.2")
    assert state == "REFUSED"
    assert reason == "its file is not in the spool: work/1.2/sr.dcm - retry the analysis, which makes it again"


def test_a_crash_between_the_peer_and_our_commit_sends_the_same_object_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.study("1.2")
    sender = Script()
    courier = house.courier(sender)
    with monkeypatch.context() as patch:

        def busy(*_: object, **__: object) -> None:
            raise LedgerBusy("locked")

        patch.setattr(house.ledger.deliveries, "done", busy)
        with pytest.raises(LedgerBusy):
            courier.step()
    assert house.rows("1.2") == [("WAITING", 0, "")] * 2
    assert courier.step() == 2
    assert sender.calls[0] == sender.calls[1]


def test_a_bug_in_a_sender_does_not_hold_up_the_studies_behind_it(house: House) -> None:
    house.study("1.2")
    retry = RetrySettings(first_seconds=1000, longest_seconds=1000)
    sender = Script(ZeroDivisionError(), says(Verdict.DELIVERED))
    courier = house.courier(sender, retry=retry)
    with pytest.raises(ZeroDivisionError):
        courier.step()
    house.study("1.3")
    assert courier.step() == 2
    for state, attempts, error in house.rows("1.2"):
        assert (state, attempts) == ("WAITING", 1)
        assert error.startswith("unexpected ZeroDivisionError at test_courier.py:"), "its place, and never its text"


def test_an_operator_who_retries_has_refused_objects_sent_again(house: House) -> None:
    house.study("1.2")
    house.courier(Script(says(Verdict.PERMANENT, "no", SC))).step()
    (analysis,) = house.ledger.analyses.of_study("1.2")
    house.ledger.analyses.retry(analysis.id)
    house.ledger.analyses.classified(analysis.id, "again")
    house.ledger.analyses.reported(analysis.id, house.ledger.analyses.results(analysis.id), {"pacs": ("sc", "sr")})
    sender = Script()
    assert house.courier(sender).step() == 1
    assert sender.calls == [["1.2.7.1"]]
    assert house.analysis_state("1.2") is AnalysisState.DELIVERED


def test_results_of_a_study_that_a_late_image_reopened_are_not_sent(house: House) -> None:
    house.study("1.2")
    house.ledger.arrivals.record([arrival(2, "1.2")])
    sender = Script()
    assert house.courier(sender).step() == 0
    assert house.analysis_state("1.2") is AnalysisState.DROPPED


def test_a_courier_that_is_stopped_begins_no_further_study(house: House) -> None:
    house.study("1.2")
    house.study("1.3")
    courier = house.courier(Script())

    class Stops(Script):
        def send(self, objects: Sequence[Outgoing]) -> Iterator[Outcome]:
            courier.stop()
            yield from super().send(objects)

    sender = Stops()
    courier = house.courier(sender)
    assert [courier.step(), courier.step()] == [2, 0]
    assert len(sender.calls) == 1


# STAT


def _stat(house: House, uid: str) -> None:
    """A STAT study whose results have just been made."""
    house.study(uid)
    (analysis,) = house.ledger.analyses.of_study(uid)
    house.ledger.analyses.prioritise(analysis.id, Priority.STAT, 0)


def test_results_of_stat_studies_go_before_others(house: House) -> None:
    house.study("1.2")
    _stat(house, "1.3")
    sender = Script()
    house.courier(sender).step()
    assert [call[0] for call in sender.calls] == ["1.3.7.1", "1.2.7.1"]


def test_a_stat_result_that_comes_while_others_are_sent_is_the_next(house: House) -> None:
    for number in range(2, 5):
        house.study(f"1.{number}")

    def bring_stat(outgoing: Outgoing) -> Outcome:
        if outgoing.sop_instance_uid == "1.2.7.1":
            _stat(house, "1.9")
        return Outcome(outgoing, Verdict.DELIVERED)

    sender = Script(bring_stat)
    courier = house.courier(sender)
    while courier.step():
        pass
    assert [call[0] for call in sender.calls] == ["1.2.7.1", "1.9.7.1", "1.3.7.1", "1.4.7.1"]


def test_a_stream_of_stat_results_does_not_keep_others_waiting(house: House) -> None:
    for number in range(2, 5):
        house.study(f"1.{number}")
    come = iter(range(1, 100))

    def bring_stat(outgoing: Outgoing) -> Outcome:
        if outgoing.sop_instance_uid.endswith("7.1"):
            _stat(house, f"1.9.{next(come)}")
        return Outcome(outgoing, Verdict.DELIVERED)

    courier = house.courier(Script(bring_stat))
    for _ in range(3):
        courier.step()
    assert {house.analysis_state(f"1.{number}") for number in range(2, 5)} == {AnalysisState.DELIVERED}
