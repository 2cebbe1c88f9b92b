"""What a worker gives up before it loads a plugin: the network, and every file but those that it needs.

Two means of the kernel, both without privileges, both for good and for all that the process starts: a seccomp filter
(seccomp(2)) refuses sockets of any family but AF_UNIX, io_uring, and the memory of other processes; Landlock
(landlock(7)) leaves it the programs and libraries to read, the spool to read, and the folders of results to write.
Signals to other processes are refused too, where the kernel knows how; and nothing leaves the process group, so that
all that a plugin starts ends with its worker. What a kernel cannot do is said, never hidden.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

#: By machine: audit architecture (linux/audit.h), and numbers of socket, ptrace, process_vm_readv, process_vm_writev,
#: setsid, setpgid.
_MACHINES = {
    "x86_64": (0xC000003E, (41, 101, 310, 311, 112, 109)),
    "aarch64": (0xC00000B7, (198, 117, 270, 271, 157, 154)),
}
_IO_URING = (425, 426, 427)  # the same everywhere; it would open sockets past the filter
_X32 = 0x40000000  # numbers of another way to call the same kernel

_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _SECCOMP_MODE_FILTER = 22, 38, 2
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 13  # SECCOMP_RET_ALLOW; SECCOMP_RET_ERRNO with EACCES
_LOAD, _IF_EQUAL, _IF_GREATER_EQUAL, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
_AF_UNIX = 1

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_WRITE_FILE, _READ_FILE = 1 << 1, 1 << 2
_CHANGE = sum(1 << bit for bit in range(4, 13))  # remove and make entries of a folder
_REFER, _TRUNCATE = 1 << 13, 1 << 14  # from version 2 and 3 on
_SCOPE_SIGNALS = 1 << 1  # from version 6 on

#: Programs, libraries and what they read of the machine.
_READABLE = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/opt", "/etc", "/proc", "/sys", "/dev", "/run")
_WRITABLE = ("/dev",)


@dataclass(frozen=True)
class Folders:
    """What a worker may read and write, beside programs, libraries and devices."""

    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()


def enter(folders: Folders) -> list[str]:
    """Give it up; what this kernel cannot take away, a sentence each. Call it before any thread is started."""
    return [sentence for sentence in (_refuse_network(), _refuse_files(folders)) if sentence]


def _refuse_network() -> str:
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        return f"workers are not kept from the network: no filter for {platform.machine()} is known here"
    program = b"".join(_program(*machine))
    buffer = ctypes.create_string_buffer(program, len(program))
    code = struct.pack("HL", len(program) // 8, ctypes.addressof(buffer))
    libc = _libc()
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, code, 0, 0):
        return f"workers are not kept from the network: {os.strerror(ctypes.get_errno())}"
    return ""


def _program(architecture: int, numbers: Sequence[int]) -> Iterator[bytes]:
    """The filter, as classic BPF: load, compare and skip, return."""
    socket, *refused = numbers
    yield _step(_LOAD, _ARCHITECTURE)
    yield _step(_IF_EQUAL, architecture, 1, 0)
    yield _step(_RETURN, _REFUSE)
    yield _step(_LOAD, _NUMBER)
    yield _step(_IF_GREATER_EQUAL, _X32, 0, 1)
    yield _step(_RETURN, _REFUSE)
    for number in (*refused, *_IO_URING):
        yield _step(_IF_EQUAL, number, 0, 1)
        yield _step(_RETURN, _REFUSE)
    yield _step(_IF_EQUAL, socket, 0, 3)
    yield _step(_LOAD, _FIRST_ARGUMENT)
    yield _step(_IF_EQUAL, _AF_UNIX, 1, 0)
    yield _step(_RETURN, _REFUSE)
    yield _step(_RETURN, _ALLOW)


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)  # struct sock_filter


def _refuse_files(folders: Folders) -> str:
    libc = _libc()
    version = libc.syscall(_CREATE_RULESET, None, 0, 1)
    if version < 1:
        return "workers are not kept from other files: this kernel has no Landlock"
    change = _CHANGE | _WRITE_FILE | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    ruleset = _ruleset(libc, version, change | _READ_FILE)
    if ruleset < 0:
        return f"workers are not kept from other files: {os.strerror(ctypes.get_errno())}"
    _allow(libc, ruleset, [*map(Path, _WRITABLE), *folders.writable], change | _READ_FILE)
    _allow(libc, ruleset, [*map(Path, _READABLE), *_programs(), *folders.readable], _READ_FILE)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    failed = libc.syscall(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
    return f"workers are not kept from other files: {os.strerror(ctypes.get_errno())}" if failed else ""


def _ruleset(libc: ctypes.CDLL, version: int, files: int) -> int:
    """A descriptor; the attributes have grown with the versions (struct landlock_ruleset_attr)."""
    attributes = struct.pack("QQQ", files, 0, _SCOPE_SIGNALS if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    return int(libc.syscall(_CREATE_RULESET, attributes, size, 0))


def _allow(libc: ctypes.CDLL, ruleset: int, folders: Iterable[Path], rights: int) -> None:
    for folder in folders:
        if folder.is_dir():
            descriptor = os.open(folder, os.O_PATH | os.O_CLOEXEC)
            libc.syscall(_ADD_RULE, ruleset, 1, struct.pack("=Qi", rights, descriptor), 0)
            os.close(descriptor)


def _programs() -> list[Path]:
    """Python itself, and wherever it looks for modules."""
    return [Path(name) for name in {sys.prefix, sys.base_prefix, *sys.path} if name]


def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return libc
