"""`radnode db`: check, backup, restore."""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from pathlib import Path

import pytest

from node.config import load
from node.data_folder import hold_data_folder
from node.errors import ConfigError
from node.ledger import Ledger
from node.reconcile import NOTED
from tests.cli.conftest import Site


@pytest.fixture(autouse=True)
def own_spool(site: Site) -> None:
    """Files of its own: these tests remove some."""
    spool = site.config.parent / "spool"
    shared = spool.resolve()
    spool.unlink()
    shutil.copytree(shared, spool)


def checked(site: Site, *options: str) -> tuple[int, dict[str, object]]:
    done = site.run("db", "check", "--json", *options)
    return done.exit_code, json.loads(done.stdout)


def test_a_site_in_order(site: Site) -> None:
    status, found = checked(site)
    assert (status, found["problems"], found["missing"], found["lost"]) == (0, [], [], 0)
    assert "ledger     sound" in site.text("db", "check")


def test_what_the_disk_has_lost_is_named_and_set_aside_only_when_asked(site: Site) -> None:
    spool = site.config.parent / "spool"
    path = site.ledger.studies.paths(site.ignored)[0]
    (spool / path).unlink()
    told = site.text("db", "check")
    assert f"its file {path} is not there; --repair sets it aside" in told
    assert checked(site, "--repair")[0] == 1
    status, found = checked(site)
    assert (status, found["missing"], found["lost"]) == (1, [], 1)
    assert "send them again from the modality" in site.text("db", "check")


def test_a_file_that_nobody_knows_is_taken_when_asked(site: Site, tmp_path: Path) -> None:
    source = site.config.parent / "spool" / site.ledger.studies.paths(site.ignored)[0]
    data = source.read_bytes()
    uid = site.ledger.studies.series(site.ignored)[0].instances[0].sop_instance_uid.encode()
    other = site.config.parent / "spool" / "instances" / "00" / "0000.dcm"
    other.write_bytes(data.replace(uid, uid[:-1] + b"9"))
    old = time.time() - 1000
    os.utime(other, (old, old))
    assert "the ledger does not know it; --repair takes it" in site.text("db", "check")
    assert checked(site, "--repair")[0] == 1
    assert checked(site)[0] == 0


def test_a_copy_is_written_and_put_back(site: Site, tmp_path: Path) -> None:
    copy, data = tmp_path / "copy.db", load(site.config).node.data_dir
    assert "copy the folder `spool` after it" in site.text("db", "backup", str(copy))
    site.ledger.studies.ask(site.ignored)
    site.ledger.facts.note_time(NOTED, time.time())
    site.ledger.close()
    told = site.text("db", "restore", str(copy))
    assert "is the copy now" in told
    (aside,) = [path for path in data.glob("ledger.db.before-*") if path.name[-3:] not in ("wal", "shm")]
    assert aside.exists()
    again = Ledger(data / "ledger.db")
    assert str(again.studies.get(site.ignored).state) == "IGNORED"
    assert again.facts.time_of(NOTED) == 0.0, "the whole spool is looked at"
    again.close()


def test_a_copy_that_does_not_fit_leaves_the_ledger_in_its_place(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.text("db", "backup", str(tmp_path / "copy.db"))
    data, before = load(site.config).node.data_dir, site.ledger.studies.latest(10)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "No space left" in str(site.run("db", "restore", str(tmp_path / "copy.db")).exception)
    assert sorted(path.name for path in data.glob("*ledger.db*")) == ["ledger.db", "ledger.db-shm", "ledger.db-wal"]
    assert site.ledger.studies.latest(10) == before


def test_a_running_node_keeps_its_ledger(site: Site, tmp_path: Path) -> None:
    site.text("db", "backup", str(tmp_path / "copy.db"))
    with hold_data_folder(load(site.config).node.data_dir):
        error = site.run("db", "restore", str(tmp_path / "copy.db")).exception
    assert isinstance(error, ConfigError)
    assert "another radnode serves this data folder" in str(error)


@pytest.mark.parametrize("name", ["nothing.db", "text.db"])
def test_what_is_no_copy_changes_nothing(site: Site, tmp_path: Path, name: str) -> None:
    (tmp_path / "text.db").write_text("a text")
    before = site.ledger.studies.latest(10)
    site.refusal("db", "restore", str(tmp_path / name))
    assert site.ledger.studies.latest(10) == before


def test_what_a_copy_would_bring_back_and_what_it_would_lose(site: Site, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    site.text("db", "backup", str(copy))
    site.ledger.events.add("node started")
    done = site.run("db", "since", str(copy))
    assert (done.exit_code, "nothing happened since" in done.output) == (0, True)
    site.text("queue", "retry", str(site.analysis_id(site.failed)))
    study = site.ledger.studies.get(site.answered)
    for _ in range(2):
        site.ledger.events.add("received", study.study_instance_uid)
    done = site.run("db", "since", str(copy), "--json")
    found = json.loads(done.stdout)
    assert (done.exit_code, found["again"]) == (1, {"received": 2})
    assert found["lost"] == {"operator's command": 1, "analysis retried": 1, "study operator retried an analysis": 1}
    assert "lost        1 operator's command" in site.text("db", "since", str(copy))


def test_what_is_no_copy_of_this_ledger_is_refused(site: Site, tmp_path: Path) -> None:
    other = Ledger(tmp_path / "other.db")
    other.events.add("another node's")
    other.close()
    assert "it is no copy of this ledger" in str(site.refusal("db", "since", str(tmp_path / "other.db")))
    assert "it is no ledger" in str(site.refusal("db", "since", str(site.config)))
