"""STOW-RS, asked by real clients through a real server: each object is safe before the answer says so."""

from __future__ import annotations

import contextlib
import gzip
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest
import requests

from node.ledger import Ledger
from node.reconcile import compare
from node.spool import Spool
from node.web import tokens
from node.web.tokens import Role
from tests.peers import Hospital, until
from tests.peers.hospital import uids
from tests.peers.ports import free_port
from tests.web.stow_server import (
    FAILED,
    FAILURE,
    IN_JSON,
    INSTANCE,
    KIND,
    OCTETS,
    OTHERS,
    REFERENCED,
    WARNING,
    Running,
    apart,
    body,
    metadata,
    part,
    storing,
    told,
)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Running]:
    with storing(tmp_path) as running:
        yield running


def test_what_is_stored_is_named_and_its_sender_is_the_holder_of_the_token(web: Running, hospital: Hospital) -> None:
    paths = [*hospital.slices(3), hospital.film(2, size=900)]
    done = web.post(body(*(path.read_bytes() for path in paths)))
    assert (done.status_code, done.headers["Content-Type"]) == (200, "application/dicom+json")
    assert told(done, REFERENCED) == uids(paths)
    module = pydicom.Dataset.from_json(done.text)  # as a stranger reads it
    assert module.ReferencedSOPSequence[0].ReferencedSOPClassUID == "1.2.840.10008.5.1.4.1.1.2"
    assert "FailedSOPSequence" not in module
    assert web.rows("SELECT calling_ae, called_ae, peer, ending FROM associations") == [
        ("CLOUD-PACS", "RADNODE", "127.0.0.1", "released")
    ]
    assert web.ledger.studies.get(hospital.study_uid()).sender == "CLOUD-PACS"
    assert compare(web.ledger, web.spool, until=time.time() + 9).clean
    again = web.post(body(*(path.read_bytes() for path in paths)))
    assert (again.status_code, told(again, REFERENCED)) == (200, uids(paths))
    assert web.events() == ["received"] * 4 + ["received again"] * 4


def test_of_another_study_than_the_address_says_nothing_is_kept(web: Running, hospital: Hospital) -> None:
    films = [hospital.film(1), hospital.film(2)]
    one, other = (path.read_bytes() for path in films)
    done = web.post(body(one, other), f"/{hospital.study_uid(1)}")
    assert done.status_code == 202
    assert told(done, REFERENCED) == uids(films[:1])
    assert told(done, FAILED, FAILURE) == [(uids(films)[1], 0xA901)]
    alone = web.post(body(other), f"/{hospital.study_uid(1)}")
    assert (alone.status_code, told(alone, REFERENCED)) == (409, [])
    assert len(list(web.spool.files())) == 1
    assert web.post(body(one), "/no-uid").status_code == 400


def test_each_part_that_is_no_object_has_its_reason_and_the_others_are_stored(web: Running, hospital: Hospital) -> None:
    film = hospital.film(1)
    data = film.read_bytes()
    long, mixed = hospital.film(2, size=1100), hospital.film(3)
    other_class = data.replace(b"1.2.840.10008.5.1.4.1.1.1.1\0", b"1.2.840.10008.1.3.10\0\0\0\0\0\0\0\0")
    odd_syntax = data.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.9.9.9\0")
    swapped = mixed.read_bytes().replace(b".3.1.1.1", b".3.1.1.2", 1)
    parts = [b"%PDF", long.read_bytes(), other_class, odd_syntax, swapped, data]
    done = web.post(body(*parts))
    assert done.status_code == 202
    assert told(done, REFERENCED) == [uids([mixed])[0][:-1] + "2", *uids([film])]
    assert done.json()[REFERENCED]["Value"][0][WARNING]["Value"] == [0xB007]
    (uid,) = uids([film])
    assert told(done, FAILED, FAILURE) == [(*uids([long]), 0xA700), (uid, 0x0122), (uid, 0xC122)]
    assert told(done, OTHERS, FAILURE) == [("", 0xC000)]
    assert list((web.spool.root / "incoming").iterdir()) == []


