"""A workitem ends as all of its studies do, and not before all that it names of them has come."""

from __future__ import annotations

import threading
import time

import pytest

from node.config import Destination
from node.ledger import WorkitemState
from node.spool import Spool
from node.states import AnalysisState
from node.why import explain
from tests.ledger.material import arrival, received, reported, routed
from tests.peers import Hospital, until
from tests.peers.drip import DrippingServer
from tests.peers.hospital import uids
from tests.peers.worklist_server import WorklistServer, value, values
from tests.worklist.conftest import Archive, Site, item_of, look, ordered, schedule
from tests.worklist.test_performing import Killed, ends_after_a_kill_at_any_write, killed_before_write, performed


def of(server: WorklistServer, *studies: str, uid: str = "1.9") -> None:
    """A workitem that is about these."""
    schedule(server, uid, inputs=[item_of(study) for study in studies])


def progress(server: WorklistServer) -> str:
    (item,) = values(server.workitems["1.9"], "ProcedureStepProgressInformationSequence")
    return str(value(item, "ProcedureStepProgressDescription"))


def cancellation(server: WorklistServer) -> str:
    (item,) = values(server.workitems["1.9"], "ProcedureStepProgressInformationSequence")
    assert server.state("1.9") == "CANCELED"
    return str(value(item, "ReasonForCancellation"))


# Several studies


def test_the_results_of_all_studies_are_told(site: Site, server: WorklistServer) -> None:
    site.answer("1.2")
    routed(site.ledger, "1.3")
    of(server, "1.2", "1.3")
    assert site.look() == ""
    assert (server.state("1.9"), progress(server)) == (
        "IN PROGRESS",
        "1 of 2 studies are answered; waits for the model",
    )
    site.ledger.analyses.classified(site.ledger.analyses.of_study("1.3")[0].id, "pneumonia 0.93")
    site.ledger.analyses.fail(site.ledger.analyses.of_study("1.3")[0].id, "once more")
    site.look()
    assert cancellation(server) == "study 1.3: the analysis is FAILED: once more"
    site.answer("1.4")
    of(server, "1.2", "1.4", uid="1.10")
    site.look()
    assert server.state("1.10") == "COMPLETED"
    outputs = values(performed(server, "1.10"), "OutputInformationSequence")
    assert [value(one, "StudyInstanceUID") for one in outputs] == ["1.2", "1.4"]
    for study, ends in (("1.2", ["canceled", "completed"]), ("1.3", ["canceled"]), ("1.4", ["completed"])):
        trail = [event.action for event in site.ledger.events.of_study(study) if "workitem" in event.action]
        assert [one for one in trail if "claimed" not in one] == [f"workitem {end}" for end in ends], study


@pytest.mark.parametrize("outcome", ["COMPLETED", "CANCELED"])
def test_killed_at_any_write_a_workitem_of_two_studies_ends_as_it_would_have(
    site: Site, server: WorklistServer, outcome: str
) -> None:
    second = "1.3" if outcome == "COMPLETED" else "1.4"
    site.answer("1.2")
    site.answer("1.3")
    ends_after_a_kill_at_any_write(site, 9, lambda uid: of(server, "1.2", second, uid=uid), outcome)


def test_what_has_come_of_a_workitem_is_not_retrieved_again(
    site: Site, server: WorklistServer, archive: Archive, spool: Spool, hospital: Hospital
) -> None:
    """Neither while another of its studies is waited for, nor after a kill; and it is not held up by that."""
    studies = [hospital.study_uid(number) for number in (1, 2)]
    paths = [f"/dicom-web/studies/{study}" for study in studies]
    archive.bodies = {paths[0]: [hospital.film(1).read_bytes()]}
    schedule(
        server, "1.9", inputs=[item_of(*pair) for pair in zip(studies, [[archive.url + p] for p in paths], strict=True)]
    )
    assert look(site, archive.destination()) == f"study {studies[1]}: cloud does not have it"
    assert [one.has_come for one in site.row().inputs] == [True, False]
    assert [site.ledger.workitems.is_fetching(study) for study in studies] == [False, True]
    archive.bodies[paths[1]] = [hospital.film(2).read_bytes()]
    site.ledger.workitems.note(site.row(), "")  # as a minute later
    assert look(site, archive.destination()) == ""
    assert (site.row().state, archive.asked) == (WorkitemState.ANALYSING, [*paths, paths[1]])


