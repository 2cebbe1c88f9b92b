"""`radnode reviews` and `radnode tokens`, on a site that has answered a film."""

from __future__ import annotations

import os
import pwd

import pytest

from node.account import FILE, account_bytes
from node.report import account_of
from node.spool import Spool
from tests.cli.conftest import Site
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
