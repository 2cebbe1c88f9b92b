"""`radnode plugins`: what is installed, what it claims, whether its weights are the declared ones, how fast it is."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli import comparison, stages
from node.cli.engine import engine_of
from node.cli.output import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    ledger_if_any,
    open_ledger,
    print_json,
    print_table,
    printable,
)
from node.stages import Stage, Staged

if TYPE_CHECKING:
    from node.classify.catalogue import Found
    from node.plugin import Manifest
    from radnode_kit.engines.bench import Line

app = typer.Typer(help="Plugins: list, show, verify, compare engines.", invoke_without_command=True)


@app.callback()
def _default(context: typer.Context, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    if context.invoked_subcommand is None:
        list_plugins(config, as_json)


@app.command("list")
def list_plugins(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List installed plugins, and whether their results are delivered."""
    from node.classify.catalogue import Catalogue

    found = Catalogue().found
    stages, paused = _stages(config)
    if as_json:
        print_json(
            [
                {"name": f.name, "usable": f.manifest is not None, "error": f.error, "paused": paused.get(f.name, "")}
                | {"version": f.manifest.version if f.manifest else None, "stage": stages.get(_key(f))}
                for f in found
            ]
        )
        return
    rows = [
        (f.name, f.manifest.version, _told(stages.get(_key(f)), paused.get(f.name, "")), f.manifest.title)
        if f.manifest
        else (f.name, "-", "-", f.error)
        for f in found
    ]
    print_table(("plugin", "version", "stage", "what it does"), rows, "no plugin is installed")


def _stages(config: Path) -> tuple[dict[tuple[str, str], Staged], dict[str, str]]:
    """(name, version) -> stage, and name -> why it is paused, as the node of that configuration has it, if any."""
    from node.errors import ConfigError

    try:
        ledger = ledger_if_any(config) if config.is_file() else None
    except ConfigError:  # what is installed is told all the same
        ledger = None
    if ledger is None:
        return {}, {}
    return {(one.plugin, one.version): one for one in ledger.stages.all()}, ledger.pauses.paused()


def _key(found: Found) -> tuple[str, str]:
    return found.name, found.manifest.version if found.manifest else ""


def _told(staged: Staged | None, paused: str = "") -> str:
    """E.g. `SILENT, by anna: not seen here yet`, or `LIVE, and paused: by anna`."""
    pause = f"paused: {paused}" if paused else ""
    if staged is None:
        return pause or "-"
    why = f", by {staged.operator}{f': {staged.reason}' if staged.reason else ''}"
    return staged.told + (why if staged.stage is not Stage.LIVE else "") + (f", and {pause}" if pause else "")


@app.command()
def add(
    plugin: Annotated[str, typer.Argument(help="A wheel to install, or the name of an installed plugin.")],
    config: ConfigOption = DEFAULT_CONFIG,
    sha256: Annotated[str, typer.Option(help="Refuse the wheel unless it has this sha256.")] = "",
    silent: Annotated[bool, typer.Option("--silent", help="Its results are kept until `plugins go-live`.")] = False,
) -> None:
    """Accept a plugin as it is: install it where it is a wheel, and pin its sha256. What differs later is not loaded.

    The pins stand in `plugins.lock` beside the configuration; a node that runs reads them when it starts again. With
    `worker.silent` a plugin that is new here begins silent, as with --silent.
    """
    from node.classify import wheel
    from node.errors import ConfigError
    from node.pins import read_pins

    if not config.is_file():  # before anything is installed
        raise ConfigError("there is no such configuration", about=str(config), hint="`radnode init` writes one")
    read_pins(config.resolve().parent)
    if silent and ledger_if_any(config) is None:
        raise ConfigError("this node has never run", about=str(config), hint="set worker.silent instead of --silent")
    if not plugin.endswith(".whl"):
        if sha256:
            raise typer.BadParameter("--sha256 is that of a wheel, and this is the name of a plugin")
        _pin((plugin,), config, silent=silent)
        return
    with wheel.kept(Path(plugin)) as copy:
        found = wheel.read_wheel(copy, sha256)
        wheel.install(found)
    typer.echo(f"installed {found.path.name}, sha256 {found.sha256}")
    for sentence in wheel.missing(found):
        typer.echo(f"lacking: {printable(sentence)}")
    _pin(found.plugins, config, silent=silent)


