"""`python -m node.worker CONFIG SOCKET`: limits first, then everything else, and a reason when it cannot start."""

from __future__ import annotations

import gc
import json
import os
import resource
import socket
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from node.config import Settings, WorkerSettings, load
from node.dumps import forbid_core_dumps
from node.errors import RadnodeError, where
from node.worker import memory, sandbox
from node.worker.leftovers import Leftovers

if TYPE_CHECKING:
    from node.worker.worker import Worker

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
#: Threads of numpy's products: they are small, and those who wait for the next one would do so busily. Seen for the
#: report of a film of 9 megapixels on two cores: 186 instead of 360 ms of processor time, in the same time.
_PRODUCT_THREADS = {"OPENBLAS_NUM_THREADS": "1"}


def main(arguments: list[str]) -> int:
    """Serve jobs until the socket is closed. Args: configuration file, number of the inherited socket."""
    path, descriptor = Path(arguments[0]), int(arguments[1])
    os.set_inheritable(descriptor, False)
    _die_with(os.getppid())
    with socket.socket(fileno=descriptor) as channel, channel.makefile("rb") as jobs, channel.makefile("wb") as answers:
        try:
            worker, lacking = _build(path)
            hello = {"problems": worker.warm(), "lacking": lacking}
        except BaseException as error:  # an edge: nobody sees our standard error
            _say(answers, {"fatal": _reason(error)})
            return 1
        gc.freeze()
        _say(answers, hello)
        leftovers = Leftovers()
        for line in jobs:
            answer = worker.handle(json.loads(line))
            _say(answers, answer | {"tainted": answer["tainted"] or leftovers.found()})
    return 0


def _build(path: Path) -> tuple[Worker, list[str]]:
    """The worker, and what it could not be kept from. Nothing of a plugin is loaded before it is confined."""
    settings = load(path)
    forbid_core_dumps()
    _limit(settings.worker)
    memory.reuse_freed()
    lacking = _confine(settings)
    from node.classify.catalogue import Catalogue
    from node.spool import Spool
    from node.worker.worker import Worker

    catalogue, spool = Catalogue(settings.worker.plugins, settings.worker.pins), Spool(settings.node.data_dir / "spool")
    return Worker(settings, catalogue, spool), lacking


def _confine(settings: Settings) -> list[str]:
    if settings.worker.unconfined:
        return ["workers may use the network and any file: worker.unconfined"]
    spool, cache = settings.node.data_dir / "spool", settings.cache_dir
    temporary = cache / "tmp"  # not that of the machine, where everybody's files lie
    for folder in (cache, temporary):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # the mode is that of the last one
    os.environ["TMPDIR"] = os.environ["HOME"] = str(temporary)  # libraries look for notes of theirs at home
    return sandbox.enter(sandbox.Folders(readable=(spool,), writable=(spool / "work", cache)))


def _reason(error: BaseException) -> str:
    """Why it cannot start, without the words of a stranger's exception."""
    if isinstance(error, RadnodeError):
        return str(error)
    return f"{where(error)}: {error.name}" if isinstance(error, ImportError) and error.name else where(error)


def _limit(settings: WorkerSettings) -> None:
    """Threads, memory and open files of this process; libraries read the threads when they are loaded."""
    for variable in _THREAD_VARIABLES:
        os.environ[variable] = str(settings.threads)
    os.environ |= _PRODUCT_THREADS
    resource.setrlimit(resource.RLIMIT_AS, (settings.memory_mb << 20, settings.memory_mb << 20))
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))


def _die_with(parent: int) -> None:
    """End this process and its children when the parent is gone: nobody would hear the answer."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.killpg(0, 9)

    threading.Thread(target=watch, daemon=True, name="parent-watch").start()


def _say(answers: BinaryIO, answer: Mapping[str, object]) -> None:
    answers.write(json.dumps(answer).encode() + b"\n")
    answers.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
