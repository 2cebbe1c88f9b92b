"""A watched folder: files in it are taken, and then removed; those that are not taken are put aside with the reason.

A file is looked at once it is whole: nobody has changed it for `settle_seconds`, nor has it open for writing. Names
that begin with a dot or end as those of unfinished files do (`.part`, `.tmp`) are left alone until they are renamed; so
are links, and what is no regular file. A file goes only after file, folder and row of what was in it are durable. To
go, it is first renamed, so that another file that was put in its place meanwhile is not removed for it. Killed at any
moment the node finds what is left, under whichever name, and takes it again: to the same name, as `received again`.
"""

from __future__ import annotations

import os
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import structlog

from node.config import WatchedFolder
from node.errors import TemporaryError
from node.intake import head
from node.intake.entry import Limits
from node.intake.reasons import Reason, Refused
from node.intake.shape import Settling, Shape, is_open_for_writing, shape_at
from node.intake.shelf import REFUSED, TAKEN, Shelf
from node.intake.visit import Intake, Taken, Visit
from node.study import Outcome

log = structlog.get_logger()

#: What programs call a file that they have not finished.
_UNFINISHED = (".part", ".partial", ".filepart", ".tmp", ".temp", ".crdownload")
#: How a file is called from the moment on at which it may go.
_GOING = ".radnode-"
_DEEPEST = 32
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True)
class _File:
    """A file that was seen. Args: folder: open, holds it; place: the subfolders that lead there."""

    folder: int
    place: tuple[str, ...]
    name: str
    shape: Shape

    @property
    def plain_name(self) -> str:
        """As its owner called it; the end of that, after a kill."""
        going = self.name.startswith(_GOING)
        return self.name[len(_GOING) + 33 :] or self.name if going else self.name

    @property
    def going_name(self) -> str:
        """Another name for it, that no file has."""
        end = os.fsdecode(os.fsencode(self.plain_name)[-200:])  # 255 bytes are the most
        return f"{_GOING}{uuid.uuid4().hex}-{end}"


@dataclass(frozen=True)
class _Fate:
    """What becomes of a file. Args: shelf: None: it is removed."""

    shelf: Shelf | None
    note: str = ""


