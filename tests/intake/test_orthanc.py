"""What an Orthanc that answers badly does to the node: nothing, and the next look goes on where the last one was."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import copytree, rmtree
from typing import Any

import pytest
import requests
from structlog.testing import capture_logs

from node.config import Destination
from node.errors import DeliveryError, DeliveryRefused, RadnodeError
from node.intake.orthanc import Follower
from node.ledger.absences import FIRST_AGAIN_SECONDS, MOST_TRIES
from tests.intake.conftest import Ward
from tests.ledger.material import after
from tests.peers import Hospital, RealOrthanc, until

PLACE = "changes of archive"


def change(number: int) -> dict[str, object]:
    """A series became stable."""
    return {"Seq": number, "ChangeType": "StableSeries", "ID": f"s{number}", "Date": f"20400101T0000{number:02}"}


class Archive:
    """As much of Orthanc's REST API as is asked. `answers`: path -> (status, body, length that is announced)."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, bytes, int]] = {}
        archive = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body, length = archive.answers.get(self.path, (404, b"", 0))
                self.send_response(status)
                self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(body)
                self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.destination = Destination(
            name="archive",
            kind="orthanc",
            url=f"http://127.0.0.1:{self.server.server_port}",
            follow=True,
            timeout_seconds=5,
        )

    def say(self, path: str, body: Any, status: int = 200, missing: int = 0) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers[f"/{path}"] = (status, data, len(data) + missing)

    def holds(self, *paths: Path, maker: str = "Acme", first: int = 1) -> None:
        """A series for each file, that became stable one after the other."""
        changes = []
        for number, path in enumerate(paths, first):
            self.say(f"series/s{number}", {"MainDicomTags": {"Manufacturer": maker}, "Instances": [f"i{number}"]})
            self.say(f"instances/i{number}/file", path.read_bytes())
            changes.append(change(number))
        last = first + len(paths) - 1
        self.say("changes?last", {"Last": last, "Done": True, "Changes": changes[-1:]})
        self.say(f"changes?since={first - 1}&limit=100", {"Last": last, "Done": True, "Changes": changes})


@pytest.fixture
def archive() -> Iterator[Archive]:
    one = Archive()
    thread = threading.Thread(target=one.server.serve_forever)
    thread.start()
    yield one
    one.server.shutdown()
    thread.join()
    one.server.server_close()


@pytest.fixture
def follower(archive: Archive, ward: Ward) -> Follower:
    ward.ledger.facts.set_position(PLACE, 0)
    return Follower(archive.destination, ward.intake, ward.ledger)


def at(ward: Ward) -> int | None:
    return ward.ledger.facts.position(PLACE)


def test_what_became_stable_is_taken_once(archive: Archive, follower: Follower, ward: Ward, hospital: Hospital) -> None:
    archive.holds(hospital.film(1), hospital.film(2))
    follower.look()
    follower.look()
    assert (len(ward.files()), at(ward)) == (2, 2)
    assert ward.actions().count("received") == 2
    assert "received again" not in ward.actions()


def test_what_was_there_before_is_not_taken(archive: Archive, ward: Ward, hospital: Hospital) -> None:
    archive.holds(hospital.film(1))
    Follower(archive.destination, ward.intake, ward.ledger).look()
    assert (ward.files(), at(ward)) == ([], 1)


def test_what_the_node_made_is_left_there(archive: Archive, follower: Follower, ward: Ward, hospital: Hospital) -> None:
    archive.holds(hospital.film(1), maker="radnode")
    follower.look()
    assert (ward.files(), at(ward)) == ([], 1)


def test_an_archive_that_has_begun_anew_is_followed_from_its_beginning(
    archive: Archive, follower: Follower, ward: Ward, hospital: Hospital
) -> None:
    ward.ledger.facts.set_position(PLACE, 5000)
    archive.holds(hospital.film(1))
    follower.look()
    assert (len(ward.files()), at(ward)) == (1, 1)


class Followed:
    """A real Orthanc, and a node that follows it."""

    def __init__(self, folder: Path, ward: Ward) -> None:
        self.archive, self.ward = RealOrthanc(folder / "orthanc"), ward
        self.follower = Follower(
            Destination.model_validate(self.archive.destination("orthanc", "archive", follow=True)),
            ward.intake,
            ward.ledger,
        )

    def gets(self, *films: Path) -> None:
        """Films that become stable there, and are not looked at."""
        before = self.stable()
        for film in films:
            self.archive.upload(film)
        until(lambda: self.stable() == before + len(films), "they are stable")

    def stable(self) -> int:
        changes = self.archive.get("changes?since=0&limit=1000")["Changes"]
        return sum(one["ChangeType"] == "StableSeries" for one in changes)

    def emptied(self) -> None:
        self.archive.stop()
        rmtree(self.archive.folder / "storage")
        self.archive.start()

    def taken(self) -> list[str]:
        """What is said of each object after another look."""
        known = len(self.ward.actions())
        self.follower.look()
        return [one for one in self.ward.actions()[known:] if one.startswith("received")]


