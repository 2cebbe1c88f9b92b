"""What a worker has given up, tried from inside: by programs of their own, since it is for good."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from node.worker import sandbox

ROOT = Path(__file__).parents[1]

#: Enters the sandbox, then tries each of the statements; prints what became of them.
PROGRAM = """
import json, sys
from pathlib import Path
from node.worker import sandbox
folder, statements = Path(sys.argv[1]), json.loads(sys.argv[2])
lacking = sandbox.enter(sandbox.Folders((folder / "readable",), (folder / "writable",)))
told = {}
for statement in statements:
    try:
        exec(statement, {"folder": folder})
        told[statement] = "done"
    except BaseException as error:
        told[statement] = type(error).__name__
print(json.dumps({"lacking": lacking, "told": told}))
"""

REFUSED = [
    "import socket; socket.socket()",
    "import socket; socket.socket(socket.AF_INET6)",
    "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    "import socket; socket.create_connection(('127.0.0.1', 9), 1)",
    "(folder / 'readable' / 'new').write_text('x')",
    "(folder / 'readable' / 'file').unlink()",
    "(folder / 'readable' / 'file').write_text('x')",
    "(folder / 'readable' / 'file').rename(folder / 'writable' / 'file')",
    "(folder / 'other' / 'file').read_text()",
    "(folder / 'other' / 'new').mkdir()",
    "(folder / 'writable' / 'link').symlink_to(folder / 'other'); (folder / 'writable' / 'link' / 'file').read_text()",
    "import os; os.kill(os.getppid(), 0)",
    "import os; open(f'/proc/{os.getppid()}/mem', 'rb').read(1)",
    "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import socket; socket.socket()'], check=True,"
    " stderr=subprocess.DEVNULL)",
    "import subprocess, sys; subprocess.run([sys.executable, '-c', 'pass'], start_new_session=True, check=True)",
    "import os; os.setsid()",
    "import os; os.setpgid(0, 0)",
    "import ctypes, os; e = ctypes.CDLL(None, use_errno=True); assert e.ptrace(16, os.getppid(), 0, 0) == 0",
]
ALLOWED = [
    "import socket; socket.socketpair()",
    "(folder / 'readable' / 'file').read_text()",
    "(folder / 'writable' / 'new').write_text('x'); (folder / 'writable' / 'new').rename(folder / 'writable' / 'old')",
    "(folder / 'writable' / 'inner').mkdir(); (folder / 'writable' / 'inner').rmdir()",
    "import os, tempfile; os.environ['TMPDIR'] = str(folder / 'writable'); tempfile.TemporaryFile()",
    "open('/dev/null', 'w')",
    "import subprocess, sys; subprocess.run([sys.executable, '-c', 'pass'], check=True)",
    "import threading; t = threading.Thread(target=print); t.start(); t.join()",
    "import numpy, onnxruntime, pydicom, highdicom",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    for name in ("readable", "writable", "other"):
        (made / name).mkdir(parents=True)
        (made / name / "file").write_text("x")
    return made


def tried(folder: Path, statements: list[str]) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder), json.dumps(statements)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    if answer["lacking"]:
        pytest.skip(f"this kernel cannot do all of it: {answer['lacking']}")
    return dict(answer["told"])


def test_the_network_other_files_and_other_processes_are_out_of_reach(folder: Path) -> None:
    told = tried(folder, REFUSED)
    assert [statement for statement, became in told.items() if became == "done"] == []


def test_what_a_worker_needs_it_has(folder: Path) -> None:
    told = tried(folder, ALLOWED)
    assert {statement: became for statement, became in told.items() if became != "done"} == {}


def test_a_machine_without_a_filter_is_said_to_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox.platform, "machine", lambda: "s390x")
    assert sandbox._refuse_network() == "workers are not kept from the network: no filter for s390x is known here"


def test_a_kernel_without_landlock_is_said_to_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    class Old:
        @staticmethod
        def syscall(*_: object) -> int:
            return -1

    monkeypatch.setattr(sandbox, "_libc", Old)
    expected = "workers are not kept from other files: this kernel has no Landlock"
    assert sandbox._refuse_files(sandbox.Folders()) == expected


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5, 6, 7])
def test_each_version_of_landlock_gets_what_it_knows(monkeypatch: pytest.MonkeyPatch, version: int) -> None:
    asked = []

    class Played:
        @staticmethod
        def syscall(number: int, attributes: object, *more: object) -> int:
            asked.append((number, attributes, *more))
            return version if attributes is None else -1

    monkeypatch.setattr(sandbox, "_libc", Played)
    assert sandbox._refuse_files(sandbox.Folders()).startswith("workers are not kept from other files")
    _, attributes, size, _ = asked[-1]
    assert isinstance(attributes, bytes)
    rights = int.from_bytes(attributes[:8], "little")
    assert bool(rights & 1 << 13) == (version >= 2)
    assert bool(rights & 1 << 14) == (version >= 3)
    assert size == {1: 8, 2: 8, 3: 8, 4: 16, 5: 16}.get(version, 24)
