"""What stands before every request: how many an address may send, and what every answer says to browsers."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Nothing here is for browsers to keep, frame, guess at, or load anything from.
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
#: Told over TLS: a browser that has seen it comes by TLS alone, for a year (RFC 6797).
_BY_TLS = {"Strict-Transport-Security": "max-age=31536000"}
#: Wrong tokens from one address in a minute.
WRONG_TOKENS = 10
_MINUTE_SECONDS = 60.0
TOO_MANY = 429
_TOO_MANY = "too many requests, or wrong tokens, from this address"


class Allowance:
    """So many of something in a minute for each caller, regained evenly (a token bucket); callable from any thread.

    Args:
        per_minute: as many at once, and as many again in each minute; asked each time.
        callers: so many are remembered, those that were seen last.
        clock: seconds that never go back.
    """

    def __init__(
        self, per_minute: Callable[[], int], callers: int = 4096, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_minute, self._callers, self._clock = per_minute, callers, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, caller: str) -> float:
        """Use one up; seconds to wait when there is none, else 0."""
        with self._lock:
            left = self._now(caller)
            self._keep(caller, max(0.0, left - 1))
        return 0.0 if left >= 1 else self._seconds(left)

    def wait(self, caller: str) -> float:
        """Seconds until there is one; nothing is used up."""
        with self._lock:
            left = self._now(caller)
        return 0.0 if left >= 1 else self._seconds(left)

    def _now(self, caller: str) -> float:
        now, most = self._clock(), self._per_minute()
        left, at = self._left.get(caller, (float(most), now))
        return min(float(most), left + (now - at) * most / _MINUTE_SECONDS)

    def _keep(self, caller: str, left: float) -> None:
        self._left[caller] = (left, self._clock())
        self._left.move_to_end(caller)
        while len(self._left) > self._callers:
            self._left.popitem(last=False)

    def _seconds(self, left: float) -> float:
        return (1 - left) * _MINUTE_SECONDS / self._per_minute()


class Guard:
    """ASGI middleware.

    Args:
        app: what comes behind.
        requests, wrong: of one address; the latter are tokens.
        page: of a problem and what to do, for people; programs are told in JSON.
    """

    def __init__(
        self, app: ASGIApp, requests: Allowance, wrong: Allowance, page: Callable[[str, str], Response]
    ) -> None:
        self._app, self._requests, self._wrong, self._page = app, requests, wrong, page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 429 where an address has had its share; else pass on, and add the headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        more = HEADERS | (_BY_TLS if scope.get("scheme") == "https" else {})

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in more.items():
                    headers.setdefault(name, value)  # the pages of the dashboard say what they may load
            await send(message)

        caller = caller_of(scope)
        seconds = max(self._requests.take(caller), self._wrong.wait(caller))
        app = self._too_many(scope, int(seconds) + 1) if seconds else self._app
        await app(scope, receive, send_with_headers)

    def _too_many(self, scope: Scope, seconds: int) -> Response:
        """The answer to one request too many (RFC 6585 4)."""
        hint = f"wait {seconds} s, then ask again"
        answer = self._page(_TOO_MANY, hint) if _is_browser(scope) else _told(_TOO_MANY, hint)
        answer.headers["Retry-After"] = str(seconds)
        return answer


class Hosts(TrustedHostMiddleware):
    """Starlette's, with the names of the Host header that are allowed asked for at each request."""

    def __init__(self, app: ASGIApp, names: Callable[[], Sequence[str]]) -> None:
        super().__init__(app, allowed_hosts=names(), www_redirect=False)
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 400 where the name is none of ours."""
        self.allowed_hosts = list(self._names())
        self.allow_any = "*" in self.allowed_hosts
        await super().__call__(scope, receive, send)


def caller_of(scope: Scope) -> str:
    """The caller's address; of IPv6 the network of 64 bits, which one machine has to itself."""
    address = (scope.get("client") or ("",))[0]
    return ":".join(address.split(":")[:4]) if ":" in address else address


def _is_browser(scope: Scope) -> bool:
    """Whether somebody waits for a page (RFC 9110 12.5.1)."""
    return "text/html" in Headers(scope=scope).get("Accept", "")


def _told(what: str, hint: str) -> Response:
    return JSONResponse({"error": what, "about": "", "hint": hint}, TOO_MANY)
