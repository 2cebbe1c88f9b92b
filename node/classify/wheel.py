"""A plugin's wheel: looked at before pip installs it, since a wheel may hold what runs at every start of Python."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from importlib import invalidate_caches
from importlib.machinery import PathFinder
from importlib.metadata import entry_points, packages_distributions
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from node.classify.catalogue import GROUP
from node.errors import PluginError

_PIP_SECONDS = 600
_AT_EVERY_START = ("sitecustomize", "usercustomize")
_PROGRAMS = ("console_scripts", "gui_scripts")
#: What zipfile and the parser of entry points raise for bytes that are no wheel; RuntimeError: an encrypted one.
_NO_WHEEL = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, RuntimeError, UnicodeDecodeError, ConfigParserError)


@dataclass(frozen=True)
class Wheel:
    """A wheel that may be installed.

    Attributes:
        path: of the file.
        distribution: name of the package, as in the file's name.
        plugins: those it offers.
        sha256: of the file, hex.
    """

    path: Path
    distribution: str
    plugins: tuple[str, ...]
    sha256: str


@contextmanager
def kept(path: Path) -> Iterator[Path]:
    """A copy that nobody else can change between the look and the installation; raises :class:`PluginError`."""
    with TemporaryDirectory(prefix="radnode-wheel-") as folder:
        try:
            copy = shutil.copyfile(path, Path(folder) / path.name)
        except OSError as error:
            raise PluginError(f"the wheel cannot be read: {error.strerror}", about=str(path)) from error
        yield copy


def read_wheel(path: Path, demanded: str = "") -> Wheel:
    """Look into a wheel without running anything of it; raises :class:`PluginError` for what must not be installed.

    Args:
        path: of the file.
        demanded: sha256 it must have, hex; empty: any. It is compared before the file is opened.
    """
    digest = sha256(path.read_bytes()).hexdigest()
    if demanded and digest != demanded.lower():
        hint = "ask the maker for its digest, and fetch the file again"
        raise PluginError(f"the wheel has sha256 {digest}, demanded was {demanded}", about=path.name, hint=hint)
    distribution = path.name.split("-")[0]
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse_intruders(path, distribution, archive.namelist())
            plugins = _offered(archive)
    except _NO_WHEEL as error:
        raise PluginError(
            "the file is no wheel", about=path.name, hint="`pip wheel FOLDER --no-deps` makes one"
        ) from error
    if not plugins:
        hint = f'its pyproject.toml needs [project.entry-points."{GROUP}"], see plugins/README.md'
        raise PluginError("the wheel offers no plugin", about=path.name, hint=hint)
    return Wheel(path, distribution, plugins, digest)


def _offered(archive: zipfile.ZipFile) -> tuple[str, ...]:
    points = ConfigParser(delimiters=("=",), interpolation=None)
    points.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
    for name in archive.namelist():
        if name.endswith(".dist-info/entry_points.txt"):
            points.read_string(archive.read(name).decode())
    for section in _PROGRAMS:
        if points.has_section(section):  # one could be called `radnode`, or `python`
            names = ", ".join(points[section])
            raise PluginError(f"the wheel would install programs: {names}", about=Path(archive.filename or "").name)
    return tuple(sorted(points[GROUP])) if points.has_section(GROUP) else ()


def _refuse_intruders(path: Path, distribution: str, names: list[str]) -> None:
    """A wheel is unpacked over what is there: it must bring packages of its own, and nothing that starts by itself."""
    tops = set()
    for name in map(PurePosixPath, names):
        top = name.parts[0].removesuffix(".py") if name.parts else ""
        if name.suffix == ".pth" or top.endswith(".data") or top in _AT_EVERY_START:
            raise PluginError(f"the wheel holds {name}, which reaches beyond its own package", about=path.name)
        if "__pycache__" in name.parts:
            raise PluginError(f"the wheel holds {name}: compiled code, which no pin covers", about=path.name)
        if name.is_absolute() or ".." in name.parts:
            raise PluginError(f"the wheel would write {name}", about=path.name)
        tops.add(top)
    owners, own = packages_distributions(), _plugins_of_others() & {_plain(distribution)}
    for top in sorted(tops):
        if top.isidentifier() and PathFinder.find_spec(top) is not None:
            whose = {_plain(owner) for owner in owners.get(top, ["another package"])} - own
            if whose:
                raise PluginError(f"the wheel would write {top}, which belongs to {min(whose)}", about=path.name)


def _plugins_of_others() -> set[str]:
    """The distributions that a wheel of their name may replace: any other name could be taken on purpose."""
    offering = {_plain(point.dist.name) for point in entry_points(group=GROUP) if point.dist is not None}
    return offering - {"radnode"}


def _plain(distribution: str) -> str:
    return distribution.lower().replace("_", "-").replace(".", "-")


def install(wheel: Wheel) -> None:
    """Have pip install the wheel and nothing else, whatever of it is there; raises :class:`PluginError`.

    What it depends on is not fetched: a hospital's node reaches no index, and none should change under it.
    """
    how = ("--no-deps", "--no-index", "--force-reinstall", "--no-input", "--quiet")
    done = _pip("install", *how, str(wheel.path))
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or f"pip ended with {done.returncode}").splitlines()[-1]
        hint = "pip and a Python environment that you may write are needed"
        raise PluginError(f"pip could not install it: {said}", about=wheel.path.name, hint=hint)
    invalidate_caches()


def missing(wheel: Wheel) -> list[str]:
    """What pip says the installed package lacks, a sentence each."""
    done = _pip("check")
    return [line for line in done.stdout.splitlines() if _plain(line.split(" ")[0]) == _plain(wheel.distribution)]


def _pip(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PIP_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise PluginError(f"pip was not done within {_PIP_SECONDS} s", hint="give the command again") from error
