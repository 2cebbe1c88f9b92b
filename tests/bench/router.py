"""dicom-ai-router beside the node: from the release of a study to its results in the archive, and studies a minute.

It is installed into a folder of the bench, and its own synthetic scanner makes what both are sent: chest CTs of 24
slices, the one kind of image that it takes. Each looks at them with a model without weights (its own `lung-nodule`, our
`brightness`) and stores a report and a picture in DCMTK's storescp. Both wait for the same seconds of quiet. It syncs
nothing to the disk; the node everything that it acknowledges.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.bench.figures import Goal, Rows, ratio, table, told
from tests.peers import RealStorescp, RunningNode, install_plugin, processes, system_program, until
from tests.peers.ports import free_port

PACKAGE = "dicom-ai-router==0.3.0"
_QUIET, _OBJECTS, _SECONDS = 2.0, 2, 300.0
#: Studies in a round of steady load, and associations at the same time.
_STUDIES, _AT_ONCE = 24, 2
ALONE, MANY = "one study, from release to results stored, s, of which 2 s of quiet", "many studies, a minute"
_WORDS = f"""## Beside {PACKAGE.replace("==", " ")}

From the release of a study to its results in an archive. Both are sent chest CTs of 24 slices by its own synthetic
scanner: the only images that it takes. Each looks with a model without weights, and stores a report and a picture. It
takes identities out for its model and puts them back, and syncs nothing; the node syncs all that it acknowledges. Many:
{_STUDIES} studies, {_AT_ONCE} associations at a time, counted between the first result and the last.

"""
#: Runs in the peer's interpreter: its scanner's studies as files.
_SCANNER = """
import sys
from pathlib import Path
from airouter.tools.modality_sim import make_study
begin, count, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
nodule = {"laterality": "left", "diameter_mm": 14.0, "slice": 12, "dx": 0, "dy": 0, "hu": 40}
for number in range(begin, begin + count):
    place = folder / f"{number:04d}"
    place.mkdir(parents=True)
    for image, ds in enumerate(make_study(number, "chest", nodule)[0]):
        ds.save_as(place / f"{image:04d}.dcm", enforce_file_format=True)
