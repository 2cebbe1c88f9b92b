"""Workitems are claimed, and end as what became of their studies, whatever happens on the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from node.cli.neighbours import _worklists
from node.config import Destination, QueueSettings, Route, Worklist
from node.ledger import WorkitemState
from node.ledger.workitems import Workitems
from node.states import AnalysisState
from node.why import explain
from node.worklist import Performer
from tests.ledger.material import arrival, completed, plan, received, routed
from tests.peers.worklist_server import JSON, Refused, WorklistServer, tag, value, values
from tests.worklist.conftest import CODE, Site, schedule


def performed(server: WorklistServer, uid: str = "1.9") -> dict[str, Any]:
    (found,) = values(server.workitems[uid], "UnifiedProcedureStepPerformedProcedureSequence")
    return dict(found)


def test_what_was_analysed_is_told_with_its_results(site: Site, server: WorklistServer) -> None:
    site.answer()
    schedule(server, "1.9")
    assert site.look() == ""
    assert (server.state("1.9"), site.row().state) == ("COMPLETED", WorkitemState.COMPLETED)
    done = performed(server)
    (code,), (output,) = values(done, "PerformedWorkitemCodeSequence"), values(done, "OutputInformationSequence")
    assert (value(code, "CodeValue"), value(code, "CodingSchemeDesignator"), value(code, "CodeMeaning")) == CODE
    assert (value(output, "StudyInstanceUID"), value(output, "SeriesInstanceUID")) == ("1.2", "1.2.7")
    objects = {value(one, "ReferencedSOPInstanceUID") for one in values(output, "ReferencedSOPSequence")}
    assert objects == {"1.2.7.1", "1.2.7.2"}
    (place,) = values(output, "DICOMRetrievalSequence")
    assert value(place, "RetrieveAETitle") == "PACS"
    (progress,) = values(server.workitems["1.9"], "ProcedureStepProgressInformationSequence")
    assert value(progress, "ProcedureStepProgress") == 100
    trail = [event.action for event in site.ledger.events.of_study("1.2")]
    assert trail[-2:] == ["workitem claimed", "workitem completed"]
    before = len(server.requests)
    assert site.look() == ""
    assert [one[0] for one in server.requests[before:]] == ["GET"], "nothing is left to do"


def test_progress_is_told_as_the_study_goes_on(site: Site, server: WorklistServer) -> None:
    def told() -> tuple[float, str]:
        (item,) = values(server.workitems["1.9"], "ProcedureStepProgressInformationSequence")
        return float(value(item, "ProcedureStepProgress")), value(item, "ProcedureStepProgressDescription")

    schedule(server, "1.9")
    received(site.ledger)
    site.look()
    assert (server.state("1.9"), told()) == ("IN PROGRESS", (20, "the study is coming in"))
    study = site.ledger.studies.get("1.2")
    site.ledger.studies.complete(study, "quiet", partial=False, expected=None)
    before = len(server.told("POST"))
    site.look()
    assert len(server.told("POST")) == before, "the same is not told twice"


def test_why_nothing_is_begun_is_told(site: Site, server: WorklistServer) -> None:
    def told() -> str:
        (item,) = values(server.workitems["1.9"], "ProcedureStepProgressInformationSequence")
        return str(value(item, "ProcedureStepProgressDescription"))

    schedule(server, "1.9")
    routed(site.ledger)
    site.look()
    assert told() == "waits for the model"
    site.ledger.pauses.pause_queue("by anna")
    site.look()
    assert told() == "the node begins nothing, for maintenance"
    site.ledger.pauses.pause("chest", "drift: ks mean")
    site.look()
    assert told() == "the node has paused chest"
    site.ledger.pauses.resume("chest")
    site.ledger.pauses.resume_queue()
    hour = (time.gmtime().tm_hour + 12) % 24
    night = Route(name="films", plugin="chest", destinations=("pacs",), window=f"{hour:02}:00-{hour:02}:01")
    queue = QueueSettings(time_zone="UTC")
    site.performer(site.settings().model_copy(update={"routes": (night,), "queue": queue})).step()
    assert told().startswith("not begun before 20")


def test_the_urgent_come_first_and_no_more_than_are_wanted(site: Site, server: WorklistServer) -> None:
    for number, priority in enumerate(("LOW", "MEDIUM", "HIGH"), 1):
        schedule(server, f"1.9.{number}", f"1.2.{number}", priority=priority)
        received(site.ledger, f"1.2.{number}")
    site.look(at_most=2)
    assert [server.state(f"1.9.{number}") for number in (1, 2, 3)] == ["SCHEDULED", "IN PROGRESS", "IN PROGRESS"]
    assert [row.priority for row in site.ledger.workitems.open("ris")] == ["HIGH", "MEDIUM"]


def test_one_that_nobody_has_thought_of_holds_up_no_other(
    site: Site, server: WorklistServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        schedule(server, f"1.9.{number}", f"1.2.{number}")
        received(site.ledger, f"1.2.{number}")
    claim = Performer._claim
    monkeypatch.setattr(
        Performer, "_claim", lambda *its: 1 // 0 if its[2].workitem_uid == "1.9.1" else claim(*its), raising=True
    )
    for _ in range(2):  # neither when it is taken nor when it is gone on with
        assert site.look().startswith("workitem 1.9.1: ZeroDivisionError at test_performing.py:")
    assert [server.state(f"1.9.{number}") for number in (1, 2)] == ["SCHEDULED", "IN PROGRESS"]


def test_the_urgent_come_first_however_many_others_wait(site: Site, server: WorklistServer) -> None:
    schedule(server, "1.9.1", "1.2.1", priority="LOW")
    for number in range(2, 120):
        server.workitems[f"1.9.{number}"] = {
            **server.workitems["1.9.1"],
            tag("SOPInstanceUID"): {"vr": "UI", "Value": [f"1.9.{number}"]},
        }
    schedule(server, "1.9.500", "1.2.500", priority="HIGH")
    received(site.ledger, "1.2.500")
    site.look(at_most=1)
    assert server.state("1.9.500") == "IN PROGRESS"
    assert server.state("1.9.1") == "SCHEDULED"


def test_whoever_asks_is_told_of_it(site: Site, server: WorklistServer) -> None:
    site.answer()
    schedule(server, "1.9", priority="HIGH")
    worklist = Worklist(name="ris", url=server.url, codes={"AI-CXR^99SITE": "chest"})
    settings = site.settings().model_copy(update={"worklists": (worklist,)})
    assert list(_worklists(settings)) == [("worklist ris", True, "answers, 1 workitems wait for somebody")]
    site.look()
    subject = site.ledger.inquiries.subject("1.2")
    assert subject is not None
    told = explain(site.ledger, settings, {}, subject, time.time()).told
    (sentence,) = [one.sentence for one in told if one.topic == "worklist"]
    assert sentence.startswith("ris asks for chest (workitem 1.9, HIGH): completed, ")
    server.before = away
    ((name, is_well, why),) = _worklists(settings)
    assert (name, is_well) == ("worklist ris", False)
    assert "HTTP 503" in why


def away(method: str, path: str) -> None:
    raise Refused(503)


@pytest.mark.parametrize(
    "changes", [{"readiness": "INCOMPLETE"}, {"code": ("AI-CXR", "99OTHER", "?")}, {"label": "OTHER"}]
)
def test_what_is_not_meant_for_us_is_left_alone(site: Site, server: WorklistServer, changes: dict[str, Any]) -> None:
    schedule(server, "1.9", **changes)
    assert site.look(label="AI") == ""
    assert server.state("1.9") == "SCHEDULED"
    assert site.ledger.workitems.get("1.9") is None


def test_a_race_that_is_lost_is_no_error(site: Site, server: WorklistServer) -> None:
    def claim_first(method: str, path: str) -> None:
        if path.endswith("/state"):
            server.workitems["1.9"]["00741000"]["Value"] = ["IN PROGRESS"]
            server.workitems["1.9"]["00081195"] = {"vr": "UI", "Value": ["2.25.1"]}

    schedule(server, "1.9")
    server.before = claim_first
    assert site.look() == ""
    assert site.row().state is WorkitemState.LOST
    assert len(server.told("/state")) == 1


def test_what_was_asked_to_be_canceled_before_it_begins_is_not_begun(site: Site, server: WorklistServer) -> None:
    schedule(server, "1.9")
    headers = {"Content-Type": JSON}
    asked = requests.post(f"{server.url}/workitems/1.9/cancelrequest", json=[{}], headers=headers, timeout=5)
    assert asked.status_code == 202
    assert site.look() == ""
    assert (server.state("1.9"), site.ledger.workitems.get("1.9")) == ("CANCELED", None)


@pytest.mark.parametrize(
    ("bring", "reason"),
    [
        (lambda ledger: None, "its study is not here, and nothing that this node knows says where it is"),
        (lambda ledger: routed_elsewhere(ledger), "no route brought the study to chest: it is ROUTED (skin: 1 series)"),
        (lambda ledger: failed(ledger), "the analysis is FAILED: it cannot be decoded"),
        (lambda ledger: set_aside(ledger), "nothing of the study that came can be analysed"),
    ],
)
def test_what_cannot_be_done_is_canceled_with_the_reason(
    site: Site, server: WorklistServer, bring: Any, reason: str
) -> None:
    schedule(server, "1.9")
    bring(site.ledger)
    assert site.look() == ""
    (told,) = values(server.workitems["1.9"], "ProcedureStepProgressInformationSequence")
    assert (server.state("1.9"), value(told, "ReasonForCancellation")) == ("CANCELED", reason)
    assert site.row().state is WorkitemState.CANCELED


def routed_elsewhere(ledger: Any) -> None:
    routed(ledger, "1.2", plan("skin"))


def set_aside(ledger: Any) -> None:
    ledger.arrivals.record([arrival(1, defect="truncated")])
    assert ledger.fetches.came("1.2") == 1


def failed(ledger: Any) -> None:
    (analysis,) = routed(ledger)
    ledger.analyses.fail(analysis.id, "it cannot be decoded")
    assert ledger.analyses.get(analysis.id).state is AnalysisState.FAILED


def test_an_input_of_no_study_is_canceled(site: Site, server: WorklistServer) -> None:
    schedule(server, "1.9", inputs=[])
    site.look()
    assert (server.state("1.9"), site.row().reason) == ("CANCELED", "its input names no study")
    (canceled,) = site.ledger.events.latest(9)
    assert (canceled.action, canceled.study_instance_uid) == ("workitem canceled", "")


def test_a_server_that_is_away_is_a_trouble_until_it_is_back(site: Site, server: WorklistServer) -> None:
    completed(site.ledger)
    schedule(server, "1.9")
    server.before = away
    assert "its answer cannot be used: HTTP 503" in site.look()
    server.before = lambda method, path: None
    assert site.look() == ""
    assert server.state("1.9") == "IN PROGRESS"


def test_a_workitem_that_somebody_ends_over_there_is_let_go(site: Site, server: WorklistServer) -> None:
    schedule(server, "1.9")
    received(site.ledger)
    site.look()
    server.workitems["1.9"]["00741000"]["Value"] = ["CANCELED"]
    site.ledger.studies.complete(site.ledger.studies.get("1.2"), "quiet", partial=False, expected=None)
    site.ledger.analyses.route("1.2", [], ["because"])
    site.look()
    assert site.row().state is WorkitemState.CANCELED


class Killed(BaseException):
    """As kill -9: nothing catches it."""


@contextmanager
def killed_before_write(number: int) -> Iterator[list[str]]:
    """The process dies before its n-th write of a workitem. Yields what was written."""
    written: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        for name in ("add", "try_again", "come", "move", "note"):
            real = getattr(Workitems, name)

            def write(*arguments: Any, _real: Any = real, _name: str = name) -> None:
                if len(written) == number:
                    raise Killed
                _real(*arguments)
                written.append(_name)

            patch.setattr(Workitems, name, write)
        yield written


def ends_after_a_kill_at_any_write(site: Site, writes: int, order: Callable[[str], None], outcome: str) -> None:
    """Each time another workitem. Args: writes: before each of which it is killed; order: schedules that UID."""
    deaths = 0
    for number in range(writes):
        uid = f"1.9.{number + 1}"
        order(uid)
        with killed_before_write(number):
            try:
                site.performer()._look()
            except Killed:
                deaths += 1
        for _ in range(2):
            assert site.performer()._look() == ""
        assert (site.server.state(uid), str(site.row(uid).state)) == (outcome, outcome), number
        assert len({path for method, path, status in site.server.told("/state") if status == 200}) == number + 1
    assert deaths >= 5


@pytest.mark.parametrize("outcome", ["COMPLETED", "CANCELED"])
def test_killed_at_any_write_it_ends_as_it_would_have(site: Site, server: WorklistServer, outcome: str) -> None:
    """Each time another workitem of a study that was answered before, or cannot be."""
    site.answer()
    study = "1.2" if outcome == "COMPLETED" else "1.3"
    ends_after_a_kill_at_any_write(site, 12, lambda uid: schedule(server, uid, study), outcome)
    assert [event.action for event in site.ledger.events.latest(1000)].count("workitem claimed") >= 11


@pytest.mark.parametrize("lost", range(6))
def test_an_answer_that_is_lost_leads_to_no_second_claim(site: Site, server: WorklistServer, lost: int) -> None:
    """The server has done what it was told, and the node does not know."""
    seen: list[str] = []

    def is_lost(method: str, path: str) -> bool:
        if method == "GET":
            return False
        seen.append(path)
        return len(seen) == lost + 1

    site.answer()
    schedule(server, "1.9")
    server.loses_answer = is_lost
    first = site.look()
    assert bool(first) == (lost < len(seen)), "what is not answered is shown"
    assert site.look() == ""
    assert (server.state("1.9"), site.row().state) == ("COMPLETED", WorkitemState.COMPLETED)
    changes = [(path, status) for _, path, status in server.told("/state") if status == 200]
    assert len(changes) <= 3, "claimed once, completed once, and perhaps told again"


def test_a_study_that_does_not_come_is_waited_for_as_long_as_is_set(site: Site, server: WorklistServer) -> None:
    away = Destination(name="archive", kind="dicom", ae_title="ARCHIVE", port=1, timeout_seconds=1)
    settings = site.settings(away)
    schedule(server, "1.9", source="ARCHIVE")
    site.performer(settings).step()
    assert "[ARCHIVE@127.0.0.1:1]" in site.ledger.facts.troubles()["worklist ris"], "where the workitem says"
    assert (server.state("1.9"), site.row().state) == ("IN PROGRESS", WorkitemState.FETCHING)
    site.performer(settings, patience_minutes=1e-9).step()
    assert (server.state("1.9"), site.row().state) == ("CANCELED", WorkitemState.CANCELED)
    assert site.row().reason.startswith("its study did not come: it cannot be reached")
