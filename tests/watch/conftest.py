from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.ledger import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    one = Ledger(tmp_path / "ledger.db", busy_seconds=5)
    one._database.connection.execute("PRAGMA synchronous = OFF")  # hundreds of studies: no power cut is tried here
    yield one
    one.close()
