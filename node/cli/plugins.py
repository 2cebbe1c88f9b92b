"""`radnode plugins`: what is installed, what it claims, and whether its weights are the declared ones."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from node.cli.output import JsonOption, print_json, print_table

app = typer.Typer(help="Plugins: list, show, verify.", invoke_without_command=True)


@app.callback()
def _default(context: typer.Context, as_json: JsonOption = False) -> None:
    if context.invoked_subcommand is None:
        list_plugins(as_json)


@app.command("list")
def list_plugins(as_json: JsonOption = False) -> None:
    """List installed plugins."""
    from node.classify.catalogue import Catalogue

    found = Catalogue().found
    if as_json:
        print_json([{"name": f.name, "usable": f.manifest is not None, "error": f.error} for f in found])
        return
    rows = [(f.name, f.manifest.version, f.manifest.title) if f.manifest else (f.name, "-", f.error) for f in found]
    print_table(("plugin", "version", "what it does"), rows, "no plugin is installed")


@app.command()
def show(name: Annotated[str, typer.Argument(help="Name of the plugin.")], as_json: JsonOption = False) -> None:
    """Show what a plugin accepts and claims, with its operating points."""
    from node.classify.catalogue import Catalogue
    from node.errors import PluginError

    found = Catalogue().get(name)
    if found.manifest is None:
        raise PluginError(found.error, about=name)
    manifest = found.manifest
    if as_json:
        print_json(manifest)
        return
    for key in ("name", "version", "title", "manufacturer", "intended_use", "licence", "level", "digest"):
        typer.echo(f"{key:<14}{getattr(manifest, key)}")
    typer.echo(f"{'accepts':<14}{manifest.accepts}")
    rows = []
    for spec in manifest.findings:
        point = spec.operating_point
        sensitivity, specificity = point.sensitivity, point.specificity
        rows.append(
            (
                spec.label,
                f"{spec.code.value} {spec.code.scheme}",
                f"{point.threshold:.0%}",
                f"{sensitivity.value:.0%} ({sensitivity.low:.0%}-{sensitivity.high:.0%})",
                f"{specificity.value:.0%} ({specificity.low:.0%}-{specificity.high:.0%})",
            )
        )
    print_table(("finding", "code", "threshold", "sensitivity (95 %)", "specificity (95 %)"), rows, "claims nothing")


@app.command()
def verify(as_json: JsonOption = False) -> None:
    """Compare every weight file with the sha256 in its manifest. Exit status 65 when one differs."""
    from node.classify.catalogue import Catalogue, verify_weights

    rows = []
    for found in Catalogue().found:
        problems = verify_weights(found.manifest) if found.manifest else [found.error]
        rows.append((found.name, "; ".join(problems) or "as declared"))
    bad = [row for row in rows if row[1] != "as declared"]
    if as_json:
        print_json([{"name": name, "weights": state} for name, state in rows])
    else:
        print_table(("plugin", "weights"), rows, "no plugin is installed")
    raise typer.Exit(os.EX_DATAERR if bad else 0)
