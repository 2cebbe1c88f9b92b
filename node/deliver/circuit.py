"""The circuit breaker of one destination: while it is gone, nobody waits for it."""

from __future__ import annotations

from enum import StrEnum

from node.deliver.backoff import ceiling_seconds


class CircuitState(StrEnum):
    """As an electrician says it: current flows through a closed circuit."""

    CLOSED = "closed"  # the destination answers
    OPEN = "open"  # it does not: nothing is sent until the pause is over
    HALF_OPEN = "half-open"  # the pause is over: one probe


class Circuit:
    """Counts failures of the destination as a whole, and pauses longer after each.

    Args:
        first_seconds: first pause.
        longest_seconds: longest pause; so much after its return a destination is tried at the latest.
        patience: failures in a row before the first pause.
    """

    def __init__(self, first_seconds: float, longest_seconds: float, patience: int = 1) -> None:
        self._first, self._longest, self._patience = first_seconds, longest_seconds, patience
        self.failures = 0
        self.until = 0.0
        self.reason = ""

    def state(self, now: float) -> CircuitState:
        """At `now`, seconds on the monotonic clock."""
        if self.failures < self._patience:
            return CircuitState.CLOSED
        return CircuitState.OPEN if now < self.until else CircuitState.HALF_OPEN

    def answered(self) -> bool:
        """The destination answered; True when it had not before."""
        was_broken = self.failures >= self._patience
        self.failures, self.until, self.reason = 0, 0.0, ""
        return was_broken

    def failed(self, now: float, reason: str) -> bool:
        """The destination did not answer; True when that is news."""
        self.failures += 1
        self.reason = reason
        if self.failures >= self._patience:
            self.until = now + ceiling_seconds(self.failures - self._patience + 1, self._first, self._longest)
        return self.failures == self._patience
