"""`radnode serve`."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from node.cli.output import DEFAULT_CONFIG, ConfigOption

_EdgeOption = Annotated[
    bool, typer.Option("--edge", help="For a small machine: one receiver, one worker, one plugin, no torch.")
]


def serve(config: ConfigOption = DEFAULT_CONFIG, edge: _EdgeOption = False) -> None:
    """Run the node until SIGTERM; a second signal ends it at once."""
    from node.stopping import Stop

    stop = Stop()
    stop.listen()  # before what takes a while
    from node import config as configuration
    from node.children import held
    from node.logs import configure

    if edge:
        os.environ["RADNODE_NODE__EDGE"] = "true"  # for as long as it runs: `radnode reload` reads the file again
    settings = configuration.load(config)
    configure()
    begun = held(settings)
    from node.service import Service  # now, since it takes a second, in which they load theirs

    Service(settings, config.resolve(), begun, stop).run()
