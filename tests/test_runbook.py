"""The runbook has an entry for every error with a hint, and for everything that `radnode status` can show."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from node.config import Settings
from node.intake.reasons import Reason
from tests.test_docs import COMMANDS, GROUPS, parameters

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "deploy" / "RUNBOOK.md").read_text(encoding="utf-8")
Function = ast.FunctionDef | ast.AsyncFunctionDef

#: Where an error only passes on what another said, which has its own entry.
PASSED_ON = {
    "node/assemble/pixels.py": "names the object",
    "node/audit/collector.py": "of a file for TLS",
    "node/classify/runner.py": "problems of a plugin, as `radnode plugins verify` prints them",
    "node/cli/plugins.py": "the same",
    "node/cli/reload.py": "of the configuration",
    "node/deliver/tls.py": "of a file for TLS",
    "node/intake/reasons.py": "a reason of the table in that file",
}


#: Parts of the node that threads and processes are called after.
NAMED_ELSEWHERE = {"receiver", "worker..."}
SOURCES = {
    path: path.read_text(encoding="utf-8") for room in ("node", "plugins") for path in (ROOT / room).rglob("*.py")
}


class Module:
    """One file of source, and what the texts in it can be."""

    def __init__(self, path: Path) -> None:
        self.name = path.relative_to(ROOT).as_posix()
        self.tree = ast.parse(SOURCES[path])
        self.functions = [node for node in ast.walk(self.tree) if isinstance(node, Function)]

    @cached_property
    def calls(self) -> list[tuple[ast.Call, Function | None]]:
        """Every call, with the innermost function that it stands in."""
        inside = {id(node): one for one in self.functions for node in ast.walk(one)}
        return [(node, inside.get(id(node))) for node in ast.walk(self.tree) if isinstance(node, ast.Call)]

    def texts(self, node: ast.expr, function: Function | None) -> Iterator[str]:
        """What an expression can read as; `...` stands for what is known at run time alone."""
        match node:
            case ast.Constant(value=str(text)):
                yield text
            case ast.JoinedStr(values=parts):
                yield "".join(part.value if isinstance(part, ast.Constant) else "..." for part in parts)  # type: ignore[misc]  # a str
            case ast.BinOp(left=first):
                yield from (f"{text}..." for text in self.texts(first, function))
            case ast.IfExp(body=first, orelse=second):
                yield from (*self.texts(first, function), *self.texts(second, function))
            case ast.Name(id=name) if function is not None:
                yield from self._assigned(name, function)
            case ast.Call(func=ast.Name(id=name)):
                yield from self._returned(name)

    def _assigned(self, name: str, function: Function) -> Iterator[str]:
        for node in ast.walk(function):
            if isinstance(node, ast.Assign):
                for one, of_it in _pairs(node.targets[0], node.value):
                    if isinstance(one, ast.Name) and one.id == name:
                        yield from self.texts(of_it, function)
        positions = [argument.arg for argument in function.args.args]
        if name in positions:
            for call, caller in self.calls:
                if isinstance(call.func, ast.Name) and call.func.id == function.name and caller is not function:
                    yield from self.texts(call.args[positions.index(name)], caller)

    def _returned(self, name: str) -> Iterator[str]:
        for function in self.functions:
            if function.name == name:
                for node in ast.walk(function):
                    if isinstance(node, ast.Return) and node.value is not None:
                        yield from self.texts(node.value, function)


def _pairs(to: ast.expr, value: ast.expr) -> list[tuple[ast.expr, ast.expr]]:
    if isinstance(to, ast.Tuple) and isinstance(value, ast.Tuple):
        return list(zip(to.elts, value.elts, strict=True))
    return [(to, value)]


MODULES = [
    Module(path) for path, text in SOURCES.items() if any(word in text for word in ("hint=", "set_trouble", "problems"))
]


def entry(text: str) -> str:
    """How a message stands in the page: its first line, up to the command that it names."""
    return text.split("\n")[0].split(" `")[0].split(": `")[0].rstrip(" :-").replace("|", "\\|")


def hinted() -> Iterator[tuple[str, str]]:
    for module in MODULES:
        for call, function in module.calls:
            if any(keyword.arg == "hint" for keyword in call.keywords):
                texts = list(module.texts(call.args[0], function))
                assert texts or module.name in PASSED_ON, f"{module.name}:{call.lineno}: what does this error say?"
                yield from ((entry(text), f"{module.name}:{call.lineno}") for text in texts)


def troubles() -> Iterator[tuple[str, str]]:
    """Parts of the node whose troubles `status` shows, and what it finds wrong itself."""
    for module in MODULES:
        for call, function in module.calls:
            if isinstance(call.func, ast.Attribute) and call.func.attr == "set_trouble" and len(call.args) == 2:
                yield from ((entry(text), module.name) for text in module.texts(call.args[0], function))
                yield from ((entry(text), module.name) for text in module.texts(call.args[1], function) if text)
    status = next(module for module in MODULES if module.name == "node/cli/status.py")
    for node in ast.walk(status.tree):
        if (
            isinstance(node, ast.Assign)
            and ast.unparse(node.targets[0]) == "problems"
            and isinstance(node.value, ast.List)
        ):
            yield from ((entry(text), status.name) for one in node.value.elts for text in status.texts(one, None))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "problems.append":
            yield from ((entry(text), status.name) for text in status.texts(node.args[0], None))


def refusals() -> Iterator[tuple[str, str]]:
    yield from ((entry(reason.what), "node/intake/reasons.py") for reason in Reason)


ALL = {text: where for text, where in (*hinted(), *troubles(), *refusals()) if text.strip(".; ")}
MESSAGES = {
    message
    for line in PAGE.partition("## The node itself")[2].splitlines()
    if line.startswith("| `")
    for message in re.findall(r"`([^`]+)`", line.split(" | ")[0])
}
#: What may be typed: messages have words of their own behind the program's name.
CODE = "\n".join(
    one
    for one in [*re.findall(r"`([^`\n]+)`", PAGE), *re.findall(r"```\w*\n(.*?)```", PAGE, re.DOTALL)]
    if one not in MESSAGES
)


def test_messages_are_found() -> None:
    assert len(ALL) > 190
    assert {"this node has never run", "destination ...", "no process serves this node"} <= set(ALL)


def test_every_message_has_an_entry() -> None:
    missing = {message: where for message, where in ALL.items() if message not in MESSAGES}
    assert not missing, "say in deploy/RUNBOOK.md what each means, what to do, and whether anything can be lost"


def test_every_entry_is_of_a_message_that_the_program_has() -> None:
    for message in MESSAGES - set(ALL) - NAMED_ELSEWHERE:
        parts = message.split("...")
        assert any(all(part in text for part in parts) for text in SOURCES.values()), message


def test_every_command_of_the_page_exists() -> None:
    for name, inner in re.findall(r"radnode ([a-z][a-z-]*)(?: ([a-z]+(?:-[a-z]+)*)\b(?![./:]))?", CODE):
        assert name in {command[0] for command in COMMANDS}, f"radnode {name}"
        if inner and name in GROUPS:
            assert (name, inner) in COMMANDS, f"radnode {name} {inner}"


def test_every_option_of_the_page_exists() -> None:
    known = {
        option for command in COMMANDS for one in parameters(command) for option in (*one.opts, *one.secondary_opts)
    }
    for line in CODE.splitlines():
        if line.startswith(("radnode ", "--")):
            assert set(re.findall(r"--[a-z]+(?:-[a-z]+)*\b", line)) <= known | {"--help"}, line


def test_every_setting_of_the_page_exists() -> None:
    for section, key in re.findall(r"`(node|receive|storage|worker|web|audit|tls|study|retry)\.(\w+)`", PAGE):
        assert key in type(getattr(Settings(), section)).model_fields, f"{section}.{key}"


def test_every_link_of_the_page_leads_somewhere() -> None:
    headings = {
        re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in PAGE.splitlines()
        if line.startswith("#")
    }
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        assert target[1:] in headings if target.startswith("#") else (ROOT / "deploy" / target).exists(), target
