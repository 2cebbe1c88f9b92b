"""The folder that a node works in: held by one node at a time."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

from node.errors import ConfigError


def hold_data_folder(data_dir: Path) -> IO[str]:
    """Hold the data folder: two nodes on one folder would do everything twice."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        stream = (data_dir / "serve.lock").open("w")
    except OSError as error:
        hint = "node.data_dir must be a folder that this user may write"
        raise ConfigError(
            f"the data folder cannot be used: {error.strerror}", about=str(data_dir), hint=hint
        ) from error
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        stream.close()
        raise ConfigError(
            "another radnode serves this data folder", about=str(data_dir), hint="stop it, or use another data_dir"
        ) from error
    return stream
