"""The program `radnode`: its commands, and how errors become messages and exit statuses."""

from __future__ import annotations

import os
import sys

import typer

from node import __version__
from node.cli import (
    INTERRUPTED,
    audit,
    bench,
    certs,
    comparison,
    configuration,
    conformance,
    critical,
    db,
    deidentify,
    demo,
    doctor,
    evaluate,
    export,
    fetch,
    files,
    gc,
    init,
    models,
    plugins,
    queue,
    reload,
    replay,
    reviews,
    serve,
    shell,
    stages,
    status,
    studies,
    tokens,
    training,
    watching,
    why,
)
from node.dumps import forbid_core_dumps
from node.errors import ConfigError, PermanentError, RadnodeError, SpoolError

app = typer.Typer(
    name="radnode",
    help="A DICOM node that classifies: studies in over C-STORE, Structured Reports and heatmaps out.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command()(init.init)
app.command()(serve.serve)
app.command()(reload.reload)
app.command()(demo.demo)
app.command()(status.status)
app.add_typer(studies.app, name="studies")
app.command()(studies.trail)
app.command()(why.why)
app.command()(export.export_result)
app.command()(deidentify.deidentify)
app.add_typer(queue.app, name="queue")
app.add_typer(critical.app, name="critical")
app.add_typer(reviews.app, name="reviews")
app.add_typer(watching.app, name="watch")
app.add_typer(tokens.app, name="tokens")
app.add_typer(certs.app, name="certs")
app.add_typer(files.route_app, name="route")
app.command()(files.run)
app.command()(replay.replay)
app.command()(replay.compare)
app.command()(files.send)
app.command()(files.echo)
app.command()(fetch.fetch)
for _staging in (stages.go_live, stages.canary, stages.go_silent, comparison.compare):
    plugins.app.command()(_staging)
app.add_typer(plugins.app, name="plugins")
app.command()(training.train)
app.command()(training.calibrate)
app.command()(evaluate.evaluate)
_MODELS = (training.measure, training.explain, training.compare, training.reference, training.synthesise, training.seal)
for _command in _MODELS:
    models.app.command()(_command)
app.add_typer(models.app, name="models")
app.add_typer(configuration.app, name="config")
app.add_typer(db.app, name="db")
app.add_typer(audit.app, name="audit")
app.command()(gc.gc)
app.command()(doctor.doctor)
app.command()(conformance.conformance)
app.command()(bench.bench)
app.command()(shell.completion)
app.command()(shell.man)

#: The first class that fits decides (sysexits.h).
EXIT_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (ConfigError, os.EX_CONFIG),
    (SpoolError, os.EX_IOERR),
    (PermanentError, os.EX_DATAERR),
    (RadnodeError, os.EX_TEMPFAIL),
)

#: A wrong command line; typer names the class in no public place. Its own status, 2, is that of `status` for "down".
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]
_INTERRUPTED = 130


def _version(value: bool) -> None:
    if value:
        typer.echo(f"radnode {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    pass


def main() -> None:
    """Run the program; an error of ours is one message on stderr and an exit status."""
    forbid_core_dumps()
    try:
        status = app(standalone_mode=False)
    except _UsageError as error:
        error.show()  # type: ignore[attr-defined]  # see there
        status = os.EX_USAGE
    except (typer.Abort, KeyboardInterrupt):
        status = INTERRUPTED
    except RadnodeError as error:
        print(f"radnode: {error}", file=sys.stderr)
        status = next(status for kind, status in EXIT_STATUS if isinstance(error, kind))
    if status == INTERRUPTED:
        print("radnode: interrupted", file=sys.stderr)
    sys.exit(status)
