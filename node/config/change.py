"""What differs between two configurations, and which of it a running node can take over.

Live are the rules: what is routed where, when a study is complete, where results go, what is critical, how long files
stay, how models are watched, what may go live, how often and by which name HTTP is asked, who may associate or send
reports. What a socket, a process or a limit was made with needs a restart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from node.config.load import frozen
from node.config.section import Section
from node.config.settings import Settings
from node.errors import ConfigError

#: Settings that a running node takes over; a section stands for all of it.
LIVE = (
    "node.allowed_calling",
    "node.check_called",
    "study",
    "storage.keep_days",
    "storage.keep_rows_days",
    "storage.purge_below_mb",
    "queue",
    "web.requests_per_minute",
    "web.result_objective_seconds",
    "web.allowed_hosts",
    "web.show_patients",
    "hl7.addresses",
    "hl7.applications",
    "hl7.character_set",
    "hl7.longest_mb",
    "hl7.message_seconds",
    "hl7.idle_seconds",
    "peers",
    "watch",
    "go_live",
    "match",
    "routes",
    "destinations",
    "critical",
)


@dataclass(frozen=True)
class Change:
    """From one configuration to another.

    Attributes:
        settings: the old ones with what can be taken over live.
        live: what that is, e.g. `study.quiet_seconds`, `routes: 'chest films' is changed`.
        restart: what differs and needs a restart.
    """

    settings: Settings
    live: tuple[str, ...]
    restart: tuple[str, ...]


def change(old: Settings, new: Settings) -> Change:
    """What can be taken over of `new`; raises :class:`ConfigError` when that does not go without the rest."""
    kept = dict(_stay(old, new))
    live, restart, update = [], [], {}
    for name in Settings.model_fields:
        for key, before, after in _differences(name, getattr(old, name), getattr(new, name)):
            told = [f"{key}{more}" for more in _named(before, after)]
            if (key in LIVE or name in LIVE) and key not in kept:
                update[key] = after
                live += told
            else:
                restart += [f"{one}{kept.get(key, '')}" for one in told]
    return Change(_checked(_updated(old, update), restart), tuple(live), tuple(restart))


def _stay(old: Settings, new: Settings) -> list[tuple[str, str]]:
    """What could be taken over, but not this time: receivers and timers were started with them."""
    if [one for one in old.destinations if one.storage_commitment] != [
        one for one in new.destinations if one.storage_commitment
    ]:
        return [("destinations", " (storage_commitment)")]
    if any(old.destination(rule.archive) != new.destination(rule.archive) for rule in old.fetch):
        return [("destinations", " (one of them is fetched from)")]
    if old.worklists and old.destinations != new.destinations:
        return [("destinations", " (worklists)")]
    if old.followed != new.followed:
        return [("destinations", " (follow)")]
    titles = [{one.ae_title for one in settings.destinations} for settings in (old, new)]
    if old.receive.promise_storage and titles[0] != titles[1]:
        return [("destinations", " (receive.promise_storage: to whom reports go)")]
    return []


def _differences(name: str, before: Any, after: Any) -> list[tuple[str, Any, Any]]:  # Any: of every type of setting
    if before == after:
        return []
    if not isinstance(before, Section):
        return [(name, before, after)]
    pairs = ((key, getattr(before, key), getattr(after, key)) for key in type(before).model_fields)
    return [(f"{name}.{key}", one, other) for key, one, other in pairs if one != other]


def _named(before: Any, after: Any) -> list[str]:  # Any: of every type of setting
    """What happened to each table of a list, by its name; of another setting nothing more is said."""
    if not (isinstance(before, tuple) and all(isinstance(one, Section) for one in (*before, *after))):
        return [""]
    old, new = ({one.name: one for one in tables} for tables in (before, after))
    told = [f": '{name}' is new" for name in new if name not in old]
    told += [f": '{name}' is gone" for name in old if name not in new]
    told += [f": '{name}' is changed" for name in new if name in old and new[name] != old[name]]
    return told or [": another order"]


def _updated(old: Settings, update: Mapping[str, Any]) -> Settings:  # Any: of every type of setting
    sections: dict[str, Any] = {}
    for key, value in update.items():
        section, dot, inner = key.partition(".")
        if not dot:
            sections[section] = value
        else:
            sections[section] = sections.get(section, getattr(old, section)).model_copy(update={inner: value})
    return old.model_copy(update=sections)


def _checked(settings: Settings, restart: list[str]) -> Settings:
    """The same settings, if they fit together."""
    try:
        Settings.model_validate_json(frozen(settings))
    except ValidationError as error:
        what = "; ".join(detail["msg"].removeprefix("Value error, ") for detail in error.errors())
        hint = f"restart the node: this needs what only a restart brings ({', '.join(restart)})"
        raise ConfigError(f"the changes do not go by themselves: {what}", hint=hint) from error
    return settings
