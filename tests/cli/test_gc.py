"""`radnode gc`: what retention would remove, by which rule, told beforehand and then done."""

from __future__ import annotations

import errno
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from node.spool import Spool
from tests.cli.conftest import Site
from tests.ledger.material import arrival


@pytest.fixture(autouse=True)
def spool(site: Site) -> Path:
    """A spool of its own: these tests remove files of it."""
    path = site.config.parent / "spool"
    shared = path.resolve()
    path.unlink()
    shutil.copytree(shared, path)
    return path


def configure(site: Site, keep_days: float, purge_below_mb: int = 0) -> None:
    more = f"[storage]\nkeep_days = {keep_days}\npurge_below_mb = {purge_below_mb}\n\n[[destinations]]"
    site.config.write_text(site.config.read_text().replace("[[destinations]]", more))


def age(site: Site, days: float) -> None:
    """As if every study had come so long ago."""
    site.ledger._database.connection.execute("UPDATE studies SET last_at = ?", (time.time() - days * 86400,))


def rules(found: dict[str, Any]) -> dict[str, tuple[set[str], int]]:
    return {rule["setting"]: (set(rule["studies"]), rule["size"]) for rule in found["rules"]}


def size(spool: Path) -> int:
    return sum(path.stat().st_size for path in spool.rglob("*") if path.is_file())


def test_a_dry_run_tells_rule_count_and_bytes_and_removes_nothing(site: Site, spool: Path) -> None:
    configure(site, keep_days=5)
    age(site, 6)
    work = spool / "work" / str(site.analysis_id(site.answered)) / "prediction.npz"
    work.parent.mkdir(parents=True)
    work.write_bytes(bytes(5000))
    before = size(spool)
    found = site.json("gc", "--dry-run")
    every = {site.answered, site.failed, site.ignored}
    assert rules(found) == {"storage.keep_days": (every, before), "storage.purge_below_mb": (set(), 0)}
    assert not found["removed"]
    assert size(spool) == before
    line = site.text("gc", "--dry-run").splitlines()[0]
    assert line.startswith("storage.keep_days = 5 ")
    assert "would be removed: files of 3 studies, " in line
    assert line.endswith(" KiB")
    assert size(spool) == before


def test_what_was_told_is_what_is_removed(site: Site, spool: Path) -> None:
    configure(site, keep_days=5)
    age(site, 6)
    (_, told), _ = rules(site.json("gc", "--dry-run")).values()
    before = size(spool)
    assert "removed: files of 3 studies" in site.text("gc")
    assert before - size(spool) == told
    assert rules(site.json("gc", "--dry-run"))["storage.keep_days"] == (set(), 0)
    assert "its files were purged" in site.text("why", site.answered)


def test_what_was_set_aside_and_is_of_no_study_is_told_and_removed(site: Site, spool: Path) -> None:
    configure(site, keep_days=5)
    path = "instances/00/broken.dcm"
    (spool / path).write_bytes(bytes(3000))
    site.ledger.arrivals.record([arrival(study="1.2.3", path=path, defect="it is broken")])
    site.ledger._database.connection.execute("UPDATE quarantine SET received_at = ?", (time.time() - 6 * 86400,))
    (by_age, _) = site.json("gc", "--dry-run")["rules"]
    assert (by_age["set_aside"], by_age["size"], by_age["studies"]) == (1, 3000, [])
    assert "would be removed: files of 0 studies and 1 objects that were set aside, 2.9 KiB" in site.text(
        "gc", "--dry-run"
    )
    assert (spool / path).exists()
    site.text("gc")
    assert not (spool / path).exists()
    assert site.json("gc", "--dry-run")["rules"][0]["set_aside"] == 0
    assert "1 object: it is broken" in site.text("why", "1.2.3")


def test_young_studies_stay_and_without_days_all_do(site: Site) -> None:
    configure(site, keep_days=5)
    age(site, 4)
    assert rules(site.json("gc", "--dry-run"))["storage.keep_days"] == (set(), 0)
    site.config.write_text(site.config.read_text().replace("keep_days = 5", "keep_days = 0"))
    age(site, 4000)
    assert rules(site.json("gc", "--dry-run"))["storage.keep_days"] == (set(), 0)


def test_rows_are_kept_until_somebody_says_how_long(site: Site) -> None:
    configure(site, keep_days=5)
    age(site, 4000)
    site.text("gc")
    assert site.json("gc", "--dry-run")["rows"] == {
        "setting": "storage.keep_rows_days",
        "value": 0,
        "studies": [],
        "lines": 0,
    }
    assert "keep_rows_days" not in site.text("gc", "--dry-run")


def test_rows_go_after_their_days_and_the_trail_says_so(site: Site) -> None:
    configure(site, keep_days=5)
    age(site, 900)
    site.text("gc")
    connection, long_ago = site.ledger._database.connection, time.time() - 900 * 86400
    connection.execute("UPDATE studies SET changed_at = ?", (long_ago,))
    connection.execute("UPDATE analyses SET changed_at = ?", (long_ago,))
    site.config.write_text(site.config.read_text().replace("keep_days = 5", "keep_days = 5\nkeep_rows_days = 730"))
    (told,) = [line for line in site.text("gc", "--dry-run").splitlines() if "keep_rows_days" in line]
    assert told.startswith("storage.keep_rows_days = 730 ")
    assert "would be removed: rows of 1 studies, 0 lines of the trail" in told
    assert site.json("gc", "--dry-run")["rows"]["studies"] == [site.ignored], "the newest analysis and what failed stay"
    before = site.json("db", "check")["size"]
    site.text("gc")
    assert site.json("gc", "--dry-run")["rows"]["studies"] == []
    assert "its rows were removed" in site.text("studies", "show", site.ignored)
    assert "its rows were removed" in site.text("why", site.ignored)
    after = site.json("db", "check")["size"]
    assert after["bytes"] - after["reusable"] <= before["bytes"] - before["reusable"] + 2 * 4096
    assert "size       " in site.text("db", "check")


def test_where_room_is_needed_delivered_studies_go_before_and_failed_ones_stay(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(site, keep_days=5, purge_below_mb=100)
    age(site, 1)
    monkeypatch.setattr(Spool, "free_bytes", lambda self: 0)
    found = rules(site.json("gc", "--dry-run"))
    assert found["storage.keep_days"] == (set(), 0)
    assert found["storage.purge_below_mb"][0] == {site.answered, site.ignored}


def test_no_more_goes_than_room_is_needed_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(site, keep_days=5, purge_below_mb=100)
    age(site, 1)
    monkeypatch.setattr(Spool, "free_bytes", lambda self: (100 << 20) - 1)
    found = rules(site.json("gc", "--dry-run"))
    assert len(found["storage.purge_below_mb"][0]) == 1


def test_a_file_that_may_not_be_removed_is_said_and_left_to_the_next_call(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(site, keep_days=5)
    age(site, 6)

    def refuse(spool: Spool, path: str) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    with monkeypatch.context() as patch:
        patch.setattr(Spool, "remove", refuse)
        assert "a file cannot be removed: Permission denied" in str(site.refusal("gc"))
    assert rules(site.json("gc"))["storage.keep_days"][0] == {site.answered, site.failed, site.ignored}
