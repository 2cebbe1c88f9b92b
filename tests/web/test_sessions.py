"""Sessions: they end when nobody sits there, with their token, and in any case."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import requests

from node.errors import LedgerBusy
from node.web import app, sessions, tokens
from node.web.sessions import IDLE_SECONDS, LONGEST_SECONDS, Session, Sessions
from node.web.tokens import Holder, Role
from tests.peers import until
from tests.web.conftest import Running


class Clock:
    """To be set."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ended() -> list[tuple[str, str, str]]:
    """Whose session ended by itself, which, and why."""
    return []


@pytest.fixture
def known(tmp_path: Path, clock: Clock, ended: list[tuple[str, str, str]]) -> Sessions:
    tokens.add(tmp_path / "tokens", "reader", Role.READ)
    return Sessions(tmp_path / "tokens", lambda one, why: ended.append((one.holder.name, one.name, why)), clock)


@pytest.fixture
def holder(tmp_path: Path, known: Sessions) -> Holder:
    return tokens.read(tmp_path / "tokens")["reader"]


def test_a_session_is_found_by_its_number_alone(known: Sessions, holder: Holder) -> None:
    first, second = known.begin(holder, "a"), known.begin(holder, "b")
    assert first != second
    found = known.find(first)
    assert found is not None
    assert found.holder == holder
    assert not found.allows("")
    assert found.allows(found.csrf)
    assert known.find("x") is None
    known.end(first)
    assert known.find(first) is None
    assert known.find(second) is not None


def test_a_page_that_refreshes_itself_does_not_keep_it(
    known: Sessions, holder: Holder, clock: Clock, ended: list[tuple[str, str, str]]
) -> None:
    number = known.begin(holder, "a")
    clock.now += IDLE_SECONDS
    assert known.find(number, by_person=False) is not None
    assert ended == []
    clock.now += 1
    assert known.find(number) is None
    assert known.find(number) is None
    assert ended == [("reader", "a", "nobody asked for a page for 60 min")], "once"


def test_a_browser_that_never_comes_again_is_signed_out_all_the_same(
    known: Sessions, holder: Holder, clock: Clock, ended: list[tuple[str, str, str]]
) -> None:
    number = known.begin(holder, "a")
    clock.now += IDLE_SECONDS
    known.look()
    assert ended == []
    clock.now += 1
    for _ in range(2):
        known.look()
    assert known.find(number) is None
    assert ended == [("reader", "a", "nobody asked for a page for 60 min")], "once"


def test_what_cannot_be_written_down_now_is_not_forgotten(tmp_path: Path, clock: Clock) -> None:
    written: list[str] = []

    def write(one: Session, _: str) -> None:
        if clock.now < 1e6:
            raise LedgerBusy("locked")
        written.append(one.name)

    tokens.add(tmp_path / "tokens", "reader", Role.READ)
    known = Sessions(tmp_path / "tokens", write, clock)
    numbers = [known.begin(tokens.read(tmp_path / "tokens")["reader"], name) for name in "ab"]
    clock.now += IDLE_SECONDS + 1
    with pytest.raises(LedgerBusy):
        known.find(numbers[1])
    with pytest.raises(LedgerBusy):
        known.look()
    assert [known.find("x"), written] == [None, []]
    clock.now = 1e6
    for _ in range(2):
        known.look()
    assert written == ["b", "a"]


def test_who_goes_on_is_signed_out_after_half_a_day(
    known: Sessions, holder: Holder, clock: Clock, ended: list[tuple[str, str, str]]
) -> None:
    number, began = known.begin(holder, "a"), clock.now
    while clock.now + IDLE_SECONDS <= began + LONGEST_SECONDS:
        clock.now += IDLE_SECONDS
        assert known.find(number) is not None
    clock.now += 1
    assert known.find(number) is None
    assert ended == [("reader", "a", "it had lasted for 12 h")]


def test_a_token_that_was_made_anew_is_another_one(known: Sessions, holder: Holder, tmp_path: Path) -> None:
    number = known.begin(holder, "a")
    tokens.remove(tmp_path / "tokens", "reader")
    tokens.add(tmp_path / "tokens", "reader", Role.OPERATE)
    assert known.find(number) is None


def test_no_more_are_kept_than_there_is_room_for(
    known: Sessions, holder: Holder, ended: list[tuple[str, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "MOST", 2)
    first, second, third = (known.begin(holder, name) for name in "abc")
    known.look()
    assert ended == [("reader", "a", "2 others were signed in")]
    assert [known.find(one) is not None for one in (first, second, third)] == [False, True, True]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(sessions, "IDLE_SECONDS", 0.2)


@pytest.mark.usefixtures("quick")
def test_who_leaves_is_signed_out_in_the_trail_without_another_request(web: Running) -> None:
    fields = {"token": tokens.add(web.folder / "tokens", "ann", Role.READ), "next": "/"}
    assert requests.post(f"{web.url}/login", fields, timeout=10, allow_redirects=False).status_code == 303

    def out() -> list[dict[str, object]]:
        return [one.detail for one in web.ledger.events.latest(9) if one.action == "signed out of the dashboard"]

    until(lambda: bool(out()), "it is in the trail")
    time.sleep(0.2)
    assert [(one["token"], one["peer"]) for one in out()] == [("ann", "127.0.0.1")], "once"
