"""`radnode why`: why a study has no result, answered by one command in plain words."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from node import config
from node.comparison import Comparison, PriorRule
from node.deliver import Courier
from node.ledger import ANSWERS_INSTEAD, Input, Plan, WorkitemRow, WorkitemState
from node.ledger.absences import MOST_TRIES
from node.ledger.comparisons import want_prior
from node.ledger.events import add_event
from node.offline import Bench
from node.signals import Named, Step, StepStatus
from node.spool import Spool
from node.stages import Stage, Staged
from node.states import AnalysisState
from node.why.telling import at
from tests.cli.conftest import Site
from tests.ledger.material import arrival, results
from tests.peers import Hospital
from tests.peers.hospital import CANARY

WORKITEM = "1.2.840.99.1"


def answer(site: Site, uid: str) -> str:
    """The first line: the sentence that answers."""
    return site.text("why", uid).splitlines()[0]


def steps(site: Site, uid: str) -> list[str]:
    return [step["command"] for step in site.json("why", uid)["steps"]]


def take(site: Site, *paths: Path) -> None:
    bench = Bench(site.config.parent, config.load(site.config))
    assert not bench.take(paths)
    bench.ledger.close()


def complete(site: Site, uid: str) -> None:
    bench = Bench(site.config.parent, config.load(site.config))
    bench.ledger.studies.complete(bench.ledger.studies.get(uid), "all 1 expected image here", partial=False, expected=1)
    bench.pipeline.route_studies()
    bench.ledger.close()


def workitem(study: str, state: WorkitemState) -> WorkitemRow:
    """Of the worklist `ris`; it wants chest-radiograph for a study."""
    code, asked = ("AI", "99SITE", "AI"), (Input(study),)
    return WorkitemRow(WORKITEM, "ris", "1.8", asked, "chest-radiograph", code, "MEDIUM", state, 1, "", "", 1e9, 1e9)


def make_results(site: Site, uid: str, summary: str = "pneumonia 93% (present)") -> int:
    """Bring a study as far as REPORTED, its objects in the spool; the number of its analysis."""
    analysis_id, objects = site.analysis_id(uid), results(uid)
    spool = Spool(site.config.parent / "spool")
    image = spool.path(site.ledger.studies.paths(uid)[0]).read_bytes()  # stands for what a report would be
    for one in objects:
        path = spool.path(one.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image)
    site.ledger.analyses.classified(analysis_id, summary)
    site.ledger.analyses.reported(analysis_id, objects, {"pacs": ("sc", "sr")})
    return analysis_id


@pytest.fixture
def film(site: Site, hospital: Hospital) -> str:
    """A film that is routed, and waits for a worker."""
    site.ledger.facts.beat(os.getpid())
    take(site, hospital.film(7))
    complete(site, hospital.study_uid(7))
    return hospital.study_uid(7)


def test_a_report_that_waits_for_a_prior_says_so_and_then_what_it_was_compared_with(site: Site, film: str) -> None:
    ledger, number = site.ledger, site.analysis_id(film)
    with ledger._database.write() as connection:
        want_prior(connection, film, 1, ledger.analyses.get(number).plugin, PriorRule(wait_seconds=600))
    ledger.analyses.classified(number, "bright image 93% (present)")
    assert "its prior study is looked for, until" in answer(site, film)
    ledger.comparisons.settle(number, Comparison(None, "the prior of 2025-03-01 did not come in time"))
    ledger.analyses.reported(number, [], {})
    assert "No comparison: the prior of 2025-03-01 did not come in time." in site.text("why", film)
    (told,) = site.json("studies", "show", film)["comparisons"]
    assert told["comparison"] == "No comparison: the prior of 2025-03-01 did not come in time."


# Why there is no result


def test_no_route_took_it(site: Site) -> None:
    line = answer(site, site.ignored)
    assert "no result: no route took any of its series" in line
    assert line.endswith("route 'films' does not match: modality is US, wanted DX")
    assert f"radnode studies complete {site.ignored}" in steps(site, site.ignored)


def test_a_route_that_would_take_it_now_is_named(site: Site) -> None:
    text = site.config.read_text().replace('["DX"]', '["DX", "US"]')
    site.config.write_text(text)
    told = site.text("why", site.ignored)
    assert "with the configuration as it is now route 'films'" not in told, "the plugin does not take ultrasound"
    assert "with the configuration as it is now: series" in told
    assert "plugin 'chest-radiograph' does not accept it: modality is US" in told


def test_a_route_that_is_new_takes_it_once_it_is_released(site: Site, film: str, hospital: Hospital) -> None:
    site.config.write_text(site.config.read_text().replace('["DX"]', '["CR"]'))
    take(site, hospital.film(8))
    uid = hospital.study_uid(8)
    complete(site, uid)
    site.config.write_text(site.config.read_text().replace('["CR"]', '["DX"]'))
    assert "route 'films' would take it for chest-radiograph" in site.text("why", uid)
    site.run("studies", "complete", uid)
    assert "no result yet: it is complete, and is about to be routed" in answer(site, uid)


def test_the_model_abstained(site: Site, film: str) -> None:
    make_results(site, film, "abstained: no chest film, by its looks")
    for row in site.ledger.deliveries.of_study(film):
        site.ledger.deliveries.done(row)
    line = answer(site, film)
    assert "the model abstained, and the report says so, delivered to pacs" in line
    assert line.endswith("abstained: no chest film, by its looks")
    assert steps(site, film) == []


def test_it_is_quarantined(site: Site, hospital: Hospital) -> None:
    one = hospital.film(9)
    other = hospital.write(hospital.image(9, image=2, PatientID="SOMEBODY ELSE"))
    take(site, one, other)
    uid = hospital.study_uid(9)
    assert "no result: it is quarantined: images of two patients in one study" in answer(site, uid)
    assert steps(site, uid)[-1] == f"radnode studies complete {uid}"


def test_it_waits_for_quiet_and_says_until_when(site: Site, hospital: Hospital) -> None:
    site.ledger.facts.beat(os.getpid())
    take(site, hospital.film(10, modality="US"))
    uid = hospital.study_uid(10)
    line = answer(site, uid)
    assert "no result yet: it waits for quiet, until about 20" in line
    assert "1 image so far, none announced as the last; waiting" in line
    assert "as things are: series" in site.text("why", uid)
    assert steps(site, uid) == [f"radnode studies complete {uid}"]


def test_the_archive_is_down(site: Site, film: str) -> None:
    make_results(site, film)
    settings = config.load(site.config)
    courier = Courier(settings.destinations[0], site.ledger, Spool(site.config.parent / "spool"), settings)
    assert courier.step() == 0
    courier.rest()
    line = answer(site, film)
    assert "no result yet: chest-radiograph: results are made and not delivered: destination 'pacs' does not" in line
    assert "it is tried again by itself" in line
    assert "radnode echo pacs" in steps(site, film)
    assert "pacs: waiting 1 sc, 1 sr" in site.text("why", film)


def test_a_delivery_that_is_retried_says_when_and_why(site: Site, film: str) -> None:
    make_results(site, film)
    first, second = site.ledger.deliveries.of_study(film)
    site.ledger.deliveries.done(first)
    site.ledger.deliveries.postpone(second, "status A700: out of resources", 60)
    told = site.text("why", film)
    assert "pacs: delivered 1 sc" in told
    assert "does not take it: status A700: out of resources; next attempt at 20" in told


def test_a_destination_that_is_configured_no_more_is_named(site: Site, film: str) -> None:
    make_results(site, film)
    site.config.write_text(site.config.read_text().replace('"pacs"', '"vna"'))
    assert "no destination 'pacs' is configured, so that nothing delivers it" in answer(site, film)


def test_results_that_go_nowhere_say_so(site: Site) -> None:
    assert "results were made and sent nowhere" in answer(site, site.answered)


def test_the_plugin_is_paused(site: Site, film: str) -> None:
    site.ledger.pauses.pause("chest-radiograph", "3 analyses in a row failed with it")
    assert "the plugin is paused: 3 analyses in a row failed with it" in answer(site, film)
    assert steps(site, film) == ["radnode plugins resume chest-radiograph"]


def test_the_queue_is_drained(site: Site, film: str) -> None:
    site.ledger.pauses.pause_queue("by root, this evening")
    assert "no result yet: chest-radiograph: the queue is paused by root, this evening" in answer(site, film)
    assert steps(site, film) == ["radnode queue resume"]


def test_no_worker_starts(site: Site, film: str) -> None:
    site.ledger.facts.set_trouble("worker-0", "the worker cannot start: ModuleNotFoundError")
    assert "not classified yet: worker-0: the worker cannot start" in answer(site, film)
    assert "radnode doctor" in steps(site, film)


def test_the_worker_loads_its_plugins(site: Site, film: str) -> None:
    site.ledger.facts.set_doing("worker-0", "loads its plugins")
    assert "not classified yet: the worker loads its plugins, since 20" in answer(site, film)
    assert "worker-0   loads its plugins, since 20" in site.text("status")
    site.ledger.facts.beat(None)
    assert "loads its plugins" not in answer(site, film) + site.text("status")


def test_it_waits_for_others_then_a_worker_has_it(site: Site, film: str) -> None:
    assert "waits for a worker to be classified; 0 analyses before it" in answer(site, film)
    assert site.ledger.analyses.lease(site.ledger.analyses.of_study(film)[0].state, "me", 60, 1, 300)
    assert "a worker has taken it, to be classified" in answer(site, film)


def test_an_attempt_failed_and_another_is_due(site: Site, film: str) -> None:
    site.ledger.analyses.postpone(site.analysis_id(film), "the worker was killed by signal 9", 30)
    assert "1 attempt failed: the worker was killed by signal 9; next attempt at 20" in answer(site, film)


def test_it_failed(site: Site) -> None:
    assert "no result: chest-radiograph: it failed: the plugin raised ValueError at x.py:3" in answer(site, site.failed)
    assert steps(site, site.failed) == [f"radnode queue retry {site.analysis_id(site.failed)}"]


def test_it_is_held_then_given_up(site: Site, film: str) -> None:
    number = site.analysis_id(film)
    site.ledger.analyses.hold(number)
    assert "no result yet: chest-radiograph: held by the operator" in answer(site, film)
    assert steps(site, film) == [f"radnode queue retry {number}", f"radnode queue drop {number}"]
    site.ledger.analyses.drop(number)
    assert "no result: chest-radiograph: it was given up: dropped by the operator" in answer(site, film)


def test_who_held_it_is_told(site: Site, film: str) -> None:
    site.ledger.workitems.add(workitem(film, WorkitemState.ANALYSING))
    site.ledger.workitems.ask_to_cancel("ris", WORKITEM, "canceled at the request of RIS")
    row = site.ledger.workitems.get(WORKITEM)
    assert row is not None
    assert site.ledger.workitems.withdraw(row)
    assert "no result yet: chest-radiograph: held: canceled at the request of RIS" in answer(site, film)


def test_a_silent_version_is_not_advised_to_go_live_where_another_one_answers(site: Site, film: str) -> None:
    number = make_results(site, film)
    row = site.ledger.analyses.get(number)
    for delivery in site.ledger.deliveries.of_study(film):
        site.ledger.deliveries.done(delivery)
    site.ledger.stages.set([Staged("chest-radiograph@9", "9", Stage.SILENT, operator="anna", at=time.time())])
    with site.ledger._database.write() as connection:
        connection.execute(
            "INSERT INTO analyses (study_instance_uid, revision, plugin, plugin_version, route, series, destinations,"
            " state, error, summary, created_at, changed_at) SELECT study_instance_uid, revision, plugin || '@9', '9',"
            " route, series, destinations, ?, 'its plugin is silent', summary, created_at, changed_at FROM analyses"
            " WHERE id = ?",
            (AnalysisState.SILENT, row.id),
        )
    assert "chest-radiograph@9: its plugin is silent" in answer(site, film)
    assert steps(site, film) == []


def test_its_files_are_purged_so_that_no_retry_helps(site: Site) -> None:
    assert site.ledger.studies.begin_purge(site.failed, time.time() + 1)
    site.ledger.studies.mark_purged(site.failed, time.time() + 1)
    told = site.text("why", site.failed)
    assert "its files were purged at 20" in told
    assert "storage.keep_days = 30" in told
    assert "the files are purged: send the study again" in told
    assert not any(step.startswith("radnode queue retry") for step in steps(site, site.failed))


def test_a_late_image_came_of_a_study_whose_files_are_purged(site: Site) -> None:
    assert site.ledger.studies.begin_purge(site.answered, time.time() + 1)
    site.ledger.studies.mark_purged(site.answered, time.time() + 1)
    patient = site.ledger.studies.series(site.answered)[0].instances[0].patient_key
    site.ledger.arrivals.record([arrival(study=site.answered, patient_key=patient)])
    told = site.text("why", site.answered)
    assert "the files of 1 object of it were purged at 20" in told
    study = site.ledger.studies.get(site.answered)
    assert site.ledger.studies.complete(study, "quiet", partial=False, expected=None)
    (row,) = site.ledger.analyses.of_study(site.answered)
    named = row.plugin, row.plugin_version, row.route, row.series, row.destinations
    site.ledger.analyses.route(site.answered, [Plan(*named)], [])
    stands = "chest-radiograph: its images were purged, and none of them is new: what revision 1 says of them stands"
    assert answer(site, site.answered) == f"{site.answered}: {stands}"
    assert "send the whole study again: what needs images that were purged is analysed when all are here" in told


def test_all_of_it_was_set_aside(site: Site) -> None:
    defect = "no pixels where its header promises some"
    site.ledger.arrivals.record([arrival(study="1.2.3", defect=defect)])
    assert "no result: all that came of it was set aside (1 object)" in answer(site, "1.2.3")
    assert f"1 object: {defect} (e.g. 1.2.3.9.1)" in site.text("why", "1.2.3")


def test_it_was_told_of_and_never_came(site: Site) -> None:
    named = (Named("1.2.9", "1.2.9.1"),)
    site.ledger.signals.begin("1.5.1", "CT1", Step(StepStatus.IN_PROGRESS, ("1.2",), named))
    assert "no result: it was told of, but no image of it has come" in answer(site, "1.2")
    told = site.text("why", "1.2")
    assert "MPPS 1.5.1 from CT1" in told
    assert "0 of 1 instance that MPPS names have come" in told
    assert steps(site, "1.2") == ["radnode audit"]
    site.ledger.signals.begin("1.5.2", "CT1", Step(StepStatus.IN_PROGRESS, ("1.3",), ()))
    assert "MPPS names no instance yet" in site.text("why", "1.3")


def test_a_workitem_asks_for_a_study_that_is_not_to_be_had(site: Site) -> None:
    row = workitem("1.2", WorkitemState.FETCHING)
    site.ledger.workitems.add(row)
    assert "no result: ris asks for it, but no image of it has come" in answer(site, "1.2")
    assert steps(site, "1.2") == [], "the node asks for it by itself"
    site.ledger.workitems.move(row, WorkitemState.CANCELED, "pacs does not have its study")
    assert answer(site, "1.2") == "1.2: no result: ris asks for it, but pacs does not have its study"
    assert f"workitem {WORKITEM} belongs to study 1.2" in site.text("why", WORKITEM)
    assert answer(site, WORKITEM) == answer(site, "1.2")
    assert "workitem canceled" in site.text("trail", "1.2")
    (step,) = site.json("why", "1.2")["steps"]
    assert step["command"] == ""
    assert "schedule a new workitem" in step["what"]


def test_what_an_archive_could_not_send_is_named_with_when_it_is_asked_again(site: Site) -> None:
    lacking = [f"1.2.9.{number}" for number in range(1, 8)]
    for _ in range(2):
        site.ledger.fetches.ask("1.2", "pacs", 9, "fetch ct")
        site.ledger.fetches.end("1.2", "status B000: some could not be sent", lacking, archive="pacs")
    assert "no result: pacs was asked for it, but no image of it has come" in answer(site, "1.2")
    told = site.text("why", "1.2")
    assert "2 times in a row: 0 of 9 instances were here then: status B000: some could not be sent" in told
    assert f"7 instances that pacs could not send, asked twice: {', '.join(lacking[:5])}, ..." in told
    assert "by the clock" not in told, "no rule asks for it"
    assert steps(site, "1.2") == ["radnode fetch pacs --study 1.2"]
    with site.config.open("a") as config_file:
        config_file.write('\n[[fetch]]\nname = "ct"\narchive = "pacs"\n')
    row = site.ledger.fetches.of_study("1.2")
    assert row is not None
    assert row.again_at is not None
    assert f"by the clock it is asked for again from {at(row.again_at)} on" in site.text("why", "1.2")


def test_what_a_followed_archive_announced_and_did_not_have_is_told(site: Site, film: str) -> None:
    site.ledger.absences.note("orthanc", "instances/i1", film)
    (row,) = site.ledger.absences.of_study(film)
    assert row.again_at is not None
    told = "orthanc announced 1 instance of it, and did not have them when they were asked for (404)"
    assert f"{told}: asked for again at {at(row.again_at)}" in site.text("why", film)
    for _ in range(MOST_TRIES):
        site.ledger.absences.note("orthanc", "instances/i1", film)
        site.ledger.absences.note("orthanc", "series/s1")
    assert f"{told}: they are asked for no more" in site.text("why", film)
    with site.config.open("a") as config_file:
        config_file.write('\n[[destinations]]\nname = "orthanc"\nkind = "orthanc"\nurl = "http://o"\nfollow = true\n')
    unknown = site.text("why", "1.2.77")
    assert "nothing with this UID came to this node" in unknown
    assert "orthanc announced 1 series of a study that it does not name, and did not have them" in unknown


def test_a_late_image_and_the_revision_before_it_are_told(site: Site, film: str, hospital: Hospital) -> None:
    make_results(site, film)
    take(site, hospital.write(hospital.image(7, image=2)))
    told = site.text("why", film)
    assert "late images came after it was complete: this is revision 2" in told
    assert "chest-radiograph: of the earlier revision 1, DROPPED" in told
    assert "no result yet: it waits for quiet" in told


# Who is asked about


def test_series_images_results_and_analyses_lead_to_their_study(site: Site, film: str) -> None:
    number = make_results(site, film)
    for named, what in (
        (f"{film}.1", "series"),
        (f"{film}.1.1", "SOP instance"),
        (f"{film}.7.1", "result"),
        (str(number), "analysis"),
    ):
        found = site.json("why", named)
        assert (found["study_instance_uid"], found["what"]) == (film, what)
        assert found["told"][0]["sentence"] == f"{what} {named} belongs to study {film}"


def test_part_of_a_uid_is_enough_where_it_is_one_study(site: Site, film: str) -> None:
    assert site.json("why", film[-12:])["study_instance_uid"] == film


def test_a_slip_is_answered_with_what_may_have_been_meant(site: Site, film: str) -> None:
    done = site.run("why", film[:-1] + "99")
    assert done.exit_code == 1
    assert "nothing with this UID came to this node" in done.output
    assert f"did you mean {film}" in done.output


def test_a_part_that_many_studies_share_lists_them(site: Site) -> None:
    done = site.run("why", site.answered[:20], "--json")
    assert done.exit_code == 1
    assert site.answered in done.output
    assert site.failed in done.output


def test_a_uid_that_never_came_is_said_so(site: Site) -> None:
    done = site.run("why", "9.9.9")
    assert done.exit_code == 1
    assert "`radnode audit` who was refused" in done.output


# How it is told


def test_a_node_that_is_down_is_said_first(site: Site, film: str) -> None:
    site.ledger.facts.beat(None)
    assert "no process serves this node" in site.text("why", film)
    assert steps(site, film)[0] == "radnode serve"
    assert "radnode serve" not in steps(site, site.answered)


def test_commands_can_be_typed_as_they_are(site: Site) -> None:
    assert f"radnode queue retry {site.analysis_id(site.failed)} -c {site.config}   # " in site.text("why", site.failed)


def test_topics_come_in_the_order_of_the_work(site: Site, film: str) -> None:
    make_results(site, film)
    topics = list(dict.fromkeys(one["topic"] for one in site.json("why", film)["told"]))
    assert topics == ["received", "complete", "routing", f"analysis {site.analysis_id(film)}", "delivery"]


def test_no_patient_is_named(site: Site, film: str) -> None:
    make_results(site, film)
    assert CANARY not in site.text("why", film)


def test_an_answer_that_went_out_in_place_of_a_canarys_says_so(site: Site) -> None:
    number = site.analysis_id(site.answered)
    reason = "chest-radiograph@2 2.0 does not answer for it: it is paused"
    with site.ledger._database.write() as connection:
        add_event(connection, ANSWERS_INSTEAD, site.answered, number, reason=reason)
    assert f"its answer was kept, and goes out after all: {reason}" in site.text("why", site.answered)
