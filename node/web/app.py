"""The application: requests, and what is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from node.config import Serving, Settings, with_window
from node.errors import PermanentError, RadnodeError, where
from node.intake import Intake
from node.ledger import Ledger
from node.review import read_posted, take_statements
from node.reviews import tallies, tally_table
from node.spool import Spool
from node.web import actions, metrics, state, tokens
from node.web.durations import Durations
from node.web.edge import Edge
from node.web.guard import WRONG_TOKENS, Allowance, Guard, Hosts, caller_of
from node.web.pages import Pages
from node.web.stow import StowService
from node.web.tokens import Role

log = structlog.get_logger()

#: Between two looks at who is signed in: so late, at most, a session that is over is in the trail.
LOOK_SECONDS = 5.0
#: Longest body that is read, bytes.
LONGEST_BODY = 64 << 10
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

Answer = Callable[[Request], Awaitable[Response]]


class Web:
    """What the node answers over HTTP, by the settings that it serves with now.

    Only what a socket, a file or a limit was made with stays as it was: the limits of the inlet are those of the
    receivers, and change with them, at a restart.

    Args:
        settings, ledger, spool: of the node; those two with their limits.
    """

    def __init__(self, settings: Settings, ledger: Ledger, spool: Spool) -> None:
        self._serving, self._ledger, self._spool = Serving(settings), ledger, spool
        self._tokens = settings.web_tokens
        self._durations = Durations(
            ledger, lambda: self._now.web.result_objective_seconds, lambda: with_window(self._now.routes)
        )
        self._intake = Intake(settings, spool, ledger)
        self._stow = StowService(self._intake, settings.receive)
        self._requests = Allowance(lambda: self._now.web.requests_per_minute)
        self._wrong = Allowance(lambda: WRONG_TOKENS)

    @property
    def _now(self) -> Settings:
        return self._serving.settings()

    def close(self) -> None:
        """Write what still waits to be written."""
        self._intake.close()

    def application(self) -> Starlette:
        """As an ASGI application."""
        pages = Pages(self._serving, self._ledger, self._spool, self._wrong)
        routes = [
            Route("/healthz", self._healthz, methods=["GET"]),
            Route("/readyz", self._readyz, methods=["GET"]),
            Route("/changes", self._for(Role.READ, self._changes), methods=["GET"]),
            Route("/metrics", self._for(Role.READ, self._metrics), methods=["GET"]),
            Route("/studies/{uid}/reviews", self._for(Role.REVIEW, self._post_reviews), methods=["POST"]),
            Route("/studies/{uid}/reviews", self._for(Role.READ, self._study_reviews), methods=["GET"]),
            Route("/reviews/tally", self._for(Role.READ, self._tally), methods=["GET"]),
            Route("/analyses/{number:int}/{action}", self._for(Role.OPERATE, self._act), methods=["POST"]),
            Route("/dicom-web/studies", self._for(Role.STORE, self._stow.store), methods=["POST"]),
            Route("/dicom-web/studies/{uid}", self._for(Role.STORE, self._stow.store), methods=["POST"]),
            Route("/plugins/{plugin}/{action}", self._for(Role.OPERATE, self._plugin), methods=["POST"]),
            *pages.routes(),
        ]

        @asynccontextmanager
        async def looking(_: Starlette) -> AsyncIterator[None]:
            task = asyncio.create_task(_look_again_and_again(pages))
            yield
            task.cancel()

        return Starlette(
            routes=routes,
            lifespan=looking,
            middleware=[
                Middleware(Guard, requests=self._requests, wrong=self._wrong, page=pages.too_many),
                Middleware(Hosts, names=lambda: (*_LOOPBACK, self._now.web.host, *self._now.web.allowed_hosts)),
                Middleware(Edge),
            ],
            exception_handlers={HTTPException: _refused, RadnodeError: _failed},
        )

    def _for(self, role: Role, answer: Callable[[Request, str], Awaitable[Response]]) -> Answer:
        """The same for those who show a token of that role, or of a higher one; it is told the holder's name."""

        async def guarded(request: Request) -> Response:
            kind, _, token = request.headers.get("Authorization", "").partition(" ")
            given = token.strip() if kind.lower() == "bearer" else ""
            found = await run_in_threadpool(tokens.holder, self._tokens, given) if given else None
            if found is None:
                if given:
                    self._wrong.take(caller_of(request.scope))
                raise HTTPException(401, "a token is needed: `radnode tokens add NAME` makes one", _CHALLENGE)
            if not found.role.covers(role):
                detail = {"token": found.name, "role": found.role, "wanted": role}
                await run_in_threadpool(self._ledger.events.add, "request refused", **detail)
                raise HTTPException(403, f"that needs a token with the role {role}; this one may {found.role}")
            return await answer(request, found.name)

        return guarded

    async def _act(self, request: Request, holder: str) -> Response:
        number, action = request.path_params["number"], request.path_params["action"]
        if action not in actions.ON_ANALYSES:
            raise HTTPException(404, f"the actions are {', '.join(actions.ON_ANALYSES)}")
        state = await run_in_threadpool(actions.act_on_analysis, self._ledger, number, action, holder)
        return _json({"analysis": number, "state": state})

    async def _plugin(self, request: Request, holder: str) -> Response:
        plugin, action = request.path_params["plugin"], request.path_params["action"]
        if change := actions.ON_STAGES.get(action):
            stage = await run_in_threadpool(change, self._now, self._ledger, plugin, holder)
            return _json({"plugin": plugin, "stage": stage})
        if action not in actions.ON_PLUGINS:
            raise HTTPException(404, f"the actions are {', '.join([*actions.ON_PLUGINS, *actions.ON_STAGES])}")
        is_paused = await run_in_threadpool(actions.ON_PLUGINS[action], self._ledger, plugin, holder)
        return _json({"plugin": plugin, "paused": is_paused})

    async def _healthz(self, _: Request) -> Response:
        await run_in_threadpool(self._ledger.pulse)
        return _json({"status": "ok"})

    async def _readyz(self, _: Request) -> Response:
        missing = await run_in_threadpool(state.missing, self._now, self._ledger)
        return _json({"status": "not ready" if missing else "ready", "missing": missing}, 503 if missing else 200)

    async def _changes(self, request: Request, _: str) -> Response:
        since, count = (_number(request, name, usual) for name, usual in (("since", 0), ("limit", state.MOST_CHANGES)))
        return _json(await run_in_threadpool(state.changes, self._ledger, since, min(count, state.MOST_CHANGES)))

    async def _metrics(self, _: Request, __: str) -> Response:
        told = await run_in_threadpool(metrics.exposition, self._now, self._ledger, self._durations)
        return Response(told, media_type=metrics.CONTENT_TYPE)

    async def _post_reviews(self, request: Request, holder: str) -> Response:
        body, uid = await _json_body(request), request.path_params["uid"]
        return await run_in_threadpool(self._take_reviews, uid, body, holder)

    def _take_reviews(self, uid: str, body: bytes, holder: str) -> Response:
        study = self._study(uid)
        posted = read_posted(body)
        reader = f"{holder}: {posted.reader}" if posted.reader else holder
        taken = take_statements(
            self._ledger, self._spool, study, posted.statements, reader=reader, origin=f"posted by {holder}"
        )
        told = [
            {"plugin": one.answer.plugin, "finding": one.answer.finding, "laterality": one.answer.laterality}
            | {"outcome": one.answer.outcome, "judgement": one.judgement}
            for one in taken
        ]
        return _json({"taken": told, "unchanged": len(posted.statements) - len(taken)})

    async def _study_reviews(self, request: Request, _: str) -> Response:
        return await run_in_threadpool(self._tell_reviews, request.path_params["uid"])

    def _tell_reviews(self, uid: str) -> Response:
        return _json({"reviews": [asdict(one) for one in self._ledger.reviews.of_study(self._study(uid))]})

    async def _tally(self, _: Request, __: str) -> Response:
        return await run_in_threadpool(self._tell_tally)

    def _tell_tally(self) -> Response:
        return _json({"tally": [tally_table(one) for one in tallies(self._ledger.reviews.counted())]})

    def _study(self, uid: str) -> str:
        """The UID, when there is such a study; over HTTP it is never a part of one."""
        try:
            return self._ledger.studies.get(uid).study_instance_uid
        except PermanentError as error:
            raise HTTPException(404, error.what) from error


