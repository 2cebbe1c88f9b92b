"""The settings that the node serves with now: `radnode reload` may have changed them since this process began."""

from __future__ import annotations

from node.config import Settings, load
from node.errors import ConfigError


class Serving:
    """Args: settings: those that this process began with, which hold while the node has left no others."""

    def __init__(self, settings: Settings) -> None:
        self._path = settings.node.data_dir / "serving.json"
        self._known, self._settings = 0, settings

    def settings(self) -> Settings:
        """As the main process left them last."""
        try:
            changed = self._path.stat().st_mtime_ns
            if changed != self._known:
                self._settings, self._known = load(self._path), changed
        except (OSError, ConfigError):
            pass  # it is being written, or nobody serves
        return self._settings
