"""The rules of the house: who may import whom, what loads what, and how long things may become."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for folder in ("node", "plugins") for path in (ROOT / folder).rglob("*.py"))
LONGEST_FUNCTION, LONGEST_FILE, MOST_PARAMETERS = 50, 300, 6
Function = ast.FunctionDef | ast.AsyncFunctionDef


def _loaded_by(statement: str) -> set[str]:
    """Top-level modules that a fresh interpreter has loaded after the statement."""
    code = f"import sys\n{statement}\nprint(*{{n.partition('.')[0] for n, m in sys.modules.items() if m}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


def _functions() -> Iterator[tuple[Path, Function]]:
    for path in SOURCES:
        for item in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(item, Function):
                yield path, item


def _tracked() -> list[Path]:
    """Every file that is part of the product."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():  # an unpacked archive: nothing but the product is in it
        hidden = {".venv", ".git", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"}
        return [path for path in ROOT.rglob("*") if path.is_file() and not hidden & set(path.parts)]
    names = subprocess.run([git, "ls-files", "-z"], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    return [path for name in names.split("\0") if name and (path := ROOT / name).is_file()]


def test_rooms_import_only_what_they_may() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program, "--no-cache"], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_api_of_plugins_loads_neither_torch_nor_the_network() -> None:
    heavy = {"torch", "monai", "pynetdicom", "pydicom", "highdicom", "onnxruntime", "numpy", "sqlite3"}
    assert not _loaded_by("import node.plugin") & heavy


def test_the_main_process_loads_no_model_library() -> None:
    assert not _loaded_by("import node.service") & {"torch", "monai", "onnxruntime", "highdicom"}


def test_receivers_load_no_codec_and_no_model_library() -> None:
    heavy = {"torch", "monai", "onnxruntime", "highdicom", "rich", "cryptography"}
    assert not _loaded_by("import node.receive.__main__") & heavy


def test_a_worker_reads_its_settings_before_anything_large_is_loaded() -> None:
    heavy = {"torch", "monai", "onnxruntime", "highdicom", "numpy", "pydicom"}
    assert not _loaded_by("import node.worker.__main__") & heavy


def test_functions_stay_short() -> None:
    lengths = [
        (function.end_lineno - function.lineno + 1, f"{path.relative_to(ROOT)}:{function.lineno} {function.name}")
        for path, function in _functions()
        if function.end_lineno is not None
    ]
    assert [where for length, where in lengths if length > LONGEST_FUNCTION] == []
    ordered = sorted(length for length, _ in lengths)
    assert ordered[len(ordered) // 2] <= 8, "half of them fit into eight lines"
    assert ordered[len(ordered) * 9 // 10] <= 25


def test_functions_take_few_parameters() -> None:
    many = []
    for path, function in _functions():
        names = [a.arg for a in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
        counted = [name for name in names if name not in ("self", "cls")]
        # A command of the command line has a parameter for each of its options.
        if len(counted) > MOST_PARAMETERS and "cli" not in path.parts:
            many.append(f"{path.relative_to(ROOT)}:{function.lineno} {function.name}")
    assert many == []


def test_files_stay_short() -> None:
    long = [p.relative_to(ROOT) for p in SOURCES if len(p.read_text(encoding="utf-8").splitlines()) > LONGEST_FILE]
    assert long == []


@pytest.mark.parametrize("name", ["utils", "util", "common", "helpers", "misc"])
def test_no_file_is_a_drawer(name: str) -> None:
    assert [path for path in SOURCES if path.stem == name or path.parent.name == name] == []


#: Written in parts, so that this file is none of those it looks for. A product names no machine it was made on, and
#: leaves the choice of a package index to who installs it.
FORBIDDEN = (
    "/" + "work/",
    "/" + "home/",
    ".." + "/shared",
    "py" + "pi.org",
    "python" + "hosted.org",
    "download." + "pytorch.org",
    "hugging" + "face.co",
    "git" + "hubusercontent",
)


def test_no_file_names_a_machine_or_a_package_index() -> None:
    found = []
    for path in _tracked():
        data = path.read_bytes()
        if b"\0" not in data:
            found += [f"{path.relative_to(ROOT)}: {word}" for word in FORBIDDEN if word.encode() in data]
    assert found == []
