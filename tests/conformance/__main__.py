"""`make conformance`: build the matrix, print its table, and fail when an object does not pass."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.conformance.matrix import cells
from tests.conformance.table import failures, lines, summary, validators

if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="radnode-conformance-") as name:
        made = cells(Path(name))
    print("\n".join([*lines(made), "", *validators(made)]))
    for line in failures(made):
        print(line, file=sys.stderr)
    print(summary(made))
    sys.exit(1 if failures(made) else 0)