@pytest.mark.parametrize(
    ("content", "kind", "headers", "status"),
    [
        (b"{}", "application/dicom+json", {}, 415),
        (body(b"x"), KIND.replace("application/dicom", "application/dicom+xml"), {}, 400),
        (body(b"x"), KIND.replace("application/dicom", "application/json"), {}, 415),
        (metadata() + b"--edge--", IN_JSON, {}, 400),
        (part(b"{", "application/dicom+json") + b"--edge--", IN_JSON, {}, 400),
        (body(b"x"), 'multipart/related; type="application/dicom"', {}, 400),
        (body(b"x"), KIND, {"Accept": "application/dicom+xml, application/json"}, 409),
        (body(b"x"), KIND, {"Accept": "text/html"}, 406),
        (gzip.compress(body(b"x"), mtime=0), KIND, {"Content-Encoding": "gzip"}, 415),
        (b"--edge--", KIND, {}, 400),
        (b"", KIND, {}, 400),
        (b"x" * 1000, KIND, {}, 400),
        (b"--edge and more\r\n\r\n", KIND, {}, 400),
        (body(b"x"), KIND, {}, 409),
        (body(b"x"), KIND, {"Authorization": "Bearer wrong"}, 401),
    ],
)
def test_what_is_wrong_with_a_request_is_said(
    web: Running, content: bytes, kind: str, headers: dict[str, str], status: int
) -> None:
    done = web.post(content, kind=kind, **headers)
    assert done.status_code == status, done.text
    assert done.json().get("error") or told(done, OTHERS, FAILURE) == [("", 0xC000)]


def test_only_the_role_store_may_store_and_it_may_do_nothing_else(web: Running, hospital: Hospital) -> None:
    data = body(hospital.film().read_bytes())
    for role in (Role.READ, Role.REVIEW, Role.OPERATE):
        other = tokens.add(web.folder / "tokens", str(role), role)
        assert web.post(data, Authorization=f"Bearer {other}").status_code == 403
    asked = requests.get(f"{web.url}/reviews/tally", headers={"Authorization": f"Bearer {web.token}"}, timeout=9)
    assert asked.status_code == 403
    assert list(web.spool.files()) == []


