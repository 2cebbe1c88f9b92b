"""By the clock comes what is not here, once."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest

from node.config import Destination, FetchRule, NodeSettings, Settings
from node.fetch import Fetcher, Match, Watch
from node.fetch import watch as watching
from node.fetch.watch import is_due
from node.ledger import FetchRow, Ledger, fetches
from node.ledger.fetches import FIRST_AGAIN_SECONDS, LONGEST_AGAIN_SECONDS
from tests.fetch.conftest import Running, Start
from tests.peers import Hospital, storescu, until
from tests.peers.qrscp import RealDcmqrscp

NOW = 1e9
MATCH = Match("1.2", "20261127", ("CT",), 5)
ENDED = FetchRow("1.2", "pacs", 5, NOW - 60, NOW - 50, 5, "")


@pytest.mark.parametrize(
    ("match", "row", "came", "due"),
    [
        (MATCH, None, 0, True),
        (MATCH, None, 3, True),
        (MATCH, None, 5, False),
        (replace(MATCH, instances=None), None, 0, True),
        (replace(MATCH, instances=None), None, 3, False),
        (MATCH, ENDED, 5, False),
        (replace(MATCH, instances=6), ENDED, 5, True),
        (MATCH, replace(ENDED, ended_at=None, came=None), 2, True),
        (MATCH, replace(ENDED, came=4, reason="one failed"), 4, False),
        (MATCH, replace(ENDED, came=4, reason="one failed", ended_at=NOW - FIRST_AGAIN_SECONDS), 4, True),
        (MATCH, replace(ENDED, came=4, reason="one failed", ended_at=NOW - FIRST_AGAIN_SECONDS, tries=2), 4, False),
        (MATCH, replace(ENDED, came=4, reason="one failed", ended_at=NOW - LONGEST_AGAIN_SECONDS, tries=99), 4, True),
        (MATCH, replace(ENDED, came=4, reason="one failed", ended_at=NOW + 9e9), 4, True),  # the clock was set back
        (MATCH, replace(ENDED, came=4), 4, False),
        (MATCH, replace(ENDED, came=4, ended_at=NOW - LONGEST_AGAIN_SECONDS), 4, True),
        (replace(MATCH, instances=None), replace(ENDED, instances=None, asked_at=0), 5, False),
    ],
)
def test_what_is_due(match: Match, row: FetchRow | None, came: int, due: bool) -> None:
    assert is_due(match, row, came, NOW) is due


def test_a_study_that_nobody_has_thought_of_waits_for_the_next_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Destination(name="pacs", kind="dicom", host="127.0.0.1", port=1, ae_title="PACS")
    rule = FetchRule(name="ct", archive="pacs", modality="CT")
    settings = Settings(node=NodeSettings(data_dir=tmp_path), destinations=(archive,), fetch=(rule,))
    ledger, asked = Ledger(tmp_path / "ledger.db"), []
    watch = Watch(rule, settings, ledger)
    watch._lacks = {"1.2": watching._Lack(MATCH, "one failed", 0.0)}
    monkeypatch.setattr(Fetcher, "_fetched", lambda *_: asked.append(1) or 1 // 0)
    for _ in range(3):
        watch.tick()
    assert len(asked) == 1, "not at every glance"
    assert ledger.facts.troubles()["fetch ct"].startswith("ZeroDivisionError at test_watch.py:")
    ledger.close()


@pytest.fixture
def archive(receive: Start, tmp_path: Path) -> Iterator[tuple[Running, RealDcmqrscp]]:
    node = receive()
    with RealDcmqrscp(tmp_path / "archive", knows={"RADNODE": node.settings.node.port}) as peer:
        yield node, peer


def slices(hospital: Hospital, patient: int, numbers: range, day: str = "") -> list[Path]:
    date = {"StudyDate": day or time.strftime("%Y%m%d")}
    return [hospital.write(hospital.image(patient, image=number, modality="CT", **date)) for number in numbers]


@pytest.mark.integration
def test_what_has_settled_comes_once_and_what_grew_comes_again(
    archive: tuple[Running, RealDcmqrscp], hospital: Hospital
) -> None:
    node, peer = archive
    rule = FetchRule(name="ct", archive="archive", modality="CT", at_most=1)
    settings = Settings(node=node.settings.node, destinations=(Destination(**peer.destination()),), fetch=(rule,))
    watch, asked = Watch(rule, settings, node.ledger), []

    def look() -> list[int]:
        """How many of each study are here."""
        watch.step()
        asked.append(sum(len(node.trail(hospital.study_uid(patient), "fetch asked")) for patient in (1, 2, 3)))
        return [node.ledger.fetches.came(hospital.study_uid(patient)) for patient in (1, 2, 3)]

    sent = [
        *slices(hospital, 1, range(1, 3)),
        *slices(hospital, 2, range(1, 3)),
        *slices(hospital, 3, range(1), "20200101"),
    ]
    assert len(storescu(peer.port, sent, called="ARCHIVE").taken) == 5
    assert look() == [0, 0, 0], "they may be coming in over there"
    assert sorted(look()) == [0, 0, 2], "one at a time"
    assert look() == [2, 2, 0], "and what is older stays there"
    assert look() == [2, 2, 0]
    storescu(peer.port, slices(hospital, 1, range(3, 4)), called="ARCHIVE")
    assert look() == [2, 2, 0]
    assert look() == [3, 2, 0]
    assert asked == [0, 1, 2, 2, 2, 3]
    assert node.ledger.facts.troubles() == {}


@pytest.mark.integration
def test_what_did_not_come_is_asked_for_again_and_again_later_and_by_itself(
    archive: tuple[Running, RealDcmqrscp], hospital: Hospital, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node, peer = archive
    rule, uid = FetchRule(name="ct", archive="archive", modality="CT"), hospital.study_uid(1)
    settings = Settings(node=node.settings.node, destinations=(Destination(**peer.destination()),), fetch=(rule,))
    watch, sent = Watch(rule, settings, node.ledger), slices(hospital, 1, range(1, 4))
    assert len(storescu(peer.port, sent, called="ARCHIVE").taken) == 3
    missing = next(path for path in peer.files() if pydicom.dcmread(path).SOPInstanceUID == sent[1].stem)
    hidden = missing.rename(tmp_path / "hidden")
    watch.step()
    watch.step()
    row = node.ledger.fetches.of_study(uid)
    assert row is not None
    assert (row.came, row.tries, row.unsent) == (2, 1, (sent[1].stem,))
    assert "of the 1 that it named 0 came when they were asked for again" in row.reason
    assert re.search(
        r"1 studies did not come.*it is asked for again at \d\d:", node.ledger.facts.troubles()["fetch ct"]
    )
    watch.tick()
    assert len(node.trail(uid, "fetch asked")) == 1, "not before its time"
    monkeypatch.setattr(fetches, "FIRST_AGAIN_SECONDS", 0.4)
    monkeypatch.setattr(watching, "FIRST_AGAIN_SECONDS", 0.4)
    until(lambda: row.again_at is not None and row.again_at <= time.time(), "it is due")
    watch = Watch(rule, settings, node.ledger)
    watch.step()
    assert len(node.trail(uid, "fetch asked")) == 2, "of what was asked for before, another life needs one look"
    queries = [event.detail for event in node.ledger.events.latest(99) if event.action == "archive queried"]
    assert queries[0] == {"archive": "archive", "operator": "fetch ct", "keys": queries[0]["keys"]}
    assert queries[0]["keys"]["ModalitiesInStudy"] == "CT"
    hidden.rename(missing)
    until(lambda: watch.tick() or node.ledger.fetches.came(uid) == 3, "it came between two looks")
    assert node.ledger.facts.troubles() == {}
    row = node.ledger.fetches.of_study(uid)
    assert row is not None
    assert (row.reason, row.tries, row.unsent, row.again_at) == ("", 3, (), None)
    after = [event for event in node.ledger.events.latest(99) if event.action == "archive queried"]
    assert len(after) == len(queries), "what is asked for again need not be found again"


def test_an_archive_that_is_not_there_is_a_trouble_until_it_is_and_is_asked_again_soon(
    receive: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = receive()
    rule = FetchRule(name="ct", archive="archive")
    nobody = Destination(name="archive", kind="dicom", ae_title="ARCHIVE", port=1, timeout_seconds=1)
    watch = Watch(rule, Settings(destinations=(nobody,), fetch=(rule,)), node.ledger)
    watch.tick()
    assert node.ledger.facts.troubles() == {}, "the first look is after its time"
    monkeypatch.setattr(watching, "FIRST_AGAIN_SECONDS", 0.2)
    watch.step()
    assert "it cannot be reached" in node.ledger.facts.troubles()["fetch ct"]
    assert "it is asked again in 0 s" in node.ledger.facts.troubles()["fetch ct"]
    until(lambda: watch.tick() or "asked again in 2 s" in str(node.ledger.facts.troubles()), "it was asked again")


def test_a_node_that_is_stopped_does_not_wait_for_the_archive(receive: Start, hospital: Hospital) -> None:
    node = receive()
    rule = FetchRule(name="ct", archive="archive")
    nowhere = Destination(name="archive", kind="dicom", ae_title="ARCHIVE", host="192.0.2.1", timeout_seconds=5)
    begun = time.monotonic()
    Watch(rule, Settings(destinations=(nowhere,), fetch=(rule,)), node.ledger, lambda: True).step()
    assert time.monotonic() - begun < 2
