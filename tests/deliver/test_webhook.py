"""Messages are posted to a webhook: once in effect, signed when there is a secret, never to where a redirect leads."""

from __future__ import annotations

import hmac
import json
import time
from pathlib import Path
from typing import Any

import pytest

from node import export
from node.config import Destination, RetrySettings, Settings
from node.deliver import Courier, Outgoing, Verdict, sender_for
from node.deliver.webhook import IDEMPOTENCY_KEY, SIGNATURE, verdict_of
from node.errors import DeliveryError, DeliveryRefused
from node.kinds import EVENT
from node.ledger import Ledger
from node.spool import Spool
from node.states import AnalysisState
from node.study import ResultObject
from tests.deliver.listeners import Hook
from tests.deliver.material import dicom_file
from tests.deliver.peers import free_port
from tests.export.material import study
from tests.ledger.material import classified

BODY = export.record_text(study(identity=None)).encode()


def destination(hook: Hook | str, **changes: Any) -> Destination:
    url = hook if isinstance(hook, str) else f"{hook.url}/results?for=ward"
    return Destination(**{"name": "hook", "kind": "webhook", "url": url, "timeout_seconds": 2, **changes})


def stored(folder: Path, body: bytes = BODY, uid: str = "2.25.1") -> Outgoing:
    path = folder / f"{uid}.json"
    path.write_bytes(body)
    return Outgoing(uid, "", "1.2", path)


def verdicts(hook: Hook, *messages: Outgoing, **changes: Any) -> list[tuple[Verdict, str]]:
    sender = sender_for(destination(hook, **changes), "NODE")
    return [(one.verdict, one.reason) for one in sender.send(messages)]


def test_the_body_arrives_byte_for_byte_as_json_under_its_key(tmp_path: Path) -> None:
    with Hook() as hook:
        assert verdicts(hook, stored(tmp_path)) == [(Verdict.DELIVERED, "")]
    (request,) = hook.requests
    assert (request.method, request.path, request.body) == ("POST", "/results?for=ward", BODY)
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers[IDEMPOTENCY_KEY] == "2.25.1"
    assert SIGNATURE not in request.headers
    assert json.loads(request.body)["format"] == "radnode-export/1"


def test_a_secret_signs_the_body(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\nsecond line\n", encoding="utf-8")
    with Hook() as hook:
        verdicts(hook, stored(tmp_path), secret_file=secret)
    (request,) = hook.requests
    assert request.headers[SIGNATURE] == "sha256=" + hmac.new(b"s3cret", request.body, "sha256").hexdigest()
    assert "s3cret" not in str(request)


@pytest.mark.parametrize("text", [None, "", "\nsecond line\n"])
def test_without_the_secret_that_was_asked_for_nothing_is_posted(tmp_path: Path, text: str | None) -> None:
    secret = tmp_path / "secret"
    if text is not None:
        secret.write_text(text, encoding="utf-8")
    with Hook() as hook:
        sender = sender_for(destination(hook, secret_file=secret), "NODE")
        with pytest.raises(DeliveryRefused, match="secret file"):
            list(sender.send([stored(tmp_path)]))
        with pytest.raises(DeliveryRefused, match="secret file"):
            sender.echo()
    assert hook.requests == []


def test_user_and_password_go_along(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("pw\n", encoding="utf-8")
    with Hook() as hook:
        verdicts(hook, stored(tmp_path), user="node", password_file=password)
    assert hook.requests[0].headers["Authorization"] == "Basic bm9kZTpwdw=="


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        (200, Verdict.DELIVERED),
        (201, Verdict.DELIVERED),
        (204, Verdict.DELIVERED),
        (400, Verdict.PERMANENT),
        (405, Verdict.PERMANENT),
        (408, Verdict.TEMPORARY),
        (409, Verdict.PERMANENT),
        (410, Verdict.PERMANENT),
        (413, Verdict.PERMANENT),
        (422, Verdict.PERMANENT),
        (425, Verdict.TEMPORARY),
        (429, Verdict.TEMPORARY),
        (500, Verdict.TEMPORARY),
        (501, Verdict.TEMPORARY),
        (503, Verdict.TEMPORARY),
    ],
)
def test_a_status_means(tmp_path: Path, code: int, verdict: Verdict) -> None:
    with Hook(code) as hook:
        ((found, reason),) = verdicts(hook, stored(tmp_path))
    assert found is verdict is verdict_of(code)
    assert reason == ("" if verdict is Verdict.DELIVERED else f"HTTP {code}")


