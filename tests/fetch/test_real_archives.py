"""Studies come from DCMTK's archive by Query/Retrieve, and a peer that cannot send them is understood."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from node.config import Destination
from node.errors import DeliveryError, DeliveryRefused
from node.fetch import Fetcher, Match, Wanted, find
from node.fetch.get import get
from node.fetch.move import move
from node.fetch.query import series_of
from node.fetch.status import Moved
from node.fetch.wanted import instances_of
from tests.fetch.conftest import Running, Start
from tests.peers import Hospital, RealOrthanc, RealStorescp, storescu
from tests.peers.hospital import CANARY, uids
from tests.peers.qrscp import RealDcmqrscp

pytestmark = pytest.mark.integration

StartArchive = Callable[[Running | None], Destination]


@pytest.fixture
def archive(tmp_path: Path, hospital: Hospital) -> Iterator[StartArchive]:
    """Starts an archive with a CT of 4 slices and an MR of 2; it knows the node that it is given."""
    with ExitStack() as stack:

        def start(node: Running | None) -> Destination:
            knows = {"RADNODE": node.settings.node.port} if node else {}
            peer = stack.enter_context(RealDcmqrscp(tmp_path / "archive", knows=knows))
            films = [*hospital.slices(4, patient=1), *hospital.slices(2, patient=2, modality="MR")]
            assert len(storescu(peer.port, films, called="ARCHIVE").taken) == 6
            return Destination(**peer.destination())

        yield start


def test_a_study_comes_whole_and_is_asked_for_once(receive: Start, archive: StartArchive, hospital: Hospital) -> None:
    node, uid = receive(), hospital.study_uid(1)
    peer = archive(node)
    (done,) = node.fetch(peer, study=uid)
    assert (done.instances, done.came, done.reason) == (4, 4, "")
    assert done.moved is not None
    assert done.moved.completed == 4
    (asked, about), (fetched, counts) = node.trail(uid)
    assert (asked, about) == ("fetch asked", {"archive": "archive", "instances": 4, "operator": "somebody"})
    assert (fetched, counts["came"], counts["completed"], counts["failed"]) == ("fetched", 4, 4, 0)
    (again,) = node.fetch(peer, study=uid)
    assert (again.came, again.moved) == (4, None), "all is here: the archive has nothing to do"
    (asked_again,) = node.fetch(peer, study=uid, again=True)
    assert asked_again.moved is not None
    assert len(node.trail(uid, "received again")) == 4, "the same objects are no new ones"


@pytest.mark.parametrize("retrieve", [move, get])
def test_some_instances_come_by_name(
    receive: Start, archive: StartArchive, hospital: Hospital, retrieve: Callable[..., Moved]
) -> None:
    node, uid = receive(), hospital.study_uid(1)
    peer, image = archive(node), hospital.image(1, series=2, image=2)
    wanted = sorted(uids(hospital.slices(4, patient=1))[1::2])
    found = series_of(peer, "RADNODE", uid, [*wanted, "1.2.3"])
    assert found == {image.SeriesInstanceUID: wanted}
    done = retrieve(peer, node.settings, instances_of(uid, image.SeriesInstanceUID, wanted))
    assert (done.completed, done.failed, done.reason) == (2, 0, "")
    assert node.ledger.fetches.came(uid) == 2
    assert node.ledger.fetches.lacking(uid, wanted) == []


@pytest.mark.parametrize("how", ["move", "get"])
def test_what_is_wanted_no_more_is_canceled(
    receive: Start, archive: StartArchive, hospital: Hospital, how: str
) -> None:
    """What has come by then is kept; its end is not known, so that it is asked for again as after a kill."""
    node, uid = receive(), hospital.study_uid(1)
    peer = archive(node).model_copy(update={"retrieve": how})
    fetcher = Fetcher(peer, node.settings, node.ledger, "somebody", lambda: node.ledger.fetches.came(uid) > 0)
    (done,) = fetcher.fetch([Match(uid, "", (), 4)])
    assert done.reason.startswith("status FE00: cancelled"), done
    assert 0 < done.came < 4
    row = node.ledger.fetches.of_study(uid)
    assert row is not None
    assert (row.ended_at, [action for action, _ in node.trail(uid)]) == (None, ["fetch asked"])
    (done,) = node.fetch(peer, study=uid)
    assert (done.came, done.reason) == (4, "")


def test_orthanc_sends_some_instances_by_name(receive: Start, orthanc: RealOrthanc, hospital: Hospital) -> None:
    node, uid = receive(), hospital.study_uid(1)
    films = hospital.slices(3, patient=1)
    for path in films:
        orthanc.upload(path)
    orthanc.put("/modalities/radnode", {"AET": "RADNODE", "Host": "127.0.0.1", "Port": node.settings.node.port})
    peer, wanted = Destination(**orthanc.destination()), uids(films[::2])
    (series,) = series_of(peer, "RADNODE", uid, wanted)
    assert move(peer, node.settings, instances_of(uid, series, wanted)).reason == ""
    assert (node.ledger.fetches.came(uid), node.ledger.fetches.lacking(uid, wanted)) == (2, [])


def test_what_is_asked_for_is_found_and_nothing_else(archive: StartArchive, hospital: Hospital) -> None:
    peer, ct, mr = archive(None), hospital.study_uid(1), hospital.study_uid(2)

    def found(**wanted: str) -> list[tuple[str, int | None]]:
        matches = find(peer, "RADNODE", Wanted(**wanted), 10).matches
        return sorted((one.study_instance_uid, one.instances) for one in matches)

    assert found(patient=f"{CANARY}1") == found(accession="A1-1") == found(modality="CT") == [(ct, 4)]
    assert found(modality="MR", date="20260101-20260131") == [(mr, 2)]
    assert found(date="20260102") == found(date="-20260102") == [(ct, 4), (mr, 2)]
    assert found(date="20260103-") == found(patient=CANARY) == found(modality="US") == []
    first = find(peer, "RADNODE", Wanted(date="20260102"), 1)
    assert (len(first.matches), first.has_more) == (1, True)
    assert find(peer, "RADNODE", Wanted(body_part="HEAD"), 10).untold == 2, "this archive tells no body part"


def test_an_archive_that_does_not_know_the_node_is_told_what_to_enter(
    receive: Start, archive: StartArchive, hospital: Hospital
) -> None:
    node = receive()
    first, second = node.fetch(archive(None), date="20260102")
    assert "status A801: refused: Move Destination unknown" in first.reason
    assert (
        f"enter AE title RADNODE with this machine's address and port {node.settings.node.port} there" in first.reason
    )
    assert second.reason.startswith("not asked for: "), "the others would fare no better"
    assert node.trail(first.study_instance_uid)[1][1]["reason"] == first.reason
    assert node.trail(second.study_instance_uid) == []


def test_what_the_node_refuses_is_counted(receive: Start, archive: StartArchive, hospital: Hospital) -> None:
    node, uid = receive(min_free_mb=1 << 40), hospital.study_uid(1)
    (done,) = node.fetch(archive(node), study=uid)
    assert done.came == 0
    assert "0 sent, 4 failed" in done.reason
    row = node.ledger.fetches.of_study(uid)
    assert row is not None
    assert (row.instances, row.came, row.reason) == (4, 0, done.reason)


def test_a_peer_without_query_retrieve_is_named(storescp: RealStorescp) -> None:
    with pytest.raises(DeliveryRefused, match=r"it offers no Study Root Query/Retrieve - FIND"):
        find(Destination(**storescp.destination()), "RADNODE", Wanted(study="1.2"), 1)


def test_an_archive_that_is_not_there_is_named() -> None:
    nobody = Destination(name="archive", kind="dicom", ae_title="ARCHIVE", port=1, timeout_seconds=1)
    with pytest.raises(DeliveryError, match="it cannot be reached, or does not answer"):
        find(nobody, "RADNODE", Wanted(study="1.2"), 1)
