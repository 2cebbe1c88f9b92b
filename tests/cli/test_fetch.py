"""`radnode fetch` where nothing can come: it says why, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Site
from tests.peers import Hospital, storescu
from tests.peers.hospital import CANARY
from tests.peers.qrscp import RealDcmqrscp


@pytest.fixture
def archive(tmp_path: Path, hospital: Hospital) -> Iterator[str]:
    """With a study of one film; as typed."""
    with RealDcmqrscp(tmp_path / "archive") as peer:
        assert len(storescu(peer.port, [hospital.film()], called="ARCHIVE").taken) == 1
        yield f"127.0.0.1:{peer.port}/ARCHIVE"


@pytest.mark.integration
def test_what_would_be_fetched_is_shown_without_the_patient(site: Site, archive: str, hospital: Hospital) -> None:
    text = site.text("fetch", archive, "--patient", f"{CANARY}1", "--date", "/2026-01-02", "--dry-run")
    assert text.splitlines() == [
        "study\tdate\tmodalities\tinstances\there",
        f"{hospital.study_uid()}\t20260102\t\t1\t0",
    ]
    nothing = site.run("fetch", archive, "--patient", "NOBODY", "--dry-run")
    assert nothing.output == "the archive has no such study\n"


@pytest.mark.integration
def test_a_node_that_does_not_run_is_not_sent_anything(site: Site, archive: str) -> None:
    error = site.refusal("fetch", archive, "--accession", "A1-1")
    assert str(error) == "the node does not run, and nobody would take what is sent - `radnode serve`"


def test_who_asks_for_everything_is_asked_back(site: Site) -> None:
    assert "nothing says which studies are wanted" in str(site.refusal("fetch", "pacs"))


def test_an_archive_that_is_no_dicom_peer_is_refused(site: Site) -> None:
    site.config.write_text(site.config.read_text() + '\n[[destinations]]\nname = "disk"\nkind = "folder"\npath = "x"\n')
    assert "it is a destination of kind 'folder'" in str(site.refusal("fetch", "disk", "--study", "1.2"))


def test_an_archive_that_does_not_answer_is_named(site: Site) -> None:
    assert "it cannot be reached, or does not answer [PACS@127.0.0.1:1]" in str(
        site.refusal("fetch", "pacs", "--study", "1.2")
    )
