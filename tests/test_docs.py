"""Whatever the README claims, the program says too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from typer.main import get_command

from node import docs
from node.cli.app import app
from node.config import Settings, load, settings_table
from node.errors import PermanentError
from node.receive import status
from node.states import ANALYSIS_MOVES, STUDY_MOVES
from tests.report.material import manifest, spec, unmeasured

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRAM = get_command(app)


def block(name: str) -> str:
    return README.partition(f"<!-- {name} -->\n")[2].partition(f"<!-- /{name} -->")[0]


def code() -> str:
    """What the README shows as code: fenced, or between back quotes."""
    fenced = re.findall(r"```\w*\n(.*?)```", README, re.DOTALL)
    return "\n".join([*fenced, *re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", README, flags=re.DOTALL))])


def commands() -> Iterator[tuple[str, ...]]:
    """Every command of the program; that of a group alone is `list`."""
    assert isinstance(PROGRAM, typer.core.TyperGroup)
    for name, command in PROGRAM.commands.items():
        inner = getattr(command, "commands", {})
        yield from ((name, one) for one in inner) if inner else [(name,)]


COMMANDS = sorted(commands())
GROUPS = {command[0] for command in COMMANDS if len(command) == 2}


@pytest.mark.parametrize("name", list(docs.BLOCKS))
def test_what_the_program_writes_stands_in_the_readme(name: str) -> None:
    assert block(name) == docs.BLOCKS[name]() + "\n", "run `make docs`"


def test_the_table_of_plugins_shows_no_figure_that_nobody_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    blind = manifest(findings=(unmeasured(), spec("effusion")))
    monkeypatch.setattr(docs, "Catalogue", lambda _: SimpleNamespace(manifests={"blind": blind}))
    first, second = docs.plugins_table().splitlines()[2:]
    assert "| not measured | not measured | a paper's threshold |" in first
    assert "| 95% (92%-97%) | 88% (84%-91%) |" in second


def test_writing_the_readme_again_changes_nothing() -> None:
    assert docs.written(README) == README


def test_a_readme_without_a_block_is_refused() -> None:
    with pytest.raises(PermanentError, match="no block 'states'"):
        docs.written(README.replace("<!-- states -->", ""))


def test_the_readme_is_written_in_place(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text(re.sub(r"(<!-- settings -->\n).*?(<!-- /settings -->)", r"\1old\n\2", README, flags=re.DOTALL))
    docs.main(path)
    assert path.read_text() == README


def _arrows(diagram: str) -> set[tuple[str, str, str]]:
    found = re.findall(r"^ +(\w+) --> (\w+): (.*)$", diagram, re.MULTILINE)
    return {(begin, move, end) for begin, end, moves in found for move in moves.split(", ")}


@pytest.mark.parametrize(("number", "moves"), [(0, STUDY_MOVES), (1, ANALYSIS_MOVES)], ids=["study", "analysis"])
def test_the_diagram_has_every_move_and_no_other(number: int, moves: dict[tuple[str, str], str]) -> None:
    diagram = block("states").split("stateDiagram-v2")[number + 1]
    assert _arrows(diagram) == {(str(state), str(move), str(end)) for (state, move), end in moves.items()}


def test_each_machine_begins_where_the_program_begins() -> None:
    assert re.findall(r"\[\*\] --> (\w+)", block("states")) == ["RECEIVING", "QUEUED"]


def test_every_setting_is_in_the_table_with_its_meaning() -> None:
    table = settings_table()
    for section in Settings().model_dump():
        assert section in table
    for line in table.splitlines()[2:]:
        assert not line.endswith("|  |"), f"a setting without a meaning: {line}"


def test_every_status_is_in_the_table() -> None:
    rows = block("statuses").splitlines()[2:]
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == [f"{one.code:04X}" for one in status.ALL]


def test_every_command_of_the_readme_exists() -> None:
    for words in re.findall(r"radnode ([a-z-]+)(?: ([a-z]+(?:-[a-z]+)*)\b(?![./:]))?", code()):
        name, inner = words
        assert name in {command[0] for command in COMMANDS}, f"radnode {name}"
        if inner and name in GROUPS:
            assert (name, inner) in COMMANDS, f"radnode {name} {inner}"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_is_in_the_readme(command: tuple[str, ...]) -> None:
    if command[-1] == "list":
        command = command[:1]
    whole = f"radnode {' '.join(command)}" in README
    beside = [line for line in README.splitlines() if f"radnode {command[0]}" in line and f"`{command[-1]}" in line]
    assert whole or beside


def test_options_of_the_readme_exist() -> None:
    known = {"--version"} | {
        option
        for command in COMMANDS
        for parameter in parameters(command)
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    for line in re.findall(r"radnode [^`\n#]*", code()):
        assert set(re.findall(r"(?<= )--?[a-z]+(?:-[a-z]+)*\b", line)) <= known, line


def parameters(command: tuple[str, ...]) -> list[typer.core.TyperOption | typer.core.TyperArgument]:
    found = PROGRAM
    for name in command:
        found = found.commands[name]  # type: ignore[attr-defined]  # a group
    return found.params  # type: ignore[return-value]


def test_the_configuration_of_the_readme_is_right(tmp_path: Path) -> None:
    path = tmp_path / "radnode.toml"
    path.write_text("".join(re.findall(r"```toml\n(.*?)```", README, re.DOTALL)))
    settings = load(path)
    assert [peer.name for peer in settings.peers] == ["CT 1", "monitoring"]
    assert list(settings.ports) == ["tls.port"]
    assert {route.plugin for route in settings.routes} == {"chest-radiograph"}
    assert [route.priority for route in settings.routes] == ["", "stat", "low"]
    assert settings.destinations[0].kinds == ("sc", "sr")


def test_every_file_that_the_readme_names_is_there() -> None:
    for name in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / name).exists(), name
    for name in re.findall(r"`((?:node|plugins|deploy|tests)/[\w./*-]+)`", README):
        assert list(ROOT.glob(name.rstrip("/"))), name


@pytest.mark.parametrize("target", ["demo", "test", "docs", "install"])
def test_every_make_target_that_is_named_exists(target: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{target}:", makefile, re.MULTILINE)
    named = set(re.findall(r"make ([a-z-]+)", code()))
    assert all(re.search(rf"^{name}:", makefile, re.MULTILINE) for name in named)


def test_environment_variables_work_as_the_readme_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "RADNODE_NODE__PORT=104" in README
    monkeypatch.setenv("RADNODE_NODE__PORT", "104")
    (tmp_path / "radnode.toml").write_text("")
    assert load(tmp_path / "radnode.toml").node.port == 104
