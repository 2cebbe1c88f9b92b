from __future__ import annotations

from contextlib import ExitStack

import pytest

from node.receive.places import Places


def test_there_are_as_many_places_as_allowed() -> None:
    places = Places(2, 0)
    with places.take("a") as first, places.take("b") as second, places.take("c") as third:
        assert (first, second, third) == (True, True, False)


def test_a_place_is_given_back() -> None:
    places = Places(1, 0)
    with places.take("a"):
        pass
    with places.take("b") as taken:
        assert taken


def test_a_place_is_given_back_after_an_error() -> None:
    places = Places(1, 0)
    with pytest.raises(ValueError, match="x"), places.take("a"):
        raise ValueError("x")
    with places.take("a") as taken:
        assert taken


def test_an_address_has_no_more_than_its_share() -> None:
    places = Places(10, 1)
    with places.take("a") as first, places.take("a") as second, places.take("b") as other:
        assert (first, second, other) == (True, False, True)


def test_one_that_got_no_place_gives_none_back() -> None:
    places = Places(1, 0)
    with places.take("a"):
        with places.take("a") as second:
            assert not second
        with places.take("a") as third:
            assert not third


def test_without_a_limit_of_its_own_an_address_leaves_an_eighth_to_others() -> None:
    places = Places(16, 0)
    with ExitStack() as stack:
        taken = [stack.enter_context(places.take("a")) for _ in range(16)]
        assert (taken.count(True), stack.enter_context(places.take("b"))) == (14, True)
