"""`radnode doctor`: is everything there that this node needs?"""

from __future__ import annotations

import errno
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

import typer

from node.cli.neighbours import neighbours
from node.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, print_json
from node.cli.viewers import ViewerOption, tell

if TYPE_CHECKING:
    from node.config import Destination, Settings, WorkerSettings, Worklist

#: (check, whether it holds, what was found or what to do)
Check = tuple[str, bool, str]

#: Setting of a port -> the part that has it, as its trouble is called, where that is not the receiver.
_PARTS = {"web.port": "web", "hl7.port": "input HL7"}
#: How names of checks of what is around the node begin: no version brings it, and the node starts without it.
_AROUND = ("input ", "clock", "certificates ", "destination ", "worklist ", "audit collector", "telemetry collector")
#: Transfer syntaxes -> the module that decodes them.
_CODECS = {"JPEG": "gdcm", "JPEG 2000": "openjpeg", "RLE": "rle", "JPEG-LS": "jpeg_ls"}


def doctor(config: ConfigOption = DEFAULT_CONFIG, viewer: ViewerOption = None, as_json: JsonOption = False) -> None:
    """Check ports, certificates, disk, ledger, clocks, folders, codecs, device, plugins, and whoever the node calls.

    These are destinations, worklists, and the collectors of audit messages and traces. Exit status 69 for a problem.

    With --viewer nothing is checked: it says what readers will see of the results, and which destination sends what
    they will not.
    """
    from node import config as configuration

    settings = configuration.load(config)
    if viewer is not None:
        tell(settings, viewer, as_json)
        return
    checks = list(_checks(settings))
    if as_json:
        print_json(
            [{"check": name, "ok": ok, "found": told, "around": name.startswith(_AROUND)} for name, ok, told in checks]
        )
    else:
        for name, ok, found in checks:
            typer.echo(f"{'ok ' if ok else 'BAD'} {name:<24} {found}")
    raise typer.Exit(0 if all(ok for _, ok, _ in checks) else os.EX_UNAVAILABLE)


def _checks(settings: Settings) -> Iterator[Check]:
    yield from _ports(settings)
    yield from _certificates(settings)
    yield _disk(settings)
    yield from _ledger(settings)
    yield from _inputs(settings)
    yield from _codecs()
    yield _confinement(settings)
    yield _device(settings.worker)
    yield from _plugins(settings)
    yield from neighbours(settings)


def _ports(settings: Settings) -> Iterator[Check]:
    """Of all that listen."""
    served = set(_served(settings))
    for name, host, port in _listening(settings):
        yield _port(name, host, port, is_ours=port in served)


def _listening(settings: Settings) -> list[tuple[str, str, int]]:
    """Setting, address and port of each."""
    others = (("hl7.port", settings.hl7), ("web.port", settings.web))
    return [
        *((name, settings.node.host, port) for name, port in settings.ports.items()),
        *((name, one.host, one.port) for name, one in others if one.enabled),
    ]


def _port(name: str, host: str, port: int, *, is_ours: bool) -> Check:
    from node.config import at

    what = f"port {at(host, port)}"
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if is_ours and error.errno == errno.EADDRINUSE:
                return what, True, "in use by this node"
            other = name if error.errno in (errno.EADDRINUSE, errno.EACCES) else name.replace("port", "host")
            return what, False, f"cannot be used: {error.strerror}; another {other}?"
    return what, True, "free"


def _served(settings: Settings) -> Iterator[int]:
    """The ports that the node has, if it runs: those of its parts that have no trouble."""
    from node.config import load
    from node.errors import RadnodeError
    from node.ledger import Ledger

    path = settings.node.data_dir / "ledger.db"
    try:
        facts = Ledger(path).facts if path.exists() else None
        if facts is not None and facts.serving_pid() is not None:
            troubles = facts.troubles()
            for name, _, port in _listening(load(settings.serving_path)):
                if _PARTS.get(name, "receiver") not in troubles:
                    yield port
    except RadnodeError:  # its own check says so
        return


