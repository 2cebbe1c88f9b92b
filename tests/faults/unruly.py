"""What a plugin must not do, or may fail to: each function is done instead of an answer, for a body part of its name.

It is copied beside the plugin `brightness`, and runs in a worker of the node.
"""

from __future__ import annotations

import ctypes
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from brightness_plugin import answer  # beside it, where it runs

_ENDLESS = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(3600)"
_FOR_EVER = 3600
_held: list[Any] = []


def _raise(error: BaseException) -> None:
    raise error


def _data() -> Path:
    """The node's, whose configuration is on the worker's command line."""
    return Path(Path("/proc/self/cmdline").read_text().split("\0")[3]).parent


def hang_deaf(image_set: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(_FOR_EVER)


def spin(image_set: Any) -> None:
    while True:
        pass


def hang_with_children(image_set: Any) -> None:
    """Children in this group, and those that try to leave it."""
    for options in ({}, {"start_new_session": True}, {"process_group": 0}):
        try:
            subprocess.Popen([sys.executable, "-c", _ENDLESS, __file__], **options)
        except OSError:
            continue
    time.sleep(_FOR_EVER)


def leave_child(image_set: Any) -> Any:
    subprocess.Popen([sys.executable, "-c", _ENDLESS, __file__])
    return answer(image_set)


def leave_grandchild(image_set: Any) -> Any:
    """Its parent ends at once, so that it is nobody's."""
    if os.fork() == 0:
        if os.fork() == 0:
            try:
                os.setsid()
            finally:
                time.sleep(_FOR_EVER)
        os._exit(0)
    os.wait()
    return answer(image_set)


def exit_with_child(image_set: Any) -> None:
    if os.fork() == 0:
        time.sleep(_FOR_EVER)
    os._exit(0)


def leak(image_set: Any) -> Any:
    for _ in range(512):
        _held.append(bytearray(os.urandom(1)) * (16 << 20))
    return answer(image_set)


def start_threads(image_set: Any) -> Any:
    for _ in range(2000):
        threading.Thread(target=time.sleep, args=(_FOR_EVER,), daemon=True).start()
    return answer(image_set)


def open_files(image_set: Any) -> Any:
    _held.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(5000))
    return answer(image_set)


def shout(image_set: Any) -> Any:
    for stream in (sys.stdout, sys.stderr):
        stream.write("A" * (25 << 20))
        stream.flush()
    return answer(image_set)


def write_files(image_set: Any) -> Any:
    """Wherever it can; succeeds when that is nowhere but where it may."""
    data, taken = _data(), []
    places = [data, data.parent, data / "spool", data / "spool" / "instances" / "00", Path.cwd(), Path("/tmp")]  # noqa: S108
    for place in places:
        try:
            (place / "taken-by-a-plugin").write_text("x")
            taken.append(place)
        except OSError:
            continue
    if taken:
        raise AssertionError
    return answer(image_set)


def connect(image_set: Any) -> Any:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.socket(family, socket.SOCK_STREAM).connect(("localhost", 9))
        except PermissionError:
            continue
        raise AssertionError
    return answer(image_set)


def rewrite(image_set: Any) -> Any:
    """Every result that lies in the spool, as far as it is let."""
    for path in (_data() / "spool" / "work").glob("*/*.dcm"):
        path.write_bytes(path.read_bytes().replace(b"Bright image", b"Dark  image!"))
    return answer(image_set)


def many_labels(image_set: Any) -> Any:
    whole = answer(image_set)
    return replace(whole, findings=whole.findings * 100_000)


def finding(**changes: Any) -> Callable[[Any], Any]:
    """An answer whose one finding says that."""

    def answered(image_set: Any) -> Any:
        whole = answer(image_set)
        return replace(whole, findings=(replace(whole.findings[0], **changes),))

    return answered


MISDEEDS: dict[str, Callable[[Any], Any]] = {
    "RAISE": lambda image_set: _raise(RuntimeError("KANARI^InException")),
    "SYSTEMEXIT": lambda image_set: _raise(SystemExit(3)),
    "INTERRUPT": lambda image_set: _raise(KeyboardInterrupt()),
    "EXIT": lambda image_set: os._exit(0),
    "SEGFAULT": lambda image_set: ctypes.string_at(0),
    "ABORT": lambda image_set: os.kill(os.getpid(), signal.SIGABRT),
    "EXITCHILD": exit_with_child,
    "HANG": lambda image_set: time.sleep(_FOR_EVER),
    "HANGDEAF": hang_deaf,
    "SPIN": spin,
    "HANGCHILDREN": hang_with_children,
    "CHILD": leave_child,
    "GRANDCHILD": leave_grandchild,
    "LEAK": leak,
    "THREADS": start_threads,
    "FILES": open_files,
    "SHOUT": shout,
    "WRITE": write_files,
    "CONNECT": connect,
    "REWRITE": rewrite,
    "NAN": finding(probability=math.nan),
    "INF": finding(probability=math.inf),
    "SEVEN": finding(probability=7.3),
    "BELOW": finding(probability=-0.2),
    "WORD": finding(probability="0.5"),
    "LOGITNAN": finding(logit=math.nan),
    "LOGITINF": finding(logit=math.inf),
    "LIST": lambda image_set: [0.5],
    "TEXT": lambda image_set: "no prediction",
    "NONE": lambda image_set: None,
    "UNKNOWN": finding(name="\0\u202e../../x"),
    "EMPTY": lambda image_set: replace(answer(image_set), findings=()),
    "MANY": many_labels,
}