def _pin(names: Sequence[str], config: Path, *, silent: bool) -> None:
    from node.classify.catalogue import Catalogue
    from node.cli.operator import acted
    from node.errors import ConfigError, PluginError, SpoolError
    from node.pins import FILE, package_digest, pins_text, read_pins
    from node.spool import write_once

    folder, catalogue = config.resolve().parent, Catalogue(names)
    if problems := [problem for name in names for problem in catalogue.problems(name)]:
        raise PluginError("; ".join(problems), about=", ".join(names), hint="nothing was pinned: install it again")
    pins, ledger = read_pins(folder), ledger_if_any(config)
    new = {name: package_digest(catalogue.manifests[name].folder) for name in names}
    for name, digest in new.items():
        if ledger is not None:  # first, so that no pin is there of which nobody knows who gave it
            acted(ledger, "plugins add", plugin=name, sha256=digest)
    if ledger is not None:
        stages.begin(ledger, catalogue, config, silent=silent)
    try:
        write_once(folder / FILE, pins_text({**pins, **new}).encode(), mode=0o644)  # no secret; the node reads it
    except SpoolError as error:
        hint = "nothing was pinned: give the command as somebody who may write beside the configuration"
        raise ConfigError("the pins cannot be written", about=str(folder / FILE), hint=hint) from error
    for name, digest in new.items():
        before = "" if pins.get(name, digest) == digest else f", was {pins[name][:12]}..."
        typer.echo(f"pinned {name}: sha256 {digest}{before}")
    typer.echo("a node that runs goes by it when it is started again")


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Name of the plugin.")],
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Show what a plugin accepts and claims, with its operating points; and which engine a node here runs it with."""
    from node.words import with_interval

    manifest = _manifest(name)
    engine = engine_of(manifest.folder, config)
    if as_json:
        print_json({**asdict(manifest), "engine": engine})
        return
    for key in ("name", "version", "title", "manufacturer", "intended_use", "licence", "level", "digest"):
        typer.echo(f"{key:<14}{getattr(manifest, key)}")
    typer.echo(f"{'accepts':<14}{manifest.accepts}")
    if engine:
        typer.echo(f"{'engine':<14}{engine}")
    rows = []
    for spec in manifest.findings:
        point = spec.operating_point
        rows.append(
            (
                spec.label,
                f"{spec.code.value} {spec.code.scheme}",
                f"{point.threshold:.0%}",
                "-" if point.undetermined is None else "{:.0%}-{:.0%}".format(*point.undetermined),
                with_interval(point.sensitivity),
                with_interval(point.specificity),
            )
        )
    head = ("finding", "code", "threshold", "undetermined", "sensitivity (95 %)", "specificity (95 %)")
    print_table(head, rows, "claims nothing")


@app.command()
def pause(
    name: Annotated[str, typer.Argument(help="Name of the plugin.")],
    config: ConfigOption = DEFAULT_CONFIG,
    reason: Annotated[str, typer.Option("--reason", help="Shown by `radnode status`.")] = "",
) -> None:
    """Give a plugin nothing from now on; its studies wait, and no attempt is spent."""
    from node.cli.operator import operator

    _manifest(name)
    _, ledger = open_ledger(config)
    ledger.pauses.pause(name, f"by {operator()}" + (f": {printable(reason)}" if reason else ""))
    typer.echo(f"{name} is paused: {ledger.pauses.paused()[name]}")


@app.command()
def resume(
    name: Annotated[str, typer.Argument(help="Name of the plugin.")], config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Give a paused plugin what waits for it."""
    _, ledger = open_ledger(config)
    ledger.pauses.resume(name)
    typer.echo(f"{name} goes on; {ledger.pauses.waiting(name)} analyses wait for it")


@app.command()
def verify(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Compare weights with their manifests and packages with their pins. Exit status 65 when one differs."""
    from node.classify.catalogue import Catalogue
    from node.pins import read_pins

    pins = read_pins(config.resolve().parent)
    catalogue = Catalogue(pins=pins)
    problems = {found.name: "; ".join(catalogue.problems(found.name)) for found in catalogue.found}
    rows = [(name, why or "as declared", "yes" if name in pins else "no") for name, why in problems.items()]
    if as_json:
        print_json([{"name": name, "weights": state, "pinned": name in pins} for name, state, _ in rows])
    else:
        print_table(("plugin", "weights", "pinned"), rows, "no plugin is installed")
    raise typer.Exit(os.EX_DATAERR if any(problems.values()) else 0)


@app.command()
def bench(
    name: Annotated[str, typer.Argument(help="Name of the plugin.")],
    batch: Annotated[str, typer.Option(help="Images at a time, with commas between.")] = "1,8",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of each engine.")] = 2,
    rounds: Annotated[int, typer.Option(min=1, help="Turns that each engine gets.")] = 7,
    cpu_time: Annotated[bool, typer.Option("--cpu-time", help="Count processor seconds; for a busy machine.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare the engines that can run a plugin's network on this machine: speed, and how far their answers differ."""
    from radnode_kit.engines.bench import Plan, compare

    try:
        batches = tuple(int(count) for count in batch.split(","))
    except ValueError as error:
        raise typer.BadParameter("numbers with commas between are wanted, such as 1,8") from error
    if min(batches) < 1:
        raise typer.BadParameter("a batch has one image at least")
    found = compare(_manifest(name).folder, Plan(batches, threads, rounds, cpu_time))
    if as_json:
        print_json({"plugin": name, **asdict(found)})
        return
    measured = "processor time" if cpu_time else "elapsed time"
    typer.echo(
        f"{name}, {found.size} x {found.size} x {found.channels}, {threads} threads, {rounds} rounds, {measured}"
    )
    typer.echo(f"machine: {found.machine}; load {found.load:.1f}")
    print_table(_bench_columns(batches), [_bench_row(line) for line in found.lines], "no engine")
    cost = ", ".join(f"{times:.2f} times at batch {count}" for count, times in found.cost_of_maps.items())
    typer.echo(f"with maps a forward pass takes {cost} (torch)")


def _bench_columns(batches: Sequence[int]) -> tuple[str, ...]:
    speeds = [column for count in batches for column in (f"images/s at {count}", "x torch")]
    return ("engine", *speeds, "probability differs", "maps differ")


def _bench_row(line: Line) -> tuple[str, ...]:
    if line.problem:
        return line.engine, line.problem
    speeds = [cell for speed in line.speeds for cell in (f"{speed.images_per_second:.0f}", f"{speed.ratio:.1f}")]
    return line.engine, *speeds, f"{line.probability:.1e}", "-" if line.maps is None else f"{line.maps:.1e}"


def _manifest(name: str) -> Manifest:
    """Of an installed plugin that can be used."""
    from node.classify.catalogue import Catalogue
    from node.errors import PluginError

    found = Catalogue().get(name)
    if found.manifest is None:
        raise PluginError(found.error, about=name)
    return found.manifest


for _command in (stages.go_live, stages.canary, stages.go_silent, comparison.compare):
    app.command()(_command)
