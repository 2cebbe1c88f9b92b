"""The settings that the node serves with now: `radnode reload` may have changed them since this process began."""

from __future__ import annotations

import re
from pathlib import Path

from node.config.load import load
from node.config.settings import NodeSettings, Settings
from node.errors import ConfigError


class Serving:
    """Usable from several threads.

    Args:
        began: the settings that this process began with, as its socket and its limits were made; they hold altogether
            while the node has left no others.
    """

    def __init__(self, began: Settings) -> None:
        self.began = began
        self._path = began.serving_path
        self._known, self._settings = (0, 0), began

    def settings(self) -> Settings:
        """As the main process left them last; what needs a restart is in them as it was at the start."""
        try:
            stat = self._path.stat()
            if (stat.st_mtime_ns, stat.st_ino) != self._known:
                self._settings = load(self._path)
                self._known = stat.st_mtime_ns, stat.st_ino  # last: who reads meanwhile reads them once more
        except (OSError, ConfigError):
            pass  # it is being written, or nobody serves
        return self._settings


_DATA_DIR = re.compile(r"""^[ \t]*data_dir[ \t]*=[ \t]*["'](.+?)["']""", re.MULTILINE)


def in_force(path: Path) -> Settings | None:
    """What a node serves with, or did last, whose file cannot be used as it is now; None: there is no such node."""
    try:
        named = _DATA_DIR.search(path.read_text(encoding="utf-8-sig"))
        folder = path.resolve().parent / (named[1] if named else NodeSettings().data_dir)
        return load(Settings(node=NodeSettings(data_dir=folder)).serving_path)
    except (OSError, UnicodeDecodeError, ConfigError):
        return None
