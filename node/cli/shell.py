"""`radnode completion` and `radnode man`: the command line known to the shell, and written down as a manual page."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

#: How typer's script for zsh ends, and how ours does. Of a file in fpath zsh makes a function, which is to complete
#: when it is called first; typer's only says then who will, so that the first Tab is in vain.
_ZSH_END = "\ncompdef _radnode_completion radnode"
_ZSH_ENDS = """
if [[ $funcstack[1] == _radnode ]]; then
  _radnode_completion
fi
compdef _radnode_completion radnode"""


class Shell(StrEnum):
    """Shells that can complete our commands."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(shell: Annotated[Shell, typer.Argument(help="The shell it is for.")]) -> None:
    """Print the completion script for a shell.

    bash: eval "$(radnode completion bash)" in ~/.bashrc. zsh: the same in ~/.zshrc, after compinit, or as the file
    _radnode in a folder of fpath.
    fish: radnode completion fish > ~/.config/fish/completions/radnode.fish
    """
    from typer.completion import get_completion_script  # type: ignore[attr-defined]  # typer has no public way to it

    script = get_completion_script(prog_name="radnode", complete_var="_RADNODE_COMPLETE", shell=shell.value)
    typer.echo(script.replace(_ZSH_END, _ZSH_ENDS) if shell is Shell.ZSH else script)


def man() -> None:
    """Print the manual page, made of the help of every command: radnode man > radnode.1; man -l radnode.1"""
    from node.cli.app import app
    from node.cli.manual import page

    typer.echo(page(typer.main.get_command(app)), nl=False)
