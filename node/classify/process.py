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
from collections.abc import Mapping, Sequence
from typing import Any

from node.errors import PermanentError, TemporaryError

Message = Mapping[str, Any]  # JSON's edge
_LONGEST_LINE = 64 << 20


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
        return self._receive(seconds)

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
        assert self._socket is not None  # noqa: S101  start() set it
        self._socket.settimeout(seconds)
        while b"\n" not in self._rest:
            try:
                data = self._socket.recv(1 << 16)
            except TimeoutError as error:
                self.kill()
                raise WorkerLate(f"no answer within {seconds:.0f} s; the worker was stopped") from error
            except OSError as error:
                raise self._died() from error
            if not data or len(self._rest) > _LONGEST_LINE:
                raise self._died()
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        answer: Message = json.loads(line)
        return answer

    def _died(self) -> WorkerDied:
        process = self._process
        self.kill()
        code = process.returncode if process else None
        how = f"signal {signal.Signals(-code).name}" if code and code < 0 else f"exit status {code}"
        return WorkerDied(f"the worker process ended ({how})", hint="a plugin may need more memory than it may use")

    def kill(self) -> None:
        """End it and everything it started."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if self._socket is not None:
            self._socket.close()
        self._process = self._socket = None
