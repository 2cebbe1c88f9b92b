from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.ledger import Ledger
from node.spool import Spool


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    one = Ledger(tmp_path / "ledger.db", busy_seconds=5)
    yield one
    one.close()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    one = Spool(tmp_path / "spool", 1)
    one.prepare()
    return one
