"""The edge of every request: what nobody has thought of is answered with 500, and the log says where it was."""

from __future__ import annotations

import structlog
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from node.errors import where

log = structlog.get_logger()

_FAILED = {"error": "the node has failed at this request", "about": "", "hint": "its log says where"}


class Edge:
    """ASGI middleware. The server would write down the text of the error, too, which may quote a patient's data."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; an answer that has begun is broken off."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def noting(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except ClientDisconnect:
            log.debug("caller left", path=scope["path"])
        except Exception as error:  # an edge: whatever one request provokes, the next one is answered
            log.error("request failed", method=scope["method"], path=scope["path"], error=where(error))
            if not has_begun:
                await JSONResponse(_FAILED, 500)(scope, receive, send)
