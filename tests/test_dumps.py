"""Each process of the node forbids core dumps by itself, whoever starts it and whatever limit it was given."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_STARTS = {
    "main": "from node.cli import main; main()",
    "receiver": "from node.receive.__main__ import main; main()",
    "web": "from node.web.__main__ import main; main()",
}
_CODE = """
import atexit, resource, sys
atexit.register(lambda: print(resource.getrlimit(resource.RLIMIT_CORE), open("/proc/self/coredump_filter").read()))
resource.setrlimit(resource.RLIMIT_CORE, (4096, resource.getrlimit(resource.RLIMIT_CORE)[1]))
"""


@pytest.mark.parametrize("kind", _STARTS)
def test_a_process_started_by_itself_leaves_no_core_dump(kind: str, tmp_path: Path) -> None:
    """It ends at once, since there is no such configuration; what it may leave was settled before."""
    command = [sys.executable, "-c", _CODE + _STARTS[kind]]
    arguments = ["serve", "-c"] if kind == "main" else []
    done = subprocess.run(
        [*command, *arguments, str(tmp_path / "none.toml")], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.split() == ["(0,", "0)", "00000000"], done.stderr