@pytest.mark.parametrize("code", [301, 302, 307, 308, 401, 403, 404])
def test_an_answer_that_speaks_of_us_or_of_the_address_refuses_the_destination(tmp_path: Path, code: int) -> None:
    with Hook(code) as hook, pytest.raises(DeliveryRefused, match=str(code)):
        verdicts(hook, stored(tmp_path))
    assert [request.path for request in hook.requests] == ["/results?for=ward"]  # a redirect is not followed


def test_each_message_is_answered_for_itself(tmp_path: Path) -> None:
    with Hook(200, 500, 400) as hook:
        found = verdicts(hook, *(stored(tmp_path, uid=f"2.25.{number}") for number in (1, 2, 3)))
    assert [verdict for verdict, _ in found] == [Verdict.DELIVERED, Verdict.TEMPORARY, Verdict.PERMANENT]
    assert [request.headers[IDEMPOTENCY_KEY] for request in hook.requests] == ["2.25.1", "2.25.2", "2.25.3"]


@pytest.mark.parametrize("body", [b"", b"[]", b"MSH|", b"\xff"])
def test_what_is_no_message_of_ours_is_not_posted(tmp_path: Path, body: bytes) -> None:
    lost = Outgoing("2.25.9", "", "1.2", tmp_path / "lost.json")
    with Hook() as hook:
        found = verdicts(hook, stored(tmp_path, body), dicom_file(tmp_path), lost)
    assert [verdict for verdict, _ in found] == [Verdict.UNSENDABLE] * 3
    assert hook.requests == []


def test_a_server_that_hangs_is_left_after_the_time_limit_and_asked_once(tmp_path: Path) -> None:
    began = time.monotonic()
    with Hook(delay=30) as hook, pytest.raises(DeliveryError, match="cannot be reached"):
        verdicts(hook, stored(tmp_path), timeout_seconds=0.3)
    assert time.monotonic() - began < 10
    assert len(hook.requests) == 1


def test_nobody_listens_and_the_error_repeats_no_credentials(tmp_path: Path) -> None:
    sender = sender_for(destination(f"http://user:hidden@127.0.0.1:{free_port()}/x"), "NODE")
    for attempt in (lambda: list(sender.send([stored(tmp_path)])), sender.echo):
        with pytest.raises(DeliveryError) as caught:
            attempt()
        assert "hidden" not in str(caught.value)


def test_an_echo_posts_nothing_and_any_answer_but_a_refusal_will_do() -> None:
    with Hook(405, 404, 401) as hook:
        sender = sender_for(destination(hook), "NODE")
        sender.echo()
        sender.echo()
        with pytest.raises(DeliveryRefused, match="401"):
            sender.echo()
    assert {request.method for request in hook.requests} == {"OPTIONS"}


def test_a_courier_posts_again_under_the_same_key_until_it_is_taken(tmp_path: Path) -> None:
    ledger, spool = Ledger(tmp_path / "ledger.db"), Spool(tmp_path / "spool")
    spool.prepare()
    analysis = classified(ledger)
    path = spool.write("work/1/event.json", BODY)
    ledger.analyses.reported(analysis.id, [ResultObject("2.25.1", "", "", EVENT, path)], {"hook": (EVENT,)})
    with Hook(503, 429) as hook:
        settings = Settings(retry=RetrySettings(first_seconds=0, longest_seconds=0))
        courier = Courier(destination(hook), ledger, spool, settings)
        while courier.step():
            pass
    assert {request.headers[IDEMPOTENCY_KEY] for request in hook.requests} == {"2.25.1"}
    assert len(hook.requests) == 3
    assert ledger.analyses.get(analysis.id).state is AnalysisState.DELIVERED
    ledger.close()
