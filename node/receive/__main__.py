"""`python -m node.receive CONFIG.toml [--lifeline]`: a receiver as a process of its own.

Prints `listening HOST PORT` when it is ready; SIGTERM drains it. With `--lifeline` it ends as well when its standard
input does, so it never outlives the process that started it.
"""

from __future__ import annotations

import resource
import sys

from node import bare  # isort: skip  # first of all: it keeps codecs out
from node import child
from node.config import Settings
from node.ledger import Ledger
from node.receive.server import Receiver
from node.spool import Spool

#: How long associations may go on after SIGTERM, seconds.
DRAIN_SECONDS = 10.0


#: How long one thread may keep the others from running, seconds. Associations wait for the disk again and again, and
#: have to get back in each time; with Python's 5 ms eight of them received a fifth less.
_SWITCH_SECONDS = 0.0005


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to end; the exit status."""
    return child.run("receive", "Receive DICOM objects over C-STORE.", _serve, arguments)


def _serve(settings: Settings, lifeline: bool) -> None:
    bare.silence_libraries()
    _allow_descriptors()
    sys.setswitchinterval(_SWITCH_SECONDS)
    spool = Spool(settings.node.data_dir / "spool", settings.storage.min_free_mb)
    spool.prepare()
    path, limits = settings.node.data_dir / "ledger.db", settings.receive
    ledger = Ledger(path, settings.storage.busy_seconds, limits.max_study_objects, limits.max_study_mb << 20)
    end = child.end_of(lifeline)
    with Receiver(settings, spool, ledger) as receiver:
        print(f"listening {settings.node.host} {receiver.port}", flush=True)
        end.wait()
        receiver.drain(DRAIN_SECONDS)


def _allow_descriptors() -> None:
    """As many open files as we may have: each association needs two."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())
