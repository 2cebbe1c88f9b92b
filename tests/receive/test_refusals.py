"""Who was refused is written down, and a flood of refusals is not."""

from __future__ import annotations

from typing import Any

import pytest

from node.receive import refusals
from node.receive.admission import Visitor
from node.receive.refusals import Refusals
from node.tls import Certificate


class Notes:
    """Stands for the committer, and for the clock."""

    def __init__(self) -> None:
        self.written: list[tuple[str, dict[str, Any]]] = []
        self.now = 1000.0

    def note(self, action: str, **detail: Any) -> None:
        self.written.append((action, detail))


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def written(notes: Notes) -> Refusals:
    return Refusals(notes, clock=lambda: notes.now)  # type: ignore[arg-type]  # no committer


def test_a_refusal_says_who_and_why_in_trail_and_log(
    written: Refusals, notes: Notes, logs: list[dict[str, Any]]
) -> None:
    visitor = Visitor("CT1", "10.1.2.3", Certificate("CN=ct-1", "ab" * 32))
    written.note("association refused", visitor, "calling AE title not recognized")
    facts = {
        "peer": "10.1.2.3",
        "calling_ae": "CT1",
        "why": "calling AE title not recognized",
        "subject": "CN=ct-1",
        "fingerprint": "ab" * 32,
    }
    assert notes.written == [("association refused", facts)]
    assert logs == [{"event": "association refused", "log_level": "warning", **facts}]


def test_what_is_not_known_is_left_out(written: Refusals, notes: Notes) -> None:
    written.note("association refused", Visitor("", "10.1.2.3"), "no TLS: unsupported protocol")
    assert notes.written[0][1] == {"peer": "10.1.2.3", "why": "no TLS: unsupported protocol"}


def test_of_one_address_there_is_one_line_a_minute_and_the_next_tells_how_many_there_were(
    written: Refusals, notes: Notes, logs: list[dict[str, Any]]
) -> None:
    for number in range(100):
        written.note("association refused", Visitor(f"GUESS{number}", "10.1.2.3"), "no")
    assert len(notes.written) == len(logs) == 1
    notes.now += 59
    written.note("association refused", Visitor("X", "10.1.2.3"), "no")
    assert len(notes.written) == 1
    notes.now += 2
    written.note("association refused", Visitor("X", "10.1.2.3"), "no")
    assert notes.written[1][1]["not_written_before"] == 100


def test_another_reason_has_a_line_of_its_own(written: Refusals, notes: Notes) -> None:
    for why in ("no TLS: unsupported protocol", "no TLS: certificate has expired", "no TLS: unsupported protocol"):
        written.note("association refused", Visitor("", "10.1.2.3"), why)
    assert [detail["why"] for _, detail in notes.written] == [
        "no TLS: unsupported protocol",
        "no TLS: certificate has expired",
    ]


def test_another_address_has_a_line_of_its_own(written: Refusals, notes: Notes) -> None:
    for address in ("10.1.2.3", "10.1.2.4", "10.1.2.3"):
        written.note("association refused", Visitor("X", address), "no")
    assert [detail["peer"] for _, detail in notes.written] == ["10.1.2.3", "10.1.2.4"]


def test_whoever_has_many_addresses_is_no_flood_either(
    written: Refusals, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "_MOST", 10)
    for number in range(500):
        written.note("association refused", Visitor("X", f"fd00::{number:x}"), "no")
    assert len(notes.written) == 11
    assert len(written._silences) == 11
    notes.now += 61
    written.note("association refused", Visitor("X", "fd00::ffff"), "no")
    assert len(notes.written) == 12
    assert len(written._silences) == 1, "what is over is forgotten"