class Watcher:
    """Takes what comes into one folder.

    Args:
        watched: the folder.
        intake: of this process.
        limits: of what is taken.
        stopping: asked between two files.
    """

    def __init__(
        self, watched: WatchedFolder, intake: Intake, limits: Limits, stopping: Callable[[], bool] = lambda: False
    ) -> None:
        self._watched, self._intake, self._limits, self._stopping = watched, intake, limits, stopping
        self._root = watched.path.resolve()
        self._settling = Settling(watched.settle_seconds)
        self._taken_to = Shelf(self._root, TAKEN) if watched.when_taken == "move" else None
        self._refused_to = Shelf(self._root, REFUSED)
        self._visit: Visit | None = None
        self._fates: dict[Shape, _Fate] = {}
        self._counts: Counter[str] = Counter()
        self._problem, self._is_busy = "", False
        self.trouble = ""

    def look(self) -> None:
        """Take every file that is whole. What keeps it from that is in `trouble` afterwards; never raises."""
        self._counts, self._problem, self._is_busy = Counter(), "", False
        undone, self._fates = self._fates, {}
        try:
            for file in self._files():
                if self._stopping():
                    return
                self._handle(file, undone.pop(file.shape, None))
            self._settling.next_look()
        except TemporaryError as error:
            self._problem, self._is_busy = str(error), True
            self._fates |= undone
        except OSError as error:
            self._problem = f"the folder cannot be read: {error.strerror}"
        self.trouble = f"{self._problem} [{self._watched.path}]" if self._problem else ""
        if self._counts:
            log.info("files taken in", input=self._watched.name, **self._counts)
        if not self._is_busy:
            self.close()

    def close(self) -> None:
        """Nothing more comes for now: what was brought together is not held open."""
        if self._visit is not None:
            self._visit.close("released")
            self._visit = None

    def _files(self) -> Iterator[_File]:
        """What may be taken, a folder after the other, each held open meanwhile, and none reached through a link."""
        if not self._root.is_dir():
            raise FileNotFoundError(0, "it is not there")
        for top, folders, names, descriptor in os.fwalk(self._root, onerror=self._pass_over):
            place = Path(top).relative_to(self._root).parts
            folders[:] = sorted(name for name in folders if _is_watched(place, name) and not name.startswith("."))
            for name in sorted(name for name in names if _is_watched(place, name) and _is_finished(name)):
                shape = shape_at(name, descriptor)
                if shape is not None:
                    yield _File(descriptor, place, name, shape)

    def _pass_over(self, error: OSError) -> None:
        """A folder in it that cannot be read; one that has gone is none of our concern."""
        if not isinstance(error, FileNotFoundError):
            self._problem = f"a folder in it cannot be read: {error.strerror}"

    def _handle(self, file: _File, fate: _Fate | None) -> None:
        """Take a file if it is whole, and put it away. Raises :class:`TemporaryError`. Args: fate: was taken before."""
        try:
            if fate is None:
                fate = self._fate(file)
                self._is_busy = True
            if fate is not None:
                self._fates[file.shape] = fate
                _put_away(file, fate)
                del self._fates[file.shape]
        except FileNotFoundError:
            return  # somebody took it away
        except OSError as error:
            self._problem = f"a file cannot be read, or put away: {error.strerror}: may the node write there?"

    def _fate(self, file: _File) -> _Fate | None:
        """Take it; None: it is not whole yet. Raises OSError, :class:`TemporaryError`."""
        if not self._settling.is_settled(file.shape):
            return None
        if not os.access(".", os.W_OK | os.X_OK, dir_fd=file.folder):
            raise PermissionError(0, "its folder is not ours to write")  # it would be taken again and again
        if self._visit is None:
            self._visit = self._intake.visit(self._watched.name)
        try:
            taken = self._take(file, self._visit)
        except Refused as error:
            self._visit.refuse(error)
            self._counts["refused"] += 1
            return _Fate(self._refused_to, f"Not taken: {error.what}.\nWhat to do: {error.hint}.\n")
        except (TemporaryError, OSError):
            raise
        except Exception as error:  # an edge: one file that nobody has thought of shall not keep the others out
            self._visit.fail(error)
            self._counts["failed"] += 1
            return _Fate(self._refused_to, _FAILED)
        if taken is None:
            return None
        self._counts[taken.outcome.value.replace(" ", "_")] += 1
        if taken.outcome is Outcome.SET_ASIDE:
            return _Fate(self._refused_to, _SET_ASIDE.format(why=taken.why))
        return _Fate(self._taken_to)

    def _take(self, file: _File, visit: Visit) -> Taken | None:
        """None: it is not the file that was seen, or somebody writes to it. Raises :class:`Refused` and the like."""
        with os.fdopen(os.open(file.name, _OPEN, dir_fd=file.folder), "rb", buffering=0) as stream:
            if _shape(stream) != file.shape or is_open_for_writing(stream.fileno(), file.folder):
                return None
            if file.shape.size > self._limits.longest + head.LONGEST:
                raise Refused(Reason.TOO_LONG)
            try:
                with visit.begin() as entry:
                    entry.read(stream)
                    return visit.keep(entry) if _shape(stream) == file.shape else None
            except Refused:
                if _shape(stream) != file.shape:
                    return None
                raise


_SET_ASIDE = """Set aside: {why}.
The node keeps it, but does not analyse it: `radnode studies set-aside` lists it.
What to do: repair it at its source, and bring it again.
"""


_FAILED = """Not taken: processing failure, see the log of the node.
What to do: bring it again, once that has been looked into.
"""


def _shape(stream: FileIO) -> Shape:
    return Shape.of(os.fstat(stream.fileno()))


def _put_away(file: _File, fate: _Fate) -> None:
    """Remove it or put it on its shelf, unless another file has come in its place. Raises OSError."""
    name = file.going_name
    os.rename(file.name, name, src_dir_fd=file.folder, dst_dir_fd=file.folder)
    if shape_at(name, file.folder) != file.shape:
        return  # the other one is looked at next, under this name
    try:
        if fate.shelf is None:
            os.unlink(name, dir_fd=file.folder)
        else:
            fate.shelf.put(file.folder, name, file.place, file.plain_name, fate.note)
    except OSError:
        with suppress(OSError):  # its own name again, if that is still free
            os.link(name, file.name, src_dir_fd=file.folder, dst_dir_fd=file.folder, follow_symlinks=False)
            os.unlink(name, dir_fd=file.folder)
        raise


def _is_watched(place: Sequence[str], name: str) -> bool:
    return len(place) < _DEEPEST and (bool(place) or name not in (TAKEN, REFUSED))


def _is_finished(name: str) -> bool:
    if name.startswith("."):
        return name.startswith(_GOING)
    return not name.lower().endswith(_UNFINISHED)
