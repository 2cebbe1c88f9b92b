"""What is asked of others by the clock is what the configuration says, and nothing else."""

from __future__ import annotations

from pathlib import Path

from node.config import Destination, NodeSettings, Route, Settings, TelemetrySettings, Worklist
from node.ledger import Ledger
from node.rounds import rounds


def test_traces_are_told_only_where_somebody_collects_them(tmp_path: Path) -> None:
    ledger, node = Ledger(tmp_path / "ledger.db"), NodeSettings(data_dir=tmp_path)
    for url, ticks in (("", []), ("http://127.0.0.1:4318", ["telemetry"])):
        settings = Settings(node=node, telemetry=TelemetrySettings(url=url))
        assert [tick.name for tick in rounds(settings, ledger, lambda: False)] == ticks
    ledger.close()


def test_a_worklist_is_listened_to_only_where_that_is_set(tmp_path: Path) -> None:
    ledger, node = Ledger(tmp_path / "ledger.db"), NodeSettings(data_dir=tmp_path)
    pacs = Destination(name="pacs", kind="dicom", ae_title="PACS")
    route = Route(name="films", plugin="chest", destinations=("pacs",))
    told = [("worklist ris", 0.5), ("events of worklist ris", 0.5)]
    for events, ticks in ((False, [("worklist ris", 10)]), (True, told)):
        worklist = Worklist(name="ris", url="http://127.0.0.1:9", codes={"1^99TEST": "chest"}, events=events)
        settings = Settings(node=node, destinations=(pacs,), routes=(route,), worklists=(worklist,))
        assert [(tick.name, tick.seconds) for tick in rounds(settings, ledger, lambda: False)] == ticks
    ledger.close()
