"""Writes what an evaluation found into a folder: ``report.html``, ``report.json``, ``cases.csv``."""

from __future__ import annotations

from pathlib import Path

from node.errors import PermanentError
from radnode_kit.acceptance.page import html_text
from radnode_kit.acceptance.result import Evaluation, cases_text, json_text


def prepare(folder: Path) -> None:
    """Make the folder; raises :class:`~node.errors.PermanentError` before any work is done for nothing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PermanentError(f"the folder cannot be made: {error.strerror}", about=str(folder)) from error


def write(evaluation: Evaluation, folder: Path, *, phi: bool) -> tuple[Path, ...]:
    """Write the three files and answer their paths. Args: phi: with files and patients, which else stay out."""
    texts = {
        "report.html": html_text(evaluation, phi=phi),
        "report.json": json_text(evaluation, phi=phi),
        "cases.csv": cases_text(evaluation, phi=phi),
    }
    for name, text in texts.items():
        try:
            (folder / name).write_text(text, encoding="utf-8")
        except OSError as error:
            raise PermanentError(f"it cannot be written: {error.strerror}", about=str(folder / name)) from error
    return tuple(folder / name for name in texts)
