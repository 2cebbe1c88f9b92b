"""The dashboard of a running node in a real browser: by keyboard, to a screen reader, light and dark."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pydicom
import pytest

from node.web import tokens
from node.web.pages.drift import CHARTS
from node.web.tokens import Role
from tests.peers import Hospital, RunningNode, storescu, until
from tests.peers.hospital import study_uids
from tests.peers.ports import free_port
from tests.peers.programs import system_program
from tests.viewer.ohif import run_node
from tests.watch.builders import looked_at
from tests.web.contrast import contrast

pytestmark = [pytest.mark.viewer, pytest.mark.integration, pytest.mark.timeout(300)]

PLUGIN = "chest-radiograph"
EVIL = "<img src=x onerror=alert(1)>"
#: Roles that need a name (WAI-ARIA 1.2), as Chromium tells them.
NAMED = {"image", "img", "button", "link", "textbox", "combobox", "searchbox", "Date", "figure", "navigation", "region"}
#: WCAG 1.4.3, level AA.
ENOUGH = 4.5


@dataclass(frozen=True)
class Visit:
    """What was seen, and of which study."""

    seen: dict[str, Any]
    study: str
    url: str


@pytest.fixture(scope="module")
def visit(installed: Path, screenshots: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    folder, port = tmp_path_factory.mktemp("dashboard"), free_port()
    hospital = Hospital(folder / "hospital")
    films = [*_evil(hospital), *hospital.samples("1-adult-no-finding", "3-child-normal")]
    node = RunningNode(
        folder / "node",
        plugins=[PLUGIN],
        destinations=[{"name": "archive", "kind": "dicom", "ae_title": "NOBODY", "port": free_port()}],
        routes=[{"name": "films", "plugin": PLUGIN, "accept_missing": True, "destinations": ["archive"]}],
        web={"enabled": True, "port": port, "show_patients": True, "requests_per_minute": 6000},
        watch={"enabled": False},  # its own looks would find too little to say
    )
    with node:
        for share in (0.5, 0.7, 1.4):
            looked_at(node.ledger, share, PLUGIN)
        token = tokens.add(node.data / "tokens", "night-shift", Role.OPERATE)
        for film in films:
            storescu(node.port, [film], calling="<b>AE</b>")
        uids = study_uids(films)
        until(lambda: all(_is_reported(node, uid) for uid in uids), "every study is reported", 120)
        url = f"http://127.0.0.1:{port}"
        yield Visit(_walk(installed, screenshots, url, token, uids[0]), uids[0], url)


def _is_reported(node: RunningNode, uid: str) -> bool:
    return any(node.ledger.analyses.results(one.id) for one in node.ledger.analyses.of_study(uid))


def _evil(hospital: Hospital) -> list[Path]:
    """A real film, in whose tags somebody has written what a browser would run."""
    (path,) = hospital.samples("2-adult-pneumonia")
    ds = pydicom.dcmread(path)
    ds.PatientName, ds.PatientID = EVIL, "1<script>"
    ds.StudyDescription = ds.SeriesDescription = ds.Manufacturer = EVIL
    ds.save_as(path)
    return [path]


def _walk(installed: Path, out: Path, url: str, token: str, study: str) -> dict[str, Any]:
    pages = {
        "now": "/",
        "studies": "/studies",
        "study": f"/studies/{study}",
        "plugins": "/plugins",
        "plugin": f"/plugins/{PLUGIN}",
        "destinations": "/destinations",
        "monitoring": "/monitoring",
    }
    request = {
        "home": str(installed),
        "chromium": system_program("chromium"),
        "out": str(out),
        "url": url,
        "token": token,
        "study": study,
        "plugin": PLUGIN,
        "pages": pages,
    }
    answer = run_node(Path(__file__).with_name("dashboard.mjs"), request, 240)
    assert isinstance(answer, dict)
    (out / "dashboard.json").write_text(json.dumps(answer, indent=1), encoding="utf-8")
    return answer


def pages(visit: Visit) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every page in each scheme."""
    for scheme, found in visit.seen["seen"].items():
        for name, page in found.items():
            yield f"{name}, {scheme}", page


