"""What a configuration becomes on a small machine: one receiver, one worker, one plugin, and no torch."""

from __future__ import annotations

from node.config.settings import Settings
from node.errors import ConfigError

#: Where neither routes nor `worker.plugins` name one.
USUAL_PLUGIN = "chest-radiograph"


def for_edge(settings: Settings) -> Settings:
    """The same settings for a small machine; raises :class:`~node.errors.ConfigError` when they name several plugins.

    What else runs is asked for as always: HTTP by `web.enabled`, the process that watches by `[[inputs]]`.
    """
    named = settings.worker.plugins or tuple(dict.fromkeys(route.plugin for route in settings.routes))
    if len(named) > 1:
        hint = "leave one of them in worker.plugins and in [[routes]], or serve without --edge"
        raise ConfigError(f"an edge node runs one plugin, this configuration names {', '.join(named)}", hint=hint)
    engine = "openvino" if settings.worker.engine == "openvino" else "onnxruntime"
    small = {"processes": 1, "device": "cpu", "engine": engine, "plugins": named or (USUAL_PLUGIN,)}
    return settings.model_copy(
        update={
            "receive": settings.receive.model_copy(update={"processes": 1}),
            "worker": settings.worker.model_copy(update=small),
        }
    )
