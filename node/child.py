"""What the processes have in common that the main process starts: `python -m node.ROOM CONFIG [--lifeline] [--held]`.

SIGTERM drains one. With `--lifeline` it ends as well when its standard input does, so it never outlives the process
that started it. With `--held` it loads its code and then waits for a byte on standard input before it does anything.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from node import logs
from node.config import Settings, load
from node.dumps import forbid_core_dumps
from node.errors import RadnodeError
from node.lifeline import hold


def run(
    room: str, what_it_does: str, serve: Callable[[Settings, bool], object], arguments: Sequence[str] | None = None
) -> int:
    """Serve until told to end; the exit status.

    Args:
        room: as in `node.ROOM`; it stands before what it says of its own trouble, on standard error.
        what_it_does: for `--help`.
        serve: is given the settings, and whether it has a lifeline.
        arguments: of the command line.
    """
    options = _parser(room, what_it_does).parse_args(arguments)
    forbid_core_dumps()
    logs.configure()
    if options.held and not os.read(sys.stdin.fileno(), 1):
        return 0  # who should have let it begin is gone
    try:
        serve(load(options.config), options.lifeline)
    except (RadnodeError, OSError) as error:
        print(f"{room}: {error}", file=sys.stderr)
        return 1
    return 0


def end_of(lifeline: bool) -> threading.Event:
    """Set by SIGTERM, by SIGINT, and where it has a lifeline when that ends."""
    end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.set())
    if lifeline:
        hold(end.set)
    return end


def _parser(room: str, what_it_does: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m node.{room}", description=what_it_does)
    parser.add_argument("config", type=Path, help="configuration file (TOML)")
    parser.add_argument("--lifeline", action="store_true", help="end when standard input ends")
    parser.add_argument("--held", action="store_true", help="begin when a byte comes on standard input")
    return parser
