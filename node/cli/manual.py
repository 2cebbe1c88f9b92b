"""The manual page: every command with its options, from the words of its help, as roff (man(7))."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from node import __version__

Command = Any  # click's; typer carries a copy of its own, which has no public name

_FILES = (
    ("radnode.toml", "the configuration; `radnode init` writes one, `radnode config show` prints every setting"),
    ("radnode-data/", "ledger and spool, unless node.data_dir names another folder"),
)
_STATUSES = (
    ("0", "done; status: the node is well"),
    ("1, 2", "status: degraded, down; 1 also where a command says so"),
    (
        "64, 65, 69, 73, 74, 75, 78",
        "those of sysexits.h: usage, data, unavailable, cannot create, I/O, later, configuration",
    ),
)


def page(root: Command) -> str:
    """The page as a whole."""
    lines = [
        f'.TH RADNODE 1 "" "radnode {_text(__version__)}" "User Commands"',
        ".SH NAME",
        rf"radnode \- {_text(root.help.rstrip('.'))}",
        ".SH SYNOPSIS",
        ".B radnode",
        r".I COMMAND",
        r"[\fIOPTIONS\fR] [\fIARGUMENTS\fR]",
        ".SH COMMANDS",
    ]
    for name, command in _commands(root, "radnode"):
        lines += _described(name, command)
    return "\n".join([*lines, *_table("EXIT STATUS", _STATUSES), *_table("FILES", _FILES)]) + "\n"


def _commands(group: Command, name: str) -> Iterator[tuple[str, Command]]:
    """Every command with its whole name; a group comes before what is in it."""
    for word, command in group.commands.items():
        yield f"{name} {word}", command
        if hasattr(command, "commands"):
            yield from _commands(command, f"{name} {word}")


def _described(name: str, command: Command) -> list[str]:
    arguments = " ".join(_usage(one) for one in command.params if one.param_type_name == "argument")
    lines = [f".SS {_text(f'{name} {arguments}'.strip())}"]
    for number, paragraph in enumerate(re.split(r"\n\s*\n", command.help or "")):
        lines += [".PP"] * bool(number) + [_text(" ".join(paragraph.split()))]
    for one in command.params:
        if getattr(one, "help", None) and not getattr(one, "hidden", False):
            lines += [".TP", rf"\fB{_text(_names(one))}\fR", _text(f"{one.help}{_default(one)}")]
    return lines


def _default(parameter: Command) -> str:
    """What counts when it is left out, where that is a value."""
    value = parameter.default
    return "" if value in (None, "", ()) or isinstance(value, bool) else f" [default: {value}]"


def _usage(argument: Command) -> str:
    name = (argument.metavar or argument.name).upper().strip("[]")
    more = "..." if argument.nargs == -1 else ""
    return f"{name}{more}" if argument.required else f"[{name}{more}]"


def _names(parameter: Command) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name).upper().strip("[]")
    value = "" if parameter.is_flag else f" {(parameter.metavar or parameter.opts[-1].lstrip('-')).upper()}"
    return ", ".join([*parameter.opts, *parameter.secondary_opts]) + value


def _table(title: str, rows: tuple[tuple[str, str], ...]) -> list[str]:
    return [f".SH {title}", *(line for left, right in rows for line in (".TP", rf"\fB{_text(left)}\fR", _text(right)))]


def _text(words: str) -> str:
    """Words of ours as roff: no line is taken for a request, and hyphens of options stay what they are."""
    escaped = words.replace("\\", r"\(rs").replace("-", r"\-").replace("'", r"\(aq").replace("`", r"\(ga")
    return r"\&" + escaped if escaped.startswith((".", "'")) else escaped
