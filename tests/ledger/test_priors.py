"""What came as a prior is delivered to nobody, until somebody sends it for its own sake."""

from __future__ import annotations

from node.ledger import Ledger
from node.states import StudyState
from node.study import Attributes
from tests.ledger.material import arrival, completed, plan

ARCHIVE, SCANNER = Attributes(modality="DX", calling_ae="PACS"), Attributes(modality="DX", calling_ae="CT1")


def came(ledger: Ledger, sender: Attributes, number: int = 1) -> None:
    ledger.arrivals.record([arrival(number, attributes=sender)])


def test_what_is_here_already_is_no_prior(ledger: Ledger) -> None:
    came(ledger, SCANNER)
    assert not ledger.priors.mark("1.2", "PACS")
    assert not ledger.priors.has("1.2")
    assert ledger.priors.mark("1.3", "PACS")
    assert ledger.priors.mark("1.3", "PACS"), "asked for again, after kill -9"
    assert ledger.priors.has("1.3")


def test_what_the_archive_sends_again_stays_a_prior(ledger: Ledger) -> None:
    ledger.priors.mark("1.2", "PACS")
    for number in (1, 2, 1):
        came(ledger, ARCHIVE, number)
    ledger.priors.forget("1.2")
    assert ledger.priors.has("1.2")


def test_what_did_not_come_is_anybodys(ledger: Ledger) -> None:
    for uid in ("1.2", "1.3"):
        ledger.priors.mark(uid, "PACS")
    came(ledger, SCANNER)
    ledger.priors.forget("1.3")
    assert not ledger.priors.has("1.2")
    assert not ledger.priors.has("1.3")


def test_who_sends_it_himself_makes_a_new_revision_of_it(ledger: Ledger) -> None:
    ledger.priors.mark("1.2", "PACS")
    came(ledger, ARCHIVE)
    ledger.studies.complete(ledger.studies.get("1.2"), "quiet", partial=False, expected=None)
    ledger.analyses.route("1.2", [plan(destinations=())], [])
    came(ledger, SCANNER)
    study = ledger.studies.get("1.2")
    assert (study.state, study.revision) == (StudyState.RECEIVING, 2)
    assert not ledger.priors.has("1.2")
    assert [str(row.state) for row in ledger.analyses.of_study("1.2")] == ["DROPPED"]


def test_a_new_image_from_somebody_else_counts_once(ledger: Ledger) -> None:
    ledger.priors.mark("1.2", "PACS")
    came(ledger, ARCHIVE)
    ledger.studies.complete(ledger.studies.get("1.2"), "quiet", partial=False, expected=None)
    came(ledger, SCANNER, 2)
    assert (ledger.studies.get("1.2").revision, ledger.priors.has("1.2")) == (2, False)


def test_while_it_comes_in_nothing_is_reopened(ledger: Ledger) -> None:
    ledger.priors.mark("1.2", "PACS")
    came(ledger, ARCHIVE)
    came(ledger, SCANNER)
    study = ledger.studies.get("1.2")
    assert (study.state, study.revision, ledger.priors.has("1.2")) == (StudyState.RECEIVING, 1, False)


def test_a_study_that_nobody_asked_for_is_left_alone(ledger: Ledger) -> None:
    completed(ledger)
    came(ledger, SCANNER)
    assert ledger.studies.get("1.2").revision == 1


def test_who_fetches_it_for_its_own_sake_gets_results_of_it(ledger: Ledger) -> None:
    ledger.priors.mark("1.2", "PACS")
    came(ledger, ARCHIVE)
    ledger.studies.complete(ledger.studies.get("1.2"), "quiet", partial=False, expected=None)
    ledger.analyses.route("1.2", [plan(destinations=())], [])
    ledger.priors.release("1.2", "fetch ct")
    ledger.priors.release("1.2", "fetch ct")
    assert (ledger.studies.get("1.2").revision, ledger.priors.has("1.2")) == (2, False)
