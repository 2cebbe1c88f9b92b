"""The decision: every series against every route."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from node.comparison import PriorRule
from node.config import SENDER, Route
from node.plugin import Manifest
from node.route import conditions, veto
from node.route.check import Check, either, shown
from node.route.exclusions import Exclusion, exclusion_of, kind_without_image
from node.study import Series

Match = Literal["all", "first"]


@dataclass(frozen=True)
class Decision:
    """What one route says of one series.

    Attributes:
        series_instance_uid: the series.
        route: name of the route.
        plugin: that the route names.
        excluded: why the series is left out before its conditions count; empty when it is not.
        conditions: of the route; all that are given.
        accepts: of the plugin's manifest; all that are given.
        passed_over: why it was not taken although everything holds (another route has it, the plugin is not there).
    """

    series_instance_uid: str
    route: str
    plugin: str
    excluded: str = ""
    conditions: tuple[Check, ...] = ()
    accepts: tuple[Check, ...] = ()
    passed_over: str = ""

    @property
    def taken(self) -> bool:
        """Whether the plugin gets the series by this route."""
        checks = (*self.conditions, *self.accepts)
        return not self.excluded and not self.passed_over and all(check.holds for check in checks)

    @property
    def reason(self) -> str:
        """One sentence for the operator; the first party that says no is heard, with all that it has against it."""
        begin = f"series {shown(self.series_instance_uid)}: "
        if self.excluded:
            return f"{begin}left out: {self.excluded}"
        if against := _against(self.conditions):
            return f"{begin}route '{self.route}' does not match: {against}"
        if against := _against(self.accepts):
            return f"{begin}route '{self.route}' matches, but plugin '{self.plugin}' does not accept it: {against}"
        if self.passed_over:
            return f"{begin}route '{self.route}' does not take it: {self.passed_over}"
        return f"{begin}route '{self.route}' takes it for plugin '{self.plugin}'"


@dataclass(frozen=True)
class Chosen:
    """What one plugin gets of a study; several routes to one plugin are one analysis.

    Attributes:
        plugin: its name.
        plugin_version: of its manifest.
        route: names of the routes, joined by a comma.
        series: Series Instance UIDs, of all these routes together.
        destinations: of all these routes together; :data:`node.config.SENDER` is left for the caller to resolve.
        prior: what it is compared with, as the first of these routes that wants that says; None: with nothing.
    """

    plugin: str
    plugin_version: str
    route: str
    series: tuple[str, ...]
    destinations: tuple[str, ...]
    prior: PriorRule | None = None


@dataclass(frozen=True)
class Routing:
    """The outcome: what each plugin gets, every decision, and a sentence for every no."""

    chosen: tuple[Chosen, ...]
    decisions: tuple[Decision, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Line:
    """A line of the table that explains a routing: one condition, or one remark, for one series and one route."""

    series_instance_uid: str
    route: str
    what: str
    found: str
    wanted: str
    holds: bool


def route(
    series: Sequence[Series],
    routes: Sequence[Route],
    manifests: Mapping[str, Manifest],
    match: Match = "all",
    destinations: Collection[str] = (),
) -> Routing:
    """Decide which series goes to which plugin.

    Args:
        series: of one study.
        routes: in the order of the configuration.
        manifests: of the plugins that are there, by name.
        match: whether all routes, or only the first that takes it, get a series.
        destinations: names that are known.
    """
    decisions = tuple(one for found in series for one in _decide(found, routes, manifests, match))
    reasons = [one.reason for one in decisions if not one.taken]
    if not routes:
        reasons.append("the configuration has no routes")
    elif not series:
        reasons.append("the study has no object that could be routed")
    chosen = _merge(decisions, routes, manifests, destinations)
    reasons.extend(_unknown_destinations(decisions, routes, destinations))
    return Routing(chosen, decisions, tuple(dict.fromkeys(reasons)))


def explain(routing: Routing) -> tuple[Line, ...]:
    """Every condition that was looked at, as a table."""
    return tuple(line for decision in routing.decisions for line in _lines(decision))


def _decide(series: Series, routes: Sequence[Route], manifests: Mapping[str, Manifest], match: Match) -> list[Decision]:
    """One decision for each route, in their order; fallback routes are asked after all others."""
    decided: dict[str, Decision] = {}
    taker = ""
    for rule in sorted(routes, key=lambda rule: rule.fallback):
        passed_over = _passed_over(rule, taker, match)
        decided[rule.name] = _ask(series, rule, manifests, passed_over)
        if not taker and decided[rule.name].taken:
            taker = rule.name
    return [decided[rule.name] for rule in routes]


def _passed_over(rule: Route, taker: str, match: Match) -> str:
    if not taker:
        return ""
    if rule.fallback:
        return f"it is a fallback, and route '{taker}' took the series"
    return f"only the first match counts, and that is route '{taker}'" if match == "first" else ""


def _ask(series: Series, rule: Route, manifests: Mapping[str, Manifest], passed_over: str) -> Decision:
    manifest = manifests.get(rule.plugin)
    if manifest is None:
        known = either(sorted(manifests)) if manifests else "none"
        passed_over = f"there is no plugin '{rule.plugin}'; installed: {known}"
    exclusion = exclusion_of(series, include_excluded=rule.include_excluded)
    return Decision(
        series_instance_uid=series.series_instance_uid,
        route=rule.name,
        plugin=rule.plugin,
        excluded=_excluded(series, exclusion) if exclusion else "",
        conditions=conditions.checks(rule, series.attributes),
        accepts=veto.checks(manifest.accepts, series) if manifest else (),
        passed_over=passed_over,
    )


def _excluded(series: Series, exclusion: Exclusion) -> str:
    kind = kind_without_image(series.attributes.sop_class_uid)
    if exclusion.always:
        return f"it is {exclusion.name}{f' but {kind}' if kind else ''} ({exclusion.clue})"
    return f"it is {exclusion.name} ({exclusion.clue}); a route with include_excluded = true would look at it"


def _against(checks: Sequence[Check]) -> str:
    return "; ".join(check.reason for check in checks if not check.holds)


def _merge(
    decisions: Sequence[Decision],
    routes: Sequence[Route],
    manifests: Mapping[str, Manifest],
    destinations: Collection[str],
) -> tuple[Chosen, ...]:
    known = {*destinations, SENDER}
    chosen = []
    for plugin in dict.fromkeys(rule.plugin for rule in routes):
        taken = [one for one in decisions if one.taken and one.plugin == plugin]
        used = [rule for rule in routes if rule.name in {one.route for one in taken}]
        if not taken:
            continue
        claims = manifests[plugin]
        priors = (rule.prior(claims.compare_with_prior, claims.comparable_views) for rule in used)
        chosen.append(
            Chosen(
                plugin=plugin,
                plugin_version=claims.version,
                route=", ".join(rule.name for rule in used),
                series=tuple(dict.fromkeys(one.series_instance_uid for one in taken)),
                destinations=tuple(dict.fromkeys(n for rule in used for n in rule.destinations if n in known)),
                prior=next((prior for prior in priors if prior), None),
            )
        )
    return tuple(chosen)


def _unknown_destinations(
    decisions: Sequence[Decision], routes: Sequence[Route], destinations: Collection[str]
) -> list[str]:
    used = {one.route for one in decisions if one.taken}
    known = {*destinations, SENDER}
    return [
        f"route '{rule.name}' names the unknown destination '{name}': nothing is sent there"
        for rule in routes
        if rule.name in used
        for name in rule.destinations
        if name not in known
    ]


def _lines(decision: Decision) -> list[Line]:
    uid, name = shown(decision.series_instance_uid), decision.route
    lines = [Line(uid, name, "exclusion", decision.excluded, "none", False)] if decision.excluded else []
    lines += [Line(uid, name, one.what, one.found, one.wanted, one.holds) for one in decision.conditions]
    accepts = f"plugin '{decision.plugin}': "
    lines += [Line(uid, name, accepts + one.what, one.found, one.wanted, one.holds) for one in decision.accepts]
    if decision.passed_over:
        lines.append(Line(uid, name, "passed over", decision.passed_over, "", False))
    return [*lines, Line(uid, name, "taken" if decision.taken else "not taken", "", "", decision.taken)]