def test_of_a_body_that_is_torn_what_came_whole_is_kept_and_told(web: Running, hospital: Hospital) -> None:
    one, other = hospital.slices(2)
    torn = part(one.read_bytes()) + part(other.read_bytes())[:-100]
    done = web.post(torn)
    assert (done.status_code, told(done, REFERENCED)) == (202, uids([one]))
    assert told(done, FAILED, FAILURE) == [(*uids([other]), 0xC000)]
    assert web.post(torn[: len(torn) // 3]).status_code == 400
    assert list((web.spool.root / "incoming").iterdir()) == []
    assert ("aborted",) in web.rows("SELECT ending FROM associations")


def test_a_body_that_stops_is_not_waited_for(web: Running, hospital: Hospital) -> None:
    def slowly() -> Iterator[bytes]:
        yield part(hospital.film().read_bytes())[:500]
        time.sleep(1)
        yield b""

    with contextlib.suppress(requests.ConnectionError):  # it may be closed while the client sleeps
        assert web.post(slowly()).status_code == 408
    assert list(web.spool.files()) == list((web.spool.root / "incoming").iterdir()) == []


def test_a_ledger_that_is_locked_or_a_full_disk_means_later(
    web: Running, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = hospital.film()
    data = body(film.read_bytes())
    with web.ledger._database.write():
        locked = web.post(data)
    assert (locked.status_code, int(locked.headers["Retry-After"]) > 0) == (503, True)
    assert told(locked, FAILED, FAILURE) == [(*uids([film]), 0xA700)]
    monkeypatch.setattr(web.spool, "_min_free", 1 << 60)
    full = web.post(data)
    assert (full.status_code, told(full, FAILED, FAILURE)) == (503, [(*uids([film]), 0xA700)])
    monkeypatch.undo()
    assert web.post(data).status_code == 200


def test_alone_an_object_that_is_too_long_is_413_and_what_goes_on_for_ever_is_not_read(
    web: Running, hospital: Hospital
) -> None:
    long = hospital.film(size=1100)
    done = web.post(body(long.read_bytes()))
    assert (done.status_code, told(done, FAILED, FAILURE)) == (413, [(*uids([long]), 0xA700)])
    read = []

    def endless() -> Iterator[bytes]:
        yield part(hospital.film(2).read_bytes()) + b"--edge\r\nContent-Type: image/jpeg\r\n\r\n"
        while len(read) < 10_000:
            read.append(1)
            yield b"x" * 100_000

    with contextlib.suppress(requests.ConnectionError):  # it may be cut off before it has read the answer
        assert web.post(endless()).status_code == 413
    assert len(read) < 500
    assert web.ledger.studies.get(hospital.study_uid(2)).images == 1


def test_curl_stores_as_the_readme_says(web: Running, hospital: Hospital, tmp_path: Path) -> None:
    film, sent = hospital.film(size=900), tmp_path / "body"
    sent.write_bytes(body(film.read_bytes()))
    command = ["curl", "-sS", "-H", f"Authorization: Bearer {web.token}", "-H", f"Content-Type: {KIND}"]
    command += ["--data-binary", f"@{sent}", f"{web.url}/dicom-web/studies"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)[REFERENCED]["Value"][0][INSTANCE]["Value"] == uids([film])


def test_a_large_object_takes_no_memory_and_a_killed_server_loses_nothing_that_was_whole(
    tmp_path: Path, hospital: Hospital
) -> None:
    config, port = tmp_path / "radnode.toml", free_port()
    config.write_text(f"[node]\ndata_dir = 'data'\n[storage]\nmin_free_mb = 1\n[web]\nenabled = true\nport = {port}\n")
    (tmp_path / "data").mkdir()
    ledger, spool = Ledger(tmp_path / "data/ledger.db"), Spool(tmp_path / "data/spool")
    spool.prepare()
    token = tokens.add(tmp_path / "data/tokens", "CLOUD", Role.STORE)
    first, large = hospital.film(1), hospital.film(2, PixelData=bytes(160 << 20))
    running = Running(f"http://127.0.0.1:{port}", token, ledger, spool, tmp_path)
    with started(config) as process:
        sending = threading.Thread(target=send_half, args=(running, first))
        sending.start()
        until(lambda: ledger.studies.latest(1), "the first part is whole")
        process.kill()
        sending.join()
    with started(config) as process:
        with large.open("rb") as stream:
            done = running.post(pieces(part(first.read_bytes()), stream))
        assert (done.status_code, told(done, REFERENCED)) == (200, uids([first, large]))
        table, bulk = apart(hospital.image(3, PixelData=bytes(96 << 20)))
        ((location, pixels),) = bulk.items()
        told_in_json = running.post(pieces(metadata(table), BytesIO(pixels), OCTETS, location), kind=IN_JSON)
        assert (told_in_json.status_code, len(told(told_in_json, REFERENCED))) == (200, 1)
        peak = next(line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if "VmHWM" in line)
        process.kill()
    assert int(peak.split()[1]) < 180_000, "kB, most of it the program"
    assert running.events() == ["received", "received again", "received", "received"]
    assert compare(ledger, spool, until=time.time() + 9).clean
    ledger.close()


def started(config: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "node.web", str(config), "--lifeline"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("listening")
    return process


def send_half(running: Running, film: Path) -> None:
    def halves() -> Iterator[bytes]:
        yield part(film.read_bytes()) + b"--edge\r\n"
        time.sleep(1.5)
        yield b""

    with pytest.raises(requests.ConnectionError):
        running.post(halves())


def pieces(head: bytes, stream: Any, kind: str = "application/dicom", location: str = "") -> Iterator[bytes]:
    yield head + part(b"", kind, location)[:-2]
    while piece := stream.read(1 << 20):
        yield piece
    yield b"\r\n--edge--\r\n"
