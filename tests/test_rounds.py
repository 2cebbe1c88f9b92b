"""What is asked of others by the clock is what the configuration says, and nothing else."""

from __future__ import annotations

from pathlib import Path

from node.config import NodeSettings, Settings, TelemetrySettings
from node.ledger import Ledger
from node.rounds import rounds


def test_traces_are_told_only_where_somebody_collects_them(tmp_path: Path) -> None:
    ledger, node = Ledger(tmp_path / "ledger.db"), NodeSettings(data_dir=tmp_path)
    for url, ticks in (("", []), ("http://127.0.0.1:4318", ["telemetry"])):
        settings = Settings(node=node, telemetry=TelemetrySettings(url=url))
        assert [tick.name for tick in rounds(settings, ledger, lambda: False)] == ticks
    ledger.close()