@pytest.fixture
def followed(tmp_path: Path, ward: Ward, hospital: Hospital) -> Iterator[Followed]:
    found = Followed(tmp_path, ward)
    with found.archive:
        found.gets(hospital.film(1))
        assert found.taken() == [], "what was there before is not taken"
        found.gets(hospital.film(2))
        assert found.taken() == ["received"]
        yield found


@pytest.mark.integration
def test_what_is_deleted_at_the_archive_brings_back_nothing_and_emptied_it_is_followed_from_its_beginning(
    followed: Followed, ward: Ward, hospital: Hospital
) -> None:
    (newest,) = followed.archive.find("Study", StudyInstanceUID=hospital.study_uid(2))
    requests.delete(f"{followed.archive.url}/studies/{newest['ID']}", timeout=10).raise_for_status()
    known = at(ward) or 0
    assert followed.archive.get("changes?last")["Last"] < known, "its changes are forgotten"
    assert followed.taken() == []
    followed.emptied()
    followed.gets(hospital.film(3), hospital.film(4), hospital.film(5))
    assert followed.archive.get("changes?last")["Last"] > known, "it has got further than where it was"
    assert followed.taken() == ["received"] * 3
    assert at(ward) == followed.archive.get("changes?last")["Last"]
    assert followed.taken() == []


@pytest.mark.integration
@pytest.mark.slow  # Orthanc is started three times
def test_an_archive_that_was_put_back_to_a_copy_brings_what_comes_after_it_and_no_more(
    followed: Followed, hospital: Hospital, tmp_path: Path
) -> None:
    followed.archive.stop()
    copytree(followed.archive.folder / "storage", tmp_path / "copy")
    followed.archive.start()
    followed.gets(hospital.film(3))
    assert followed.taken() == ["received"]
    followed.archive.stop()
    rmtree(followed.archive.folder / "storage")
    copytree(tmp_path / "copy", followed.archive.folder / "storage")
    followed.archive.start()
    assert followed.taken() == []
    followed.gets(hospital.film(4))
    assert followed.taken() == ["received"]


def test_a_file_that_breaks_off_is_asked_for_again(
    archive: Archive, follower: Follower, ward: Ward, hospital: Hospital
) -> None:
    first, second = hospital.film(1), hospital.film(2)
    archive.holds(first, second)
    archive.say("instances/i2/file", second.read_bytes()[:-1000], missing=1000)
    with pytest.raises(DeliveryError, match="cannot be reached"):
        follower.look()
    assert (len(ward.files()), at(ward), ward.unfinished()) == (1, 1, [])
    archive.say("instances/i2/file", second.read_bytes())
    archive.say("changes?since=0&limit=1", {"Last": 1, "Changes": [change(1)]})
    archive.say("changes?since=1&limit=100", {"Last": 2, "Changes": [change(2)]})
    follower.look()
    assert (len(ward.files()), at(ward)) == (2, 2)


def test_what_is_no_dicom_or_gone_holds_up_nothing(
    archive: Archive, follower: Follower, ward: Ward, hospital: Hospital
) -> None:
    archive.holds(hospital.film(1), hospital.film(2), hospital.film(3))
    archive.say("instances/i1/file", b"no DICOM")
    del archive.answers["/series/s2"]
    follower.look()
    assert (len(ward.files()), at(ward)) == (1, 3)
    assert "object refused" in ward.actions()


