"""The stock DICOMweb client of Python stores studies here, as its own documentation does it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from pydicom.filereader import dcmread

from tests.peers import Hospital
from tests.peers.hospital import uids
from tests.web.stow_server import Running, storing


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Running]:
    with storing(tmp_path) as running:
        yield running


def client(web: Running, token: str = "") -> DICOMwebClient:
    """Longer bodies go out in chunks."""
    headers = {"Authorization": f"Bearer {token or web.token}"}
    return DICOMwebClient(f"{web.url}/dicom-web", headers=headers, chunk_size=50_000)


def test_datasets_from_files_and_from_memory_are_stored(web: Running, hospital: Hospital) -> None:
    paths = hospital.slices(2)
    objects = [*map(dcmread, paths), hospital.image(2), hospital.image(3, size=300)]
    told = client(web).store_instances(objects)
    assert [one.ReferencedSOPInstanceUID for one in told.ReferencedSOPSequence] == [ds.SOPInstanceUID for ds in objects]
    assert "FailedSOPSequence" not in told
    assert web.events() == ["received"] * 4
    again = client(web).store_instances([dcmread(paths[0])], study_instance_uid=hospital.study_uid(1))
    assert [one.ReferencedSOPInstanceUID for one in again.ReferencedSOPSequence] == uids(paths[:1])


def test_what_is_not_stored_is_told_and_a_wrong_token_is_an_error(web: Running, hospital: Hospital) -> None:
    told = client(web).store_instances([hospital.image(1), hospital.image(2)], hospital.study_uid(1))
    assert [one.FailureReason for one in told.FailedSOPSequence] == [0xA901]
    assert [one.ReferencedSOPInstanceUID for one in told.ReferencedSOPSequence] == [hospital.image(1).SOPInstanceUID]
    with pytest.raises(requests.HTTPError, match="409"):
        client(web).store_instances([hospital.image(2)], hospital.study_uid(1))
    with pytest.raises(requests.HTTPError, match="401"):
        client(web, "wrong").store_instances([hospital.image(1)])
