"""A race of pynetdicom's, closed for the peers of the tests.

A request pauses the reactor of its association and waits for the answer itself. A reactor that is just waking from the
request before still looks paused, goes on, and takes the answer: the request then waits for it until its time-out
(pynetdicom 3, `Association._run_reactor`). Where a peer and the receiver share a process that happens often.
"""

from __future__ import annotations

import threading
from typing import Any

from pynetdicom.association import Association


class Checkpoint:
    """In place of the reactor's event: who closes it goes on when the reactor stands before it, or has ended.

    Args:
        reactor: the thread that waits here.
    """

    def __init__(self, reactor: threading.Thread) -> None:
        self._reactor, self._changed = reactor, threading.Condition()
        self._open, self._stands, self._times = True, False, 0

    def set(self) -> None:
        """Open, for the reactor that stands here even if it is closed again at once."""
        with self._changed:
            self._open, self._stands, self._times = True, False, self._times + 1
            self._changed.notify_all()

    def clear(self) -> None:
        """Close; a reactor that closes it for itself does not wait."""
        with self._changed:
            self._open = False
            while threading.current_thread() is not self._reactor and self._reactor.is_alive() and not self._stands:
                self._changed.wait(0.1)

    def wait(self) -> None:
        """Until it is open."""
        with self._changed:
            if self._open:
                return
            self._stands, times = True, self._times
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._times > times)


def close_the_race() -> None:
    """For every association that this process makes from now on."""
    make = Association.__init__

    def made(self: Association, *arguments: Any, **more: Any) -> None:
        make(self, *arguments, **more)
        self._reactor_checkpoint = Checkpoint(self)

    Association.__init__ = made
