"""Studies come back over the association on which an archive is asked for them (C-GET)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.uid import JPEGLosslessSV1

from node.config import Destination
from node.deliver.contexts import MOST_CONTEXTS, pairs
from node.errors import DeliveryRefused, PermanentError
from node.fetch.contexts import contexts_of
from node.fetch.get import get
from node.fetch.query import classes_of
from node.fetch.wanted import whole_study
from node.receive.negotiate import STORAGE_CLASSES, TRANSFER_SYNTAXES
from tests.fetch.conftest import Running, Start
from tests.peers import Hospital, RealOrthanc, RealStorescp, compress, storescu
from tests.peers.hospital import SOP_CLASSES, uids
from tests.peers.qrscp import RealDcmqrscp

StartArchive = Callable[..., Destination]


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[StartArchive]:
    """Starts DCMTK's archive with files; it knows no other AE, and so could send to none."""
    with ExitStack() as stack:

        def start(*paths: Path) -> Destination:
            peer = stack.enter_context(RealDcmqrscp(tmp_path / "archive"))
            assert len(storescu(peer.port, paths, called="ARCHIVE").taken) == len(paths)
            return Destination(**peer.destination(retrieve="get"))

        yield start


def kept(node: Running, uid: str) -> dict[str, Any]:
    """SOP Instance UID -> row of what is here of a study."""
    return {one.sop_instance_uid: one for series in node.ledger.studies.series(uid) for one in series.instances}


@pytest.mark.integration
def test_a_study_comes_over_the_association_that_asks_for_it(
    receive: Start, archive: StartArchive, hospital: Hospital
) -> None:
    node, uid, films = receive(), hospital.study_uid(1), hospital.slices(4, patient=1)
    peer = archive(*films, *hospital.slices(2, patient=2, modality="MR"))
    (done,) = node.fetch(peer, study=uid)
    assert (done.instances, done.came, done.reason) == (4, 4, "")
    assert done.moved is not None
    assert (done.moved.completed, done.moved.failed) == (4, 0)
    rows = kept(node, uid)
    assert sorted(rows) == sorted(uids(films))
    assert {row.attributes.calling_ae for row in rows.values()} == {"ARCHIVE"}, "routes know it as its sender"
    for path in films:
        stored = pydicom.dcmread(node.settings.node.data_dir / "spool" / rows[path.stem].path)
        assert stored == pydicom.dcmread(path)
    assert node.ledger.studies.streaming(uid).associations == 0, "it holds the study open no longer"
    assert [action for action, _ in node.trail(uid)] == ["fetch asked", "fetched"]
    (again,) = node.fetch(peer, study=uid)
    assert (again.came, again.moved) == (4, None), "all is here: the archive has nothing to do"


@pytest.mark.integration
def test_orthanc_sends_what_is_compressed_as_it_is(
    receive: Start, orthanc: RealOrthanc, hospital: Hospital, tmp_path: Path
) -> None:
    node, uid = receive(), hospital.study_uid(1)
    plain, film = hospital.slices(2, patient=1), hospital.film(1)
    packed = compress("dcmcjpeg", film, tmp_path / "packed.dcm", "+e1")
    for path in (*plain, packed):
        orthanc.upload(path)
    orthanc.put("/modalities/radnode", {"AET": "RADNODE", "Host": "127.0.0.1", "Port": 1, "AllowGet": True})
    peer = Destination(**orthanc.destination(retrieve="get"))
    assert sorted(classes_of(peer, "RADNODE", uid)) == sorted([SOP_CLASSES["CT"], SOP_CLASSES["DX"]])
    (done,) = node.fetch(peer, study=uid)
    assert (done.instances, done.came, done.reason) == (3, 3, "")
    assert kept(node, uid)[film.stem].transfer_syntax_uid == JPEGLosslessSV1


@pytest.mark.integration
def test_what_the_node_does_not_take_is_its_own_reason(
    receive: Start, archive: StartArchive, hospital: Hospital
) -> None:
    node = receive(min_free_mb=1 << 40)
    (done,) = node.fetch(archive(*hospital.slices(2)), study=hospital.study_uid())
    assert done.came == 0
    assert "2 failed" in done.reason
    assert "2 of them this node did not take: out of resources: no space, send again later" in done.reason


@pytest.mark.integration
def test_a_peer_that_sends_nothing_back_is_named(receive: Start, storescp: RealStorescp) -> None:
    peer = Destination(**storescp.destination(retrieve="get"))
    with pytest.raises(DeliveryRefused, match="it offers no Study Root Query/Retrieve - GET"):
        get(peer, receive().settings, whole_study("1.2.3"))


def test_another_user_than_the_nodes_gets_nothing_into_the_spool(
    receive: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    nobody = Destination(name="archive", kind="dicom", ae_title="ARCHIVE", port=1, timeout_seconds=1, retrieve="get")
    with pytest.raises(PermanentError, match="run this as the user of the node"):
        get(nobody, receive().settings, whole_study("1.2.3"))


@pytest.mark.parametrize("count", [0, 1, 7, 8, 63, 100])
def test_no_more_contexts_are_proposed_than_an_association_has(count: int) -> None:
    known = sorted(STORAGE_CLASSES)[:count]
    found = pairs([("1.2.840.10008.5.1.4.1.2.2.3", "1.2.840.10008.1.2.1"), *contexts_of(known)])
    assert len(found) <= MOST_CONTEXTS
    assert {abstract for abstract, _ in contexts_of(known)} <= STORAGE_CLASSES
    assert {syntax for _, syntax in contexts_of(known)} <= TRANSFER_SYNTAXES
    if 0 < count < 8:
        assert all((one, str(JPEGLosslessSV1)) in found for one in known)
    elif count < 64:
        assert {one for one, _ in contexts_of(known)} >= set(known)
