"""`radnode studies withdraw`: the operator takes results back."""

from __future__ import annotations

import os
import pwd
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset

from node.cli import withdrawal
from node.cli.operator import operator
from node.errors import PermanentError, SpoolError, TemporaryError
from node.ledger.withdrawals import Withdrawals
from node.spool import Spool
from node.states import AnalysisState
from node.study import ResultObject
from tests.cli.conftest import Site
from tests.ledger.material import after, arrival, plan
from tests.report.material import analysis, built, by_uid, header, picture


@pytest.fixture
def withdraw(site: Site, tmp_path: Path) -> Callable[..., str]:
    """Withdraws the results of a study that were delivered; answers what the operator reads."""
    (tmp_path / "spool").unlink()
    Spool(tmp_path / "spool").prepare()
    deliver(site, Spool(tmp_path / "spool"))
    return lambda *options: site.text("studies", "withdraw", site.failed, *options)


def deliver(site: Site, spool: Spool, *, answer: bool = True) -> None:
    """The study that had failed is answered after all: heatmap and report lie in the PACS."""
    row_id = site.analysis_id(site.failed)
    site.ledger.analyses.retry(row_id)
    site.ledger.analyses.classified(row_id, "Pneumonia-like opacity 93% (present)")
    source = header(StudyInstanceUID=site.failed)
    told = analysis(source, study_instance_uid=site.failed)
    made = []
    for kind, ds in built(told, by_uid(source), [], [picture(source)], ("sc", "sr")):
        path = spool.path(f"work/{row_id}/{kind}.dcm")
        path.parent.mkdir(parents=True, exist_ok=True)
        ds.save_as(path, enforce_file_format=True)
        relative = f"work/{row_id}/{kind}.dcm"
        made.append(ResultObject(ds.SOPInstanceUID, ds.SOPClassUID, ds.SeriesInstanceUID, kind, relative))
    site.ledger.analyses.reported(row_id, made, {"pacs": ("sc", "sr")})
    for delivery in site.ledger.deliveries.of_study(site.failed):
        if answer:
            site.ledger.deliveries.done(delivery)


def note_path(site: Site) -> Path:
    return site.config.parent / "spool" / "work" / str(site.analysis_id(site.failed)) / "rejection.dcm"


def note(site: Site) -> Dataset:
    return pydicom.dcmread(note_path(site))


def state(site: Site) -> AnalysisState:
    return site.ledger.analyses.of_study(site.failed)[0].state


def title(ds: Dataset) -> str:
    return str(ds.ConceptNameCodeSequence[0].CodeValue)


def references(ds: Dataset) -> set[str]:
    return {str(element.value) for element in ds.iterall() if element.keyword == "ReferencedSOPInstanceUID"}


def cut_off(*_: Any) -> None:
    raise KeyboardInterrupt


# What it does


def test_results_are_withdrawn_by_a_note_that_waits_for_the_pacs(site: Site, withdraw: Callable[..., str]) -> None:
    lines = withdraw().splitlines()
    assert lines[0] == "chest-radiograph: 2 objects are withdrawn (quality)"
    assert lines[1] == f"  rejection note {note(site).SOPInstanceUID} goes to pacs"
    assert len(lines) == 2
    assert state(site) is AnalysisState.WITHDRAWN
    (row,) = site.ledger.deliveries.due("pacs", 300)
    assert site.config.parent / "spool" / row.path == note_path(site)
    assert (row.kind, row.sop_instance_uid) == ("rejection", note(site).SOPInstanceUID)
    results = site.ledger.analyses.results(row.analysis_id)
    assert references(note(site)) == {one.sop_instance_uid for one in results if one.kind != "rejection"}


@pytest.mark.parametrize(("reason", "code"), [("quality", "113001"), ("incorrect", "113037")])
def test_the_reason_decides_the_title(site: Site, withdraw: Callable[..., str], reason: str, code: str) -> None:
    withdraw("--reason", reason)
    assert title(note(site)) == code


