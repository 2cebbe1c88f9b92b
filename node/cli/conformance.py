"""`radnode conformance`: what the node takes and sends, for those who connect it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="Describe the node of this configuration; else as installed.")
]


def conformance(config: ConfigOption = None) -> None:
    """Print the DICOM Conformance Statement and the IHE Integration Statement, as Markdown."""
    from node.config import Settings, load
    from node.statement import conformance_statement

    typer.echo(conformance_statement(load(config) if config is not None else Settings()), nl=False)
