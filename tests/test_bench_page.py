"""The bench runs with real peers, and its page says what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.page import page
from tests.bench.receiving import RECEIVERS, Load, Rates, measure


def test_the_page_has_medians_ranges_and_ratios() -> None:
    load = Load("10 images", 10, "CT", 64)
    text = page({load: {"radnode": Rates((100.0, 300.0, 200.0)), "Orthanc": Rates((50.0, 50.0, 49.0))}}, 3)
    assert "| what is sent | radnode | Orthanc | x Orthanc |" in text
    assert "| 10 images | 200 (100-300) | 50 (49-50) | 4.0 |" in text
    assert "\n3 rounds on 20" in text


@pytest.mark.integration
def test_every_receiver_takes_all_that_is_sent(tmp_path: Path) -> None:
    rates = measure(Load("a few", 6, "CT", 64, associations=2), tmp_path, 1)
    assert list(rates) == list(RECEIVERS)
    assert all(rate.median > 0 for rate in rates.values())
    assert list(tmp_path.iterdir()) == []
