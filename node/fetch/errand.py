"""Work that waits for others, done apart: a node that is stopped does not wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from node.errors import RadnodeError, where
from node.ledger import Ledger

log = structlog.get_logger()

_GLANCE_SECONDS = 0.5


def run_apart(name: str, work: Callable[[], str], ledger: Ledger, is_stopping: Callable[[], bool]) -> None:
    """Do it in a thread of its own, and come back when it is done, or when the node is being stopped.

    Args:
        name: under which its trouble is shown.
        work: what keeps it from its end, in words, or empty; what it raises is shown as well.
        ledger: is told; its connection of that thread is closed.
        is_stopping: the node is.
    """
    thread = threading.Thread(target=_run, args=(name, work, ledger), name=name, daemon=True)
    thread.start()
    while thread.is_alive() and not is_stopping():
        thread.join(_GLANCE_SECONDS)


def _run(name: str, work: Callable[[], str], ledger: Ledger) -> None:
    """The edge of the thread."""
    try:
        trouble = work()
    except RadnodeError as error:
        trouble = str(error)
    except Exception as error:
        trouble = where(error)
    try:
        if trouble:
            log.warning(f"{name} failed", error=trouble)
        ledger.facts.set_trouble(name, trouble)
    except RadnodeError as error:
        log.error(f"{name} failed", error=str(error))
    finally:
        ledger.close()
