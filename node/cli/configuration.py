"""`radnode config`."""

from __future__ import annotations

import typer

from node.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, print_json, print_table

app = typer.Typer(help="Check and show the configuration.", no_args_is_help=True)


@app.command()
def check(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Say whether the configuration is right, and whether its plugins are there."""
    from node import config as configuration
    from node.classify.catalogue import Catalogue
    from node.errors import ConfigError

    settings = configuration.load(config)
    if settings.tls.enabled:
        from node.receive.identity import Identity

        Identity(settings.tls)  # raises for files that TLS cannot use
    usable = Catalogue(settings.worker.plugins).manifests
    if missing := [route.name for route in settings.routes if route.plugin not in usable]:
        hint = f"usable plugins: {', '.join(usable) or 'none'}"
        raise ConfigError(f"routes without a usable plugin: {', '.join(missing)}", about=str(config), hint=hint)
    facts = {"file": str(config), "routes": len(settings.routes), "destinations": len(settings.destinations)}
    if as_json:
        print_json({"ok": True, **facts})
    else:
        typer.echo(f"{config} is right: {facts['routes']} routes, {facts['destinations']} destinations")


@app.command()
def show(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Print every setting with its value, defaults included."""
    from node import config as configuration

    settings = configuration.load(config)
    if as_json:
        print_json(settings.model_dump(mode="json"))
        return
    rows = []
    for name, value in settings:
        if hasattr(type(value), "model_fields"):
            fields = type(value).model_fields
            rows += [(f"{name}.{key}", entry, fields[key].description) for key, entry in value]
        elif isinstance(value, tuple):
            rows += [(f"{name}.{number}", entry.name, "") for number, entry in enumerate(value)]
        else:
            rows.append((name, value, ""))
    print_table(("setting", "value", "meaning"), rows, "nothing is set")
