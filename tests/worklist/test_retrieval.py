"""A study that a workitem says is to be had over WADO-RS comes from there: from a service that is configured alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from node.assemble import Verdict
from node.completion import judged
from node.config import Destination, StudySettings
from node.intake import Visit
from node.ledger import WorkitemState
from node.reconcile import compare
from node.spool import Spool
from tests.peers import Hospital, RealOrthanc
from tests.peers.worklist_server import WorklistServer, value, values
from tests.worklist.conftest import Archive, Site, look, ordered, serving


def test_the_series_of_a_study_are_retrieved_and_kept(
    site: Site, server: WorklistServer, archive: Archive, spool: Spool, hospital: Hospital
) -> None:
    films, study = [hospital.film(image=number) for number in (1, 2)], hospital.study_uid()
    paths = [f"/dicom-web/studies/{study}/series/{study}.{number}" for number in (1, 2)]
    archive.bodies = {path: [film.read_bytes()] for path, film in zip(paths, films, strict=True)}
    ordered(server, study, *(archive.url + path for path in paths))
    assert look(site, archive.destination()) == ""
    assert archive.asked == paths
    assert (site.row().state, site.ledger.studies.get(study).images) == (WorkitemState.ANALYSING, 2)
    assert site.ledger.studies.get(study).sender == "cloud"
    assert compare(site.ledger, spool, until=9e9).clean
    trail = [event.action for event in site.ledger.events.of_study(study)]
    assert trail == ["workitem claimed", "fetch asked", "received", "received", "fetched"]


def test_of_another_study_nothing_is_taken_and_it_is_told(
    site: Site, server: WorklistServer, archive: Archive, spool: Spool, hospital: Hospital
) -> None:
    study = hospital.study_uid()
    archive.bodies = {f"/dicom-web/studies/{study}": [hospital.film(2).read_bytes(), hospital.film(1).read_bytes()]}
    ordered(server, study, f"{archive.url}/dicom-web/studies/{study}")
    assert look(site, archive.destination()) == "1 objects of cloud were not taken: `radnode trail` says why"
    assert [one.study_instance_uid for one in site.ledger.studies.latest(9)] == [study]
    assert site.row().state is WorkitemState.FETCHING


@pytest.mark.parametrize("cut", [40, 5000])
def test_an_answer_that_is_torn_is_asked_for_again(
    site: Site, server: WorklistServer, archive: Archive, spool: Spool, hospital: Hospital, cut: int
) -> None:
    study = hospital.study_uid()
    archive.bodies = {f"/dicom-web/studies/{study}": [hospital.film(size=64).read_bytes()]}
    archive.cut = cut
    ordered(server, study, f"{archive.url}/dicom-web/studies/{study}")
    assert "it cannot be reached" in look(site, archive.destination())
    assert site.row().state is WorkitemState.FETCHING
    assert site.ledger.fetches.of_study(study).tries == 1  # type: ignore[union-attr]
    asked = len(archive.asked)
    look(site, archive.destination())
    assert len(archive.asked) == asked, "not at once"
    assert list((spool.root / "incoming").iterdir()) == []
    archive.cut = 0
    site.ledger.workitems.note(site.row(), "")  # as a minute later
    assert look(site, archive.destination()) == ""
    assert site.row().state is WorkitemState.ANALYSING


def test_what_is_not_there_is_waited_for_as_long_as_is_set(
    site: Site, server: WorklistServer, archive: Archive, spool: Spool
) -> None:
    ordered(server, "1.2.5", f"{archive.url}/dicom-web/studies/1.2.5")
    assert look(site, archive.destination()) == "cloud does not have it"
    site.ledger.workitems.note(site.row(), "")
    look(site, archive.destination(), patience_minutes=1e-9)
    assert server.state("1.9") == "CANCELED"


@pytest.mark.parametrize(
    "path",
    [
        "/elsewhere/studies/1.2.5",
        "/dicom-web/studies/1.2.6",
        "/dicom-web/studies/1.2.5/../../admin",
        "/dicom-web/studies/1.2.5/series/../../1.2.6",
        "/dicom-web/studies/1.2.5/series/..",
        "/dicom-web/studies/1.2.5/series/1?x=http://evil",
        "/dicom-web/studies/1.2.55",
    ],
)
def test_an_address_that_is_not_of_the_study_in_a_configured_service_is_not_followed(
    site: Site, server: WorklistServer, archive: Archive, spool: Spool, path: str
) -> None:
    ordered(server, "1.2.5", archive.url.replace("http://", "http://user:secret@") + path, archive.url + path)
    look(site, archive.destination())
    assert archive.asked == []
    (told,) = values(server.workitems["1.9"], "ProcedureStepProgressInformationSequence")
    assert value(told, "ReasonForCancellation") == (
        f"its study is not here, and its input is at {archive.url}, and no destination of kind 'stow' has these"
        " addresses of the study as its url"
    )


def test_nobody_else_is_asked_or_sees_credentials(
    site: Site, server: WorklistServer, archive: Archive, spool: Spool, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text("secret\n")
    with serving() as other:
        path = "/dicom-web/studies/1.2.5"
        archive.moved_to = other.url + path
        ordered(server, "1.2.5", other.url + path, archive.url + path)
        why = look(site, archive.destination(user="node", password_file=tmp_path / "password"))
        assert (other.asked, archive.asked) == ([], [path])
    assert archive.signed[0].startswith("Basic ")
    assert "there is no such service: HTTP 302" in why


def test_a_part_of_it_is_not_the_whole(
    site: Site, server: WorklistServer, archive: Archive, spool: Spool, hospital: Hospital
) -> None:
    study = hospital.study_uid()
    archive.bodies, archive.status = {f"/dicom-web/studies/{study}": [hospital.film().read_bytes()]}, 206
    ordered(server, study, f"{archive.url}/dicom-web/studies/{study}")
    assert look(site, archive.destination()) == "cloud sends a part of it (HTTP 206)"
    assert site.row().state is WorkitemState.FETCHING


def test_of_a_study_that_came_in_part_no_answer_is_made_as_of_a_whole_one(
    site: Site, server: WorklistServer, archive: Archive, spool: Spool, hospital: Hospital
) -> None:
    """While it is asked for again it is held; and when nobody does so any more it is known to be a part."""
    study, films = hospital.study_uid(), [hospital.film(image=number).read_bytes() for number in (1, 2)]
    paths = [f"/dicom-web/studies/{study}/series/{study}.{number}" for number in (1, 2)]
    archive.bodies = {paths[0]: [films[0]]}
    ordered(server, study, *(archive.url + path for path in paths))
    assert look(site, archive.destination()) == "cloud does not have it"

    def verdict(quiet: float) -> Verdict:
        return judged(site.ledger, site.ledger.studies.get(study), StudySettings(), quiet)

    assert site.ledger.studies.get(study).images == 1
    assert not verdict(599).complete
    assert "1 of 2 instances that cloud has at least have come" in verdict(600).reason
    assert verdict(600).partial
    archive.bodies[paths[1]] = [films[1]]
    site.ledger.workitems.note(site.row(), "")  # as a minute later
    assert look(site, archive.destination()) == ""
    assert (site.row().state, site.ledger.studies.get(study).images) == (WorkitemState.ANALYSING, 2)
    assert (verdict(600).complete, verdict(600).partial) == (True, False)


def test_the_answer_to_a_part_of_it_is_not_told(
    site: Site, server: WorklistServer, archive: Archive, spool: Spool
) -> None:
    site.answer()
    site.ledger.fetches.ask("1.2", "cloud", None, "worklist ris")
    site.ledger.fetches.end("1.2", "it broke off")
    ordered(server, "1.2", f"{archive.url}/dicom-web/studies/1.2")
    assert look(site, archive.destination()) == "cloud does not have it"
    assert (server.state("1.9"), site.row().state) == ("IN PROGRESS", WorkitemState.FETCHING)


def test_one_of_several_services_is_enough(
    site: Site, server: WorklistServer, archive: Archive, spool: Spool, hospital: Hospital
) -> None:
    study = hospital.study_uid()
    path = f"/dicom-web/studies/{study}"
    archive.bodies = {path: [hospital.film().read_bytes()]}
    with serving() as other:
        ordered(server, study, other.url + path, f"{other.url}{path}/series/1.2", archive.url + path)
        assert look(site, other.destination(name="first"), archive.destination()) == ""
        assert (other.asked, archive.asked) == ([path], [path])
    assert site.row().state is WorkitemState.ANALYSING


def test_killed_in_the_middle_it_is_retrieved_again_and_kept_once(
    site: Site, server: WorklistServer, archive: Archive, spool: Spool, hospital: Hospital
) -> None:
    class Killed(BaseException):
        """As kill -9: nothing catches it."""

    real, kept = Visit.keep, []

    def keep(visit: Visit, *arguments: Any) -> Any:
        if len(kept) == 1:
            raise Killed
        kept.append(real(visit, *arguments))
        return kept[-1]

    study = hospital.study_uid()
    path = f"/dicom-web/studies/{study}"
    archive.bodies = {path: [hospital.film(image=number).read_bytes() for number in (1, 2)]}
    ordered(server, study, archive.url + path)
    performer = site.performer(site.settings(archive.destination()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Visit, "keep", keep)
        with pytest.raises(Killed):
            performer._look()
    assert (site.row().state, site.ledger.studies.get(study).images) == (WorkitemState.FETCHING, 1)
    assert judged(site.ledger, site.ledger.studies.get(study), StudySettings(), 1e6).partial
    assert look(site, archive.destination()) == ""
    assert (site.row().state, site.ledger.studies.get(study).images) == (WorkitemState.ANALYSING, 2)
    assert compare(site.ledger, spool, until=9e9).clean


@pytest.mark.integration
def test_orthanc_gives_the_study(
    site: Site, server: WorklistServer, spool: Spool, hospital: Hospital, tmp_path: Path
) -> None:
    study = hospital.study_uid()
    with RealOrthanc(tmp_path / "orthanc") as orthanc:
        if not orthanc.has_dicomweb:
            pytest.skip("Orthanc has no DICOMweb plugin here")
        for path in hospital.slices(3):
            orthanc.upload(path)
        service = Destination.model_validate(orthanc.destination("stow", "cloud"))
        ordered(server, study, f"{orthanc.url}/dicom-web/studies/{study}")
        assert look(site, service) == ""
    assert (site.row().state, site.ledger.studies.get(study).images) == (WorkitemState.ANALYSING, 3)
