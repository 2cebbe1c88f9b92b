"""What a running node takes over of a changed configuration, and what is left for a restart."""

from __future__ import annotations

from typing import Any

import pytest

from node.config import (
    Destination,
    FetchRule,
    GoLiveSettings,
    Hl7Settings,
    NodeSettings,
    PeerRule,
    ReceiveSettings,
    Route,
    Settings,
    StorageSettings,
    StudySettings,
    WatchSettings,
    WebSettings,
    Worklist,
    change,
)
from node.errors import ConfigError

PACS = Destination(name="pacs", kind="dicom", ae_title="PACS")
VNA = Destination(name="vna", kind="dicom", ae_title="VNA")
FILMS = Route(name="films", plugin="chest", modality=("DX",), destinations=("pacs",))
MR = Route(name="mr", plugin="brain", modality=("MR",), destinations=("pacs",))


def settings(**changes: Any) -> Settings:
    return Settings(**{"destinations": (PACS,), "routes": (FILMS,), **changes})


def test_nothing_differs() -> None:
    found = change(settings(), settings())
    assert (found.live, found.restart) == ((), ())


def test_rules_are_taken_over_and_named_one_by_one() -> None:
    changed = FILMS.model_copy(update={"modality": ("CR", "DX")})
    new = settings(routes=(MR, changed), study=StudySettings(settled_seconds=2), match="first")
    found = change(settings(), new)
    assert found.live == ("study.settled_seconds", "match", "routes: 'mr' is new", "routes: 'films' is changed")
    assert found.restart == ()
    assert found.settings == new


def test_the_order_of_routes_counts() -> None:
    found = change(settings(routes=(FILMS, MR)), settings(routes=(MR, FILMS)))
    assert found.live == ("routes: another order",)
    assert [route.name for route in found.settings.routes] == ["mr", "films"]


def test_how_models_are_watched_is_taken_over() -> None:
    new = settings(watch=WatchSettings(every_hours=1, pause_on=("inputs",)))
    found = change(settings(), new)
    assert found.live == ("watch.every_hours", "watch.pause_on")
    assert (found.restart, found.settings) == ((), new)


def test_of_http_is_taken_over_what_hangs_on_no_socket_and_no_file() -> None:
    asked = WebSettings(requests_per_minute=9, allowed_hosts=("a",), show_patients=True, result_objective_seconds=9)
    live = tuple(f"web.{name}" for name in sorted(asked.model_fields_set, key=list(WebSettings.model_fields).index))
    found = change(settings(), settings(web=asked, go_live=GoLiveSettings(min_cases=9)))
    assert (found.live, found.restart) == ((*live, "go_live.min_cases"), ())
    found = change(settings(), settings(web=WebSettings(enabled=True, port=9, tls=True, behind_proxy=True)))
    assert (found.live, found.restart) == ((), ("web.enabled", "web.port", "web.tls", "web.behind_proxy"))


def test_who_may_come_in_is_taken_over_and_the_port_is_not() -> None:
    live = Hl7Settings(addresses=("10.1.0.0/16",), applications=("RIS*",), longest_mb=1, idle_seconds=9)
    door = NodeSettings(allowed_calling=("CT1",), check_called=not NodeSettings().check_called)
    new = settings(hl7=live, peers=(PeerRule(name="ct", ae_title="CT1"),), node=door)
    found = change(settings(), new)
    names = {f"hl7.{name}" for name in ("addresses", "applications", "longest_mb", "idle_seconds")}
    assert set(found.live) == {*names, "peers: 'ct' is new", "node.allowed_calling", "node.check_called"}
    assert (found.restart, found.settings) == ((), new)
    found = change(settings(), settings(hl7=Hl7Settings(enabled=True, port=9, tls=True, connections=2)))
    assert (found.live, found.restart) == ((), ("hl7.enabled", "hl7.port", "hl7.tls", "hl7.connections"))


def test_what_would_open_a_door_to_anybody_is_refused() -> None:
    old = settings(hl7=Hl7Settings(enabled=True, host="0.0.0.0", addresses=("10.1.0.0/16",)))  # noqa: S104
    with pytest.raises(ConfigError, match="anybody could send reports"):
        change(old, settings(hl7=Hl7Settings()))


def test_what_sockets_and_processes_were_made_with_stays_as_it_was() -> None:
    new = settings(
        node=NodeSettings(port=104), storage=StorageSettings(keep_days=3, min_free_mb=9), study=StudySettings()
    )
    found = change(settings(), new)
    assert found.live == ("storage.keep_days",)
    assert found.restart == ("node.port", "storage.min_free_mb")
    assert found.settings.node.port == 11112
    assert found.settings.storage == StorageSettings(keep_days=3)


def test_a_destination_that_is_asked_to_promise_needs_a_restart() -> None:
    asking = VNA.model_copy(update={"storage_commitment": True})
    found = change(settings(), settings(destinations=(PACS, asking)))
    assert found.live == ()
    assert found.restart == ("destinations: 'vna' is new (storage_commitment)",)
    assert found.settings == settings()


def test_an_archive_that_is_followed_needs_a_restart() -> None:
    orthanc = Destination(name="orthanc", kind="orthanc", url="http://127.0.0.1:8042", follow=True)
    found = change(settings(), settings(destinations=(PACS, orthanc)))
    assert found.restart == ("destinations: 'orthanc' is new (follow)",)


def test_where_results_of_workitems_go_needs_a_restart() -> None:
    worklists = (Worklist(name="ris", url="http://ris", codes={"AI^99SITE": "chest"}),)
    found = change(settings(worklists=worklists), settings(worklists=worklists, destinations=(PACS, VNA)))
    assert found.restart == ("destinations: 'vna' is new (worklists)",)
    with pytest.raises(ConfigError, match="the plugin 'chest', to which no route leads"):
        change(settings(worklists=worklists), settings(routes=(MR,)))


def test_who_gets_reports_of_our_own_promises_needs_a_restart() -> None:
    receive = ReceiveSettings(promise_storage=True)
    found = change(settings(receive=receive), settings(receive=receive, destinations=(PACS, VNA)))
    assert found.restart == ("destinations: 'vna' is new (receive.promise_storage: to whom reports go)",)


def test_an_archive_that_is_fetched_from_needs_a_restart() -> None:
    fetch = (FetchRule(name="nightly", archive="pacs", modality="DX"),)
    moved = PACS.model_copy(update={"port": 11113})
    found = change(settings(fetch=fetch), settings(fetch=fetch, destinations=(moved,)))
    assert found.restart == ("destinations: 'pacs' is changed (one of them is fetched from)",)
    assert change(settings(fetch=fetch), settings(fetch=fetch, destinations=(PACS, VNA))).restart == ()


def test_what_goes_together_is_refused_when_half_of_it_needs_a_restart() -> None:
    asking = VNA.model_copy(update={"storage_commitment": True})
    there = FILMS.model_copy(update={"destinations": ("vna",)})
    with pytest.raises(ConfigError, match=r"route 'films' names the unknown destination 'vna'.*only a restart brings"):
        change(settings(), settings(destinations=(PACS, asking), routes=(there,)))
