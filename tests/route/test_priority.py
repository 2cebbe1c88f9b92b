"""Who says how urgent a study is, and who is heard."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.config import PeerRule, Route
from node.priority import Priority, Urgency
from node.route import urgency
from node.study import Series
from tests.route.material import CHEST_FILM, series

ROUTINE = Route(name="films", plugin="chest")
EMERGENCY = Route(name="emergency films", plugin="chest", priority="high")
WARD = PeerRule(name="ward", ae_title="WARD*", priority="low")
ER = PeerRule(name="emergency room", ae_title="ER?", priority="stat")


def tagged(*terms: str) -> list[Series]:
    return [series(replace(CHEST_FILM, priority=term)) for term in terms]


@pytest.mark.parametrize(
    ("found", "routes", "sender", "expected"),
    [
        (tagged(""), [ROUTINE], "CR1", Urgency()),
        (tagged("", "STAT"), [ROUTINE], "CR1", Urgency(Priority.STAT, "Requested Procedure Priority is STAT")),
        (
            tagged("LOW", "MEDIUM"),
            [ROUTINE],
            "CR1",
            Urgency(Priority.ROUTINE, "Requested Procedure Priority is MEDIUM"),
        ),
        (tagged("LOW"), [ROUTINE, EMERGENCY], "CR1", Urgency(Priority.HIGH, "route 'emergency films' says so")),
        (tagged("LOW"), [ROUTINE], "WARD7", Urgency(Priority.LOW, "Requested Procedure Priority is LOW")),
        (tagged(""), [ROUTINE], "WARD7", Urgency(Priority.LOW, "peer 'ward' says so, as which WARD7 counts")),
        (
            tagged("HIGH"),
            [EMERGENCY],
            "ER1",
            Urgency(Priority.STAT, "peer 'emergency room' says so, as which ER1 counts"),
        ),
        (tagged("SOON"), [ROUTINE], "CR1", Urgency()),
    ],
)
def test_the_highest_wins_and_its_reason_is_said(
    found: list[Series], routes: list[Route], sender: str, expected: Urgency
) -> None:
    assert urgency(found, routes, [WARD, ER], sender) == expected


def test_an_urgent_workitem_is_stat() -> None:
    found = urgency(tagged("LOW"), [ROUTINE], [], "CR1", ["ups"])
    assert found == Urgency(Priority.STAT, "a workitem of worklist 'ups' is HIGH")
