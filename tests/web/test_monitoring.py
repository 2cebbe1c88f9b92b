"""Charts of how plugins answer: which analyses are looked at, and how they are grouped."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.config import WatchSettings
from node.ledger import Ledger
from node.spool import Spool
from node.study import Attributes
from node.web.pages import monitoring
from node.web.pages.charts import Chart
from node.web.pages.monitoring import Sample, rates_by_subgroup, rates_by_week, sample
from tests.ledger.material import after
from tests.review.material import answered


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    one = Ledger(tmp_path / "ledger.db")
    yield one
    one.close()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    found = Spool(tmp_path / "spool")
    found.prepare()
    return found


def test_each_week_has_its_analyses(ledger: Ledger, spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        answered(ledger, spool, f"1.{number}")
    after(8 * 86400, monkeypatch)
    answered(ledger, spool, "1.9")
    given = sample(ledger, spool, time.time())
    assert [one.week for one in given.answered] == [0, 1, 1, 1]
    (chart,) = rates_by_week(given)
    assert chart.rows[-2:] == (("-1", "3", "100%", "0%"), ("this week", "1", "100%", "0%"))
    assert chart.rows[0] == ("-7", "0", "–", "–")


def test_no_more_of_a_week_are_looked_at_than_is_said(
    ledger: Ledger, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitoring, "MANY", 2)
    for number in range(3):
        answered(ledger, spool, f"1.{number}")
    found = sample(ledger, spool, time.time()).answered
    assert [one.row.study_instance_uid for one in found] == ["1.2", "1.1"]


def test_what_is_not_here_any_more_is_left_out(ledger: Ledger, spool: Spool) -> None:
    spool.remove(f"work/{answered(ledger, spool)}")
    assert sample(ledger, spool, time.time()) == Sample()
    assert monitoring.monitoring(WatchSettings(), ledger, spool)["charts"] == []


def test_each_finding_has_its_subgroups(ledger: Ledger, spool: Spool) -> None:
    answered(ledger, spool)
    found = list(rates_by_subgroup(sample(ledger, spool, time.time())))
    assert [chart.title.split()[:2] for chart in found] == [["chest:", "Effusion"], ["chest:", "Opacity"]]
    assert [row[0] for row in found[0].rows] == [f"{one} not stated" for one in ("age", "maker", "sex", "view")]
    assert len({chart.name for chart in found}) == 2


@pytest.mark.parametrize(
    ("years", "group"),
    [
        (0, "under 18"),
        (17.9, "under 18"),
        (18, "18 to 39"),
        (59.5, "40 to 59"),
        (75, "75 and over"),
        (None, "not stated"),
    ],
)
def test_ages_are_in_bands(years: float | None, group: str) -> None:
    assert f"age {group}" in monitoring._groups_of(Attributes(age_years=years))


def test_another_chart_is_a_function_in_a_list(ledger: Ledger, spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    def one_more(given: Sample) -> Iterator[Chart]:
        yield Chart("more", "More", f"{len(given.answered)} answered", monitoring.lines("more", "", "", [], []), (), ())

    monkeypatch.setattr(monitoring, "PANELS", [one_more])
    answered(ledger, spool)
    charts = monitoring.monitoring(WatchSettings(), ledger, spool)["charts"]
    assert [chart.description for chart in charts] == ["1 answered"]
