"""The pages: who may see them, and what is answered to a browser."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from node.config import Serving
from node.errors import RadnodeError
from node.ledger import Ledger
from node.spool import Spool
from node.states import StudyState
from node.web import tokens
from node.web.guard import TOO_MANY, Allowance, caller_of
from node.web.pages import monitoring, now, pictures, plugins, studies
from node.web.pages.acting import Acting, Deed
from node.web.pages.destinations import destinations
from node.web.pages.forms import form, place
from node.web.pages.rendering import Rendering
from node.web.pages.study import StudyPage
from node.web.sessions import LONGEST_SECONDS, Session, Sessions
from node.web.tokens import Role

#: Nothing but our own style, script and pictures; no script or style inside a page; forms go to us alone.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
}
_STATIC = Path(__file__).parent / "static"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
#: A page -> how it stands in the navigation.
_NAVIGATION = (
    ("/", "Now"),
    ("/studies", "Studies"),
    ("/plugins", "Plugins"),
    ("/destinations", "Destinations"),
    ("/monitoring", "Monitoring"),
)

Values = dict[str, Any]  # of a template
Endpoint = Callable[[Request], Awaitable[Response]]


class Pages:
    """The dashboard.

    Args:
        serving: the settings of the node, as they are now.
        ledger, spool: of the node.
        wrong: tokens of one address, shared with all other ways in.
    """

    def __init__(self, serving: Serving, ledger: Ledger, spool: Spool, wrong: Allowance) -> None:
        self._serving, self._ledger, self._spool, self._wrong = serving, ledger, spool, wrong
        settings = serving.began  # of what needs a restart
        self._title, self._tokens = settings.node.ae_title, settings.web_tokens
        self._sessions, self._rendering = Sessions(self._tokens, self._ended), Rendering()
        self._acting, self._study = Acting(ledger, spool), StudyPage(ledger, spool)
        self._static = {path.name: path.read_bytes() for path in _STATIC.iterdir() if path.suffix in _TYPES}
        self._secure = settings.web.tls or settings.web.behind_proxy
        # Cookies know no ports: two nodes on one machine would sign each other's people out.
        self._cookie = f"{'__Host-' if self._secure else ''}radnode-{settings.web.port}"

    def routes(self) -> list[Route]:
        """All of them."""
        shown: Mapping[str, Callable[[Request, Session], Values]] = {
            "/": lambda *_: {"page": "now"} | now.now(self._serving.settings(), self._ledger),
            "/studies": self._list_studies,
            "/studies/{uid}": self._show_study,
            "/plugins": lambda *_: {"page": "plugins"} | plugins.plugins(self._serving.settings(), self._ledger),
            "/plugins/{name}": self._show_plugin,
            "/destinations": lambda *_: {"page": "destinations"} | destinations(self._serving.settings(), self._ledger),
            "/monitoring": self._show_monitoring,
        }
        return [
            *(Route(path, self._page(values), methods=["GET"]) for path, values in shown.items()),
            Route("/results/{uid}.png", self._guarded(self._picture), methods=["GET"]),
            Route("/act/{kind}/{name}/{action}", self._guarded(self._act), methods=["POST"]),
            Route("/login", self._told(self._show_login), methods=["GET"]),
            Route("/login", self._told(self._log_in), methods=["POST"]),
            Route("/logout", self._guarded(self._log_out), methods=["POST"]),
            Route("/static/{name}", self._file, methods=["GET"]),
        ]

    # Who is there

    def _guarded(self, answer: Callable[[Request, Session], Awaitable[Response]]) -> Endpoint:
        """The same for who is signed in; others are sent to the form, and come back."""

        async def guarded(request: Request) -> Response:
            refreshed = "HX-Request" in request.headers
            number = request.cookies.get(self._cookie, "")
            found = await run_in_threadpool(self._sessions.find, number, by_person=not refreshed) if number else None
            if found is None:
                return _away(request, refreshed=refreshed)
            return await answer(request, found)

        return self._told(guarded)

    def _told(self, endpoint: Endpoint) -> Endpoint:
        """What fails becomes a page that says so."""

        async def told(request: Request) -> Response:
            try:
                answer = await endpoint(request)
            except HTTPException as error:
                answer = self._failed(error.status_code, error.detail, "", "")
            except RadnodeError as error:
                status = 503 if error.temporary else 404 if request.method == "GET" else 422
                answer = self._failed(status, error.what, error.about, error.hint)
            answer.headers.update(HEADERS)
            return answer

        return told

    def too_many(self, what: str, hint: str) -> Response:
        """The page for who asks more often than they may."""
        answer = self._failed(TOO_MANY, what, "", hint)
        answer.headers.update(HEADERS)
        return answer

    def _failed(self, status: int, what: str, about: str, hint: str) -> Response:
        values = self._around(None) | {"page": "error", "what": what, "about": about, "hint": hint}
        return HTMLResponse(self._rendering.page("error", values), status)

    async def _allow(self, session: Session, role: Role) -> None:
        if not session.holder.role.covers(role):
            detail = {"token": session.holder.name, "role": session.holder.role, "wanted": role}
            await run_in_threadpool(self._ledger.events.add, "request refused", **detail)
            raise HTTPException(403, f"that needs a token with the role {role}; yours may {session.holder.role}")

    # Pages

    def _page(self, values: Callable[[Request, Session], Values]) -> Endpoint:
        """A whole page, or a part of it that htmx asks for: 204 when that is as it was seen last."""

        def made(request: Request, session: Session) -> Response:
            found, url = self._around(session) | values(request, session), request.url.path
            names, again = _PARTS.get(found["page"], ()), url if found.get("is_open", True) else ""
            if (asked := request.query_params.get("part", "")) in names:
                part = self._rendering.part(asked, again, found, request.query_params.get("seen", ""))
                return Response(status_code=204) if part is None else HTMLResponse(part)
            parts = {name: self._rendering.part(name, again, found) for name in names}
            notice, session.notice = session.notice, ""
            return HTMLResponse(
                self._rendering.page(found["page"], found | {"here": url, "notice": notice, "parts": parts})
            )

        async def answer(request: Request, session: Session) -> Response:
            await self._allow(session, Role.READ)
            return await run_in_threadpool(made, request, session)

        return self._guarded(answer)

    def _around(self, session: Session | None) -> Values:
        """What every template may use."""
        role = session.holder.role if session else None
        return {
            "node": self._title,
            "navigation": _NAVIGATION if session else (),
            "here": "",
            "notice": "",
            "holder": session.holder.name if session else "",
            "role": role or "",
            "csrf": session.csrf if session else "",
            "may_operate": role is not None and role.covers(Role.OPERATE),
            "may_review": role is not None and role.covers(Role.REVIEW),
        }

    def _list_studies(self, request: Request, _: Session) -> Values:
        asked = studies.filter_of(request.query_params)
        found = studies.listed(self._ledger, self._spool, asked)
        return {"page": "studies", "asked": asked, "listed": found, "states": list(StudyState)}

    def _show_study(self, request: Request, session: Session) -> Values:
        uid, shows = request.path_params["uid"], self._serving.settings().web.show_patients
        if "part" in request.query_params:
            return {"page": "study"} | self._study.standing(uid)
        values = self._study.values(uid, self._serving.settings())
        patient = self._study.patient(uid, session.holder.name) if shows else None
        return {"page": "study", "patient": patient, "shows_patient": shows} | values

    def _show_plugin(self, request: Request, _: Session) -> Values:
        return {"page": "plugin"} | plugins.plugin(self._serving.settings(), self._ledger, request.path_params["name"])

    def _show_monitoring(self, *_: object) -> Values:
        watch = self._serving.settings().watch
        return {"page": "monitoring"} | monitoring.monitoring(watch, self._ledger, self._spool)

    async def _picture(self, request: Request, session: Session) -> Response:
        await self._allow(session, Role.READ)
        uid, small = request.path_params["uid"], "small" in request.query_params
        data = await run_in_threadpool(pictures.png, self._ledger, self._spool, uid, small=small)
        return Response(data, media_type="image/png")

    async def _file(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._static:
            raise HTTPException(404, "there is no such file")
        headers = {"Cache-Control": "public, max-age=3600"}
        return Response(self._static[name], headers=headers, media_type=_TYPES[Path(name).suffix])

    # Forms

    async def _act(self, request: Request, session: Session) -> Response:
        kind, name, action = (request.path_params[one] for one in ("kind", "name", "action"))
        fields = await form(request)
        if not session.allows(fields.get("csrf", "")):
            raise HTTPException(403, "the form is not of this session: go back, load the page again, and try again")
        if kind not in self._acting.kinds:
            raise HTTPException(404, "there is no such action")
        role, act = self._acting.kinds[kind]
        await self._allow(session, role)
        session.notice = await run_in_threadpool(act, Deed(name, action, fields, session.holder.name))
        return RedirectResponse(place(fields.get("back", "")), 303)

    async def _show_login(self, request: Request) -> Response:
        return self._login_page(place(request.query_params.get("next", "/")), "")

    def _login_page(self, onward: str, problem: str) -> Response:
        values = self._around(None) | {"page": "login", "onward": onward, "problem": problem}
        return HTMLResponse(self._rendering.page("login", values), 401 if problem else 200)

    async def _log_in(self, request: Request) -> Response:
        fields = await form(request)
        onward, token = place(fields.get("next", "/")), fields.get("token", "").strip()
        found = await run_in_threadpool(tokens.holder, self._tokens, token) if token else None
        if found is None:
            if token:
                self._wrong.take(caller_of(request.scope))
                await self._note(request, "sign-in to the dashboard refused", reason="it is no token of this node")
            return self._login_page(onward, "That is no token of this node: `radnode tokens add NAME` makes one.")
        if not found.role.covers(Role.READ):
            problem = f"A token with the role {found.role} sees no pages."
            await self._note(request, "sign-in to the dashboard refused", token=found.name, reason=problem)
            return self._login_page(onward, problem)
        answer = RedirectResponse(onward, 303)
        number, seconds = await run_in_threadpool(self._begin, found, _peer(request)), int(LONGEST_SECONDS)
        answer.set_cookie(self._cookie, number, seconds, secure=self._secure, httponly=True, samesite="strict")
        return answer

    async def _log_out(self, request: Request, session: Session) -> Response:
        if not session.allows((await form(request)).get("csrf", "")):
            raise HTTPException(403, "the form is not of this session")
        await run_in_threadpool(self._ledger.sessions.end, session.name)
        self._sessions.end(request.cookies[self._cookie])
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(self._cookie, path="/", secure=self._secure, httponly=True)
        return answer

    async def _note(self, request: Request, action: str, **detail: str) -> None:
        """Who was refused stands in the trail, with their address."""
        await run_in_threadpool(self._ledger.events.add, action, peer=_peer(request), **detail)

    def _begin(self, holder: tokens.Holder, peer: str) -> str:
        """Who came stands in the trail before their browser has its number."""
        return self._sessions.begin(holder, self._ledger.sessions.begin(holder.name, peer))

    def look(self) -> None:
        """Who was idle for too long is signed out; to be called every few seconds."""
        self._sessions.look()

    def _ended(self, session: Session, why: str) -> None:
        """A session that ended by itself."""
        self._ledger.sessions.end(session.name, why)


#: Page -> the parts of it that are looked at again and again.
_PARTS: Mapping[str, tuple[str, ...]] = {"now": ("summary", "board"), "study": ("verdict",)}


def _peer(request: Request) -> str:
    """Address of the browser."""
    return request.client.host if request.client else ""


def _away(request: Request, *, refreshed: bool) -> Response:
    """To the form. A part of a page cannot be a form: the page is loaded again, and then goes there."""
    if refreshed:
        return Response(status_code=204, headers={"HX-Refresh": "true"})
    if request.method != "GET":
        return RedirectResponse("/login", 303)
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"/login?{urlencode({'next': place(request.url.path + query)})}", 303)


__all__ = ["HEADERS", "Pages"]
