"""Series against routes and plugins: who gets what, and every no with its reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.config import Route
from node.plugin import Accepts
from node.route import Routing, explain, route
from node.study import Attributes, Series
from tests.route.material import BRAIN_MR, CHEST_FILM, DX, MR, SC, film, manifest, rule, series

CHEST = manifest("chest", modality=("CR", "DX"))
BRAIN = manifest("brain", version="2.1", modality=("MR",), min_images=2)
PLUGINS = {"chest": CHEST, "brain": BRAIN}


def only_reason(routing: Routing) -> str:
    (reason,) = routing.reasons
    return reason


def test_a_series_goes_to_the_plugin_of_the_route_that_matches() -> None:
    routing = route([film()], [rule(modality=("DX",), destinations=("pacs",))], PLUGINS, "all", ["pacs"])
    (chosen,) = routing.chosen
    assert (chosen.plugin, chosen.plugin_version, chosen.route) == ("chest", "1.0", "chest films")
    assert (chosen.series, chosen.destinations) == (("1.2.3",), ("pacs",))
    assert routing.reasons == ()


def test_a_no_names_series_route_found_and_wanted() -> None:
    routing = route([series(BRAIN_MR)], [rule(modality=("CR", "DX"))], PLUGINS)
    assert routing.chosen == ()
    assert only_reason(routing) == "series 1.2.3: route 'chest films' does not match: modality is MR, wanted CR or DX"


def test_several_routes_to_one_plugin_become_one_analysis() -> None:
    rules = [
        rule("films", modality=("DX",), destinations=("pacs", "folder")),
        rule("adults", min_age=18, destinations=("folder", "ward")),
    ]
    routing = route([film("1.1"), film("1.2", modality="CR")], rules, PLUGINS, "all", ["pacs", "folder", "ward"])
    (chosen,) = routing.chosen
    assert chosen.route == "films, adults"
    assert chosen.series == ("1.1", "1.2")
    assert chosen.destinations == ("pacs", "folder", "ward")


def test_two_plugins_get_two_analyses() -> None:
    rules = [rule("films", modality=("DX",)), rule("brain", plugin="brain", modality=("MR",))]
    routing = route([film("1.1"), series(BRAIN_MR, BRAIN_MR, uid="1.2")], rules, PLUGINS)
    assert [(one.plugin, one.series) for one in routing.chosen] == [("chest", ("1.1",)), ("brain", ("1.2",))]
    assert len(routing.reasons) == 2


def test_the_plugin_has_a_veto_with_its_own_reasons() -> None:
    routing = route([series(BRAIN_MR)], [rule("everything", plugin="brain")], PLUGINS)
    assert only_reason(routing) == (
        "series 1.2.3: route 'everything' matches, but plugin 'brain' does not accept it:"
        " number of images is 1, wanted at least 2"
    )


VETOES: list[tuple[dict[str, Any], str]] = [
    ({"modality": ("MR",)}, "modality is DX, wanted MR"),
    ({"sop_class": (MR,)}, f"SOP class is {DX}, wanted {MR}"),
    ({"body_part": ("HAND",)}, "body part is CHEST, wanted HAND"),
    ({"view": ("LL",)}, "view is PA, wanted LL"),
    ({"min_images": 3}, "number of images is 1, wanted at least 3"),
    ({"exclude_image_type": ("PRIMARY",)}, "image type is ORIGINAL\\PRIMARY, wanted none with PRIMARY"),
]


@pytest.mark.parametrize(("accepts", "reason"), VETOES, ids=str)
def test_every_condition_of_a_manifest_can_say_no(accepts: dict[str, Any], reason: str) -> None:
    found = film(image_type=("ORIGINAL", "PRIMARY"))
    routing = route([found], [rule()], {"chest": manifest(**accepts)})
    assert routing.chosen == ()
    assert only_reason(routing).endswith(reason)


@pytest.mark.parametrize("accept_missing", [True, False])
def test_a_manifest_decides_about_missing_body_part_and_view(accept_missing: bool) -> None:
    accepts = {"body_part": ("CHEST",), "view": ("PA",), "accept_missing": accept_missing}
    routing = route([film(body_part="", view="")], [rule()], {"chest": manifest(**accepts)})
    assert bool(routing.chosen) is accept_missing


def test_thorax_is_the_chest_for_a_manifest_too() -> None:
    assert route([film(body_part="THORAX")], [rule()], {"chest": manifest(body_part=("CHEST",))}).chosen


def test_frames_count_as_images_and_refused_ones_do_not() -> None:
    volume = replace(BRAIN_MR, frames=5)
    reformat = replace(BRAIN_MR, frames=50, image_type=("DERIVED", "SECONDARY", "MPR"))
    plugins = {"brain": manifest("brain", min_images=6, exclude_image_type=("MPR",))}
    routing = route([series(volume, reformat)], [rule(plugin="brain")], plugins)
    assert only_reason(routing).endswith("number of images is 5, wanted at least 6")


def test_a_plugin_that_is_not_there_is_a_reason() -> None:
    routing = route([film()], [rule(plugin="chset")], PLUGINS)
    assert only_reason(routing) == (
        "series 1.2.3: route 'chest films' does not take it: there is no plugin 'chset'; installed: brain or chest"
    )
    assert "installed: none" in only_reason(route([film()], [rule()], {}))


def test_a_localizer_is_left_out_with_one_sentence_for_all_routes() -> None:
    scout = film(image_type=("ORIGINAL", "PRIMARY", "LOCALIZER"))
    routing = route([scout], [rule("a"), rule("b")], PLUGINS)
    assert "left out: it is a localizer (Image Type (0008,0008)" in only_reason(routing)
    assert "include_excluded" in only_reason(routing)


def test_a_route_may_ask_for_what_is_left_out() -> None:
    capture = film(sop_class_uid=SC)
    rules = [rule("strict"), rule("lenient", include_excluded=True)]
    routing = route([capture], rules, PLUGINS)
    assert routing.chosen[0].route == "lenient"
    assert "secondary capture" in only_reason(routing)


def test_no_route_can_ask_for_a_report() -> None:
    report = film(modality="SR", sop_class_uid="1.2.840.10008.5.1.4.1.1.88.33")
    routing = route([report], [rule(include_excluded=True)], {"chest": manifest()})
    assert "it is no image but a structured report" in only_reason(routing)
    assert "include_excluded" not in only_reason(routing)


def test_with_match_first_a_series_goes_to_one_route_only() -> None:
    rules = [rule("no", modality=("MR",)), rule("films"), rule("more", plugin="brain")]
    plugins = {"chest": manifest(), "brain": manifest("brain")}
    routing = route([film()], rules, plugins, "first")
    assert [one.route for one in routing.chosen] == ["films"]
    assert routing.reasons[1].endswith("only the first match counts, and that is route 'films'")
    assert [one.route for one in route([film()], rules, plugins, "all").chosen] == ["films", "more"]


def test_a_route_whose_plugin_vetoes_is_no_first_match() -> None:
    rules = [rule("brain", plugin="brain"), rule("films")]
    assert [one.route for one in route([film()], rules, PLUGINS, "first").chosen] == ["films"]


def test_a_fallback_is_asked_last_and_only_for_what_nobody_took() -> None:
    rules = [rule("rest", plugin="brain", fallback=True), rule("films", modality=("DX",))]
    plugins = {"chest": manifest(), "brain": manifest("brain")}
    routing = route([film("1.1"), film("1.2", modality="CR")], rules, plugins)
    assert {one.plugin: one.series for one in routing.chosen} == {"chest": ("1.1",), "brain": ("1.2",)}
    assert any(
        reason == "series 1.1: route 'rest' does not take it: it is a fallback, and route 'films' took the series"
        for reason in routing.reasons
    )


def test_the_sender_is_left_for_the_caller_to_resolve() -> None:
    (chosen,) = route([film()], [rule(destinations=("@sender",))], PLUGINS).chosen
    assert chosen.destinations == ("@sender",)


def test_an_unknown_destination_is_a_reason_and_the_others_are_kept() -> None:
    routing = route([film()], [rule(destinations=("pacs", "gone"))], PLUGINS, "all", ["pacs"])
    assert routing.chosen[0].destinations == ("pacs",)
    assert only_reason(routing) == "route 'chest films' names the unknown destination 'gone': nothing is sent there"


def test_nothing_to_decide_is_a_reason_too() -> None:
    assert only_reason(route([film()], [], PLUGINS)) == "the configuration has no routes"
    assert only_reason(route([], [rule()], PLUGINS)) == "the study has no object that could be routed"


def test_explain_shows_every_condition_that_was_looked_at() -> None:
    rules = [rule(modality=("CR", "DX"), view=("LL",)), rule("gone", plugin="gone")]
    table = explain(route([film()], rules, PLUGINS))
    assert [(line.route, line.what, line.found, line.wanted, line.holds) for line in table] == [
        ("chest films", "modality", "DX", "CR or DX", True),
        ("chest films", "view", "PA", "LL", False),
        ("chest films", "plugin 'chest': modality", "DX", "CR or DX", True),
        ("chest films", "not taken", "", "", False),
        ("gone", "passed over", "there is no plugin 'gone'; installed: brain or chest", "", False),
        ("gone", "not taken", "", "", False),
    ]


def test_explain_shows_exclusions_and_what_was_taken() -> None:
    table = explain(route([film(sop_class_uid=SC), film("1.9")], [rule()], PLUGINS))
    assert [line.what for line in table] == [
        "exclusion",
        "plugin 'chest': modality",
        "not taken",
        "plugin 'chest': modality",
        "taken",
    ]


# Whatever comes in, every series and every route get an answer.

_words = st.text(max_size=12) | st.sampled_from(["CHEST", "MR", "DX", "LOCALIZER", DX, MR, SC, "[", "*", "\n"])
_few = st.lists(_words, max_size=3).map(tuple)
_attributes = st.builds(
    Attributes,
    modality=_words,
    sop_class_uid=_words,
    image_type=_few,
    body_part=_words,
    view=_words,
    age_years=st.none() | st.floats(allow_nan=True, allow_infinity=True),
    series_description=_words,
    study_description=_words,
    manufacturer=_words,
    frames=st.integers(-5, 1000),
    calling_ae=_words,
)
_series = st.lists(st.lists(_attributes, min_size=1, max_size=3), max_size=4).map(
    lambda all_of: [series(*one, uid=f"1.{number}") for number, one in enumerate(all_of)]
)
_rules = st.lists(
    st.builds(
        lambda **given: given,
        plugin=st.sampled_from(["chest", "brain", "gone"]),
        modality=_few,
        body_part=_few,
        series_description=_few,
        not_series_description=_few,
        calling_ae=_few,
        min_age=st.none() | st.floats(0, 200),
        accept_missing=st.booleans(),
        include_excluded=st.booleans(),
        fallback=st.booleans(),
        destinations=st.lists(st.sampled_from(["pacs", "gone", "@sender"]), max_size=2).map(tuple),
    ),
    max_size=4,
).map(lambda all_of: [Route(name=f"r{number}", **one) for number, one in enumerate(all_of)])
_accepts = st.builds(Accepts, modality=_few, view=_few, min_images=st.integers(0, 3), exclude_image_type=_few)


@given(found=_series, rules=_rules, accepts=_accepts, match=st.sampled_from(["all", "first"]))
@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow])
def test_every_series_and_every_route_get_a_decision(
    found: list[Series], rules: list[Route], accepts: Accepts, match: Any
) -> None:
    plugins = {name: replace(manifest(name), accepts=accepts) for name in ("chest", "brain")}
    routing = route(found, rules, plugins, match, ["pacs"])
    assert [(one.series_instance_uid, one.route) for one in routing.decisions] == [
        (one.series_instance_uid, rule.name) for one in found for rule in rules
    ]
    assert all(one.reason for one in routing.decisions)
    for decision in routing.decisions:
        chosen = [one for one in routing.chosen if one.plugin == decision.plugin]
        if decision.taken:
            assert decision.series_instance_uid in chosen[0].series
        else:
            assert decision.reason in routing.reasons
    for reason in routing.reasons:
        assert reason.isprintable()
    if match == "first":
        for one in found:
            takers = [d for d in routing.decisions if d.taken and d.series_instance_uid == one.series_instance_uid]
            assert len(takers) <= 1
    assert len({one.plugin for one in routing.chosen}) == len(routing.chosen)
    assert explain(routing) is not None


def test_routing_does_not_depend_on_the_order_of_series() -> None:
    found = [film("1.1"), series(BRAIN_MR, BRAIN_MR, uid="1.2"), series(CHEST_FILM, uid="1.3")]
    rules = [rule("films", modality=("DX",)), rule("brain", plugin="brain", modality=("MR",))]
    forward, backward = route(found, rules, PLUGINS), route(found[::-1], rules, PLUGINS)
    assert {one.plugin: set(one.series) for one in forward.chosen} == {
        one.plugin: set(one.series) for one in backward.chosen
    }
