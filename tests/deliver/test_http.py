"""What the senders over HTTP make of answers, good and strange."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from node.config import Destination
from node.deliver import Outgoing, Verdict, sender_for
from node.deliver.http import Deadline, password_of, shown, verdict_of
from node.deliver.multipart import Multipart
from node.deliver.stow import outcomes
from node.errors import DeliveryError, DeliveryRefused
from tests.deliver.material import results
from tests.peers.drip import DRIPPING, DrippingServer


class Server:
    """Answers every request with `code` and `body`, or 400 when it holds `offence`; keeps what it was sent."""

    def __init__(self) -> None:
        self.code, self.body, self.delay, self.offence = 200, b"{}", 0.0, b"\0never"
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.over = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.requests.append((self.command, self.path, dict(self.headers), data))
                outer.over.wait(outer.delay)
                try:
                    self.send_response(400 if outer.offence in data else outer.code)
                    self.send_header("Content-Length", str(len(outer.body)))
                    self.send_header("Location", "/elsewhere")
                    self.end_headers()
                    self.wfile.write(outer.body)
                except OSError:
                    pass  # the client has given up

            do_GET = do_POST = answer  # noqa: N815  the names that http.server looks for

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.close()


def destination(server: Server, kind: str, **changes: Any) -> Destination:
    values: dict[str, Any] = {"name": "archive", "kind": kind, "url": server.url, "timeout_seconds": 2, **changes}
    return Destination(**values)


KINDS = pytest.mark.parametrize("kind", ["orthanc", "stow"])


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        (200, Verdict.DELIVERED),
        (400, Verdict.PERMANENT),
        (408, Verdict.TEMPORARY),
        (409, Verdict.TEMPORARY),
        (413, Verdict.PERMANENT),
        (415, Verdict.PERMANENT),
        (429, Verdict.TEMPORARY),
        (500, Verdict.TEMPORARY),
        (501, Verdict.PERMANENT),
        (503, Verdict.TEMPORARY),
        (507, Verdict.TEMPORARY),
    ],
)
def test_a_status_code_means(code: int, verdict: Verdict) -> None:
    assert verdict_of(code) is verdict


@KINDS
@pytest.mark.parametrize("code", [400, 500, 503])
def test_an_error_is_told_for_each_object(server: Server, tmp_path: Path, kind: str, code: int) -> None:
    server.code = code
    found = list(sender_for(destination(server, kind), "NODE").send(results(tmp_path)))
    assert [one.verdict for one in found] == [verdict_of(code)] * 2
    assert all(f"HTTP {code}" in one.reason for one in found)


@KINDS
@pytest.mark.parametrize("code", [401, 403, 404])
def test_an_answer_that_speaks_of_us_refuses_the_destination(
    server: Server, tmp_path: Path, kind: str, code: int
) -> None:
    server.code = code
    sender = sender_for(destination(server, kind), "NODE")
    with pytest.raises(DeliveryRefused, match=str(code)):
        list(sender.send(results(tmp_path)))
    with pytest.raises(DeliveryRefused, match=str(code)):
        sender.echo()


@KINDS
def test_a_server_that_hangs_is_left_after_the_time_limit(server: Server, tmp_path: Path, kind: str) -> None:
    server.delay = 30.0
    sender, began = sender_for(destination(server, kind, timeout_seconds=0.3), "NODE"), time.monotonic()
    with pytest.raises(DeliveryError):
        list(sender.send(results(tmp_path)))
    assert time.monotonic() - began < 20
    assert len(server.requests) == 1  # and not four times, as the client would by itself


@KINDS
@pytest.mark.parametrize("body", [b"", b"[]", b"not JSON", b'"text"', b'{"Status": 5}', b"[[1]]"])
def test_an_answer_that_cannot_be_read_never_raises(server: Server, tmp_path: Path, kind: str, body: bytes) -> None:
    server.body = body
    found = list(sender_for(destination(server, kind), "NODE").send(results(tmp_path)))
    assert len(found) == 2
    assert all(one.reason for one in found)


@pytest.mark.parametrize("suffix", ["", "/", "/orthanc", "/orthanc/"])
def test_the_path_of_the_address_is_kept(server: Server, tmp_path: Path, suffix: str) -> None:
    server.body = b'{"Status": "Success"}'
    sender = sender_for(destination(server, "orthanc", url=server.url + suffix), "NODE")
    (outcome,) = sender.send(results(tmp_path, 1))
    assert outcome.verdict is Verdict.DELIVERED
    assert server.requests[0][1] == f"{suffix.rstrip('/')}/instances"


@pytest.mark.parametrize(
    ("status", "verdict"),
    [("Success", Verdict.DELIVERED), ("AlreadyStored", Verdict.DELIVERED), ("FilteredOut", Verdict.PERMANENT)],
)
def test_what_orthanc_says_of_an_object(server: Server, tmp_path: Path, status: str, verdict: Verdict) -> None:
    server.body = json.dumps({"ID": "x", "Status": status}).encode()
    (outcome,) = sender_for(destination(server, "orthanc"), "NODE").send(results(tmp_path, 1))
    assert outcome.verdict is verdict


@KINDS
def test_a_missing_file_is_not_sent_and_the_other_one_is(server: Server, tmp_path: Path, kind: str) -> None:
    server.body = b'{"Status": "Success"}'
    good, bad = results(tmp_path)
    bad.path.unlink()
    found = {one.outgoing: one for one in sender_for(destination(server, kind), "NODE").send([bad, good])}
    assert found[bad].verdict is Verdict.UNSENDABLE
    assert found[good].delivered


# Credentials


def test_the_password_is_the_first_line_of_its_file(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("päss word \r\nsecond line\n", encoding="utf-8")
    assert password_of(destination(server, "stow", password_file=path)) == "päss word "
    path.write_bytes(b"\xef\xbb\xbfpassword\r\n")
    assert password_of(destination(server, "stow", password_file=path)) == "password", "without a byte order mark"
    assert password_of(destination(server, "stow")) == ""


@KINDS
def test_a_password_file_that_is_missing_is_named(server: Server, tmp_path: Path, kind: str) -> None:
    wrong = destination(server, kind, user="me", password_file=tmp_path / "gone")
    with pytest.raises(DeliveryRefused, match=r"password file cannot be read.*gone readable"):
        list(sender_for(wrong, "NODE").send(results(tmp_path)))


@KINDS
def test_user_and_password_are_sent_and_nothing_of_the_environment(
    server: Server, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    path = tmp_path / "password"
    path.write_text("pw")
    sender_for(destination(server, kind, user="me", password_file=path), "NODE").echo()
    assert server.requests[0][2]["Authorization"] == "Basic bWU6cHc="


@KINDS
def test_a_password_in_the_address_is_not_repeated(server: Server, tmp_path: Path, kind: str) -> None:
    server.code = 401
    url = server.url.replace("http://", "http://me:secret@")
    with pytest.raises(DeliveryRefused) as caught:
        list(sender_for(destination(server, kind, url=url), "NODE").send(results(tmp_path)))
    assert "secret" not in str(caught.value)
    assert server.url in str(caught.value)


# STOW-RS


def test_a_request_carries_every_file_as_a_part(server: Server, tmp_path: Path) -> None:
    objects = results(tmp_path, 3)
    list(sender_for(destination(server, "stow", url=server.url + "/dicom-web/"), "NODE").send(objects))
    ((method, path, headers, data),) = server.requests
    assert (method, path) == ("POST", "/dicom-web/studies")
    kind, boundary = headers["Content-Type"].split("; boundary=")
    assert kind == 'multipart/related; type="application/dicom"'
    parts = data.split(f"--{boundary}".encode())
    assert (parts[0], parts[-1]) == (b"", b"--\r\n")
    assert parts[1:-1] == [
        b"\r\nContent-Type: application/dicom\r\n\r\n" + one.path.read_bytes() + b"\r\n" for one in objects
    ]


def test_many_objects_go_in_several_requests(server: Server, tmp_path: Path) -> None:
    objects = results(tmp_path, 1) * 1
    many = [Outgoing(f"1.2.{n}", "1.2", "1.2", objects[0].path) for n in range(150)]
    assert len(list(sender_for(destination(server, "stow"), "NODE").send(many))) == 150
    assert len(server.requests) == 2


@pytest.mark.parametrize("size", [1, 7, 8192, -1])
def test_a_multipart_body_is_as_long_as_it_says(tmp_path: Path, size: int) -> None:
    body = Multipart([one.path for one in results(tmp_path, 3)])
    pieces = []
    while piece := body.read(size):
        pieces.append(piece)
    assert len(b"".join(pieces)) == len(body)
    body.close()


def test_objects_that_were_refused_together_are_sent_one_by_one(server: Server, tmp_path: Path) -> None:
    objects = results(tmp_path, 4)
    server.offence = objects[1].sop_instance_uid.encode()
    found = {one.outgoing: one for one in sender_for(destination(server, "stow"), "NODE").send(objects)}
    assert [found[one].verdict is Verdict.PERMANENT for one in objects] == [False, True, False, False]
    assert all(found[one].delivered for one in (objects[0], objects[2], objects[3]))
    assert len(server.requests) == 1 + 4


def test_objects_that_are_named_in_a_refusal_are_not_sent_again(server: Server, tmp_path: Path) -> None:
    first, second = results(tmp_path)
    server.code = 409
    server.body = json.dumps(
        sequences([item(first.sop_instance_uid)], [item(second.sop_instance_uid, 0x0122)])
    ).encode()
    found = {one.outgoing: one.verdict for one in sender_for(destination(server, "stow"), "NODE").send([first, second])}
    assert found == {first: Verdict.DELIVERED, second: Verdict.PERMANENT}
    assert len(server.requests) == 1


@pytest.mark.parametrize("code", [429, 503])
def test_a_service_that_is_busy_is_not_asked_for_each_object(server: Server, tmp_path: Path, code: int) -> None:
    server.code = code
    found = list(sender_for(destination(server, "stow"), "NODE").send(results(tmp_path, 4)))
    assert [one.verdict for one in found] == [Verdict.TEMPORARY] * 4
    assert len(server.requests) == 1


def item(uid: str, reason: int | None = None, tag: str = "00081197") -> dict[str, Any]:
    found: dict[str, Any] = {"00081155": {"vr": "UI", "Value": [uid]}}
    return found if reason is None else {**found, tag: {"vr": "US", "Value": [reason]}}


def sequences(stored: list[Any] | None = None, failed: list[Any] | None = None) -> dict[str, Any]:
    return {
        "00081199": {"vr": "SQ", "Value": stored or []},
        "00081198": {"vr": "SQ", "Value": failed or []},
    }


ANSWERS: list[tuple[int, dict[str, Any], Verdict, str]] = [
    (200, sequences([item("1")]), Verdict.DELIVERED, ""),
    (202, sequences([item("1", 0xB000, "00081196")]), Verdict.WARNING, "B000"),
    (200, {}, Verdict.WARNING, "does not name it"),
    (200, sequences([item("2")]), Verdict.WARNING, "does not name it"),
    (202, {}, Verdict.TEMPORARY, "does not name it"),
    (202, sequences([], [item("1", 0xA700)]), Verdict.TEMPORARY, "A700"),
    (202, sequences([], [item("1", 0x0122)]), Verdict.PERMANENT, "0122"),
    (409, sequences([], [item("1", 0xC122)]), Verdict.PERMANENT, "Transfer syntax"),
    (409, sequences([], [item("1", 0xA900)]), Verdict.PERMANENT, "A900"),
    (409, sequences([], [item("1", 0x0111)]), Verdict.WARNING, "has it already"),
    (409, sequences([], [item("1")]), Verdict.TEMPORARY, "no reason"),
    (409, sequences([], [item("1", 0)]), Verdict.TEMPORARY, "no reason"),
    (409, {}, Verdict.TEMPORARY, "409"),
    (204, {}, Verdict.TEMPORARY, "204"),
    (400, {}, Verdict.PERMANENT, "400"),
    (503, {}, Verdict.TEMPORARY, "503"),
    (409, {"00081198": "text"}, Verdict.TEMPORARY, "409"),
    (409, {"00081198": {"Value": ["text", None, {"00081155": {"Value": []}}]}}, Verdict.TEMPORARY, "409"),
]


@pytest.mark.parametrize(("code", "answer", "verdict", "reason"), ANSWERS, ids=str)
def test_an_answer_of_stow_is_read_for_each_object(
    code: int, answer: dict[str, Any], verdict: Verdict, reason: str
) -> None:
    (outcome,) = outcomes([Outgoing("1", "1.2", "1.3", Path())], code, answer)
    assert outcome.verdict is verdict
    assert reason in outcome.reason


def test_what_a_server_says_cannot_forge_a_line() -> None:
    assert shown("disk\nfull\x1b[0m") == "disk?full?[0m"
    assert len(shown("x" * 1000)) == 200


@pytest.mark.parametrize(
    ("kind", "what"),
    [("orthanc", "body"), ("stow", "chunk"), ("stow", "endless"), ("stow", "head"), ("webhook", "head")],
)
def test_an_answer_that_drips_holds_nothing_up(tmp_path: Path, kind: str, what: str) -> None:
    """Each byte of it comes in time; all of it never does."""
    objects = results(tmp_path, 1)
    if kind == "webhook":
        objects[0].path.write_text("{}")
    with DrippingServer(DRIPPING[what]) as dripping:
        one = Destination.model_validate({"name": "x", "kind": kind, "url": dripping.url, "timeout_seconds": 0.4})
        began = time.monotonic()
        with pytest.raises(DeliveryError, match="it cannot be reached"):
            list(sender_for(one, "NODE").send(objects))
        assert time.monotonic() - began < 3


def test_an_answer_in_time_is_whole_however_it_comes() -> None:
    with (
        DrippingServer(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", b"x") as dripping,
        requests.Session() as session,
    ):
        session.mount("http://", Deadline(2))
        assert session.get(dripping.url).content == b"xxxx"


def test_what_is_large_may_take_longer_than_its_head() -> None:
    with (
        DrippingServer(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n", b"x") as dripping,
        requests.Session() as session,
    ):
        session.mount("http://", Deadline(0.5, answer_seconds=20))
        assert session.get(dripping.url).content == b"x" * 20
    with DrippingServer(DRIPPING["head"]) as dripping, requests.Session() as session:
        session.mount("http://", Deadline(0.5, answer_seconds=20))
        with pytest.raises(requests.ReadTimeout):
            session.get(dripping.url)
