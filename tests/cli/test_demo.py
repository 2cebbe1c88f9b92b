"""The demonstration works in a folder of its own, and says so when something of it is missing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from node.config import load
from node.demo import Demo
from node.errors import PermanentError


def test_its_configurations_are_right_and_its_ports_differ(tmp_path: Path) -> None:
    demo = Demo(tmp_path / "demo")
    node, archive = load(demo.config_path), load(demo.folder / "archive.toml")
    assert node.destinations[0].port == archive.node.port
    assert node.node.port != archive.node.port
    assert {route.plugin for route in node.routes} == {"chest-radiograph", "brain-tumour-mr"}


def test_an_earlier_demonstration_is_emptied(tmp_path: Path) -> None:
    first = Demo(tmp_path / "demo")
    (first.folder / "old.png").write_text("")
    Demo(tmp_path / "demo")
    assert not (first.folder / "old.png").exists()


def test_an_empty_folder_may_be_used(tmp_path: Path) -> None:
    assert Demo(tmp_path).config_path.exists()


@pytest.mark.parametrize("name", ["thesis.txt", "radnode.toml"])
def test_a_folder_with_something_else_is_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("[node]\nport = 104\n")
    with pytest.raises(PermanentError, match="holds something else"):
        Demo(tmp_path)
    assert (tmp_path / name).exists()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_a_program_that_ends_at_once_is_named_and_not_waited_for(tmp_path: Path) -> None:
    demo = Demo(tmp_path)
    process = subprocess.Popen(["false"])
    process.wait()
    with pytest.raises(PermanentError, match=r"RADNODE ended with exit status 1 .* see the \*\.log"):
        demo._await_echo(process, demo.port, "RADNODE")
