from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from radnode_kit.whole import whole


def test_a_file_is_there_when_the_block_has_ended_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "values.npy"
    with whole(path) as new:
        np.save(new, np.arange(3))
        assert not path.exists()
    assert np.load(path).tolist() == [0, 1, 2]
    assert list(path.parent.iterdir()) == [path]


def test_what_fails_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "values.npy"
    path.write_bytes(b"before")

    def write() -> None:
        with whole(path) as new:
            new.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("values.npy", b"before")]


def test_a_killed_process_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(b"before")
    program = (
        "import os, signal, sys; from pathlib import Path; from radnode_kit.whole import whole\n"
        "with whole(Path(sys.argv[1])) as new:\n"
        "    new.write_bytes(b'half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, path], env=os.environ, check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"before"
