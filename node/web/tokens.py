"""Tokens of those who may use HTTP: a file with a name, the SHA-256 of a token and a role on each line.

A token is 256 random bits, shown once, when it is made; what is kept does not give it away.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from node.errors import ConfigError, PermanentError
from node.spool import write_once

_NAME = re.compile(r"[\w.@+-]{1,64}", re.ASCII)
_LONGEST_TITLE = 16  # PS3.5 6.2, AE
_LINE = re.compile(r"([\w.@+-]{1,64}) ([0-9a-f]{64})(?: (read|review|operate|store))?", re.ASCII)


class Role(StrEnum):
    """What the holder of a token may do; each role may do what those before it may, but the last one stands alone."""

    READ = "read"  # see what is going on
    REVIEW = "review"  # say what a reader thinks of our findings
    OPERATE = "operate"  # retry, hold and drop analyses, pause and resume plugins
    STORE = "store"  # bring studies, and nothing else; nobody else may

    def covers(self, other: Role) -> bool:
        """Whether it may do what the other may."""
        if Role.STORE in (self, other):
            return self is other
        roles = list(Role)
        return roles.index(self) >= roles.index(other)


@dataclass(frozen=True)
class Holder:
    """Somebody with a token. `digest`: SHA-256 of the token, hex."""

    name: str
    digest: str
    role: Role


def holder(path: Path, token: str) -> Holder | None:
    """Whose token it is; None: nobody's. The file is read anew, so that a token ends when it is removed."""
    digest = _digest(token)
    found = [one for one in read(path).values() if hmac.compare_digest(one.digest, digest)]
    return found[0] if found else None


def read(path: Path) -> Mapping[str, Holder]:
    """By name; raises :class:`~node.errors.ConfigError` for a file that holds something else."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("the file of tokens cannot be read", about=str(path)) from error
    matches = [_LINE.fullmatch(line) for line in lines]
    for number, match in enumerate(matches, 1):
        if match is None:
            hint = "`radnode tokens add NAME` writes it"
            raise ConfigError("a line of it is no name, digest and role", about=f"{path}:{number}", hint=hint)
    # A line without a role is from before there were any: its holder may do what it could do then.
    return {match[1]: Holder(match[1], match[2], Role(match[3] or Role.REVIEW)) for match in matches if match}


def add(path: Path, name: str, role: Role = Role.REVIEW) -> str:
    """Make a token for that name; raises :class:`~node.errors.PermanentError` when it has one, or is no name."""
    if role is Role.STORE and len(name) > _LONGEST_TITLE:
        what = f"who stores has a name of at most {_LONGEST_TITLE} characters: it counts as calling AE title"
        raise PermanentError(what, about=ascii(name))
    if not _NAME.fullmatch(name):
        raise PermanentError("a name has 1 to 64 letters, digits, or any of . _ @ + -", about=ascii(name))
    known = dict(read(path))
    if name in known:
        raise PermanentError("there is a token of that name", about=name, hint="`radnode tokens remove` ends it")
    token = secrets.token_urlsafe(32)
    _write(path, {**known, name: Holder(name, _digest(token), role)})
    return token


def remove(path: Path, name: str) -> None:
    """End a token; raises :class:`~node.errors.PermanentError` when there is none of that name."""
    known = dict(read(path))
    if known.pop(name, None) is None:
        raise PermanentError("there is no token of that name", about=name, hint="`radnode tokens` lists them")
    _write(path, known)


def _write(path: Path, known: Mapping[str, Holder]) -> None:
    write_once(path, "".join(f"{one.name} {one.digest} {one.role}\n" for one in known.values()).encode())


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()
