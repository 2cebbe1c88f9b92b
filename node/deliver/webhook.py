"""A webhook: POST of a result as JSON, one at a time, to one address.

The `Idempotency-Key` is the UID of the message, which is derived from the report's: whenever it is sent again, the
receiver can tell. With a secret, `X-Radnode-Signature: sha256=<hex>` is the HMAC-SHA256
(RFC 2104) of the body.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import requests

from node.config import Destination
from node.deliver.http import address_of, check_ourselves, first_line, session_for, unreachable
from node.deliver.kept import Kept
from node.deliver.outcome import Outcome, Outgoing, Sender, Verdict
from node.errors import DeliveryRefused

IDEMPOTENCY_KEY, SIGNATURE = "Idempotency-Key", "X-Radnode-Signature"
_NO_CONTENT = 204
_REFUSED = frozenset({401, 403, 407})
#: RFC 9110 15.5, RFC 8470, RFC 6585: what passes by itself among the errors of a client; all of the server's may.
_PASSING = frozenset({408, 425, 429})


class WebhookSender(Sender):
    """Posts messages.

    Args:
        destination: of kind `webhook`.
        keep_seconds: so long its connection stays open without anything to send.
    """

    def __init__(self, destination: Destination, keep_seconds: float = 0.0) -> None:
        self._destination = destination
        self._kept = Kept(lambda: session_for(destination), keep_seconds)

    def echo(self) -> None:
        """OPTIONS, which asks for nothing: any answer will do that does not refuse us. Raises as :meth:`send`."""
        self._secret()
        with self._kept.open() as session:
            code = self._ask(session, "OPTIONS")
        if code in _REFUSED:
            check_ourselves(code, self._destination)

    def send(self, objects: Sequence[Outgoing]) -> Iterator[Outcome]:
        """As :meth:`node.deliver.outcome.Sender.send`; a redirect is not followed: it may lead to a stranger."""
        secret = self._secret()
        with self._kept.open() as session:
            for outgoing in objects:
                body = _body(outgoing.path)
                if body is None:
                    yield Outcome(outgoing, Verdict.UNSENDABLE, "it is no JSON of ours, or cannot be read")
                    continue
                code = self._ask(session, "POST", body, headers(outgoing.sop_instance_uid, body, secret))
                check_ourselves(code, self._destination)
                yield Outcome(outgoing, verdict_of(code), "" if 200 <= code < 300 else f"HTTP {code}")

    def rest(self, *, at_once: bool = False) -> None:
        """As :meth:`node.deliver.outcome.Sender.rest`."""
        self._kept.rest(at_once=at_once)

    def _ask(
        self, session: requests.Session, method: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> int:
        """The status of the answer. Nothing of its body is needed; where it has none the connection is used again."""
        url = self._destination.url
        try:
            with session.request(method, url, data=body, headers=headers, allow_redirects=False, stream=True) as answer:
                if answer.headers.get("Content-Length") == "0" or answer.status_code == _NO_CONTENT:
                    answer.raw.read()
                return answer.status_code
        except (requests.RequestException, OSError, ValueError) as error:
            raise unreachable(error, self._destination) from error

    def _secret(self) -> bytes:
        path = self._destination.secret_file
        if path is None:
            return b""
        secret = first_line(path, "secret", self._destination)
        if not secret:
            hint = f"write the secret into the first line of {path}"
            raise DeliveryRefused("the secret file is empty", about=address_of(self._destination), hint=hint)
        return secret.encode()


def verdict_of(code: int) -> Verdict:
    """What an HTTP status means for the message that was posted."""
    if 200 <= code < 300:
        return Verdict.DELIVERED
    return Verdict.TEMPORARY if code in _PASSING or code >= 500 else Verdict.PERMANENT


def headers(uid: str, body: bytes, secret: bytes) -> Mapping[str, str]:
    """Of a POST. Args: uid: of the message; secret: to sign with; empty: unsigned."""
    found = {"Content-Type": "application/json", "User-Agent": "radnode", IDEMPOTENCY_KEY: uid}
    if secret:
        found[SIGNATURE] = f"sha256={hmac.digest(secret, body, 'sha256').hex()}"
    return found


def _body(path: Path) -> bytes | None:
    try:
        body = path.read_bytes()
        return body if isinstance(json.loads(body), dict) else None
    except (OSError, ValueError):
        return None
