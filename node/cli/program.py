"""The program `radnode`: its commands, and how errors become messages and exit statuses."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper

import typer

from node import __version__
from node.cli import INTERRUPTED
from node.dumps import forbid_core_dumps
from node.errors import ConfigError, PermanentError, RadnodeError, SpoolError

#: Word after `radnode` -> the module of this package that has the command, and what it is called there.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "init": ("init", "init"),
    "serve": ("serve", "serve"),
    "reload": ("reload", "reload"),
    "demo": ("demo", "demo"),
    "status": ("status", "status"),
    "studies": ("studies", "app"),
    "trail": ("studies", "trail"),
    "why": ("why", "why"),
    "export-result": ("export", "export_result"),
    "deidentify": ("deidentify", "deidentify"),
    "queue": ("queue", "app"),
    "critical": ("critical", "app"),
    "reviews": ("reviews", "app"),
    "watch": ("watching", "app"),
    "tokens": ("tokens", "app"),
    "certs": ("certs", "app"),
    "route": ("files", "route_app"),
    "run": ("files", "run"),
    "replay": ("replay", "replay"),
    "compare": ("replay", "compare"),
    "send": ("files", "send"),
    "echo": ("files", "echo"),
    "fetch": ("fetch", "fetch"),
    "plugins": ("plugins", "app"),
    "train": ("training", "train"),
    "calibrate": ("training", "calibrate"),
    "evaluate": ("evaluate", "evaluate"),
    "models": ("models", "app"),
    "config": ("configuration", "app"),
    "db": ("db", "app"),
    "audit": ("audit", "app"),
    "gc": ("gc", "gc"),
    "doctor": ("doctor", "doctor"),
    "conformance": ("conformance", "conformance"),
    "bench": ("bench", "bench"),
    "completion": ("shell", "completion"),
    "man": ("shell", "man"),
}

#: The first class that fits decides (sysexits.h).
EXIT_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (ConfigError, os.EX_CONFIG),
    (SpoolError, os.EX_IOERR),
    (PermanentError, os.EX_DATAERR),
    (RadnodeError, os.EX_TEMPFAIL),
)

#: A wrong command line; typer names the class in no public place. Its own status, 2, is that of `status` for "down".
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]
#: In the environment while a shell asks how a command line may go on.
_COMPLETES = "_RADNODE_COMPLETE"


def program(words: Iterable[str]) -> typer.Typer:
    """The program with these of its commands; no module is loaded for the others."""
    found = typer.Typer(
        name="radnode",
        help="A DICOM node that classifies: studies in over C-STORE, Structured Reports and heatmaps out.",
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    found.callback()(_program)
    for word in words:
        module, name = COMMANDS[word]
        command = getattr(import_module(f"node.cli.{module}"), name)
        if isinstance(command, typer.Typer):
            found.add_typer(command, name=word)
        else:
            found.command(word)(command)
    return found


def _version(value: bool) -> None:
    if value:
        typer.echo(f"radnode {__version__}")
        raise typer.Exit


def _program(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    pass


def _asked_for() -> Iterable[str]:
    """The one command that stands on the command line; all where it begins otherwise, or a shell completes it."""
    words = sys.argv[1:2]
    return words if words and words[0] in COMMANDS and _COMPLETES not in os.environ else COMMANDS


def main() -> None:
    """Run the program; an error of ours is one message on stderr and an exit status."""
    forbid_core_dumps()
    if isinstance(sys.stdout, TextIOWrapper):  # names that a terminal of Latin-1 does not have are shown all the same
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        status = program(_asked_for())(standalone_mode=False)
        sys.stdout.flush()
    except _UsageError as error:
        error.show()  # type: ignore[attr-defined]  # see there
        status = os.EX_USAGE
    except (typer.Abort, KeyboardInterrupt):
        status = INTERRUPTED
    except RadnodeError as error:
        print(f"radnode: {error}", file=sys.stderr)
        status = next(status for kind, status in EXIT_STATUS if isinstance(error, kind))
    except OSError as error:
        status = _told(error)
    if status == INTERRUPTED:
        print("radnode: interrupted", file=sys.stderr)
    sys.exit(status)


def _told(error: OSError) -> int:
    """The exit status, once an error of a file is told; any other is one of ours, and raised again."""
    if isinstance(error, BrokenPipeError) and not _is_read():  # as with `| head`, which has seen enough
        _print_to_nobody()
        return 1  # as typer says
    if error.filename is None and error.errno != errno.ENOSPC:
        raise error
    if error.filename is None:
        _print_to_nobody()
    print(f"radnode: {error.strerror} [{error.filename or 'standard output'}]", file=sys.stderr)
    return os.EX_IOERR


def _is_read() -> bool:
    """Whether somebody still takes what is printed."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return False
    return True


def _print_to_nobody() -> None:
    """Else the interpreter complains, at its end, about what it could not print."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