"""
_CONFIG = """
router: {{ae_title: AIROUTER, port: {port}, study_quiet_seconds: {quiet}, workdir: {work}, bind_address: 127.0.0.1}}
pacs: {{ae_title: {pacs.ae_title}, host: 127.0.0.1, port: {pacs.port}}}
ai_endpoints: {{lung-nodule: {{url: "http://127.0.0.1:{model}/infer/lung-nodule"}}}}
deid: {{}}
rules: [{{name: chest, model: lung-nodule, match: {{Modality: "^CT$", BodyPartExamined: CHEST}}}}]
"""


@dataclass(frozen=True)
class Running:
    """A program that takes studies. Attributes: port, ae_title: of it; archive: where its results go."""

    port: int
    ae_title: str
    archive: RealStorescp


def measure(folder: Path, rounds: int) -> Rows:
    """The seconds from release to results of one study, and the studies a minute of many, for both in turn.

    Raises RuntimeError when the peer cannot be installed, and what a sender that fails raises.
    """
    python = _install(folder / "venv")
    found: Rows = {ALONE: {}, MANY: {}}
    for number in range(rounds):
        place = folder / f"round{number}"
        first, *rest = _studies(python, place / "sent", number * (_STUDIES + 2), _STUDIES + 1)
        for name, start in (("radnode", _node), ("dicom-ai-router", _router)):
            (place / name).mkdir()
            with start(place / name, python) as running:
                _send(running, [place / "sent" / "warm"])
                _await(running, 1)
                found[ALONE].setdefault(name, []).append(_seconds(running, first))
                found[MANY].setdefault(name, []).append(_per_minute(running, rest))
        shutil.rmtree(place)
    return found


def _install(venv: Path) -> Path:
    """The interpreter of an environment that has the peer."""
    python = venv / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{PACKAGE} cannot be installed: {done.stderr[-2000:]}")
    return python


def _studies(python: Path, folder: Path, begin: int, count: int) -> list[Path]:
    """A folder for each study, and one more, `warm`, that is sent before the clock runs."""
    subprocess.run([str(python), "-c", _SCANNER, str(begin), str(count + 1), str(folder)], check=True)
    found = sorted(folder.iterdir())
    found[-1].rename(folder / "warm")
    return found[:-1]


@contextmanager
def _node(folder: Path, _: Path) -> Iterator[Running]:
    with RealStorescp(folder / "archive", "PACS") as archive:
        plugins, route = install_plugin(folder / "plugins"), {"name": "all", "plugin": "brightness"}
        node = RunningNode(
            folder / "node",
            python_path=[plugins],
            destinations=[archive.destination(name="pacs")],
            routes=[route | {"destinations": ["pacs"]}],
            study={"quiet_seconds": {"default": _QUIET}, "settled_seconds": _QUIET},
        )
        with node:
            node.await_worker()
            yield Running(node.port, node.ae_title, archive)


@contextmanager
def _router(folder: Path, python: Path) -> Iterator[Running]:
    with ExitStack() as stack:
        archive = stack.enter_context(RealStorescp(folder / "archive", "PACS"))
        port, model = free_port(), free_port()
        work, config = folder / "work", folder / "router.yaml"
        config.write_text(_CONFIG.format(port=port, quiet=_QUIET, work=work, pacs=archive, model=model))
        environment = {**os.environ, "AIROUTER_DEID_SALT": secrets.token_hex(32)}
        for ours in ("PYTHONPATH", "OPENBLAS_NUM_THREADS"):
            environment.pop(ours, None)
        log = stack.enter_context((folder / "log").open("wb"))
        serve = ["-m", "airouter", "serve", "--config", str(config)]
        for listens, arguments in (
            (model, ["-m", "uvicorn", "--log-level", "warning", "--port", str(model), "airouter.mock_ai.app:app"]),
            (port, serve),
        ):
            process = processes.start([str(python), *arguments], stdout=log, stderr=log, env=environment, cwd=folder)
            stack.callback(processes.end, process)
            until(lambda at=listens: _listens(at), lambda: (folder / "log").read_text()[-2000:])
        yield Running(port, "AIROUTER", archive)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def _seconds(running: Running, study: Path) -> float:
    """From the end of the sender to the last result of the study in the archive."""
    before = len(_results(running))
    _send(running, [study])
    began = time.time()
    _await(running, before // _OBJECTS + 1)
    return max(path.stat().st_mtime for path in _results(running)) - began


def _per_minute(running: Running, studies: Sequence[Path]) -> float:
    """Between the first and the last result, while all these studies are sent as fast as they are taken."""
    before = set(_results(running))
    _send(running, studies)
    _await(running, len(before) // _OBJECTS + len(studies))
    times = sorted(path.stat().st_mtime for path in set(_results(running)) - before)
    return 60 * (len(times) - 1) / _OBJECTS / (times[-1] - times[0])


def _send(running: Running, studies: Sequence[Path]) -> None:
    """Each study over an association of its own, some at a time."""
    command = [system_program("storescu"), "-R", "+sd", "-aec", running.ae_title, "127.0.0.1", str(running.port)]
    environment = {**os.environ, "TCP_NODELAY": "1"}  # DCMTK's programs without Nagle's algorithm
    for begin in range(0, len(studies), _AT_ONCE):
        senders = [processes.start([*command, str(one)], env=environment) for one in studies[begin : begin + _AT_ONCE]]
        if statuses := [status for sender in senders if (status := sender.wait(_SECONDS))]:
            raise RuntimeError(f"storescu ended with {statuses} at {running.ae_title}")


def _await(running: Running, studies: int) -> None:
    until(
        lambda: len(_results(running)) >= studies * _OBJECTS,
        lambda: f"{running.ae_title} stored {len(_results(running))} results of {studies} studies",
        _SECONDS,
        0.01,
    )


def _results(running: Running) -> list[Path]:
    return [path for path in running.archive.folder.iterdir() if path.stat().st_size]


def section(rows: Rows) -> str:
    """Its part of deploy/PERFORMANCE.md."""
    names = list(rows[ALONE])
    return _WORDS + table(["", *names], [[what, *(told(one[name]) for name in names)] for what, one in rows.items()])


def goals(rows: Rows) -> list[Goal]:
    """How many more studies the node works off."""
    return [Goal(f"{MANY}, against dicom-ai-router", ratio(rows.get(MANY), "radnode", "dicom-ai-router"), 5, "x", True)]
