"""What a service manager is told of the main process: ready, alive, stopping (the protocol of sd_notify(3))."""

from __future__ import annotations

import os
import socket
import time


class Manager:
    """The service manager that started this process, if it asked to be told; else nobody is told anything.

    What it left in the environment is taken out, so that no process of ours speaks in its name.
    """

    def __init__(self) -> None:
        self._address = os.environ.pop("NOTIFY_SOCKET", "")
        microseconds = os.environ.pop("WATCHDOG_USEC", "")
        pid = os.environ.pop("WATCHDOG_PID", "")
        is_ours = microseconds.isdigit() and pid in ("", str(os.getpid()))
        self._interval = int(microseconds) / 2e6 if is_ours else 0.0
        self._next = 0.0

    def ready(self) -> None:
        """Peers are answered from now on."""
        self._tell("READY=1\nSTATUS=serving")

    def alive(self) -> None:
        """A sign of life, at most twice in the time that the manager gave; call it as often as you like."""
        now = time.monotonic()
        if self._interval and now >= self._next:
            self._next = now + self._interval
            self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        """It ends in order."""
        self._tell("STOPPING=1\nSTATUS=finishing what is in hand")

    def _tell(self, text: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.sendto(text.encode(), address)
        except OSError:  # it is gone, or does not listen: work goes on all the same
            return
