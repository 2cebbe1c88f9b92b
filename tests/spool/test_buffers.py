"""Buffers that are used again, and not without end."""

from __future__ import annotations

from node.spool.buffers import ROOM, Buffers


def test_a_buffer_that_was_given_back_is_used_again() -> None:
    buffers = Buffers()
    first = buffers.take()
    assert len(first) == ROOM
    second = buffers.take()
    assert second is not first
    buffers.give(first)
    assert buffers.take() is first


def test_many_at_once_get_little_room_and_few_are_kept() -> None:
    buffers = Buffers()
    several = [buffers.take() for _ in range(100)]
    assert sum(len(one) for one in several) < 40 * ROOM
    for one in several:
        buffers.give(one)
    again = [buffers.take() for _ in range(9)]
    assert sum(any(one is other for other in several) for one in again) == 8
