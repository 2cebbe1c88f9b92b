"""A folder beside those that are watched, for files that are not to be looked at again."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

#: Names of them, in the folder that is watched.
TAKEN, REFUSED = "taken", "refused"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Shelf:
    """Keeps the files of one watched folder, each in the subfolder that it was in. Args: root: of what is watched."""

    def __init__(self, root: Path, name: str) -> None:
        self._root, self._name = root, name

    def put(self, folder: int, file: str, place: Sequence[str], name: str, note: str = "") -> None:
        """Move a file there; what is there already stays. Raises OSError.

        Args:
            folder: an open folder that holds the file.
            file: its name there.
            place: the subfolders it belongs into.
            name: that it is to have; with a number, if there is one of that name.
            note: for a text file of the same name and `.txt`.
        """
        with self._open(place) as shelf:
            free = _free(shelf, name)
            if note:  # first: without its file it is written again, a file without it would stay so
                _write(shelf, f"{free}.txt", note)
            os.rename(file, free, src_dir_fd=folder, dst_dir_fd=shelf)

    @contextmanager
    def _open(self, place: Sequence[str]) -> Iterator[int]:
        """The folder, made if need be; a link on the way there is not followed."""
        current = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in (self._name, *place):
                with suppress(FileExistsError):
                    os.mkdir(part, 0o770, dir_fd=current)
                inner = os.open(part, _FOLDER, dir_fd=current)
                os.close(current)
                current = inner
            yield current
        finally:
            os.close(current)


def _free(folder: int, name: str) -> str:
    """That name, or the first with a number that no file has."""
    found, number = name, 1
    while _is_there(folder, found):
        number += 1
        found = f"{name}.{number}"
    return found


def _is_there(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _write(folder: int, name: str, text: str) -> None:
    flags = os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, 0o660, dir_fd=folder), "w", encoding="utf-8") as stream:
        stream.write(text)
