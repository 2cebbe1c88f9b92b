"""A film is compared with the patient's earlier one, wherever that lies, and never with somebody else's."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest

from tests.peers import Hospital, RealOrthanc, RealStorescp, RunningNode, storescu, until
from tests.peers.archive import validate

pytestmark = pytest.mark.integration

StartNode = Callable[..., RunningNode]
#: All black, and all white: the plugin `brightness` finds both bright, the second one more so.
DARK, BRIGHT = bytes(32 * 32 * 2), (4095).to_bytes(2, "little") * (32 * 32)
EARLIER, NOW = {"StudyDate": "20250301", "PixelData": DARK}, {"StudyDate": "20260102", "PixelData": BRIGHT}


def rule(*destinations: str, **changes: Any) -> dict[str, Any]:
    found = {"name": "everything", "plugin": "brightness", "destinations": list(destinations)}
    return {**found, "compare_with_prior": True, **changes}


def report(storescp: RealStorescp, study: str) -> pydicom.Dataset:
    """The only report of a study that was delivered; it is valid."""
    (found,) = [one for one in storescp.objects() if one.study == study and one.kind == "sr"]
    assert validate(found.path) == []
    return pydicom.dcmread(found.path)


def items(ds: pydicom.Dataset, code: str) -> list[pydicom.Dataset]:
    """Content items of that name, at any depth."""
    below = [found for one in ds.get("ContentSequence", ()) for found in items(one, code)]
    own = ds.get("ConceptNameCodeSequence")
    return [*([ds] if own and own[0].CodeValue == code else []), *below]


def changes(ds: pydicom.Dataset) -> list[str]:
    return [one.ConceptCodeSequence[0].CodeMeaning for one in items(ds, "111049")]


def prior(ds: pydicom.Dataset) -> list[str]:
    """Study Instance UIDs of the evidence of other procedures."""
    return [str(one.StudyInstanceUID) for one in ds.get("PertinentOtherEvidenceSequence", ())]


def sentences(ds: pydicom.Dataset) -> str:
    return " ".join(one.TextValue for one in items(ds, "121106"))


def tracked(ds: pydicom.Dataset) -> list[str]:
    return [str(one.UID) for one in items(ds, "112040")]


def registered(orthanc: RealOrthanc, node: RunningNode) -> None:
    orthanc.put("/modalities/radnode", {"AET": node.ae_title, "Host": "127.0.0.1", "Port": node.port})


@pytest.mark.slow
def test_a_film_is_compared_with_the_one_that_the_node_has_seen(
    start_node: StartNode, storescp: RealStorescp, hospital: Hospital
) -> None:
    node = start_node(destinations=[storescp.destination()], routes=[rule("storescp")])
    first, second, other = (hospital.study_uid(1, 1), hospital.study_uid(1, 2), hospital.study_uid(2, 1))
    storescu(node.port, [hospital.film(1, 1, **EARLIER)])
    node.await_ended([first])
    namesake = hospital.film(2, 1, PatientID=hospital.image(1).PatientID, PatientBirthDate="19990101", **NOW)
    storescu(node.port, [hospital.film(1, 2, **NOW), namesake])
    node.await_ended([second, other])

    then, now, stranger = (report(storescp, uid) for uid in (first, second, other))
    assert "No comparison: there is no earlier study of this patient." in sentences(then)
    assert (changes(now), prior(now)) == (["Increased"], [first])
    assert "Increased since the study of 2025-03-01: present at 62 % then, 99 % now, +37 percentage points." in (
        sentences(now)
    )
    assert tracked(now) == tracked(then)
    assert (changes(stranger), prior(stranger)) == ([], [])
    assert "the study of 2025-03-01 has the same patient id, but another birth date" in sentences(stranger)
    shown = node.json("studies", "show", second)["comparisons"]
    assert [(one["prior"], one["changes"]) for one in shown] == [(first, "Bright image: increased, 62% -> 99%")]
    withheld = node.run_cli("export-result", second, "--format", "json").stdout
    assert '"change": "increased"' in withheld
    assert "2025-03-01" not in withheld
    assert "20250301" not in withheld


def test_a_prior_in_orthanc_is_fetched_and_nothing_of_it_delivered(
    start_node: StartNode, orthanc: RealOrthanc, storescp: RealStorescp, hospital: Hospital
) -> None:
    destinations = [orthanc.destination(name="pacs"), storescp.destination()]
    node = start_node(destinations=destinations, routes=[rule("storescp", prior_archive="pacs")])
    registered(orthanc, node)
    mine, now = hospital.study_uid(1, 1), hospital.study_uid(1, 2)
    namesake = hospital.film(2, 1, PatientID=hospital.image(1).PatientID, PatientSex="M", StudyDate="20251201")
    newer = hospital.film(1, 3, **EARLIER | {"StudyDate": "20250901", "ViewPosition": "LL"})
    for path in (hospital.film(1, 1, **EARLIER), namesake, newer):
        orthanc.upload(path)
    storescu(node.port, [hospital.film(1, 2, **NOW)])
    node.await_ended([now])

    found = report(storescp, now)
    assert (changes(found), prior(found)) == (["Increased"], [mine])
    unfit = "others are no priors: the study of 2025-09-01: it shows another view (LL, not PA)"
    assert unfit in " ".join(node.run_cli("why", now).stdout.split())
    assert node.study(hospital.study_uid(2, 1)) is None, "a namesake's study is never fetched"
    node.await_ended([mine])
    assert {one.study for one in storescp.objects()} == {now}
    assert orthanc.results(mine) == []
    assert node.json("studies", "show", mine)["purpose"].startswith("a prior")
    assert "(a prior, to be compared with: nothing of it is delivered)" in node.run_cli("studies").stdout
    assert "results go to nowhere: it came as a prior" in node.run_cli("why", mine).stdout
    storescu(node.port, [hospital.film(1, 1, **EARLIER)], calling="SCANNER")
    until(lambda: any(one.study == mine for one in storescp.objects()), "who sends it himself gets results of it")


@pytest.mark.slow
def test_findings_are_followed_over_several_priors_of_the_archive_and_views_that_may_be_compared(
    start_node: StartNode, orthanc: RealOrthanc, storescp: RealStorescp, hospital: Hospital
) -> None:
    destinations = [orthanc.destination(name="pacs"), storescp.destination()]
    asked = rule("storescp", prior_archive="pacs", prior_count=2, prior_views=[["PA", "AP"]])
    node = start_node(destinations=destinations, routes=[asked])
    registered(orthanc, node)
    first, second, lateral, now = (hospital.study_uid(6, number) for number in (1, 2, 3, 4))
    orthanc.upload(hospital.film(6, 1, **EARLIER))
    orthanc.upload(hospital.film(6, 2, **EARLIER | {"StudyDate": "20250601", "ViewPosition": "AP"}))
    orthanc.upload(hospital.film(6, 3, **EARLIER | {"StudyDate": "20250901", "ViewPosition": "LL"}))
    storescu(node.port, [hospital.film(6, 4, **NOW)])
    node.await_ended([now])

    found = report(storescp, now)
    assert (changes(found), prior(found)) == (["Increased"], [second, first])
    told = sentences(found)
    assert "the prior shows AP and this study PA, and the view alone may move the probability" in told
    assert "Over time: 62 % on 2025-03-01, 62 % on 2025-06-01, 99 % now." in told
    why = "the study of 2025-09-01: it shows another view (LL, not PA)"
    assert f"others are no priors: {why}" in " ".join(node.run_cli("why", now).stdout.split())
    (shown,) = node.json("studies", "show", now)["comparisons"]
    assert (shown["prior"], shown["earlier"], shown["passed"]) == (second, [first], why)
    node.await_ended([first, second, lateral])
    assert {one.study for one in storescp.objects()} == {now}


@pytest.mark.slow
def test_a_prior_that_does_not_come_in_time_is_done_without(
    start_node: StartNode, storescp: RealStorescp, hospital: Hospital, tmp_path: Path
) -> None:
    with RealOrthanc(tmp_path / "orthanc") as orthanc:
        nowhere = orthanc.destination(name="pacs", timeout_seconds=20)
        asked = rule("storescp", prior_archive="pacs", prior_wait_seconds=2)
        node = start_node(destinations=[nowhere, storescp.destination()], routes=[asked])
        with socket.create_server(("127.0.0.1", 0)) as silent:
            # Orthanc lets it ask, and is told to send to somebody who never says a word
            where = {"AET": node.ae_title, "Host": "127.0.0.1", "Port": silent.getsockname()[1]}
            orthanc.put("/modalities/radnode", where)
            orthanc.upload(hospital.film(1, 1, **EARLIER))
            storescu(node.port, [hospital.film(1, 2, **NOW)])
            now = hospital.study_uid(1, 2)
            node.await_ended([now])
    found = report(storescp, now)
    assert changes(found) == []
    assert "No comparison: the prior of 2025-03-01 did not come in time." in sentences(found)


@pytest.mark.slow
def test_killed_between_fetch_and_report_the_node_says_the_same(
    start_node: StartNode, orthanc: RealOrthanc, storescp: RealStorescp, hospital: Hospital
) -> None:
    destinations = [orthanc.destination(name="pacs"), storescp.destination()]
    node = start_node(destinations=destinations, routes=[rule("storescp", prior_archive="pacs")])
    registered(orthanc, node)
    mine, now = hospital.study_uid(5, 1), hospital.study_uid(5, 2)
    orthanc.upload(hospital.film(5, 1, BodyPartExamined="SLOW", **EARLIER))
    storescu(node.port, [hospital.film(5, 2, BodyPartExamined="SLOW", **NOW)])
    until(lambda: node.study(mine) is not None, "the prior comes in")
    node.kill("group")
    node.restart()
    node.await_ended([now, mine])

    found = report(storescp, now)
    assert (changes(found), prior(found)) == (["Increased"], [mine])
    assert {one.study for one in storescp.objects()} == {now}
    settled = [one for one in node.trail(now) if one.action == "prior settled"]
    assert len(settled) == 1


@pytest.mark.slow
def test_what_an_older_version_has_assessed_is_assessed_anew(
    start_node: StartNode, storescp: RealStorescp, hospital: Hospital, brightness: Path
) -> None:
    node = start_node(destinations=[storescp.destination()], routes=[rule("storescp")])
    then, now = hospital.study_uid(1, 1), hospital.study_uid(1, 2)
    storescu(node.port, [hospital.film(1, 1, **EARLIER)])
    node.await_ended([then])
    node.stop()
    manifest = brightness / "brightness_plugin" / "manifest.toml"
    manifest.write_text(manifest.read_text().replace('version = "1.0.0"', 'version = "1.1.0"'))
    node.start()
    storescu(node.port, [hospital.film(1, 2, **NOW)])
    node.await_ended([now])

    found = report(storescp, now)
    assert (changes(found), prior(found)) == (["Increased"], [then])
    assert len([one for one in storescp.objects() if one.study == then and one.kind == "sr"]) == 1
    told = [
        (one["revision"], one["plugin_version"], one["state"]) for one in node.json("studies", "show", then)["analyses"]
    ]
    assert told == [(1, "1.0.0", "DELIVERED"), (0, "1.1.0", "DROPPED")]
