"""kill -9 of any process at any time: what was acknowledged is answered, once."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from node.kinds import PROFILES
from node.states import AnalysisState, StudyState
from tests.peers import Hospital, RealStorescp, RunningNode, storescu, until
from tests.peers.dcmtk import acknowledged, start_storescu
from tests.peers.hospital import uids

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(400)]

StartNode = Callable[..., RunningNode]
ROUTE = {"name": "everything", "plugin": "brightness", "destinations": ["archive"]}
#: Every edge of a study's way through the node, in order.
EDGES = (
    StudyState.RECEIVING,
    StudyState.COMPLETE,
    AnalysisState.QUEUED,
    AnalysisState.CLASSIFIED,
    AnalysisState.REPORTED,
    AnalysisState.DELIVERED,
)
_ORDER = {state: number for number, state in enumerate((*EDGES, StudyState.ROUTED, StudyState.CLOSED))}


def send_until_taken(node: RunningNode, paths: Sequence[Path]) -> None:
    """As a modality does: what was not acknowledged is sent again."""
    missing = list(paths)

    def taken() -> bool:
        done = set(storescu(node.port, missing).taken)
        missing[:] = [path for path in missing if path not in done]
        return not missing

    until(taken, lambda: f"every image is acknowledged; log:\n{node.log()[-2000:]}")


def progress(node: RunningNode, uid: str) -> int:
    """How far a study has come, as an index of EDGES; -1 before it has."""
    study = node.study(uid)
    if study is None:
        return -1
    if study.state in (StudyState.RECEIVING, StudyState.COMPLETE):
        return _ORDER[study.state]
    return max((_ORDER.get(analysis.state, 99) for analysis in node.ledger.analyses.of_study(uid)), default=1)


def assert_one_result_set_each(storescp: RealStorescp, studies: Iterable[str]) -> None:
    found = storescp.objects()
    kinds = {study: sorted(one.kind for one in found if one.study == study) for study in studies}
    assert {study: made for study, made in kinds.items() if made != ["sc", "sr"]} == {}
    assert len({one.uid for one in found}) == 2 * len(kinds)


@pytest.fixture
def archive(tmp_path: Path) -> Any:
    with RealStorescp(tmp_path / "archive") as running:
        yield running


@pytest.mark.parametrize(
    "which", ["worker", *(pytest.param(one, marks=pytest.mark.slow) for one in ("group", "main", "receiver"))]
)
def test_killed_at_every_state_edge_each_study_is_answered_once(
    start_node: StartNode, archive: RealStorescp, hospital: Hospital, which: str
) -> None:
    node = start_node(destinations=[archive.destination("archive")], routes=[ROUTE])
    studies = []
    for number, edge in enumerate(EDGES, 1):
        uid, film = hospital.study_uid(number), hospital.film(number)
        studies.append(uid)
        send_until_taken(node, [film])
        until(
            lambda uid=uid, edge=edge: progress(node, uid) >= _ORDER[edge],
            lambda edge=edge: f"the study is {edge}; log:\n{node.log()[-2000:]}",
            pause=0.002,
        )
        if which == "worker":
            until(lambda: node.pids("worker"), "a worker runs")
        node.kill(which)
        node.restart()
    node.await_ended(studies)
    assert_one_result_set_each(archive, studies)
    assert all(
        analysis.state is AnalysisState.DELIVERED
        for study in studies
        for analysis in node.ledger.analyses.of_study(study)
    )


def kill_at_random(node: RunningNode, hospital: Hospital, kills: int, seed: int) -> dict[str, list[Path]]:
    """Send studies of two films until that many kills are over; study -> its films, all acknowledged."""
    draw, over, sent = random.Random(seed), threading.Event(), {}

    def modality(first: int) -> None:
        number = first
        while not over.is_set():
            films = [hospital.film(number, modality="CR", image=image) for image in (1, 2)]
            sent[hospital.study_uid(number)] = films
            send_until_taken(node, films)
            number += 2

    senders = [threading.Thread(target=modality, args=(first,)) for first in (1, 2)]
    for sender in senders:
        sender.start()
    try:
        for _ in range(kills):
            over.wait(draw.uniform(0.0, 1.5))
            which = draw.choice(["main", "worker", "receiver", "group"])
            node.kill(which)
            node.restart()
    finally:
        over.set()
        for sender in senders:
            sender.join()
    return sent


def test_killed_at_random_moments_each_study_is_answered_once(
    start_node: StartNode, archive: RealStorescp, hospital: Hospital
) -> None:
    node = start_node(destinations=[archive.destination("archive")], routes=[ROUTE])
    sent = kill_at_random(node, hospital, kills=6, seed=1)
    node.await_ended(sent, 120)
    assert_answered(node, archive, sent)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", [2, 3])
def test_killed_fifty_times_each_study_is_answered_once(
    start_node: StartNode, archive: RealStorescp, hospital: Hospital, seed: int
) -> None:
    node = start_node(destinations=[archive.destination("archive")], routes=[ROUTE])
    sent = kill_at_random(node, hospital, kills=50, seed=seed)
    node.await_ended(sent, 600)
    assert_answered(node, archive, sent)


def assert_answered(node: RunningNode, archive: RealStorescp, sent: dict[str, list[Path]]) -> None:
    """Every acknowledged film is in exactly one result set of each revision of its study, the last of which has all."""
    found = archive.objects()
    for study, films in sent.items():
        of_study = [one for one in found if one.study == study]
        analyses = node.ledger.analyses.of_study(study)
        delivered = [one for one in analyses if one.state is AnalysisState.DELIVERED]
        assert delivered[-1].revision == node.ledger.studies.get(study).revision
        made = {result.sop_instance_uid for one in analyses for result in node.ledger.analyses.results(one.id)}
        assert {one.uid for one in of_study} <= made
        results = node.ledger.analyses.results(delivered[-1].id)
        last = {result.sop_instance_uid for result in results if result.kind in PROFILES["sc+sr"]}
        complete = [one for one in of_study if one.kind == "sr" and set(uids(films)) <= one.sources]
        assert len(complete) == 1
        assert complete[0].uid in last
        assert last <= {one.uid for one in of_study}


def test_receiver_killed_inside_an_association_keeps_what_it_acknowledged(
    start_node: StartNode, archive: RealStorescp, hospital: Hospital
) -> None:
    node = start_node(destinations=[archive.destination("archive")], routes=[ROUTE])
    uid, slices = hospital.study_uid(), hospital.slices(100)
    sender = start_storescu(node.port, slices)
    until(lambda: (study := node.study(uid)) and study.images >= 10, "ten slices came", pause=0.002)
    node.kill("receiver")
    output, _ = sender.communicate(timeout=60)
    taken = acknowledged(sender.returncode, output.decode()).taken
    assert 0 < len(taken) < len(slices)
    node.restart()

    known = {
        instance.sop_instance_uid: instance for one in node.ledger.studies.series(uid) for instance in one.instances
    }
    assert set(uids(taken)) <= set(known)
    for path in taken:
        kept = node.data / "spool" / known[path.stem].path
        assert kept.read_bytes().endswith(path.read_bytes()[-2000:])
    send_until_taken(node, slices)
    node.await_ended([uid])
    assert node.ledger.studies.get(uid).images == len(slices)
    assert any(set(uids(slices)) <= one.sources for one in archive.objects() if one.kind == "sr")


@pytest.mark.slow
def test_study_whose_receiver_was_killed_is_completed_without_it(
    start_node: StartNode, archive: RealStorescp, hospital: Hospital
) -> None:
    node = start_node(destinations=[archive.destination("archive")], routes=[ROUTE])
    uid = hospital.study_uid()
    sender = start_storescu(node.port, hospital.slices(100))
    until(lambda: (study := node.study(uid)) and study.images >= 10, "ten slices came", pause=0.002)
    node.kill("receiver")
    with contextlib.suppress(ValueError):
        sender.communicate(timeout=60)
    node.restart()
    node.await_ended([uid], 30)
