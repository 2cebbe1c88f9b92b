"""The dashboard over real HTTP: who gets in, what is shown, and what a form may do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256
from html import unescape
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import pytest
import requests
from PIL import Image

from node import report
from node.claims import Outcome
from node.config import Destination, NodeSettings, Settings, WebSettings, frozen
from node.reviews import Answer, Judgement, Review
from node.spool import Spool
from node.states import AnalysisState
from node.study import Attributes, Explanation
from node.web import tokens
from node.web.guard import HEADERS, WRONG_TOKENS
from node.web.tokens import Role
from tests.ledger.material import arrival, completed, received, reported
from tests.report.material import analysis, by_uid, header, picture
from tests.review.material import answered
from tests.web.conftest import Running

EVIL = "<img src=x onerror=alert(1)>"
PAGES = ("/", "/studies", "/studies/1.2", "/plugins", "/plugins/chest-radiograph", "/destinations", "/monitoring")


class Browser:
    """Somebody who signed in. Args: web: the server; role: of the token."""

    def __init__(self, web: Running, role: Role = Role.OPERATE) -> None:
        self._web, self.name = web, f"somebody-{role}"
        self._session = requests.Session()
        self.token = tokens.add(web.folder / "tokens", self.name, role)
        self.came = self.post("/login", token=self.token, next="/studies?state=CLOSED")

    def get(self, path: str, **headers: str) -> requests.Response:
        return self._session.get(self._web.url + path, headers=headers, timeout=10)

    def post(self, path: str, headers: dict[str, str] | None = None, **fields: str) -> requests.Response:
        return self._session.post(self._web.url + path, fields, headers=headers, timeout=10, allow_redirects=False)

    def form(self, path: str, page: str = "/", **fields: str) -> requests.Response:
        """A form of a page, with that session's own number."""
        return self.post(path, csrf=csrf(self.get(page).text), back=page, **fields)


def csrf(page: str) -> str:
    found = re.search(r'name="csrf" value="([\w-]+)"', page)
    assert found
    return found[1]


