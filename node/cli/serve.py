"""`radnode serve`."""

from __future__ import annotations

from node.cli.output import DEFAULT_CONFIG, ConfigOption


def serve(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Run the node until SIGTERM; a second signal ends it at once."""
    from node import config as configuration
    from node.logs import configure
    from node.service import Service

    settings = configuration.load(config)
    configure()
    Service(settings, config.resolve()).run()
