"""What the senders over HTTP share: a session with a time limit, and what a status code means."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool
from urllib3.exceptions import ProtocolError

from node.config import Destination
from node.deliver.answer import pools
from node.deliver.outcome import Verdict
from node.deliver.tls import context_for
from node.errors import DeliveryError, DeliveryRefused

#: RFC 9110 15: what passes by itself. 409 of Orthanc: the same instance is being stored over another connection.
_PASSING = frozenset({408, 409, 423, 425, 429, 500, 502, 503, 504, 507})
_OURSELVES_REFUSED = frozenset({401, 403, 407})
_REDIRECTED = range(300, 400)


class Deadline(HTTPAdapter):
    """An adapter with a time limit on each wait (connect, read) and on a whole answer; retries it leaves to the ledger.

    But for one: a peer closes a connection that nothing was sent over for a while, perhaps just as a request goes out.
    Then there is no answer, and where a request may be repeated it goes out once more, over a new connection.

    Args:
        seconds: of a wait.
        may_repeat: whether a peer that had the request in spite of all can tell that it comes again.
        answer_seconds: in which all of an answer has come, however it drips; None: as of a wait.
    """

    def __init__(self, seconds: float, *, may_repeat: bool = False, answer_seconds: float | None = None) -> None:
        self._seconds, self._may_repeat = seconds, may_repeat
        self._pools = pools(seconds if answer_seconds is None else answer_seconds)
        super().__init__(max_retries=0)

    def init_poolmanager(self, *options: Any, **more: Any) -> None:
        """As the adapter of requests, with our connections. Any: passed through."""
        super().init_poolmanager(*options, **more)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **more: Any) -> Any:
        """As :meth:`init_poolmanager`, where there is a proxy between."""
        manager = super().proxy_manager_for(proxy, **more)
        manager.pool_classes_by_scheme = self._pools
        return manager

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        """As the adapter of requests, with our time limit. Any: passed through."""
        options["timeout"] = self._seconds
        opened = self._opened(request, options)
        try:
            return super().send(request, **options)
        except requests.ConnectionError as error:
            is_stale = _closed_by_peer(error) and self._opened(request, options) == opened
            if not (is_stale and self._may_repeat):
                raise
        body: Any = request.body  # what requests was given, a stream as well
        if hasattr(body, "seek"):
            body.seek(0)
        return super().send(request, **options)

    def _opened(self, request: requests.PreparedRequest, options: Mapping[str, Any]) -> int:
        """How many connections there were to where the request goes."""
        verify, cert = options.get("verify"), options.get("cert")
        pool = self.get_connection_with_tls_context(request, verify, proxies=options.get("proxies"), cert=cert)
        return pool.num_connections if isinstance(pool, HTTPConnectionPool) else 0


def _closed_by_peer(error: requests.ConnectionError) -> bool:
    """Whether it closed the connection before it said anything."""
    cause = error.args[0] if error.args else None
    return isinstance(cause, ProtocolError) and isinstance(cause.args[-1], ConnectionError)


def session_for(destination: Destination) -> requests.Session:
    """For requests that a peer knows when they come again; raises as :func:`prepare`."""
    session = requests.Session()
    prepare(session, destination, may_repeat=True)
    return session


def prepare(
    session: requests.Session,
    destination: Destination,
    *,
    may_repeat: bool = False,
    answer_seconds: float | None = None,
) -> None:
    """Time limits, credentials, and whose certificates count; nothing is read from the environment.

    Args: may_repeat, answer_seconds: as those of :class:`Deadline`.

    Raises :class:`DeliveryRefused`, or :class:`DeliveryError` when files for TLS cannot be used.
    """
    seconds = destination.timeout_seconds
    for scheme in ("http://", "https://"):
        session.mount(scheme, Deadline(seconds, may_repeat=may_repeat, answer_seconds=answer_seconds))
    session.trust_env = False
    if destination.ca_file or destination.certificate_file:
        _trust(session, destination)
    if destination.user:
        session.auth = (destination.user, password_of(destination))


def _trust(session: requests.Session, destination: Destination) -> None:
    context_for(destination)  # requests raises all kinds of errors, and only when it connects
    if destination.ca_file:
        session.verify = str(destination.ca_file)
    if destination.certificate_file and destination.key_file:
        session.cert = (str(destination.certificate_file), str(destination.key_file))


def password_of(destination: Destination) -> str:
    """The first line of the password file; raises :class:`DeliveryRefused`."""
    path = destination.password_file
    return "" if path is None else first_line(path, "password", destination)


def first_line(path: Path, what: str, destination: Destination) -> str:
    """Of a file that holds a secret. Args: what: it holds. Raises :class:`DeliveryRefused`."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        hint = f"make {path} readable for the node"
        raise DeliveryRefused(f"the {what} file cannot be read", about=destination.name, hint=hint) from error
    return text.split("\n", 1)[0].rstrip("\r")


def verdict_of(code: int) -> Verdict:
    """What an HTTP status means for what was sent with it."""
    if 200 <= code < 300:
        return Verdict.DELIVERED
    return Verdict.TEMPORARY if code in _PASSING else Verdict.PERMANENT


def check_ourselves(code: int, destination: Destination) -> None:
    """Raise :class:`DeliveryRefused` when the answer speaks of us or of the address, and so of every object."""
    if code in _OURSELVES_REFUSED:
        hint = "check user and password_file"
        raise DeliveryRefused(f"it refuses us: HTTP {code}", about=address_of(destination), hint=hint)
    if code == 404 or code in _REDIRECTED:
        raise DeliveryRefused(f"there is no such service: HTTP {code}", about=address_of(destination), hint="check url")


def address_of(destination: Destination) -> str:
    """The URL without user and password, which somebody may have written into it."""
    parts = urlsplit(destination.url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def unreachable(error: Exception, destination: Destination) -> DeliveryError:
    """The error for a connection that failed. The kind of error only: its text may repeat what was sent."""
    hint = "is it running, is url right, and does it answer in time?"
    if any(isinstance(one, requests.exceptions.SSLError) for one in (error, error.__context__)):  # Orthanc's wraps it
        hint = "compare ca_file, certificate_file and the host in url with its certificate"
    return DeliveryError(f"it cannot be reached: {type(error).__name__}", about=address_of(destination), hint=hint)


def shown(text: str) -> str:
    """What a server said, on one printable line and not too long."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(text))[:200]
