"""Which engine runs the networks of a node: the same answer for every command that tells it."""

from __future__ import annotations

from pathlib import Path


def engine_of(folder: Path, config: Path) -> str:
    """What runs the networks of the node with that configuration, and why; empty without such a node."""
    from node import config as configuration

    if not config.is_file():
        return ""
    wishes = configuration.load(config).device.wishes
    if wishes.engine != "auto":
        return f"{wishes.engine} (worker.engine)"
    from radnode_kit.engines.memory import key_of, recall

    try:
        choice = recall(wishes.memory, key_of(folder, wishes.threads))
    except OSError:  # no plugin of the kit: it has an engine of its own
        return ""
    return choice.reason if choice else "auto: not chosen yet; onnxruntime, unless the worker finds a faster one"
