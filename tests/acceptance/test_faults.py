"""The short form of the campaign of faults (`make faults` is the whole)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.campaign import Fault, carry_out
from tests.faults.faults import FAULTS

pytestmark = [pytest.mark.acceptance, pytest.mark.integration, pytest.mark.timeout(180)]


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.quick], ids=lambda fault: f"{fault.number}")
def test_fault_is_withstood(fault: Fault, tmp_path: Path) -> None:
    row = carry_out(fault, tmp_path / "fault", short=True)
    assert row.seen.passed, f"{fault.number} {fault.name}: {row.seen.figure}\n{row.trouble}"
