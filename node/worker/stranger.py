"""Runs the code of somebody else's model once, to build its network, where it can do no harm.

The operator has allowed that it runs, not that it may read other files, reach the network, or write anywhere. So it
runs in a process that has given all that up, as workers do; what comes back are numbers and weight files, and the
package is written from them here.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from node.classify.process import WorkerDied, WorkerLate, WorkerProcess
from node.dumps import forbid_core_dumps
from node.errors import PluginError, where
from node.worker import sandbox

if TYPE_CHECKING:
    from radnode_kit.foreign.model import Input, Wish
    from radnode_kit.foreign.network import AdaptedNetwork

#: A network that takes longer to build is none for a node.
_SECONDS = 1800.0
_SET_PARENT_DEATH_SIGNAL = 1  # linux/prctl.h
_PACKAGE = "package"


def built(scratch: Path, folder: Path, wish: Wish) -> tuple[Input, AdaptedNetwork]:
    """What the code of a bundle builds; raises :class:`PluginError`.

    Args:
        scratch: an empty folder, the only one that the code may write; it must stay until the network is saved.
        folder: of the bundle, to be read.
        wish: what the operator says of it.
    """
    worker = WorkerProcess(
        [sys.executable, "-P", "-m", "node.worker.stranger", str(folder), str(scratch), json.dumps(asdict(wish))]
    )
    try:
        said = worker.start(_SECONDS)
    except (WorkerDied, WorkerLate) as error:
        raise PluginError(f"the bundle's code did not build its network: {error}", about=str(folder)) from error
    finally:
        worker.kill()
    if "refused" in said:
        raise PluginError(str(said["refused"]))
    try:
        return _network(said, scratch.resolve() / _PACKAGE)
    except (LookupError, TypeError, ValueError) as error:
        raise PluginError("the bundle's code answered what is no network", about=str(folder)) from error


def _network(said: Mapping[str, Any], package: Path) -> tuple[Input, AdaptedNetwork]:  # Any: JSON's edge
    """Of what a stranger's process said nothing is taken but numbers."""
    from radnode_kit.foreign.model import Input
    from radnode_kit.foreign.network import AdaptedNetwork

    entry = said["input"]
    mean, deviation = (tuple(map(float, entry[name])) for name in ("mean", "deviation"))
    fit = "letterbox" if entry["fit"] == "letterbox" else "squash"
    own = None if said["own"] is None else (int(said["own"][0]), int(said["own"][1]))
    network = AdaptedNetwork(
        int(said["outputs"]), bool(said["softmax"]), bool(said["exact"]), own, partial(_copy, package)
    )
    return Input(int(entry["size"]), int(entry["channels"]), mean, deviation, fit), network


def _copy(package: Path, target: Path) -> None:
    """The weight files, and no file that a link there leads to."""
    from radnode_kit.bundle import ONNX, SAFETENSORS

    for name in (ONNX, SAFETENSORS):
        path = package / name
        if path.resolve() != path:
            raise PluginError("the bundle's code left a link in place of its weights", about=name)
        if path.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / name)


def main(arguments: list[str]) -> int:
    """The process: gives everything up, then runs the code. Args: as :func:`built` has them, and a socket's number."""
    folder, scratch, wish, descriptor = Path(arguments[0]), Path(arguments[1]), arguments[2], int(arguments[3])
    ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    forbid_core_dumps()
    (scratch / "tmp").mkdir()
    os.environ["TMPDIR"] = os.environ["HOME"] = str(scratch / "tmp")
    with socket.socket(fileno=descriptor) as channel:
        lacking = sandbox.enter(sandbox.Folders(readable=(folder,), writable=(scratch,)))
        try:
            said = {"refused": "; ".join(lacking)} if lacking else _run(folder, scratch, json.loads(wish))
        except PluginError as error:
            said = {"refused": str(error)}
        except BaseException as error:  # an edge: whatever a stranger's code raises
            said = {"refused": f"the bundle's network cannot be built: {where(error)}"}
        channel.sendall(json.dumps(said).encode() + b"\n")
    return 0


def _run(folder: Path, scratch: Path, wish: dict[str, Any]) -> dict[str, Any]:  # Any: JSON's edge
    from radnode_kit.foreign.model import Wish
    from radnode_kit.foreign.monai_bundle import built as run

    lists = {name: tuple(value) for name, value in wish.items() if isinstance(value, list)}
    entry, network = run(folder, Wish(**wish | lists))
    network.save(scratch / _PACKAGE)
    facts = {name: getattr(network, name) for name in ("outputs", "softmax", "exact", "own")}
    return {**facts, "input": asdict(entry)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