def test_another_reason_is_refused(site: Site, withdraw: Callable[..., str]) -> None:
    assert site.run("studies", "withdraw", site.failed, "--reason", "mood").exit_code == 2
    assert state(site) is AnalysisState.DELIVERED


def test_the_comment_goes_into_the_note_and_nowhere_else(site: Site, withdraw: Callable[..., str]) -> None:
    text = withdraw("--comment", "Mr Kimmich's film\x1b[31m, not hers")
    (words,) = [item.TextValue for item in note(site).ContentSequence if item.get("TextValue", "").startswith("With")]
    assert words.endswith("Mr Kimmich's film [31m, not hers")
    assert "Kimmich" not in text + site.text("trail", site.failed) + site.text("studies", "show", site.failed)
    for path in site.config.parent.glob("ledger.db*"):
        assert b"Kimmich" not in path.read_bytes()


def test_the_note_is_dated_by_the_clock(site: Site, withdraw: Callable[..., str]) -> None:
    before = int(time.time())
    withdraw()
    at = pydicom.valuerep.DT(f"{note(site).ContentDate}{note(site).ContentTime}+0000").timestamp()
    assert before <= at <= time.time()


def test_one_plugin_can_be_named(site: Site, withdraw: Callable[..., str]) -> None:
    error = site.refusal("studies", "withdraw", site.failed, "--plugin", "brain-tumour-mr")
    assert "there is no analysis by brain-tumour-mr" in str(error)
    assert "withdrawn" in withdraw("--plugin", "chest-radiograph")


# What is seen of it


def test_the_withdrawal_is_seen_wherever_the_operator_looks(site: Site, withdraw: Callable[..., str]) -> None:
    withdraw("--reason", "incorrect")
    shown = site.json("studies", "show", site.failed)
    assert [row["state"] for row in shown["analyses"]] == ["WITHDRAWN"]
    assert [row["kind"] for row in shown["results"]] == ["rejection", "sc", "sr"]
    assert {(row["kind"], row["state"]) for row in shown["deliveries"]} == {
        ("sc", "DONE"),
        ("sr", "DONE"),
        ("rejection", "WAITING"),
    }
    (line,) = [line for line in site.text("studies", "list").splitlines() if site.failed in line]
    assert "withdrawn by the operator: incorrect" in line
    assert "Pneumonia-like" not in line
    assert site.text("queue", "list") == "nothing waits, nothing failed\n"


def test_a_node_whose_results_were_withdrawn_is_well(site: Site, withdraw: Callable[..., str]) -> None:
    site.ledger.facts.beat(os.getpid())
    withdraw()
    done = site.run("status")
    assert done.exit_code == 0, done.output
    assert "1 WITHDRAWN" in done.output
    assert "1 WAITING pacs" in done.output


def test_the_trail_tells_who_took_back_what(site: Site, withdraw: Callable[..., str]) -> None:
    withdraw()
    (line,) = [line for line in site.text("trail", site.failed).splitlines() if "results withdrawn" in line]
    assert f"operator={operator()}" in line
    assert "reason=quality" in line
    assert "rejection note for pacs" in line
    for uid in references(note(site)):
        assert uid in line


def test_what_still_comes_is_named_with_what_stops_it(site: Site, withdraw: Callable[..., str]) -> None:
    patient_key = site.ledger.studies.series(site.failed)[0].instances[0].patient_key
    site.ledger.arrivals.record([arrival(2, site.failed, patient_key=patient_key)])
    site.ledger.studies.complete(site.ledger.studies.get(site.failed), "quiet", partial=False, expected=None)
    site.ledger.analyses.route(site.failed, [plan("chest-radiograph")], [])
    newer = site.ledger.analyses.of_study(site.failed)[-1].id
    line = f"! analysis {newer} by chest-radiograph is QUEUED: `radnode queue drop {newer}` stops it"
    assert withdraw().splitlines()[-1] == line
    assert withdraw().splitlines()[-1] == line


# Again, and in between


