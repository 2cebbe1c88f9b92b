"""The running node reads its configuration again when `radnode reload` asks it to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from node.config import Change, Settings, change, load
from node.errors import ConfigError, RadnodeError
from node.ledger import Ledger

log = structlog.get_logger()


class Reloader:
    """Asks the ledger whether it is to read, and answers there.

    Args:
        path: of the configuration; None: the node was started without a file.
        ledger: of the node.
        current: the settings that are in force.
        take: puts other ones in force; raises :class:`~node.errors.RadnodeError` and leaves them as they are.
    """

    def __init__(
        self, path: Path | None, ledger: Ledger, current: Callable[[], Settings], take: Callable[[Settings], None]
    ) -> None:
        self._path, self._ledger, self._current, self._take = path, ledger, current, take

    def step(self) -> None:
        """Read the configuration if somebody asks for it."""
        if number := self._ledger.reloads.open():
            self._ledger.reloads.answer(number, self._read())

    def _read(self) -> dict[str, Any]:  # Any: JSON's edge
        answer = {"file": str(self._path or ""), "error": "", "live": [], "restart": [], "left": []}
        try:
            found = self._changed()
            if found.live:
                self._take(found.settings)
        except RadnodeError as error:
            log.error("configuration not read again", error=str(error))
            return answer | {"error": str(error)}
        live, restart = list(found.live), list(found.restart)
        log.info("configuration read again", live=live, restart=restart)
        self._ledger.events.add("configuration read again", live=live, restart=restart)
        return answer | {"live": live, "restart": restart, "left": self._left(found.settings)}

    def _changed(self) -> Change:
        if self._path is None:
            raise ConfigError("this node was started without a configuration file", hint="restart it")
        return change(self._current(), load(self._path))

    def _left(self, settings: Settings) -> list[str]:
        """What waits for destinations that are gone: nobody delivers it."""
        counts = self._ledger.deliveries.count_by_state().items()
        return [
            f"{count} objects wait for '{name}', which is no destination any more"
            for (name, state), count in counts
            if state == "WAITING" and settings.destination(name) is None
        ]
