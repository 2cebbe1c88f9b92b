"""The tables of statuses, waits and pauses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.config import RetrySettings
from node.deliver.backoff import backoff_seconds
from node.deliver.circuit import Circuit, CircuitState
from node.deliver.outcome import Outcome, Outgoing, Verdict
from node.deliver.status import MEANINGS, meaning_of, reason_of

OK, WARNING, LATER, NEVER = Verdict.DELIVERED, Verdict.WARNING, Verdict.TEMPORARY, Verdict.PERMANENT
UNCLEAR = Verdict.NOT_UNDERSTOOD

STATUSES = {
    0x0000: OK,
    0x0001: WARNING,
    0x0107: WARNING,
    0x0110: LATER,
    0x0111: WARNING,
    0x0116: WARNING,
    0x0117: NEVER,
    0x0119: NEVER,
    0x0122: NEVER,
    0x0124: NEVER,
    0x0210: LATER,
    0x0213: LATER,
    0xA700: LATER,
    0xA7FF: LATER,
    0xA801: NEVER,
    0xA900: NEVER,
    0xA9FF: NEVER,
    0xB000: WARNING,
    0xB006: WARNING,
    0xB007: WARNING,
    0xBEEF: WARNING,
    0xC000: UNCLEAR,
    0xC122: NEVER,
    0xCFFF: UNCLEAR,
    0xFE00: LATER,
    0xFF00: LATER,
    0x1234: LATER,
}


@pytest.mark.parametrize(("status", "verdict"), STATUSES.items(), ids=lambda value: f"{value}")
def test_a_status_means(status: int, verdict: Verdict) -> None:
    assert meaning_of(status).verdict is verdict
    assert bool(reason_of(status)) is (status != 0)


@given(st.integers(0, 0xFFFF))
def test_every_status_has_a_verdict_and_a_reason(status: int) -> None:
    assert meaning_of(status).name
    assert reason_of(status).startswith(f"status {status:04X}: ") or status == 0


def test_every_row_has_its_clause_and_can_be_reached() -> None:
    for row in MEANINGS:
        assert row.clause.startswith("PS3.")
        assert any(meaning_of(status) is row for status in range(row.first, row.last + 1))


def test_a_comment_of_the_peer_is_shown_on_one_line_and_cut() -> None:
    assert reason_of(0xC000, " disk\nfull ") == "status C000: Error: cannot understand (disk?full)"
    assert len(reason_of(0xC000, "x" * 500)) < 120
    assert reason_of(0x0000, "fine") == ""


def test_a_warning_counts_as_delivered_and_nothing_else_does() -> None:
    outgoing = Outgoing.__new__(Outgoing)
    assert {verdict for verdict in Verdict if Outcome(outgoing, verdict).delivered} == {OK, WARNING}


# Waits

RETRY = RetrySettings(first_seconds=2, longest_seconds=300)


def test_the_wait_doubles_up_to_the_longest() -> None:
    assert [backoff_seconds(n, RETRY, 1.0) for n in (1, 2, 3, 8, 9, 40, 10**6)] == [2, 4, 8, 256, 300, 300, 300]


def test_jitter_spreads_the_wait_but_never_to_nothing() -> None:
    assert backoff_seconds(3, RETRY, 0.5) == 4
    assert backoff_seconds(3, RETRY, 0.0) == pytest.approx(0.8)


@given(st.integers(-5, 10**9), st.floats(0, 1), st.floats(0, 86400), st.floats(0, 86400))
def test_a_wait_is_never_negative_nor_too_long(attempts: int, draw: float, first: float, longest: float) -> None:
    wait = backoff_seconds(attempts, RetrySettings(first_seconds=first, longest_seconds=longest), draw)
    assert 0 <= wait <= longest


# Pauses


def test_a_circuit_is_closed_until_patience_is_spent() -> None:
    circuit = Circuit(first_seconds=1, longest_seconds=8, patience=2)
    assert not circuit.failed(0.0, "no route")
    assert circuit.state(0.0) is CircuitState.CLOSED
    assert circuit.failed(0.0, "no route")
    assert circuit.state(0.5) is CircuitState.OPEN
    assert circuit.state(1.0) is CircuitState.HALF_OPEN


def test_pauses_grow_up_to_the_longest() -> None:
    circuit, now, pauses = Circuit(first_seconds=1, longest_seconds=8), 0.0, []
    for _ in range(6):
        circuit.failed(now, "")
        pauses.append(circuit.until - now)
        now = circuit.until
    assert pauses == [1, 2, 4, 8, 8, 8]


def test_a_probe_that_is_answered_closes_the_circuit_and_says_so_once() -> None:
    circuit = Circuit(first_seconds=1, longest_seconds=8)
    assert circuit.failed(0.0, "refused")
    assert not circuit.failed(1.0, "refused")  # no news
    assert circuit.reason == "refused"
    assert circuit.answered()
    assert not circuit.answered()
    assert circuit.state(1.0) is CircuitState.CLOSED
    assert (circuit.reason, circuit.failures) == ("", 0)
