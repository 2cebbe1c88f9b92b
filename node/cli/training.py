"""`radnode train`, `calibrate`; `radnode models measure|explain|compare|reference|synthesise|seal`: of our models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from node.errors import PluginError

Name = Annotated[str, typer.Argument(help="Name in the plugin's manifest, e.g. chest-radiograph.")]
Data = Annotated[Path, typer.Option(help="Folder with the data sets (see plugins/DATA.md).", exists=True)]
Work = Annotated[Path, typer.Option(help="Folder for decoded images and the checkpoint; a run goes on from there.")]
Write = Annotated[bool, typer.Option("--write/--no-write", help="Write the numbers into the plugin's folder.")]


@contextmanager
def _trainer() -> Iterator[None]:
    """A clear word where the extra is missing."""
    try:
        yield
    except ImportError as error:
        what = f"training needs {error.name}, which is not installed"
        raise PluginError(what, hint="pip install 'radnode[train]'") from error


def train(
    plugin: Name,
    data: Data,
    work: Work = Path("training"),
    epochs: Annotated[
        int | None,
        typer.Option(help="Of every network, members included; 0: a linear layer on ImageNet features, no ensemble."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            help="Instead of the recipe's; members that name one keep it. The same seed gives the same model."
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda:N, or auto: a GPU when there is one.")] = "auto",
) -> None:
    """Train a plugin's model and write weights, calibration, gates, prototypes and digests into its folder."""
    with _trainer():
        from radnode_kit import commands

        commands.train(commands.folder_of(plugin), data, work / plugin, commands.Run(epochs, seed, device))


def calibrate(plugin: Name, data: Data, work: Work = Path("training")) -> None:
    """Fit calibration, gates, input check and prototypes anew to the weights that are there."""
    with _trainer():
        from radnode_kit import commands

        commands.calibrate(commands.folder_of(plugin), data, work / plugin)


def measure(plugin: Name, data: Data, work: Work = Path("training"), write: Write = True) -> None:
    """Measure a shipped model on the held-back part: operating points into the manifest, figures into the card."""
    with _trainer():
        from radnode_kit import commands

        typer.echo(commands.measure_held_back(commands.folder_of(plugin), data, work / plugin, write=write))


def explain(
    plugin: Name,
    data: Data,
    work: Work = Path("training"),
    images: Annotated[int, typer.Option(min=4, help="Held-back images to look at.")] = 40,
    write: Write = True,
) -> None:
    """Compare the evidence map with Grad-CAM, Grad-CAM++, occlusion and chance on the held-back part."""
    with _trainer():
        from radnode_kit.commands import folder_of
        from radnode_kit.explanations.commands import explain as compare_maps

        compare_maps(folder_of(plugin), data, work / plugin, images, write=write)


def compare(plugin: Name, data: Data, work: Work = Path("training"), write: Write = True) -> None:
    """Compare backbones, input sizes and losses by a linear layer on frozen features, on the validation part."""
    with _trainer():
        from radnode_kit import commands
        from radnode_kit.comparison import comparison

        typer.echo(comparison(commands.folder_of(plugin), data, work / plugin, write=write))


def reference(
    plugin: Name,
    data: Data,
    images: Annotated[int, typer.Option(min=100, max=2000, help="At most, one for each patient.")] = 400,
    drift: Annotated[bool, typer.Option("--drift", help="Instead: how many changed films are noticed.")] = False,
) -> None:
    """Write what the model answers on images it never learned from, for `radnode watch`, into its folder."""
    with _trainer():
        from radnode_kit.commands import folder_of
        from radnode_kit.drift import measured
        from radnode_kit.reference import make_reference

        folder = folder_of(plugin)
        if drift:
            typer.echo(measured(folder, data, images))
            return
        made = make_reference(folder, data, images)
        typer.echo(f"{len(made)} answers, {int(made.abstained.sum())} of them abstentions")


def synthesise(data: Data, work: Work = Path("training")) -> None:
    """Train a small conditional generator, and measure what its images do for a classifier (plugins/SYNTHETIC.md)."""
    with _trainer():
        from radnode_kit.synthetic.commands import synthesise as run

        run(data, work / "synthetic")


def seal(plugin: Name) -> None:
    """Write the digests of the weight and configuration files into the manifest."""
    from radnode_kit.commands import folder_of
    from radnode_kit.manifest_file import seal as write_digests

    write_digests(folder_of(plugin))
