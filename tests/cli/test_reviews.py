"""`radnode reviews` and `radnode tokens`, on a site that has answered a film."""

from __future__ import annotations

import os
import pwd

import pytest

from node.account import FILE, account_bytes
from node.intake.hl7 import heard_of
from node.report import account_of
from node.review import take_report
from node.spool import Spool
from tests.cli.conftest import Site
from tests.peers.hospital import CANARY
from tests.peers.ris import Report
from tests.report.material import analysis, header, manifest

FINDING = "opacity"


@pytest.fixture(autouse=True)
def told(site: Site) -> None:
    """What the worker leaves of the film that was answered: `opacity` is present."""
    account = account_of(analysis(header(), manifest=manifest(name="chest-radiograph")), [])
    spool = Spool(site.config.parent / "spool", 1)
    spool.write(f"work/{site.analysis_id(site.answered)}/{FILE}", account_bytes(account))


def test_nothing_was_reviewed(site: Site) -> None:
    assert "nobody has reviewed a finding yet" in site.text("reviews")
    assert "nobody has reviewed a finding yet" in site.text("reviews", "tally")
    assert site.json("reviews") == site.json("reviews", "tally") == []


def test_a_word_is_typed_listed_counted_and_in_the_trail(site: Site) -> None:
    account = pwd.getpwuid(os.getuid()).pw_name
    said = site.text("reviews", "add", site.answered, FINDING, "accepted")
    assert said == f"chest-radiograph: {FINDING}, called present, is accepted\n"
    assert "said before" in site.text("reviews", "add", site.answered, FINDING, "accepted")
    (one,) = site.json("reviews", "list")
    assert (one["finding"], one["judgement"], one["reader"]) == (FINDING, "accepted", account)
    (tally,) = site.json("reviews", "tally")
    assert (tally["reviewed"], tally["finding"]) == (1, FINDING)
    assert f"{FINDING}" in site.text("reviews")
    assert "1.00 (0.21-1.00), 1 of 1" in site.text("reviews", "tally")
    assert "finding accepted by a reader" in site.text("trail", site.answered)
    assert "accepted" in site.text("studies", "show", site.answered)


def test_what_is_right_may_be_said_instead(site: Site) -> None:
    assert "is corrected" in site.text("reviews", "add", site.answered, FINDING, "absent")
    (one,) = site.json("reviews")
    assert (one["stated"], one["truth"]) == ("absent", "absent")


def test_a_word_that_is_none_is_refused_with_those_that_are(site: Site) -> None:
    refusal = site.refusal("reviews", "add", site.answered, FINDING, "corrected")
    assert str(refusal) == "allowed are accepted, rejected, present, absent, undetermined ['corrected']"


def test_a_study_without_answers_is_named(site: Site) -> None:
    refusal = site.refusal("reviews", "add", site.failed, FINDING, "accepted")
    assert refusal.what.startswith("the study has no answers of this node")


def test_tokens_are_made_listed_and_ended(site: Site) -> None:
    assert "nobody has a token" in site.text("tokens")
    token = site.text("tokens", "add", "pacs").strip()
    assert len(token) >= 43
    site.text("tokens", "add", "olga", "--role", "operate")
    assert site.json("tokens") == [{"name": "olga", "role": "operate"}, {"name": "pacs", "role": "review"}]
    site.text("tokens", "remove", "olga")
    assert token not in site.text("tokens", "list")
    assert "counts no longer" in site.text("tokens", "remove", "pacs")
    assert site.json("tokens", "list") == []
    assert site.refusal("tokens", "remove", "pacs").what == "there is no token of that name"


# Reports of a RIS


def came(site: Site, report: Report) -> None:
    """A message comes, and is looked at."""
    spool, data = Spool(site.config.parent / "spool", 1), report.message()
    heard = heard_of(data, "10.0.0.1", "ISO IR 100")
    spool.write(heard.path, data)
    site.ledger.reports.record(heard)
    for row in site.ledger.reports.due():
        take_report(site.ledger, spool, row, {"chest-radiograph": {FINDING: ("opacit*",)}}, "ISO IR 100")


def close(site: Site) -> None:
    for delivery in site.ledger.deliveries.of_study(site.answered):
        if delivery.state == "WAITING":
            site.ledger.deliveries.done(delivery)


def test_reports_in_messages_are_listed_with_what_became_of_them(site: Site) -> None:
    assert "no report has come" in site.text("reviews", "reports")
    close(site)
    mine = {"study": site.answered, "patient": f"{CANARY}1"}
    came(site, Report(text="No opacity.", control_id="4711", **mine))
    came(site, Report(control_id="4712", accession="ELSEWHERE"))
    came(site, Report(control_id="4713", status="P", **mine))
    listed = site.text("reviews", "reports")
    for words in ("4711", "read", "no study that it names is here", "it is preliminary"):
        assert words in listed
    assert CANARY not in listed
    assert [one["control_id"] for one in site.json("reviews", "reports", "--unmatched")] == ["4712"]
    told = site.text("why", site.answered)
    assert f"read, {FINDING} is absent (chest-radiograph answered present)" in told
    assert "a report that does not count from RIS HOSPITAL" in told
    assert site.json("reviews", "tally") == []
    (tally,) = site.json("reviews", "tally", "--report-text")
    assert (tally["source"], tally["ppv"]["hits"], tally["ppv"]["total"]) == ("HL7 RIS HOSPITAL", 0, 1)
    assert "HL7 RIS" in site.text("reviews", "tally", "--report-text")
    came(site, Report(text="Lungs clear.", status="C", **mine))
    assert "the report was corrected" in site.text("reviews", "list")
    assert "it says nothing of the findings that were answered" in site.text("why", site.answered)
    assert site.json("reviews", "tally", "--report-text") == []
