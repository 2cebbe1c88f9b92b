"""How far each model has drifted, on the monitoring page: charts with their limits, and alarms in words."""

from __future__ import annotations

import re
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

from node.config import NodeSettings, Settings, WatchSettings, frozen
from node.ledger import Ledger, Watched
from node.watch.lateness import lateness
from node.web.pages import drift
from node.web.pages.charts import Chart
from node.web.pages.monitoring import looks
from tests.ledger.material import after
from tests.watch.builders import PLUGIN, looked_at
from tests.web.conftest import Running
from tests.web.test_pages import Browser, words


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.db")


def drawn(ledger: Ledger, *shares: float) -> list[Chart]:
    for share in shares:
        looked_at(ledger, share)
    return list(drift.charts(PLUGIN, ledger.measures.history(PLUGIN, 0.0), 0))


def heights(chart: Chart, kind: str) -> list[float]:
    (line,) = re.findall(rf'<polyline class="line {kind}" points="([^"]+)"', chart.svg)
    return [float(point.split(",")[1]) for point in line.split()]


def test_each_figure_is_drawn_as_a_share_of_its_limit_and_told_in_the_table(ledger: Ledger) -> None:
    answers, images, seen, late = drawn(ledger, 0.5, 1.5)
    assert answers.columns == ("look", "PSI pneumonia", "KS pneumonia", "abstained")
    assert images.columns[1:] == ("KS mean", "KS deviation", "KS entropy", "KS size")
    assert seen.columns[1:] == ("MMD",)
    assert late.columns[1:] == ("late",)
    assert answers.rows[0][1:3] == ("0.1 (limit 0.2)", "0.08 (limit 0.16)")
    limit = float(re.findall(r'<line class="line limit" x1="56.0" y1="([\d.]+)" x2="704.0"', answers.svg)[0])
    below, above = heights(answers, "c0")
    assert above < limit < below
    assert limit == pytest.approx((above + below) / 2, abs=0.1)


def test_what_is_far_beyond_its_limit_does_not_leave_the_chart(ledger: Ledger) -> None:
    (chart, *_) = drawn(ledger, -0.5, 50.0)
    assert heights(chart, "c0") == [184.0, 16.0]
    assert chart.rows[1][1] == "10 (limit 0.2)"


def test_a_plugin_of_many_findings_has_its_four_nearest_drawn_and_all_told(ledger: Ledger) -> None:
    looked_at(ledger, 0.5)
    rows = ledger.measures.history(PLUGIN, 0.0)
    more = [type(one)(**{**vars(one), "metric": f"ks finding {n}", "value": 0.01 * n}) for n, one in enumerate(rows)]
    (chart, *_) = drift.charts(PLUGIN, [*rows, *(one for one in more if one.kind == "scores")], 0)
    assert chart.svg.count("<polyline") == drift.MOST_LINES
    assert len(chart.columns) == 6
    assert "all stand in the table" in chart.description


def test_looks_at_one_sender_and_too_few_answers_are_no_line(ledger: Ledger) -> None:
    looked_at(ledger, 0.5)
    rows = ledger.measures.history(PLUGIN, 0.0)
    changes = ({"subject": "sender CT1"}, {"value": None, "threshold": None})
    for change in changes:
        assert list(drift.charts(PLUGIN, [type(one)(**vars(one) | change) for one in rows], 0)) == []


def test_an_alarm_says_since_when_it_stands(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    for share in (1.5, 0.5, 1.5, 1.5):
        looked_at(ledger, share)
        after(3600, monkeypatch)
    rows = looks(ledger, time.time())[PLUGIN]
    found = drift.standing(rows)
    assert {one.since for one in found} == {sorted({row.at for row in rows})[2]}
    assert len(found) == 9
    assert "How likely the model holds “pneumonia” is otherwise than at this site's baseline" in found[0].sentence


def test_the_newest_look_is_shown_however_old_it_is(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at(ledger, 1.5)
    after(100 * 86400, monkeypatch)
    assert len(looks(ledger, time.time())[PLUGIN]) == 9


def test_the_page_shows_charts_and_alarms_until_they_end(web: Running) -> None:
    browser = Browser(web)
    assert "No model has been looked at yet" in words(browser.get("/monitoring").text)
    looked_at(web.ledger, 0.5)
    looked_at(web.ledger, 1.5)
    page = browser.get("/monitoring").text
    for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        ElementTree.fromstring(svg)  # noqa: S314  our own
    assert page.count('class="line limit"') == 2 * len(drift.CHARTS)
    told = words(page)
    assert f"{PLUGIN} is in alarm" in told
    assert (
        "The contrast of the images is otherwise than at this site's baseline: Kolmogorov-Smirnov distance 0.225,"
        " up to 0.15 would still be chance (200 answers against 300). Since the look of " in told
    )
    assert "Results come late: 4.5% of the newest 200 took longer than web.result_objective_seconds" in told
    looked_at(web.ledger, 0.5)
    assert "No model is in alarm" in words(browser.get("/monitoring").text)


def test_of_late_results_no_baseline_is_offered(web: Running) -> None:
    web.ledger.measures.record(Watched(PLUGIN, "1.0"), lateness([True] * 300, WatchSettings()))
    told = words(Browser(web).get("/monitoring").text)
    assert "Results come late: 100.0% of the newest 300" in told
    assert "baseline" not in told


def test_the_page_shows_what_alarms_are_raised_against_now(web: Running) -> None:
    looked_at(web.ledger, 0.5, reference="training")
    browser = Browser(web)
    page = browser.get("/monitoring").text
    assert "KS pneumonia" not in page
    assert "results that come late" in page
    settings = Settings(node=NodeSettings(data_dir=web.folder), watch=WatchSettings(alarm_against="training"))
    (web.folder / "serving.json").write_bytes(frozen(settings))
    assert "KS pneumonia" in browser.get("/monitoring").text
