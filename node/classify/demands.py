"""Whether the plugins that the configuration speaks of are there."""

from __future__ import annotations

from node.classify.catalogue import Catalogue
from node.config import Settings
from node.errors import ConfigError


def check_demands(settings: Settings, catalogue: Catalogue) -> None:
    """Routes and rules must name what there is, or nobody would notice that nothing is analysed, or told.

    Raises :class:`~node.errors.ConfigError`.
    """
    for one in settings.routes:
        found = next((item for item in catalogue.found if item.name == one.plugin), None)
        if found is None or found.manifest is None:
            why = found.error if found else "it is not installed"
            hint = f"plugins that can be used: {', '.join(catalogue.manifests) or 'none'}"
            raise ConfigError(f"the plugin cannot be used: {why}", about=f"route '{one.name}': {one.plugin}", hint=hint)
    for rule in settings.critical:
        manifest = catalogue.manifests.get(rule.plugin)
        claimed = [spec.name for spec in manifest.findings] if manifest else []
        if rule.finding not in claimed:
            about, hint = f"critical '{rule.name}'", f"findings of {rule.plugin}: {', '.join(claimed) or 'none'}"
            raise ConfigError(f"no plugin in use claims {rule.plugin}: {rule.finding}", about=about, hint=hint)