def test_an_instance_that_nobody_has_thought_of_holds_up_nothing_and_is_named(
    archive: Archive,
    follower: Follower,
    ward: Ward,
    hospital: Hospital,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    archive.holds(hospital.film(1), hospital.film(2), hospital.film(3))
    committer, uid = ward.intake._committer, str(hospital.image(2).SOPInstanceUID)
    record = committer.record
    monkeypatch.setattr(committer, "record", lambda one: record(one) if one.sop_instance_uid != uid else 1 // 0)
    with capture_logs() as logs:
        follower.look()
    assert (len(ward.rows("SELECT * FROM instances")), at(ward)) == (2, 3)
    (absence,) = ward.ledger.absences.of_study("")
    assert absence.resource == "instances/i2", "it is asked for again"
    (said,) = [one for one in logs if one["event"] == "processing failure"]
    assert (said["resource"], said["calling_ae"]) == ("instances/i2", "archive")
    assert str(said["error"]).startswith("ZeroDivisionError at test_orthanc.py:")
    ward.intake.close()
    (refused,) = [one for one in ward.trail() if one.action == "object refused"]
    assert "ZeroDivisionError" in str(refused.detail["why"])


def test_what_is_announced_and_not_there_is_asked_for_again(
    archive: Archive, follower: Follower, ward: Ward, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid, absences = hospital.study_uid(3), ward.ledger.absences
    archive.holds(hospital.film(1), hospital.film(2), hospital.film(3))
    series, film = archive.answers.pop("/series/s2"), archive.answers.pop("/instances/i3/file")
    archive.say("series/s3/study", {"MainDicomTags": {"StudyInstanceUID": uid}})
    follower.look()
    assert (len(ward.files()), at(ward)) == (1, 3), "it holds up nothing"
    assert [one.resource for one in absences.of_study("")] == ["series/s2"]
    assert [one.resource for one in absences.of_study(uid)] == ["instances/i3"]
    archive.answers["/series/s2"] = series
    follower.look()
    assert len(ward.files()) == 1, "not before its time"
    after(FIRST_AGAIN_SECONDS + 1, monkeypatch)
    follower.look()
    assert (len(ward.files()), absences.of_study("")) == (2, [])
    assert [one.tries for one in absences.of_study(uid)] == [2]
    archive.answers["/instances/i3/file"] = film
    after(2 * FIRST_AGAIN_SECONDS + 1, monkeypatch)
    follower.look()
    assert (len(ward.files()), absences.of_study(uid)) == (3, [])
    assert ward.actions().count("received") == 3


def test_what_stays_away_is_asked_for_no_more_and_the_trail_says_so(
    archive: Archive, follower: Follower, ward: Ward, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.holds(hospital.film(1))
    del archive.answers["/series/s1"]
    for number in range(MOST_TRIES + 3):
        follower.look()
        assert [one.tries for one in ward.ledger.absences.of_study("")] == [min(number + 1, MOST_TRIES)]
        after(3600, monkeypatch)
    assert ward.actions().count("archive lacks what it announced") == 1


def test_a_node_that_is_killed_before_the_position_moves_on_forgets_nothing_that_was_not_there(
    archive: Archive, follower: Follower, ward: Ward, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    archive.holds(hospital.film(1))
    series = archive.answers.pop("/series/s1")
    with monkeypatch.context() as end:
        end.setattr(ward.ledger.facts, "set_position", killed)
        with pytest.raises(Killed):
            follower.look()
    assert (at(ward), len(ward.ledger.absences.of_study(""))) == (0, 1)
    archive.answers["/series/s1"] = series
    follower.look()
    after(FIRST_AGAIN_SECONDS + 1, monkeypatch)
    follower.look()
    assert (at(ward), ward.actions().count("received"), ward.ledger.absences.of_study("")) == (1, 1, [])


@pytest.mark.parametrize(
    ("path", "body", "status", "error"),
    [
        ("changes?last", b"<html>", 200, DeliveryError),
        ("changes?last", [1], 200, DeliveryError),
        ("changes?last", {"Last": None}, 200, DeliveryError),
        ("changes?last", {}, 401, DeliveryRefused),
        ("changes?last", {}, 404, DeliveryRefused),
        ("changes?since=0&limit=100", {"Changes": [{}], "Last": 1}, 200, DeliveryError),
        ("changes?since=0&limit=100", {"Changes": [], "Last": 0}, 200, DeliveryError),  # not asked again without end
        ("changes?since=0&limit=100", {}, 503, DeliveryError),
        ("series/s1", {"MainDicomTags": {}}, 200, DeliveryError),
        ("instances/i1/file", b"", 500, DeliveryError),
    ],
)
def test_a_bad_answer_is_told_and_moves_nothing(
    archive: Archive,
    follower: Follower,
    ward: Ward,
    hospital: Hospital,
    path: str,
    body: Any,
    status: int,
    error: type[RadnodeError],
) -> None:
    archive.holds(hospital.film(1))
    archive.say(path, body, status)
    with pytest.raises(error, match=r"127\.0\.0\.1"):
        follower.look()
    assert (ward.files(), at(ward)) == ([], 0)
