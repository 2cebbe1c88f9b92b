"""The page of the campaign: what was not done again stands as it was seen last."""

from __future__ import annotations

from tests.faults.campaign import Fault, Row, Seen
from tests.faults.table import page


def row(number: int, figure: str, *, passed: bool = True, **peers: str) -> Row:
    fault = Fault(number, f"fault {number}", "so", "lost 0 | doubled 0", lambda _: Seen(True, ""), quick=number == 2)
    return Row(fault, Seen(passed, figure, peers), 1.4)


def test_rows_that_were_done_take_the_place_of_those_of_before() -> None:
    first = page([row(2, "lost 7", passed=False, Orthanc="lost 1"), row(10, "lost 0", storescp="lost 2")])
    assert "1 of 2 faults withstood" in first
    assert "| 2* | fault 2 | so | lost 0 \\| doubled 0 | lost 7 | **NOT** |" in first
    assert "| 2 | fault 2 | lost 7 | lost 1 | - | - |" in first
    second = page([row(2, "lost 0")], first)
    assert "2 of 2 faults withstood" in second
    assert "lost 7" not in second
    assert "| 10 | fault 10 | lost 0 | - | lost 2 | - |" in second
    assert second.index("| 2* |") < second.index("| 10 |")
    assert page([], second) == second
