"""Completion scripts that shells take, and a manual page that groff renders without a word."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_docs import COMMANDS

ROOT = Path(__file__).parents[2]


def radnode(*arguments: str, **environment: str) -> str:
    command = [sys.executable, "-c", "from node.cli import main; main()", *arguments]
    found = {**os.environ, **environment}
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, timeout=60, env=found)
    return done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_that_its_shell_can_read(shell: str) -> None:
    script = radnode("completion", shell)
    assert "_RADNODE_COMPLETE" in script
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"no {shell} here")
    subprocess.run([program, "-n"], input=script, text=True, check=True, timeout=20)


def test_bash_completes_commands_with_it(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash here")
    program = tmp_path / "radnode"
    program.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c \'import sys; sys.argv[0] = "radnode"\n'
        'from node.cli import main; main()\' "$@"\n'
    )
    program.chmod(0o755)
    script = (
        f'PATH="{tmp_path}:$PATH"; eval "$(radnode completion bash)"; COMP_WORDS=(radnode queue dr); COMP_CWORD=2;'
        " _radnode_completion radnode; echo ${COMPREPLY[*]}"
    )
    done = subprocess.run([bash, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT, timeout=60)
    assert sorted(done.stdout.split()) == ["drain", "drop"] or done.stdout.split() == ["drain"], done.stderr


def test_the_page_has_every_command_with_its_options() -> None:
    page = radnode("man")
    for command in COMMANDS:
        assert f".SS radnode {' '.join(command)}".replace("-", r"\-") in page
    assert r"\fB\-\-dry\-run\fR" in page
    assert page.startswith('.TH RADNODE 1 "" "radnode ')


@pytest.mark.parametrize(
    "program", [("groff", "-man", "-Tutf8", "-ww"), ("man", "--warnings", "-l")], ids=lambda p: p[0]
)
def test_the_page_renders_without_a_warning(program: tuple[str, ...], tmp_path: Path) -> None:
    if shutil.which(program[0]) is None:
        pytest.skip(f"no {program[0]} here")
    path = tmp_path / "radnode.1"
    path.write_text(radnode("man"), encoding="utf-8")
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "100"}
    done = subprocess.run(
        [*program, str(path)], capture_output=True, text=True, check=True, timeout=60, env=environment
    )
    assert done.stderr == ""
    plain = " ".join(re.sub(".\x08", "", done.stdout).split())  # bold is struck twice
    assert "radnode why UID" in plain
    assert "no process serves this node" in plain
