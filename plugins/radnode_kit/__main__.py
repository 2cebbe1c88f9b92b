"""``python -m radnode_kit train|evaluate|seal PLUGIN``: rebuild and measure the shipped models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radnode_kit import commands, manifest_file

app = typer.Typer(help="Rebuild and measure the shipped models.", add_completion=False, no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="name in the plugin's manifest, e.g. chest-radiograph")]
Data = Annotated[Path, typer.Option(help="folder with the data sets (see plugins/DATA.md)")]
Work = Annotated[Path, typer.Option(help="folder for decoded images and the checkpoint")]


@app.command()
def train(
    plugin: Name,
    data: Data,
    work: Work = Path("training"),
    epochs: Annotated[int | None, typer.Option(help="of fine-tuning; 0: linear probe alone")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda:N")] = "cpu",
) -> None:
    """Train a model and write weights, calibration, gate and digests into the plugin's folder."""
    commands.train(commands.folder_of(plugin), data, work / plugin, epochs, device)


@app.command()
def evaluate(
    plugin: Name,
    data: Data,
    write: Annotated[bool, typer.Option(help="write the numbers into manifest and model card")] = True,
) -> None:
    """Measure the shipped model on the held-back part."""
    commands.evaluate(commands.folder_of(plugin), data, write=write)


@app.command()
def seal(plugin: Name) -> None:
    """Write the digests of the weight and configuration files into the manifest."""
    manifest_file.seal(commands.folder_of(plugin))


if __name__ == "__main__":
    app()
