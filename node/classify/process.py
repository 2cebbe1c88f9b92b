"""The parent's end of a worker process: starts it in a session of its own, hands it jobs, kills it when it is late.

A job and its answer are one line of JSON each over a socket pair; pixels never travel. What a plugin prints goes
nowhere: it may hold a patient's data.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any

from node.errors import PermanentError, TemporaryError

Message = Mapping[str, Any]  # JSON's edge
_LONGEST_LINE = 64 << 20
#: How often a silent worker is looked at: a child it forked may hold the socket open after its death.
_LOOK_SECONDS = 0.5
#: What a way to die tells the operator.
_HINTS = {
    "SIGKILL": "the system or a person ended it: is memory short?",
    "SIGSEGV": "a codec or a plugin crashed in native code",
    "SIGABRT": "a codec or a plugin gave up in native code; it may need more than worker.memory_mb",
}


class WorkerDied(TemporaryError):
    """The worker process ended while it had a job."""


class WorkerLate(PermanentError):
    """The worker did not answer within the limit, and was killed."""


class WorkerProcess:
    """One worker. Args: command: program and arguments, to which the number of the socket is added."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._rest = b""

    @property
    def pid(self) -> int | None:
        """Of the running process."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self, seconds: float) -> Message:
        """Start it and wait for its first message; raises :class:`WorkerDied`, :class:`WorkerLate`."""
        self.kill()
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [*self._command, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._socket, self._rest = ours, b""
        hello = self._receive(seconds)
        if "fatal" in hello:
            self.kill()
            raise WorkerDied(f"the worker cannot start: {hello['fatal']}", hint="`radnode doctor` checks what it needs")
        return hello

    def ask(self, job: Message, seconds: float) -> Message:
        """The answer to a job; raises :class:`WorkerDied`, :class:`WorkerLate`; the process is gone then."""
        if self._socket is None:
            raise WorkerDied("the worker is not running")
        try:
            self._socket.settimeout(seconds)
            self._socket.sendall(json.dumps(job).encode() + b"\n")
        except OSError as error:
            raise self._died() from error
        return self._receive(seconds)

    def _receive(self, seconds: float) -> Message:
        line = self._line(seconds)
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            self.kill()
            raise WorkerDied(
                "the worker's answer was no message; it was stopped", hint="a plugin wrote into its socket"
            )
        return answer

    def _line(self, seconds: float) -> bytes:
        deadline = time.monotonic() + seconds
        while b"\n" not in self._rest:
            data = self._some(deadline, seconds)
            if not data or len(self._rest) > _LONGEST_LINE:
                raise self._died()
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _some(self, deadline: float, seconds: float) -> bytes:
        """What comes next; empty when nothing will come any more."""
        assert self._socket is not None  # noqa: S101  start() set it
        while (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(min(left, _LOOK_SECONDS))
            try:
                return self._socket.recv(1 << 16)
            except TimeoutError:
                if self.pid is None:
                    return b""
            except OSError:
                return b""
        self.kill()
        raise WorkerLate(f"no answer within {seconds:g} s; the worker was stopped")

    def _died(self) -> WorkerDied:
        process = self._process
        if process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1)  # its own end, if it is ending; else it is killed, and that is what is told
        self.kill()
        how, hint = _ending(process.returncode if process else None)
        return WorkerDied(f"the worker process ended ({how})", hint=hint)

    def kill(self) -> None:
        """End it and everything it started."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if self._socket is not None:
            self._socket.close()
        self._process = self._socket = None


def _ending(code: int | None) -> tuple[str, str]:
    """How a process ended, and a hint for the operator."""
    if code is None or code >= 0:
        return f"exit status {code}", "a plugin may have ended it"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = str(-code)
    return f"signal {name}", _HINTS.get(name, "")
