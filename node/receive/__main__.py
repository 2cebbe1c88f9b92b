"""`python -m node.receive CONFIG.toml [--lifeline]`: a receiver as a process of its own.

Prints `listening HOST PORT` when it is ready; SIGTERM drains it. With `--lifeline` it ends as well when its standard
input does, so it never outlives the process that started it.
"""

from __future__ import annotations

import argparse
import resource
import signal
import sys
import threading
from pathlib import Path

from node import bare  # isort: skip  # first of all: it keeps codecs out
from node import logs
from node.config import Settings, load
from node.dumps import forbid_core_dumps
from node.errors import RadnodeError
from node.ledger import Ledger
from node.lifeline import hold
from node.receive.server import Receiver
from node.spool import Spool

#: How long associations may go on after SIGTERM, seconds.
DRAIN_SECONDS = 10.0


#: How long one thread may keep the others from running, seconds. Associations wait for the disk again and again, and
#: have to get back in each time; with Python's 5 ms eight of them received a fifth less.
_SWITCH_SECONDS = 0.0005


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to end; the exit status."""
    options = _parser().parse_args(arguments)
    forbid_core_dumps()
    logs.configure()
    bare.silence_libraries()
    try:
        settings = load(options.config)
        return _serve(settings, options.lifeline)
    except (RadnodeError, OSError) as error:
        print(f"receiver: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m node.receive", description="Receive DICOM objects over C-STORE.")
    parser.add_argument("config", type=Path, help="configuration file (TOML)")
    parser.add_argument("--lifeline", action="store_true", help="end when standard input ends")
    return parser


def _serve(settings: Settings, lifeline: bool) -> int:
    _allow_descriptors()
    sys.setswitchinterval(_SWITCH_SECONDS)
    spool = Spool(settings.node.data_dir / "spool", settings.storage.min_free_mb)
    spool.prepare()
    path, limits = settings.node.data_dir / "ledger.db", settings.receive
    ledger = Ledger(path, settings.storage.busy_seconds, limits.max_study_objects, limits.max_study_mb << 20)
    end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.set())
    if lifeline:
        hold(end.set)
    with Receiver(settings, spool, ledger) as receiver:
        print(f"listening {settings.node.host} {receiver.port}", flush=True)
        end.wait()
        receiver.drain(DRAIN_SECONDS)
    return 0


def _allow_descriptors() -> None:
    """As many open files as we may have: each association needs two."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())