def _certificates(settings: Settings) -> Iterator[Check]:
    """Of the node, and of each destination and worklist that has files of its own."""
    from node.certificates import problems

    tls = settings.tls
    if tls.enabled or (settings.hl7.enabled and settings.hl7.tls):
        yield _sound("certificate of the node", problems(tls.certificate, tls.key, tls.ca, crl=tls.crl))
    tables: list[Destination | Worklist] = [*settings.destinations, *settings.worklists]
    for one in tables:
        if one.ca_file or one.certificate_file:
            found = problems(one.certificate_file, one.key_file, one.ca_file)
            yield _sound(f"certificates {one.name}", found)
    audit = settings.audit
    if audit.enabled and (audit.ca_file or audit.certificate_file):
        found = problems(audit.certificate_file, audit.key_file, audit.ca_file)
        yield _sound("certificates of audit", found)


def _sound(name: str, problems: list[str]) -> Check:
    return name, not problems, "; ".join(problems) or "they fit, and last"


def _disk(settings: Settings) -> Check:
    folder = settings.node.data_dir
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free >> 20
    ok = free > settings.storage.min_free_mb and os.access(folder, os.W_OK)
    return "disk", ok, f"{free} MiB free at {folder}, watermark {settings.storage.min_free_mb} MiB"


def _ledger(settings: Settings) -> Iterator[Check]:
    """The ledger, and the clock, which must not stand before what is written there."""
    from node.cli.clocks import own_clock
    from node.errors import RadnodeError
    from node.ledger import Ledger

    path, newest = settings.node.data_dir / "ledger.db", 0.0
    if path.exists():
        try:
            newest = max((line.at for line in Ledger(path).events.latest(1)), default=0.0)
        except RadnodeError as error:
            yield "ledger", False, str(error)
        else:
            yield "ledger", True, f"{path.stat().st_size >> 10} KiB, can be read"
    yield own_clock(newest, time.time())


def _inputs(settings: Settings) -> Iterator[Check]:
    """Of watched folders: a file can be taken only where it can be removed."""
    for one in settings.inputs:
        there = one.path.is_dir()
        ok = there and os.access(one.path, os.R_OK | os.W_OK | os.X_OK)
        found = "is watched" if ok else "may not be read and written by this account" if there else "is no folder"
        yield f"input {one.name}", ok, f"{one.path} {found}"


def _codecs() -> Iterator[Check]:
    for name, module in _CODECS.items():
        there = find_spec(module) is not None
        yield f"codec {name}", there, "installed" if there else f"missing: install the package that brings `{module}`"


def _confinement(settings: Settings) -> Check:
    """Tried in a process of its own: whoever is confined stays so."""
    if settings.worker.unconfined:
        return "workers", False, "may use the network and any file: worker.unconfined"
    program = "from node.worker import sandbox; print(*sandbox.enter(sandbox.Folders()), sep='; ')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    lacking = done.stdout.strip() or done.stderr.strip()
    return "workers", not lacking, lacking or "kept from the network and from other files"


def _device(worker: WorkerSettings) -> Check:
    """What the models run on. A GPU is tried in a process of its own: torch takes a while, and memory."""
    name = f"device {worker.device}"
    if worker.device == "cpu":
        wanted = {"auto": "onnxruntime"}.get(worker.engine, worker.engine)
        cores = len(os.sched_getaffinity(0))
        told = f"{cores} cores for {worker.processes} workers of {worker.threads} threads; engine {worker.engine}"
        missing = find_spec(wanted) is None
        return name, not missing, f"`{wanted}` is not installed: worker.engine" if missing else told
    program = "import sys, torch; torch.zeros(1, device=sys.argv[1]); print(torch.cuda.get_device_name(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", program, worker.device], capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["torch ended"])[-1]
        return name, False, f'cannot be used: {reason}; nvidia-smi? else worker.device = "cpu"'
    return name, True, done.stdout.strip()


def _plugins(settings: Settings) -> Iterator[Check]:
    from node.classify.catalogue import Catalogue
    from node.stages import is_beside, plain_name

    catalogue = Catalogue(settings.worker.plugins, settings.worker.pins)
    for found in catalogue.found:
        problems = catalogue.problems(found.name)
        good = "weights as declared" + (", package as accepted" if found.name in settings.worker.pins else "")
        if is_beside(found.name):
            good += f"; beside {plain_name(found.name)}: every worker loads both, and has memory for both"
        yield f"plugin {found.name}", not problems, "; ".join(problems) or good
    if missing := [one.name for one in settings.routes if one.plugin not in catalogue.manifests]:
        usable = ", ".join(catalogue.manifests) or "none"
        yield "routes", False, f"without a usable plugin: {', '.join(missing)}; usable are: {usable}"
