"""When a round is due, and what becomes of one that fails."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from node.config import NodeSettings, Settings, WatchSettings, frozen
from node.ledger import Ledger
from node.watch.report import write_weekly
from node.watch.ticking import LAST, Watching
from tests.ledger.material import after
from tests.watch.builders import PLUGIN, answered, observations


def watching(ledger: Ledger, folder: Path, copy: bytes | None = None) -> Watching:
    settings = Settings(node=NodeSettings(data_dir=folder))
    (folder / "serving.json").write_bytes(frozen(settings) if copy is None else copy)
    return Watching(lambda: settings.watch, folder / "serving.json", ledger, lambda: False)


def test_nothing_is_started_before_a_model_has_answered(ledger: Ledger, tmp_path: Path) -> None:
    assert not watching(ledger, tmp_path).step()


def test_a_round_is_made_in_a_process_of_its_own_once_a_day(ledger: Ledger, tmp_path: Path) -> None:
    answered(ledger, observations(2))
    one = watching(ledger, tmp_path)
    assert one.step()
    assert ledger.measures.latest(PLUGIN)
    assert len(list((tmp_path / "reports").glob("watch-*.html"))) == 1
    assert not one.step()
    assert ledger.facts.troubles() == {}
    assert one.is_due(time.time() + 90000)
    assert one.is_due(time.time() - 90000), "the clock was set back"


def test_when_it_is_time_is_asked_each_time(ledger: Ledger, tmp_path: Path) -> None:
    answered(ledger, observations(1))
    now, known = time.time(), {"watch": WatchSettings(enabled=False)}
    one = Watching(lambda: known["watch"], tmp_path / "serving.json", ledger, lambda: False)
    assert not one.is_due(now)
    known["watch"] = WatchSettings()
    assert one.is_due(now)
    ledger.facts.note_time(LAST, now - 7200)
    assert not one.is_due(now)
    known["watch"] = WatchSettings(every_hours=1)
    assert one.is_due(now)


def test_a_round_that_fails_is_a_trouble_and_not_tried_at_once(ledger: Ledger, tmp_path: Path) -> None:
    answered(ledger, observations(1))
    one = watching(ledger, tmp_path, b"no settings")
    assert one.step()
    assert "radnode watch look" in ledger.facts.troubles()["watching the models"]
    assert not one.step()


def test_old_reports_go(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(node=NodeSettings(data_dir=tmp_path), watch=WatchSettings(reports=2, report_format="pdf"))
    answered(ledger, observations(2))
    names = []
    for _ in range(3):
        path = write_weekly(settings, ledger)
        assert path is not None
        assert path.read_bytes().startswith(b"%PDF")
        names.append(path.name)
        assert write_weekly(settings, ledger) is None
        after(7 * 86400, monkeypatch)
    assert sorted(one.name for one in (tmp_path / "reports").iterdir()) == names[1:]
