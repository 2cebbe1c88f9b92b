from __future__ import annotations

import re

import pytest

from node.receive.status import ALL, LEDGER_BUSY, NO_SPACE, SUCCESS, TOO_LONG, Status

#: PS3.4 table B.2-1 and PS3.7 annex C: what a C-STORE, and a normalized operation, may be answered with.
ALLOWED = (
    range(0x0000, 0x0001),
    range(0xB007, 0xB008),
    range(0xA700, 0xA800),
    range(0xA900, 0xAA00),
    range(0xC000, 0xD000),
    range(0x0106, 0x0107),
    range(0x0110, 0x0113),
    range(0x0115, 0x0116),
    range(0x0117, 0x0118),
    range(0x0120, 0x0122),
    range(0x0122, 0x0123),
    range(0x0123, 0x0124),
    range(0x0124, 0x0125),
    range(0x0211, 0x0212),
    range(0x0213, 0x0214),
)


@pytest.mark.parametrize("status", ALL, ids=lambda status: f"{status.code:04X}")
def test_every_status_is_one_of_the_standard_with_its_clause(status: Status) -> None:
    assert any(status.code in codes for codes in ALLOWED)
    assert re.fullmatch(r"PS3\.[47] [A-CF](\.\d+)*", status.clause)


@pytest.mark.parametrize("status", ALL, ids=lambda status: f"{status.code:04X}")
def test_every_comment_fits_into_a_long_string(status: Status) -> None:
    assert len(status.comment) <= 64
    assert status.comment.isascii()
    assert "\\" not in status.comment
    assert bool(status.comment) is (status is not SUCCESS)


def test_what_may_pass_is_out_of_resources() -> None:
    assert {status.code for status in (NO_SPACE, LEDGER_BUSY, TOO_LONG)} == {0xA700}