def test_withdrawing_again_changes_nothing_and_says_so(site: Site, withdraw: Callable[..., str]) -> None:
    withdraw()
    before, events = note_path(site).read_bytes(), len(site.ledger.events.of_study(site.failed))
    assert withdraw("--reason", "incorrect") == "all that was delivered is withdrawn already: nothing was changed\n"
    assert note_path(site).read_bytes() == before
    assert len(site.ledger.events.of_study(site.failed)) == events
    assert len(site.ledger.deliveries.due("pacs", 300)) == 1


def test_a_refused_note_is_sent_again_when_asked_for(site: Site, withdraw: Callable[..., str]) -> None:
    withdraw()
    site.ledger.deliveries.refuse(site.ledger.deliveries.due("pacs", 300)[0], "SOP Class not supported")
    assert "SOP Class not supported" in site.text("queue", "list")
    assert "1 refused rejection notes are sent again" in withdraw()
    assert len(site.ledger.deliveries.due("pacs", 300)) == 1


def test_cut_off_before_the_note_was_written_nothing_has_happened(
    site: Site, withdraw: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> str:
        raise SpoolError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(Spool, "write", full)
        assert isinstance(site.refusal("studies", "withdraw", site.failed), SpoolError)
    assert state(site) is AnalysisState.DELIVERED
    assert site.ledger.deliveries.due("pacs", 300) == []
    assert "2 objects are withdrawn" in withdraw()


def test_cut_off_before_the_ledger_knew_the_same_note_is_written_again(
    site: Site, withdraw: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Withdrawals, "record", cut_off)
        site.run("studies", "withdraw", site.failed)
    assert state(site) is AnalysisState.DELIVERED
    assert site.ledger.deliveries.due("pacs", 300) == []
    written = note_path(site).read_bytes()
    after(3600, monkeypatch)
    assert "2 objects are withdrawn" in withdraw()
    assert note_path(site).read_bytes() == written


def test_when_the_study_moves_on_meanwhile_the_operator_is_asked_to_try_again(
    site: Site, withdraw: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = withdrawal.write_note

    def late(*arguments: Any) -> ResultObject:
        site.ledger.deliveries.refuse(site.ledger.deliveries.of_study(site.failed)[0], "on second thoughts")
        return write(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(withdrawal, "write_note", late)
        error = site.refusal("studies", "withdraw", site.failed)
    assert isinstance(error, TemporaryError)
    assert state(site) is AnalysisState.DELIVERED
    assert "1 objects are withdrawn" in withdraw()


# What cannot be withdrawn


def test_where_nothing_was_delivered_the_operator_is_told_what_to_do(site: Site, tmp_path: Path) -> None:
    (tmp_path / "spool").unlink()
    Spool(tmp_path / "spool").prepare()
    deliver(site, Spool(tmp_path / "spool"), answer=False)
    error = site.refusal("studies", "withdraw", site.failed)
    assert isinstance(error, PermanentError)
    assert f"`radnode queue drop {site.analysis_id(site.failed)}` stops what is still to come" in str(error)


@pytest.mark.parametrize("which", ["answered", "ignored"])
def test_a_study_without_delivered_results_has_nothing_to_withdraw(site: Site, which: str) -> None:
    assert isinstance(site.refusal("studies", "withdraw", getattr(site, which)), PermanentError)


def test_a_study_whose_files_were_purged_must_be_rejected_in_the_archive(
    site: Site, withdraw: Callable[..., str]
) -> None:
    for path in note_path(site).parent.iterdir():
        path.unlink()
    error = site.refusal("studies", "withdraw", site.failed)
    assert "its report is not in the spool" in str(error)
    assert "in the archive itself" in str(error)
    assert state(site) is AnalysisState.DELIVERED


# Who


def test_the_operator_is_the_account_of_the_process_not_what_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOGNAME", "somebody-else")
    monkeypatch.setenv("USER", "somebody-else")
    assert operator() == pwd.getpwuid(os.getuid()).pw_name


def test_an_account_without_a_name_is_told_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 7)
    assert operator() == f"uid {2**31 - 7}"
