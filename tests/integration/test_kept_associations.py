"""The whole node and an association that it keeps to its archive."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.deliver.peers import EvilPacs
from tests.peers import Hospital, RunningNode, storescu, until

# pynetdicom drops the socket of an association that it has released as acceptor without closing it.
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")]

StartNode = Callable[..., RunningNode]


def archive(pacs: EvilPacs, keep_seconds: float) -> dict[str, object]:
    return {
        "name": "archive",
        "kind": "dicom",
        "host": "127.0.0.1",
        "port": pacs.port,
        "ae_title": "EVIL",
        "keep_seconds": keep_seconds,
    }


def answer(node: RunningNode, hospital: Hospital, number: int) -> None:
    film = hospital.film(number)
    assert storescu(node.port, [film]).taken == [film]
    node.await_ended([hospital.study_uid(number)])


def node_of(start_node: StartNode, pacs: EvilPacs, keep_seconds: float) -> RunningNode:
    route = {"name": "everything", "plugin": "brightness", "destinations": ["archive"]}
    return start_node(destinations=[archive(pacs, keep_seconds)], routes=[route])


def test_studies_share_an_association_which_a_node_that_stops_releases(
    start_node: StartNode, hospital: Hospital
) -> None:
    with EvilPacs() as pacs:
        node = node_of(start_node, pacs, 60)
        for number in (1, 2):
            answer(node, hospital, number)
        assert (len(pacs.calling), pacs.ended) == (1, [])
        assert node.stop() == 0
        until(lambda: pacs.ended == ["released"], "the association is released")
    assert len(pacs.stored) == len(set(pacs.stored)) >= 4


@pytest.mark.slow
def test_an_association_that_nothing_goes_over_is_released(start_node: StartNode, hospital: Hospital) -> None:
    with EvilPacs() as pacs:
        answer(node_of(start_node, pacs, 0.5), hospital, 1)
        until(lambda: pacs.ended == ["released"], "the association is released")
