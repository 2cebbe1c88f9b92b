"""The settings that the node serves with now: `radnode reload` may have changed them since this process began."""

from __future__ import annotations

from node.config.load import load
from node.config.settings import Settings
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
