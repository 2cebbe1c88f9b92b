"""The same promises, kept by real archives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from pydicom import dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from node.config import Destination
from node.deliver import Verdict, send_files, sender_for
from node.errors import DeliveryError, DeliveryRefused
from tests.deliver.material import DX, SC, SR, STUDY, dicom_file, results
from tests.deliver.peers import DICOMWEB_PLUGIN, orthanc, storescp

pytestmark = [
    pytest.mark.integration,
    # pynetdicom drops the socket of a connection that was refused without closing it.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Destination]]:
    with orthanc(tmp_path_factory.mktemp("orthanc")) as destinations:
        yield destinations


@pytest.fixture(params=["orthanc", "stow", "dicom"])
def archive(request: pytest.FixtureRequest, archives: dict[str, Destination]) -> Destination:
    if request.param == "stow" and not DICOMWEB_PLUGIN.exists():
        pytest.skip("Orthanc's DICOMweb plugin is not installed (Debian: orthanc-dicomweb)")
    return archives[request.param]


def stored_files(archives: dict[str, Destination]) -> set[str]:
    """SOP Instance UIDs that Orthanc has."""
    base = archives["orthanc"].url
    answer = requests.get(f"{base}/instances?expand", auth=("user", "secret"), timeout=10)
    return {one["MainDicomTags"]["SOPInstanceUID"] for one in answer.json()}


def test_orthanc_takes_heatmaps_and_reports(
    archive: Destination, archives: dict[str, Destination], tmp_path: Path
) -> None:
    sender, objects = sender_for(archive, "NODE"), results(tmp_path, 4)
    sender.echo()
    outcomes = list(sender.send(objects))
    assert [(one.verdict, one.reason) for one in outcomes] == [(Verdict.DELIVERED, "")] * 4
    assert {one.sop_instance_uid for one in objects} <= stored_files(archives)


def test_what_is_there_already_counts_as_delivered(archive: Destination, tmp_path: Path) -> None:
    sender, objects = sender_for(archive, "NODE"), results(tmp_path)
    assert all(outcome.delivered for _ in range(2) for outcome in sender.send(objects))


def test_a_large_object_is_streamed(archive: Destination, archives: dict[str, Destination], tmp_path: Path) -> None:
    outgoing = dicom_file(tmp_path, size=20 << 20)
    assert [one.verdict for one in sender_for(archive, "NODE").send([outgoing])] == [Verdict.DELIVERED]
    assert outgoing.sop_instance_uid in stored_files(archives)


def test_an_object_that_orthanc_cannot_read_is_refused_alone(archive: Destination, tmp_path: Path) -> None:
    good, bad = results(tmp_path)
    bad.path.write_bytes(b"nothing of DICOM")
    outcomes = {one.outgoing: one for one in sender_for(archive, "NODE").send([bad, good])}
    assert outcomes[good].verdict is Verdict.DELIVERED
    assert not outcomes[bad].delivered
    assert outcomes[bad].reason


@pytest.mark.parametrize("kind", ["orthanc", "stow"])
def test_a_wrong_password_refuses_the_destination_as_a_whole(
    archives: dict[str, Destination], kind: str, tmp_path: Path
) -> None:
    wrong = tmp_path / "password"
    wrong.write_text("guess")
    sender = sender_for(archives[kind].model_copy(update={"password_file": wrong}), "NODE")
    with pytest.raises(DeliveryRefused, match=r"HTTP 401.*check user and password_file"):
        list(sender.send(results(tmp_path)))
    with pytest.raises(DeliveryRefused, match="HTTP 401"):
        sender.echo()


@pytest.mark.parametrize("kind", ["orthanc", "stow"])
def test_a_wrong_address_is_said_to_be_one(archives: dict[str, Destination], kind: str, tmp_path: Path) -> None:
    sender = sender_for(archives[kind].model_copy(update={"url": f"{archives['orthanc'].url}/nowhere"}), "NODE")
    with pytest.raises(DeliveryRefused, match=r"HTTP 404.*check url"):
        list(sender.send(results(tmp_path)))


@pytest.mark.parametrize("kind", ["orthanc", "stow", "dicom"])
def test_an_archive_that_is_gone_is_temporary(tmp_path: Path, kind: str) -> None:
    with orthanc(tmp_path) as destinations:
        sender = sender_for(destinations[kind], "NODE")
    with pytest.raises(DeliveryError, match="cannot be reached"):
        list(sender.send(results(tmp_path)))
    with pytest.raises(DeliveryError, match="cannot be reached"):
        sender.echo()


def test_storescp_writes_down_the_very_bytes_that_were_sent(tmp_path: Path) -> None:
    with storescp(tmp_path / "in") as destination:
        sender, objects = sender_for(destination, "NODE"), results(tmp_path, 8)
        sender.echo()
        assert [one.verdict for one in sender.send(objects)] == [Verdict.DELIVERED] * 8
    arrived = {dcmread(path).SOPInstanceUID: dcmread(path) for path in (tmp_path / "in").iterdir()}
    for outgoing in objects:
        assert arrived[outgoing.sop_instance_uid] == dcmread(outgoing.path)


def test_storescp_that_takes_implicit_only_gets_implicit(tmp_path: Path) -> None:
    with storescp(tmp_path / "in", "+xi") as destination:
        assert [one.verdict for one in sender_for(destination, "NODE").send(results(tmp_path))] == [
            Verdict.DELIVERED
        ] * 2
    syntaxes = {dcmread(path).file_meta.TransferSyntaxUID for path in (tmp_path / "in").iterdir()}
    assert syntaxes == {ImplicitVRLittleEndian}


def test_nothing_counts_as_delivered_while_storescp_aborts_before_it_answers(tmp_path: Path) -> None:
    found = []
    with storescp(tmp_path / "in", "--abort-after") as destination, pytest.raises(DeliveryError, match="no answer"):
        found.extend(one.verdict for one in sender_for(destination, "NODE").send(results(tmp_path, 4)))
    assert found == [Verdict.TEMPORARY]


def test_files_of_many_classes_and_syntaxes_are_sent_each_in_its_own(tmp_path: Path) -> None:
    syntaxes = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian]
    objects = [dicom_file(tmp_path, sop_class, syntax) for sop_class in (DX, SC, SR) for syntax in syntaxes]
    note = tmp_path / "note.txt"
    note.write_text("no image")
    seen: list[str] = []
    with storescp(tmp_path / "in", "+xa") as destination:
        paths = [*(one.path for one in objects), note, objects[0].path]
        outcomes = send_files(destination, paths, "NODE", lambda outcome: seen.append(outcome.outgoing.path.name))
    by_path = {one.outgoing.path: one for one in outcomes}
    assert len(outcomes) == len(seen) == len(objects) + 1
    assert by_path[note].verdict is Verdict.UNSENDABLE
    arrived = {dcmread(path).SOPInstanceUID: dcmread(path) for path in (tmp_path / "in").iterdir()}
    for outgoing in objects:
        assert by_path[outgoing.path].delivered, by_path[outgoing.path].reason
        found = arrived[outgoing.sop_instance_uid].file_meta.TransferSyntaxUID
        assert found == dcmread(outgoing.path).file_meta.TransferSyntaxUID


def test_orthanc_finds_the_study_over_dicomweb(archives: dict[str, Destination], tmp_path: Path) -> None:
    if not DICOMWEB_PLUGIN.exists():
        pytest.skip("Orthanc's DICOMweb plugin is not installed (Debian: orthanc-dicomweb)")
    assert all(one.delivered for one in sender_for(archives["stow"], "NODE").send(results(tmp_path)))
    url = archives["stow"].url.rstrip("/") + "/studies"
    answer = requests.get(url, params={"StudyInstanceUID": STUDY}, auth=("user", "secret"), timeout=10)
    assert len(answer.json()) == 1