async def _look_again_and_again(pages: Pages) -> None:
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            await run_in_threadpool(pages.look)
        except RadnodeError as error:
            log.warning("sessions that are over are not signed out yet", why=str(error))
        except Exception as error:  # the edge of this loop: the next look tries again
            log.error("sessions that are over are not signed out yet", why=where(error))


_CHALLENGE: Mapping[str, str] = {"WWW-Authenticate": "Bearer"}


def _number(request: Request, name: str, usual: int) -> int:
    """A whole number of the query, 0 and more."""
    text = request.query_params.get(name, str(usual))
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise HTTPException(400, f"{name} is to be a whole number")
    return int(text)


async def _json_body(request: Request) -> bytes:
    """The body, if it is JSON and not too long; no form of another site can send that type."""
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "the body is to be application/json")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LONGEST_BODY:
            raise HTTPException(413, f"the body is longer than {LONGEST_BODY >> 10} KiB")
    return bytes(body)


def _json(value: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse(value, status, headers)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  by the table of handlers
    return _json({"error": error.detail, "about": "", "hint": ""}, error.status_code, error.headers)


async def _failed(_: Request, error: Exception) -> Response:
    assert isinstance(error, RadnodeError)  # noqa: S101  by the table of handlers
    headers = {"Retry-After": "5"} if error.temporary else None
    told = {"error": error.what, "about": error.about, "hint": error.hint}
    return _json(told, 503 if error.temporary else 422, headers)