def test_killed_when_it_has_come_it_is_not_retrieved_again(
    site: Site, server: WorklistServer, archive: Archive, spool: Spool, hospital: Hospital
) -> None:
    study = hospital.study_uid()
    path = f"/dicom-web/studies/{study}"
    archive.bodies = {path: [hospital.film().read_bytes()]}
    ordered(server, study, archive.url + path)
    with killed_before_write(4) as written, pytest.raises(Killed):
        site.performer(site.settings(archive.destination()))._look()
    assert (written, archive.asked) == (["add", "try_again", "move", "note"], [path])
    assert look(site, archive.destination()) == ""
    assert (site.row().state, archive.asked) == (WorkitemState.ANALYSING, [path])


def test_each_study_is_asked_for_where_it_is(site: Site, server: WorklistServer) -> None:
    away = [
        Destination(name=name, kind="dicom", ae_title=name.upper(), port=1, timeout_seconds=1)
        for name in ("one", "two")
    ]
    schedule(server, "1.9", inputs=[item_of("1.3", source="TWO"), item_of("1.2", source="ONE")])
    told = look(site, *away)
    assert told.index("[TWO@127.0.0.1:1]") < told.index("study 1.2") < told.index("[ONE@127.0.0.1:1]")


def test_of_all_its_studies_nothing_is_delivered_after_a_request_to_cancel(site: Site, server: WorklistServer) -> None:
    for study in ("1.2", "1.3"):
        reported(site.ledger, study)
    of(server, "1.2", "1.3")
    site.look()
    assert site.ledger.workitems.ask_to_cancel("ris", "1.9", "canceled at request")
    site.look()
    assert server.state("1.9") == "CANCELED"
    assert [site.ledger.analyses.of_study(study)[0].state for study in ("1.2", "1.3")] == [AnalysisState.HELD] * 2
    of(server, "1.3", "1.2", uid="1.10")
    site.look()
    assert [site.ledger.analyses.of_study(study)[0].state for study in ("1.2", "1.3")] != [AnalysisState.HELD] * 2


# Instances that it names


def test_a_study_without_an_instance_that_is_named_is_not_answered(
    site: Site, server: WorklistServer, archive: Archive, spool: Spool, hospital: Hospital
) -> None:
    study, films = hospital.study_uid(), [hospital.film(image=number) for number in (1, 2)]
    path, names = f"/dicom-web/studies/{study}", uids(films)
    archive.bodies = {path: [films[0].read_bytes()]}
    ordered(server, study, archive.url + path, instances=names)
    lack = f"of the 2 instances that the workitem names 1 are not here: {names[1]}"
    assert look(site, archive.destination()) == lack
    assert (site.row().state, progress(server)) == (WorkitemState.FETCHING, lack)
    assert lack in asked_for(site, study)
    requests = len(server.requests)
    assert look(site, archive.destination()) == lack
    assert (len(archive.asked), len(server.told("POST"))) == (1, 3), "neither is asked, nor told, at once again"
    assert len(server.requests) == requests + 1
    site.ledger.workitems.note(site.row(), "")  # as a minute later
    assert look(site, archive.destination(), patience_minutes=1e-9) == ""
    assert cancellation(server) == f"its study did not come: {lack}"
    assert lack in asked_for(site, study)


def asked_for(site: Site, study: str) -> str:
    """What `radnode why` says of the workitem."""
    subject = site.ledger.inquiries.subject(study)
    assert subject is not None
    told = explain(site.ledger, site.settings(), {}, subject, time.time()).told
    (sentence,) = [one.sentence for one in told if one.topic == "worklist"]
    return sentence


def test_what_comes_by_itself_is_waited_for(site: Site, server: WorklistServer) -> None:
    """Nobody can be asked for it: a modality, or an archive, sends it."""
    received(site.ledger)
    schedule(server, "1.9", inputs=[item_of("1.2", instances=["1.2.9.1", "1.2.9.2"])])
    assert "1 are not here: 1.2.9.2" in site.look()
    assert site.row().state is WorkitemState.FETCHING
    site.ledger.arrivals.record([arrival(2)])
    assert site.look() == ""
    assert site.row().state is WorkitemState.ANALYSING


def test_the_answer_to_other_instances_is_none(site: Site, server: WorklistServer) -> None:
    site.answer()
    schedule(server, "1.9", inputs=[item_of("1.2", instances=["1.2.9.1", "1.2.9.5"])])
    assert "1 are not here: 1.2.9.5" in site.look()
    schedule(server, "1.10", inputs=[item_of("1.2", instances=["1.2.9.1"])])
    site.look()
    assert (server.state("1.9"), server.state("1.10")) == ("IN PROGRESS", "COMPLETED")


def test_of_many_that_are_missing_some_are_named(site: Site, server: WorklistServer) -> None:
    received(site.ledger)
    schedule(server, "1.9", inputs=[item_of("1.2", instances=[f"1.2.9.{number}" for number in range(1, 900)])])
    told = site.look()
    assert told.startswith("of the 899 instances that the workitem names 898 are not here: 1.2.9.")
    assert told.endswith(", ...")
    assert len(told) < 1024


