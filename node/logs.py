"""Log lines on stderr: time, level, a fixed action word, and fields.

UIDs and AE titles only, never a patient's data.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from types import TracebackType

import structlog

#: Of the way to an error, the last places.
_MOST_PLACES = 8


def configure(level: int = logging.INFO) -> None:
    """Set up structlog for this process, and what is said of a thread that ends by an error."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.EventRenamer("action"),
            structlog.processors.JSONRenderer(),  # escapes control characters: no forged lines
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    sys.excepthook = _ended
    threading.excepthook = lambda hooked: _ended(hooked.exc_type, hooked.exc_value, hooked.exc_traceback)


def _ended(kind: type[BaseException], _: BaseException | None, places: TracebackType | None) -> None:
    """Nobody caught it, and its thread ends: its kind and its way, never its text, which may quote a patient's data."""
    if issubclass(kind, SystemExit):
        return  # of a thread, as it says for itself
    way = [f"{PurePath(one.filename).name}:{one.lineno}" for one in traceback.extract_tb(places)]
    name = threading.current_thread().name
    structlog.get_logger().critical("thread ended", thread=name, error=kind.__name__, at=way[-_MOST_PLACES:])


def on_stderr() -> None:
    """For a command: warnings alone, and not where its answer goes, which a program may read."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )


@contextmanager
def pydicom_silent() -> Iterator[None]:
    """Meanwhile pydicom says nothing of what it tolerates and what failed: its words quote the object."""
    logger = logging.getLogger("pydicom")
    disabled, logger.disabled = logger.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = disabled
