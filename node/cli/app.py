"""The program `radnode` with all of its commands."""

from __future__ import annotations

from node.cli.program import COMMANDS, program

app = program(COMMANDS)
