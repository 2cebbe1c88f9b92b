"""Versions of a plugin side by side: what one of them gets, the others get as well."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from node.config import Route
from node.plugin import Manifest
from node.route.routing import Match, Routing, route
from node.stages import is_beside, plain_name
from node.study import Series


def route_versions(
    series: Sequence[Series],
    routes: Sequence[Route],
    manifests: Mapping[str, Manifest],
    match: Match = "all",
    destinations: Collection[str] = (),
) -> Routing:
    """As :func:`node.route.route`, and a route to `chest` leads to `chest@1.1` as well, if that is there.

    Each version is asked as if it were the only one, so that its own veto counts; a version that a route names itself
    is left to that route. Reasons are those of the plugins that the routes name.
    """
    found = route(series, routes, manifests, match, destinations)
    named = {rule.plugin for rule in routes}
    for version in sorted(name for name in manifests if is_beside(name) and name not in named):
        led = [_led(rule, version) for rule in routes]
        chosen = route(series, led, manifests, match, destinations).chosen
        found = replace(found, chosen=(*found.chosen, *(one for one in chosen if one.plugin == version)))
    return found


def _led(rule: Route, version: str) -> Route:
    return rule.model_copy(update={"plugin": version}) if rule.plugin == plain_name(version) else rule