def test_everything_is_done_with_the_keyboard_alone(visit: Visit) -> None:
    walk = visit.seen["walk"]
    assert walk["first"]["url"] == f"{visit.url}/login?next=%2Fstudies%2F{visit.study}"
    assert walk["first"]["focus"] == "token"
    assert (walk["skip"], walk["ring"], walk["skipped"]) == ("Skip to the content", "solid", "main")
    assert walk["button"] == "Accept Pneumonia-like opacity, present"
    assert walk["notice"] == walk["after"] == "Your review is taken."


def test_what_happens_elsewhere_appears_by_itself_and_nothing_is_lost(visit: Visit) -> None:
    assert visit.seen["refreshed"] == {
        "kept": "studies-RECEIVING",
        "focused": "studies-RECEIVING",
        "statuses": [200, 204],
    }


def test_a_screen_reader_is_told_the_name_of_everything(visit: Visit) -> None:
    for where, page in pages(visit):
        nameless = [one["role"] for one in page["tree"] if one["role"] in NAMED and not one["name"].strip()]
        assert nameless == [], where
        roles = [one["role"] for one in page["tree"]]
        assert {"banner", "navigation", "main", "contentinfo"} <= set(roles), where
        levels = [one["level"] for one in page["tree"] if one["role"] == "heading"]
        assert levels.count(1) == 1, where
        assert all(after - before <= 1 for before, after in pairwise(levels)), (where, levels)
        assert page["language"] == "en"


def test_a_heatmap_says_what_it_shows(visit: Visit) -> None:
    images = [one["name"] for one in visit.seen["seen"]["light"]["study"]["tree"] if one["role"] == "image"]
    assert any(re.search(r"^Heatmap: Pneumonia-like opacity: present, \d+ %", name) for name in images), images


def test_words_are_told_from_their_ground_in_light_and_dark(visit: Visit) -> None:
    for where, page in pages(visit):
        assert len(page["pairs"]) > 3, where
        low = [(pair, words) for pair, words in page["pairs"] if contrast(*pair.split(" on ")) < ENOUGH]
        assert low == [], where


def test_the_two_schemes_differ(visit: Visit) -> None:
    light, dark = (visit.seen["seen"][scheme]["now"]["pairs"] for scheme in ("light", "dark"))
    assert not {pair for pair, _ in light} & {pair for pair, _ in dark}


def test_nothing_is_asked_of_another_host_and_the_console_stays_empty(visit: Visit) -> None:
    assert visit.seen["asked"] == [visit.url]
    assert visit.seen["heard"] == []


def test_what_a_stranger_wrote_in_a_tag_stays_text(visit: Visit) -> None:
    for where, page in pages(visit):
        assert page["strange"] == [], where
        assert page["broken"] == [], where
    text = visit.seen["seen"]["light"]["study"]["text"]
    assert text.count(EVIL) >= 4  # patient, study, series, maker
    assert "1<script>" in text
    assert "<b>AE</b>" in text


def test_charts_have_words_that_do_not_touch(visit: Visit) -> None:
    assert [page["touching"] for _, page in pages(visit) if page["touching"]] == []
    assert sum(one["role"] == "image" for one in visit.seen["seen"]["light"]["monitoring"]["tree"]) > 0


def test_drift_is_drawn_with_its_limit_and_told_in_words(visit: Visit) -> None:
    for scheme, found in visit.seen["seen"].items():
        page = found["monitoring"]
        images = [one["name"] for one in page["tree"] if one["role"] == "image"]
        for title in CHARTS:
            assert any(name.startswith(f"{PLUGIN}: {title} The newest 3 looks") for name in images), scheme
        assert f"{PLUGIN} is in alarm" in [one["name"] for one in page["tree"] if one["role"] == "region"]
        assert "The brightness of the images is otherwise than at this site's baseline" in page["text"]
        assert f"radnode watch baseline {PLUGIN}" in page["text"]


def test_it_fits_a_narrow_window(visit: Visit) -> None:
    assert visit.seen["narrow"] == []


def test_it_works_without_scripts(visit: Visit) -> None:
    assert visit.seen["plain"] == {
        "paused": f"{PLUGIN} is paused now.",
        "resumed": f"{PLUGIN} goes on now.",
        "after": "/login",
    }