def test_an_instance_that_is_named_and_was_set_aside_is_named_by_the_result(site: Site, server: WorklistServer) -> None:
    site.answer()
    broken = arrival(2, defect="no pixel data")
    site.ledger.arrivals.record([broken])
    names = ["1.2.9.1", broken.sop_instance_uid]
    schedule(server, "1.9", inputs=[item_of("1.2", instances=names)])
    assert site.look() == ""
    told = "of the 2 instances that the workitem names 1 were set aside, and are not analysed: 1.2.9.2 (no pixel data)"
    assert server.state("1.9") == "COMPLETED"
    assert value(performed(server), "CommentsOnThePerformedProcedureStep") == told
    assert told in asked_for(site, "1.2")
    assert site.ledger.events.of_study("1.2")[-1].detail["reason"] == told
    schedule(server, "1.10", inputs=[item_of("1.2", instances=names[:1])])
    site.look()
    assert "00400280" not in performed(server, "1.10"), "who does not name it is not told of it"


def test_where_all_that_is_named_was_set_aside_the_reason_says_so(site: Site, server: WorklistServer) -> None:
    site.ledger.arrivals.record([arrival(1, defect="no pixel data")])
    schedule(server, "1.9", inputs=[item_of("1.2", instances=["1.2.9.1"])])
    site.look()
    assert cancellation(server).startswith("nothing of the study that came can be analysed; of the 1 instances")
    assert cancellation(server).endswith("are not analysed: 1.2.9.1 (no pixel data)")


def test_a_second_copy_that_was_set_aside_leaves_nothing_out(site: Site, server: WorklistServer) -> None:
    site.answer()
    site.ledger.arrivals.record([arrival(1, sha256="other", path="other.dcm")])
    schedule(server, "1.9", inputs=[item_of("1.2", instances=["1.2.9.1"])])
    site.look()
    assert (server.state("1.9"), site.row().reason) == ("COMPLETED", "")


def test_what_lacks_an_instance_that_is_named_is_not_completed_by_a_request_to_cancel(
    site: Site, server: WorklistServer
) -> None:
    site.answer()
    schedule(server, "1.9", inputs=[item_of("1.2", instances=["1.2.9.5"])])
    site.look()
    assert site.ledger.workitems.ask_to_cancel("ris", "1.9", "canceled at request")
    site.look()
    assert cancellation(server) == "canceled at request"


# A request to cancel while it comes


def test_a_request_to_cancel_ends_what_is_coming(
    site: Site, server: WorklistServer, archive: Archive, spool: Spool, hospital: Hospital
) -> None:
    study, films = hospital.study_uid(), [hospital.film(image=number, size=64) for number in range(1, 9)]
    path, sent = f"/dicom-web/studies/{study}", list[int]()

    def ask_in_between(number: int) -> None:
        if number == 2:
            until(lambda: site.ledger.fetches.came(study) == 1, "the first has come")
            assert site.ledger.workitems.ask_to_cancel("ris", "1.9", "canceled at the request of RIS")
            time.sleep(1.1)  # it is looked at once a second
        sent.append(number)

    archive.bodies, archive.before_part = {path: [film.read_bytes() for film in films]}, ask_in_between
    ordered(server, study, archive.url + path)
    assert look(site, archive.destination()) == ""
    assert cancellation(server) == "canceled at the request of RIS"
    assert site.ledger.studies.get(study).images < 8
    assert len(archive.asked) == 1
    trail = [event.action for event in site.ledger.events.of_study(study) if event.action != "received"]
    assert trail == ["workitem claimed", "fetch asked", "workitem to be canceled", "workitem canceled"]


def test_a_request_to_cancel_ends_what_only_drips(site: Site, server: WorklistServer, spool: Spool) -> None:
    kind = b'Content-Type: multipart/related; type="application/dicom"; boundary=x\r\n\r\n'
    with DrippingServer(b"HTTP/1.1 200 OK\r\n" + kind + b"--x\r\nContent-Type: application/dicom\r\n\r\n") as dripping:
        service = Destination(name="cloud", kind="stow", url=dripping.url)
        ordered(server, "1.2.5", f"{dripping.url}/studies/1.2.5")
        looking = threading.Thread(target=site.performer(site.settings(service)).step)
        looking.start()
        until(lambda: dripping.connections, "it comes")
        assert site.ledger.workitems.ask_to_cancel("ris", "1.9", "canceled at request")
        looking.join(10)
    assert cancellation(server) == "canceled at request"
