"""How long to wait: exponential with full jitter, pure."""

from __future__ import annotations

from node.config import RetrySettings


def backoff_seconds(attempts: int, retry: RetrySettings, draw: float) -> float:
    """Seconds until the next attempt.

    Full jitter spreads those who failed together over the whole time (AWS Architecture Blog, "Exponential Backoff And
    Jitter", 2015); never less than a tenth of it, so that a draw of 0 is no busy loop.

    Args:
        attempts: that failed, from 1.
        retry: `first_seconds` is doubled after each attempt up to `longest_seconds`.
        draw: random, 0..1.
    """
    ceiling = ceiling_seconds(attempts, retry.first_seconds, retry.longest_seconds)
    return ceiling * max(0.1, draw)


def ceiling_seconds(attempts: int, first: float, longest: float) -> float:
    """`first` doubled for every attempt after the first, at most `longest`."""
    doublings = min(max(attempts, 1) - 1, 32)
    return float(min(longest, first * 2.0**doublings))
