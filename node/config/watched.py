"""Folders that are watched for files, as a table of the configuration."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from node.config.section import AETitle, Seconds, Section


class WatchedFolder(Section):
    """A folder that is watched: a DICOM file in it, or below, is taken as if it had been sent, and then removed."""

    name: AETitle = Field(description="Counts as the calling AE title of what it brings, in routes as well.")
    path: Path = Field(description="The folder; relative to the configuration file.")
    when_taken: Literal["remove", "move"] = Field(
        "remove", description="What becomes of a file once it is safe: removed, or moved to `taken` in the folder."
    )
    settle_seconds: Seconds = Field(
        5,
        description="A file is whole when size and time have not changed for so long; 0: files are renamed into place.",
    )
    look_seconds: Annotated[float, Field(gt=0, le=3600)] = Field(1, description="Time between two looks.")


def overlap(path: Path, others: Iterable[tuple[str, Path]]) -> str:
    """Name of the first of the others that lies in `path`, or that it lies in; empty when there is none."""
    real = path.resolve()
    for name, other in others:
        theirs = other.resolve()
        if real.is_relative_to(theirs) or theirs.is_relative_to(real):
            return name
    return ""
