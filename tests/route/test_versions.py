"""Versions of a plugin side by side get the same series, each by its own veto."""

from __future__ import annotations

from node.route import route, route_versions
from tests.route.material import BRAIN_MR, film, manifest, rule, series

CHEST = manifest("chest", modality=("CR", "DX"))
NEWER = manifest("chest", version="1.1", modality=("DX",))
PLUGINS = {"chest": CHEST, "chest@1.1": NEWER}


def test_what_one_version_gets_the_other_gets_too() -> None:
    routes = [rule(modality=("DX",), destinations=("pacs",))]
    first, second = route_versions([film()], routes, PLUGINS, "all", ["pacs"]).chosen
    assert (first.plugin, first.plugin_version, second.plugin, second.plugin_version) == (
        "chest",
        "1.0",
        "chest@1.1",
        "1.1",
    )
    assert (first.series, first.destinations, first.route) == (second.series, second.destinations, second.route)


def test_each_version_has_its_own_veto_and_reasons_are_those_of_the_route() -> None:
    films = [film("1.1", modality="CR"), film("1.2")]
    routing = route_versions(films, [rule(modality=("CR", "DX"))], PLUGINS)
    assert [(one.plugin, one.series) for one in routing.chosen] == [("chest", ("1.1", "1.2")), ("chest@1.1", ("1.2",))]
    assert routing.reasons == ()


def test_a_version_that_a_route_names_is_left_to_that_route() -> None:
    routes = [rule("old", plugin="chest", modality=("CR",)), rule("new", plugin="chest@1.1", modality=("DX",))]
    assert [one.plugin for one in route_versions([film()], routes, PLUGINS).chosen] == ["chest@1.1"]


def test_the_first_match_counts_for_each_version() -> None:
    routes = [rule("a", modality=("DX",)), rule("b", modality=("DX",))]
    chosen = route_versions([film()], routes, PLUGINS, "first").chosen
    assert [(one.plugin, one.route) for one in chosen] == [("chest", "a"), ("chest@1.1", "a")]


def test_without_further_versions_nothing_is_different() -> None:
    films, routes = [film(), series(BRAIN_MR)], [rule(modality=("DX",))]
    assert route_versions(films, routes, {"chest": CHEST}) == route(films, routes, {"chest": CHEST})