def words(page: str) -> str:
    """Of a page, as a reader sees them."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", page)))


@pytest.fixture
def browser(web: Running) -> Browser:
    return Browser(web)


# Who gets in


def test_who_is_not_signed_in_sees_nothing_and_comes_back_where_they_wanted(web: Running) -> None:
    for path in (*PAGES, "/results/1.2.7.1.png"):
        done = requests.get(f"{web.url}{path}", timeout=10, allow_redirects=False)
        assert (done.status_code, done.text) == (303, ""), path
        form = requests.get(web.url + done.headers["Location"], timeout=10)
        assert f'name="next" value="{path}"' in form.text


def test_a_token_opens_a_session_and_stands_in_no_cookie(browser: Browser, web: Running) -> None:
    assert (browser.came.status_code, browser.came.headers["Location"]) == (303, "/studies?state=CLOSED")
    cookie = browser.came.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert browser.token not in cookie
    assert [browser.get(path).status_code for path in PAGES] == [200] * len(PAGES)
    last = web.ledger.events.latest(1)[0]
    assert (last.action, last.detail) == ("signed in to the dashboard", {"peer": "127.0.0.1", "token": browser.name})


def test_signing_out_ends_the_session_also_for_who_kept_the_cookie(browser: Browser, web: Running) -> None:
    kept = dict(browser._session.cookies)
    assert browser.form("/logout").headers["Location"] == "/login"
    last = web.ledger.events.latest(1)[0]
    assert (last.action, last.detail) == ("signed out of the dashboard", {"peer": "127.0.0.1", "token": browser.name})
    done = requests.get(f"{web.url}/", cookies=kept, timeout=10, allow_redirects=False)
    assert done.status_code == 303


def test_a_removed_token_ends_its_sessions(browser: Browser, web: Running) -> None:
    assert browser.get("/").status_code == 200
    tokens.remove(web.folder / "tokens", browser.name)
    assert browser.get("/").url.startswith(f"{web.url}/login")
    last = web.ledger.events.latest(1)[0]
    why = "its token was removed, or made anew"
    assert (last.action, last.detail) == (
        "signed out of the dashboard",
        {"peer": "127.0.0.1", "token": browser.name, "reason": why},
    )


def test_wrong_tokens_are_counted_as_those_of_programs(web: Running) -> None:
    codes = [requests.post(f"{web.url}/login", {"token": "x"}, timeout=10).status_code for _ in range(WRONG_TOKENS)]
    assert codes == [401] * WRONG_TOKENS
    refused = [one.detail for one in web.ledger.events.latest(50) if one.action == "sign-in to the dashboard refused"]
    assert refused == [{"peer": "127.0.0.1", "reason": "it is no token of this node"}] * WRONG_TOKENS
    told = web.ask("GET", "/reviews/tally")
    assert (told.status_code, told.json()["error"]) == (429, "too many requests, or wrong tokens, from this address")


def test_a_person_who_asks_too_often_is_told_so_by_a_page(web: Running) -> None:
    for _ in range(WRONG_TOKENS):
        requests.post(f"{web.url}/login", {"token": "x"}, timeout=10)
    accept = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    done = requests.post(f"{web.url}/login", {"token": "x"}, headers=accept, timeout=10)
    assert (done.status_code, done.headers["Content-Type"]) == (429, "text/html; charset=utf-8")
    seconds = int(done.headers["Retry-After"])
    assert "too many requests, or wrong tokens, from this address" in words(done.text)
    assert f"wait {seconds} s, then ask again" in words(done.text)
    assert "script-src 'self'" in done.headers["Content-Security-Policy"]


def test_who_only_stores_sees_no_page(web: Running) -> None:
    browser = Browser(web, Role.STORE)
    assert browser.came.status_code == 401
    assert "sees no pages" in browser.came.text
    last = web.ledger.events.latest(1)[0]
    assert (last.action, last.detail["token"]) == ("sign-in to the dashboard refused", browser.name)


def test_nobody_is_led_elsewhere(web: Running) -> None:
    token = tokens.add(web.folder / "tokens", "reader", Role.READ)
    for place in ("//evil.example", "/\\evil.example", "https://evil.example", "/a b", "javascript:1"):
        done = requests.post(f"{web.url}/login", {"token": token, "next": place}, timeout=10, allow_redirects=False)
        assert done.headers["Location"] == "/", place


def test_a_page_may_load_our_own_files_alone_and_is_not_kept(browser: Browser, web: Running) -> None:
    for path in (*PAGES, "/studies/9.9"):
        found = browser.get(path).headers
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in found["Content-Security-Policy"]
        assert "unsafe" not in found["Content-Security-Policy"]
        same = [name for name in HEADERS if name != "Content-Security-Policy"]
        assert {name: found[name] for name in same} == {name: HEADERS[name] for name in same}
        assert not re.search(r"<style|style=|onclick|javascript:|https?://", browser.get(path).text), path
    for name in ("radnode.css", "htmx-2.0.11.min.js", "icon.svg"):
        done = requests.get(f"{web.url}/static/{name}", timeout=10)
        assert (done.status_code, done.headers["Cache-Control"]) == (200, "public, max-age=3600")


# What is shown


class Outline(HTMLParser):
    """Elements that are open, and identifiers, of a page."""

    VOID = frozenset({"meta", "link", "input", "img", "br"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: list[str] = []
        self.labelled: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.names += [given["id"]] if "id" in given else []
        for name in ("aria-labelledby", "aria-describedby", "for"):
            self.labelled += given.get(name, "").split()
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_pages_are_whole_and_every_label_is_there_once(browser: Browser, web: Running) -> None:
    web.ledger.pauses.pause("chest-radiograph", "looks wrong")
    for path in (*PAGES, "/studies/9.9", "/login"):
        found = Outline(browser.get(path).text)
        assert found.open == [], path
        assert len(found.names) == len(set(found.names)), path
        assert set(found.labelled) <= set(found.names), path


def test_a_study_is_told_with_findings_reasons_and_trail(browser: Browser) -> None:
    page = words(browser.get("/studies/1.2").text)
    for said in ("no result yet", "Opacity", "present", "87 %", "study completed", "quiet", "SENDER"):
        assert said.lower() in page.lower(), said


def test_no_patient_is_named_unless_the_configuration_says_so(browser: Browser, web: Running) -> None:
    assert "Patient" not in words(browser.get("/studies/1.2").text)
    assert [one for one in web.ledger.events.of_study("1.2") if one.detail.get("command") == "patient shown"] == []


def test_patients_are_named_from_when_the_node_takes_that_over(browser: Browser, web: Running) -> None:
    settings = Settings(node=NodeSettings(data_dir=web.folder), web=WebSettings(show_patients=True))
    (web.folder / "serving.json").write_bytes(frozen(settings))
    assert "Patient" in words(browser.get("/studies/1.2").text)


def test_what_strangers_wrote_stays_text(browser: Browser, web: Running) -> None:

    attributes = Attributes(modality="CR", study_description=EVIL, series_description=f"‮{EVIL}", calling_ae=EVIL[:16])
    web.ledger.arrivals.record([arrival(1, "1.3", attributes=attributes)])
    for path in ("/studies/1.3", "/studies", "/"):
        page = browser.get(path).text
        assert "<img src=x" not in page
        assert "‮" not in page
    assert words(browser.get("/studies/1.3").text).count(EVIL) == 2


def test_studies_are_found_by_state_modality_day_and_uid(browser: Browser, web: Running) -> None:
    received(web.ledger, "1.3")
    completed(web.ledger, "1.4")
    for query, found in (
        ("", {"1.2", "1.3", "1.4"}),
        ("state=RECEIVING", {"1.3"}),
        ("state=COMPLETE&modality=dx", {"1.4"}),
        ("modality=MR", set()),
        ("day=2001-01-01", set()),
        ("uid=1.", {"1.2", "1.3", "1.4"}),
        ("uid=1.3.9.1", {"1.3"}),
        ("uid=1.2.7.1", {"1.2"}),
        ("uid=8", set()),
        ("day=yesterday", {"1.2", "1.3", "1.4"}),
    ):
        page = browser.get(f"/studies?{query}")
        assert page.status_code == 200
        assert set(re.findall(r'href="/studies/([\d.]+)"', page.text)) == found, query


def test_a_long_list_goes_on_page_by_page_and_leaves_nothing_out(browser: Browser, web: Running) -> None:
    for number in range(45):
        received(web.ledger, f"1.5.{number}")
    seen: list[str] = []
    path = "/studies?modality=DX"
    while path:
        page = browser.get(path).text
        seen += re.findall(r'href="/studies/([\d.]+)"', page)
        more = re.search(r'rel="next" href="([^"]+)"', page)
        path = unescape(more[1]) if more else ""
    assert len(seen) == len(set(seen)) == 46


@pytest.fixture
def heatmap(web: Running) -> Path:
    """The study 1.6, whose heatmap lies in the spool."""
    source = header()
    ((_, ds),) = report.build(analysis(source), by_uid(source), Explanation(pictures=(picture(source),)), kinds=("sc",))
    data = report.part10(ds)
    path = web.folder / "spool" / "work" / "1.6" / "sc.dcm"
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    reported(web.ledger, "1.6", digest=sha256(data).hexdigest())
    return path


def test_a_heatmap_is_shown_with_words_for_who_does_not_see_it(browser: Browser, heatmap: Path) -> None:
    page = browser.get("/studies/1.6").text
    (found,) = re.findall(r'<img src="(/results/[\d.]+\.png)" alt="([^"]+)"', page)
    assert found[1] == "Heatmap: Class activation over the film."
    done = browser.get(found[0])
    assert done.headers["Content-Type"] == "image/png"
    assert done.headers["Cache-Control"] == "no-store"
    with Image.open(BytesIO(done.content)) as picture:
        assert (picture.size, picture.getpixel((3, 3))) == ((65, 33), (90, 90, 90))


def test_a_heatmap_that_was_changed_is_not_shown(browser: Browser, heatmap: Path) -> None:
    heatmap.write_bytes(heatmap.read_bytes()[:-2] + b"xx")
    done = browser.get("/results/1.6.7.1.png")
    assert (done.status_code, "was changed after it was made" in done.text) == (404, True)
    heatmap.unlink()
    assert "not here any more" in browser.get("/results/1.6.7.1.png").text
    assert browser.get("/results/1.6.7.2.png").status_code == 404  # a report is no heatmap


def test_a_heatmap_that_the_disk_has_damaged_takes_no_page_with_it(browser: Browser, heatmap: Path) -> None:
    derivation = b"\x08\x00\x11\x21"  # (0008,2111), and a VR that there is not
    whole = heatmap.read_bytes()
    heatmap.write_bytes(whole.replace(derivation + b"ST", derivation + b"QQ"))
    assert heatmap.read_bytes() != whole
    for path in ("/studies/1.6", "/studies", "/"):
        assert (browser.get(path).status_code, path) == (200, path)
    assert "<img" not in browser.get("/studies/1.6").text


def test_a_part_comes_again_only_when_it_has_changed(browser: Browser, web: Running) -> None:
    asked = {name: f"/?part={name}&seen={seen}" for name, seen in parts(browser.get("/").text)}
    assert list(asked) == ["summary", "board"]
    assert [browser.get(one, **HTMX).status_code for one in asked.values()] == [204, 204]
    web.ledger.pauses.pause("chest-radiograph", "looks wrong")
    found = browser.get(asked["board"], **HTMX)
    assert (found.status_code, "chest-radiograph is paused" in found.text) == (200, True)
    assert "<html" not in found.text


def test_who_reads_a_study_is_told_that_something_has_happened(browser: Browser, web: Running) -> None:
    (row,) = web.ledger.analyses.of_study("1.2")
    page = browser.get("/studies/1.2").text
    ((part, seen),) = re.findall(r'hx-get="/studies/1.2\?part=(\w+)&amp;seen=(\w+)"', page)
    asked = f"/studies/1.2?part={part}&seen={seen}"
    assert (browser.get(asked, **HTMX).status_code, "has happened" in page) == (204, False)
    web.ledger.analyses.hold(row.id)
    news = browser.get(asked, **HTMX).text
    assert "HELD" in news
    assert "Something has happened: load this page again" in news
    assert "has happened" not in browser.get("/studies/1.2").text


def test_a_page_that_refreshes_itself_goes_to_the_form_when_the_session_is_over(web: Running) -> None:
    done = requests.get(f"{web.url}/?part=board&seen=x", headers=HTMX, timeout=10)
    assert (done.status_code, done.headers["HX-Refresh"]) == (204, "true")


HTMX = {"HX-Request": "true"}


def parts(page: str) -> Iterator[tuple[str, str]]:
    yield from re.findall(r'hx-get="/\?part=(\w+)&amp;seen=(\w+)"', page)


def test_what_is_not_there_is_a_page_that_says_so(browser: Browser) -> None:
    for path, said in (("/studies/9.9", "there is no such study"), ("/plugins/none", "there is no such plugin")):
        done = browser.get(path)
        assert (done.status_code, said in done.text) == (404, True)


def test_what_the_node_took_over_since_is_shown(browser: Browser, web: Running) -> None:
    assert "results stay here" in browser.get("/destinations").text
    settings = Settings(
        node=NodeSettings(data_dir=web.folder),
        destinations=[Destination(name="pacs", kind="stow", url="https://user:secret@pacs/dicom-web?key=secret")],
    )
    (web.folder / "serving.json").write_bytes(frozen(settings))
    page = browser.get("/destinations").text
    assert "https://pacs/dicom-web" in page
    assert "secret" not in page
    (web.folder / "serving.json").write_bytes(b"{")
    assert "https://pacs/dicom-web" in browser.get("/destinations").text


# What a form may do


def test_an_analysis_is_held_and_dropped_and_the_trail_says_by_whom(browser: Browser, web: Running) -> None:
    (row,) = web.ledger.analyses.of_study("1.2")
    done = browser.form(f"/act/analysis/{row.id}/hold", "/studies/1.2")
    assert (done.status_code, done.headers["Location"]) == (303, "/studies/1.2")
    assert web.ledger.analyses.get(row.id).state is AnalysisState.HELD
    page = browser.get("/studies/1.2").text
    assert f"Analysis {row.id} is HELD now." in page
    assert f"/act/analysis/{row.id}/retry" in page
    assert f"/act/analysis/{row.id}/hold" not in page
    assert "is HELD now" not in browser.get("/studies/1.2").text
    told = [one.detail for one in web.ledger.events.of_study("1.2") if one.action == "operator's command"]
    assert told == [{"command": "queue hold", "operator": f"token {browser.name}", "analysis": row.id}]
    browser.form(f"/act/analysis/{row.id}/drop", "/studies/1.2")
    refused = browser.form(f"/act/analysis/{row.id}/retry", "/studies/1.2")
    assert (refused.status_code, "cannot be" in refused.text) == (422, True)


def test_a_study_is_completed_and_a_plugin_paused(browser: Browser, web: Running) -> None:
    received(web.ledger, "1.3")
    assert browser.form("/act/study/1.3/complete", "/studies/1.3").status_code == 303
    assert web.ledger.studies.get("1.3").asked
    assert browser.form("/act/plugin/chest-radiograph/pause").status_code == 303
    assert list(web.ledger.pauses.paused()) == ["chest-radiograph"]
    assert "paused by the holder" in browser.get("/plugins").text


def test_a_plugins_page_has_what_readers_say_and_apart_what_signed_reports_say(browser: Browser, web: Running) -> None:
    (row,) = web.ledger.analyses.of_study("1.2")
    answer = Answer(row.id, "chest-radiograph", "1.0", "pneumonia", "", "", None, Outcome.PRESENT, 0.9)
    by_text = Review(answer, Judgement.CORRECTED, Outcome.ABSENT, "RIS 1", "report message 1", "HL7 RIS")
    web.ledger.reviews.add("1.2", [Review(answer, Judgement.ACCEPTED, None, "rita", "typed"), by_text])
    rows = [one for one in browser.get("/plugins/chest-radiograph").text.split("<tr>") if "pneumonia</th><td>" in one]
    assert [("readers" in one, "signed reports: HL7 RIS" in one) for one in rows] == [(True, False), (False, True)]
    assert ["1 of 1" in one or "100" in one for one in rows] == [True, False]


def test_a_reader_says_a_word_and_acts_no_further(web: Running) -> None:
    reader = Browser(web, Role.REVIEW)
    done = reader.form("/act/review/1.2/rejected", "/studies/1.2", finding="opacity", plugin="chest")
    assert done.status_code == 303
    (said,) = web.ledger.reviews.of_study("1.2")
    assert (said.judgement, said.reader, said.origin) == ("rejected", reader.name, f"dashboard, {reader.name}")
    assert "/act/analysis/" not in reader.get("/studies/1.2").text
    refused = reader.form("/act/plugin/chest-radiograph/pause")
    assert (refused.status_code, web.ledger.pauses.paused()) == (403, {})
    assert web.ledger.events.latest(1)[0].action == "request refused"


def test_who_only_reads_is_offered_nothing(web: Running) -> None:
    page = Browser(web, Role.READ).get("/studies/1.2").text
    assert "/act/" not in page


def test_a_form_of_another_site_or_session_does_nothing(browser: Browser, web: Running) -> None:
    path, right = "/act/plugin/chest-radiograph/pause", csrf(browser.get("/").text)
    other = csrf(Browser(web, Role.REVIEW).get("/").text)
    assert other != right
    assert [browser.post(path, csrf=one).status_code for one in (other, "", "ä")] == [403, 403, 403]
    assert browser.post(path, {"Sec-Fetch-Site": "cross-site"}, csrf=right).status_code == 403
    assert browser.post(path, {"Content-Type": "text/plain"}, csrf=right).status_code == 415
    assert browser.post(path, csrf=right, more="x" * 9000).status_code == 413
    assert web.ledger.pauses.paused() == {}


def test_other_actions_are_unknown(browser: Browser) -> None:
    for path in ("plugin/x/burn", "analysis/1/burn", "analysis/x/hold", "study/1.2/burn", "review/1.2/x", "spool/1/x"):
        assert browser.form(f"/act/{path}").status_code == 404, path


def test_monitoring_counts_what_was_answered(browser: Browser, web: Running) -> None:
    for number in range(3):
        answered(web.ledger, Spool(web.folder / "spool", 1), f"1.7.{number}")
    page = words(browser.get("/monitoring").text)
    assert "Shares of 4 analyses" in page
    assert re.search(r"view not stated 4 4 100% \(51%–100%\)", page), page
