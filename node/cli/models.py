"""`radnode models import`: other people's models become plugins."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from node.cli import training
from node.errors import ConfigError, PluginError

if TYPE_CHECKING:
    from radnode_kit.foreign.model import ForeignModel, Wish

app = typer.Typer(no_args_is_help=True)

Kind = Literal["chexnet", "torchxrayvision", "monai", "onnx"]
Activation = Literal["auto", "sigmoid", "softmax", "none"]
Fit = Literal["squash", "letterbox"]

_TRUST = "Allow that the bundle's own code runs now, confined, to build its network. It never runs in the node."


@app.callback()
def _models() -> None:
    """Models: import one that others made; measure and rebuild the shipped ones."""


@app.command("import")
def import_model(  # noqa: PLR0913  each is an option
    source: Annotated[Path, typer.Argument(help="File of the model, or folder of a MONAI bundle.")],
    kind: Annotated[Kind, typer.Option("--as", help="What it is.")],
    name: Annotated[str, typer.Option(help="Name of the plugin, e.g. my-chexnet.")],
    out: Annotated[Path, typer.Option(help="Folder to write; it must not exist or be empty.")],
    sha256: Annotated[str, typer.Option(help="Refuse the source unless it has this sha256.")] = "",
    labels: Annotated[str, typer.Option(help="Outputs in their order: a,b or a=VALUE:SCHEME:MEANING,b.")] = "",
    modality: Annotated[list[str] | None, typer.Option(help="Modality it may be given; repeat for more.")] = None,
    size: Annotated[int, typer.Option(min=0, help="Side of the input in pixels, where the source leaves it open.")] = 0,
    fit: Annotated[Fit, typer.Option(help="How an image comes onto the square.")] = "squash",
    mean: Annotated[str, typer.Option(help="Subtracted from pixels in 0..1: a number, or one a channel: r,g,b.")] = "",
    deviation: Annotated[str, typer.Option(help="What they are then divided by, likewise.")] = "",
    activation: Annotated[Activation, typer.Option(help="Makes its answers probabilities; none: they are.")] = "auto",
    series_number: Annotated[int, typer.Option(min=0, max=9999, help="Of its first result series.")] = 0,
    trust_code: Annotated[bool, typer.Option("--trust-code", help=_TRUST)] = False,
) -> None:
    """Write somebody else's model as a plugin's package, to be installed with pip.

    Checkpoints are read for their tensors and never unpickled. What is not known of the model stands in its
    MODEL_CARD.md; measure it with `radnode evaluate` before anybody relies on it.
    """
    from radnode_kit.foreign.model import Wish

    wish = Wish(
        name=name,
        labels=tuple(text.strip() for text in labels.split(",")) if labels else (),
        size=size,
        fit=fit,
        mean=_numbers(mean, "--mean"),
        deviation=_numbers(deviation, "--deviation"),
        activation=activation,
        modality=tuple(modality or ()),
        series_number=series_number,
        trust_code=trust_code,
    )
    _tell(_import(kind, source, wish, out, sha256), out)


def _import(kind: str, source: Path, wish: Wish, out: Path, sha256: str) -> ForeignModel:
    try:
        from radnode_kit.foreign.install import import_model as read_and_write
    except ImportError as error:  # onnx comes with the extra
        what = f"importing needs {error.name}, which is not installed"
        raise PluginError(what, hint="pip install 'radnode[train]'") from error
    from node.worker import stranger

    with TemporaryDirectory(prefix="radnode-import-") as scratch:
        return read_and_write(kind, source, wish, out, sha256, partial(stranger.built, Path(scratch)))


def _numbers(text: str, option: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(",")) if text else ()
    except ValueError as error:
        raise ConfigError(f"{text!r} is no list of numbers", about=option) from error


def _tell(model: ForeignModel, out: Path) -> None:
    name = model.wish.name
    typer.echo(f"{model.title}")
    typer.echo(f"{'source sha256':<16}{model.origin.digest}")
    typer.echo(f"{'findings':<16}{', '.join(label.finding.name for label in model.claims)}")
    typer.echo(f"{'evidence maps':<16}{'exact' if model.exact else 'none'}")
    left = [label.finding.name for label in model.labels if label not in model.claims]
    if left:
        typer.echo(f"{'not assessed':<16}{', '.join(left)}")
    typer.echo("")
    typer.echo("Its sensitivity and specificity are not known here. Read its MODEL_CARD.md, then:")
    typer.echo(f"  pip install {shlex.quote(str(out))}")
    typer.echo(f"  radnode plugins show {name}")


_MEASURED = (
    training.measure,
    training.explain,
    training.compare,
    training.reference,
    training.synthesise,
    training.seal,
)
for _command in _MEASURED:
    app.command()(_command)
