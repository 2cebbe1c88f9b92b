"""Completion scripts that shells take, and a manual page that groff renders without a word."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.peers import system_program
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
    subprocess.run([system_program(shell), "-n"], input=script, text=True, check=True, timeout=20)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """`radnode` as a command; its folder is to be on PATH."""
    program = tmp_path / "bin" / "radnode"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c \'import sys; sys.argv[0] = "radnode"\n'
        'from node.cli import main; main()\' "$@"\n'
    )
    program.chmod(0o755)
    return program


def environment(program: Path, home: Path) -> dict[str, str]:
    """Of somebody whose home is new."""
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"), "TERM": "dumb"}


def test_bash_completes_commands_with_it(program: Path, tmp_path: Path) -> None:
    script = (
        'eval "$(radnode completion bash)"; COMP_WORDS=(radnode queue dr); COMP_CWORD=2;'
        " _radnode_completion radnode; echo ${COMPREPLY[*]}"
    )
    command, variables = [system_program("bash"), "-c", script], environment(program, tmp_path)
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, timeout=60, env=variables)
    assert sorted(done.stdout.split()) == ["drain", "drop"], done.stderr


@pytest.mark.slow
def test_fish_completes_commands_options_and_files_with_it(program: Path, tmp_path: Path) -> None:
    fish, variables = system_program("fish"), environment(program, tmp_path)
    folder = tmp_path / ".config" / "fish" / "completions"
    folder.mkdir(parents=True)
    (folder / "radnode.fish").write_text(radnode("completion", "fish"))
    (tmp_path / "site.toml").touch()
    for typed, found in (("radnode queue dr", {"drain", "drop"}), ("radnode gc -c si", {"site.toml"})):
        command = [fish, "--command", f"complete --do-complete '{typed}'"]
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, cwd=tmp_path, timeout=60, env=variables
        )
        assert {line.split("\t")[0] for line in done.stdout.splitlines()} == found


@pytest.mark.slow
@pytest.mark.parametrize("kept", ["in .zshrc", "in a folder of fpath"])
def test_zsh_completes_at_the_first_tab(kept: str, program: Path, tmp_path: Path) -> None:
    zsh, load = system_program("zsh"), "autoload -Uz compinit; compinit -u -D"
    if kept == "in .zshrc":
        lines = [load, 'eval "$(radnode completion zsh)"']
    else:
        (tmp_path / "functions").mkdir()
        (tmp_path / "functions" / "_radnode").write_text(radnode("completion", "zsh"))
        lines = [f"fpath=({tmp_path}/functions $fpath)", load]
    (tmp_path / ".zshrc").write_text("\n".join([*lines, 'PS1="ready> "']) + "\n")
    with terminal([zsh, "-d", "-i"], environment(program, tmp_path)) as keys:
        wait_for("ready> ", keys)
        os.write(keys, b"radnode que\t")
        wait_for("radnode queue ", keys)
        os.write(keys, b"dro\t")
        wait_for("drop ", keys)


@contextmanager
def terminal(command: list[str], variables: dict[str, str]) -> Iterator[int]:
    """A program at a terminal: what it shows can be read there, and keys be pressed."""
    keys, screen = pty.openpty()
    process = subprocess.Popen(
        command, stdin=screen, stdout=screen, stderr=screen, env=variables, start_new_session=True
    )
    try:
        yield keys
    finally:
        process.kill()
        process.wait()
        os.close(screen)
        os.close(keys)


def wait_for(text: str, keys: int) -> None:
    shown, end = "", time.monotonic() + 30
    while text not in shown:
        assert time.monotonic() < end, shown
        if select.select([keys], [], [], 0.2)[0]:
            shown += os.read(keys, 4096).decode(errors="replace")


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
    command = [system_program(program[0]), *program[1:]]
    path = tmp_path / "radnode.1"
    path.write_text(radnode("man"), encoding="utf-8")
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "100"}
    done = subprocess.run(
        [*command, str(path)], capture_output=True, text=True, check=True, timeout=60, env=environment
    )
    assert done.stderr == ""
    plain = " ".join(re.sub(".\x08", "", done.stdout).split())  # bold is struck twice
    assert "radnode why UID" in plain
    assert "no process serves this node" in plain
