"""One file for many: threads, processes, locks, and the end of a process at any moment."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from node.errors import LedgerBusy, PermanentError
from node.ledger import Input, Ledger, database
from node.ledger.database import Database
from node.ledger.schema import SCHEMA
from node.ledger.steps import STEPS, VERSION
from node.reviews import Heard
from node.signals import Kind
from node.states import AnalysisState, StudyState
from node.study import Outcome
from tests.ledger.material import arrival, completed, plan, received

ROOT = Path(__file__).parents[2]
_UIDS = [("sop_instance_uid", "1.2.9.1"), ("study_instance_uid", "1.2"), ("series_instance_uid", "1.2.9")]
_KINDS = [("sop_class_uid", "1.2.840.10008.5.1.4.1.1.2"), ("transfer_syntax_uid", "1.2.840.10008.1.2.1")]
_FILE = [("path", "instances/00/1.dcm"), ("size", 200), ("sha256", "digest"), ("association", "a1")]
_ATTRIBUTES = [("attributes", '{"image_type": ["ORIGINAL"]}'), ("patient_key", "patient"), ("instance_number", 1)]
#: Table -> (column, value) of one row, as an earlier program wrote it.
_OLD_ROWS: dict[str, list[tuple[str, object]]] = {
    "studies": [
        *(("study_instance_uid", "1.2"), ("state", "RECEIVING"), ("images", 1), ("patient_key", "patient")),
        *(("first_at", 1.0), ("last_at", 1.0), ("changed_at", 1.0)),
    ],
    "instances": [*_UIDS, *_KINDS, *_FILE, *_ATTRIBUTES, ("set_aside", ""), ("received_at", 1.0)],
}

#: Takes studies through their whole life, and prints the number of each image when its commit has returned.
WRITER = """
import sys
from pathlib import Path
from node.ledger import Ledger
from tests.ledger.material import arrival, completed, plan, results

path, begin, end = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
print("ready", flush=True)
ledger = Ledger(path, busy_seconds=30)
for number in range(begin, end):
    uid = f"1.{number}"
    ledger.arrivals.record([arrival(1, uid), arrival(2, uid)])
    print(number, flush=True)
    assert ledger.studies.complete(ledger.studies.get(uid), "quiet", partial=False, expected=None)
    ledger.analyses.route(uid, [plan()], ["because"])
    (analysis,) = ledger.analyses.of_study(uid)
    ledger.analyses.classified(analysis.id, "fine")
    ledger.analyses.reported(analysis.id, results(uid), {"pacs": ("sc", "sr")})
    for delivery in ledger.deliveries.of_study(uid):
        ledger.deliveries.done(delivery)
print("done", flush=True)
"""


def writer(path: Path, begin: int, end: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), str(begin), str(end)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def assert_consistent(path: Path, ledger: Ledger) -> None:
    """No half transaction: counts agree with rows, and every state with the last event that wrote it."""
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()
    for study in ledger.studies.latest(10_000):
        uid = study.study_instance_uid
        events = ledger.events.of_study(uid)
        assert study.images == sum(len(one.instances) for one in ledger.studies.series(uid)) == 2
        assert [e.action for e in events].count("received") == 2
        moves = [e.detail["state"] for e in events if e.action.startswith("study ")]
        assert study.state == (moves[-1] if moves else StudyState.RECEIVING)
        analyses = ledger.analyses.of_study(uid)
        assert bool(analyses) is (study.state in (StudyState.ROUTED, StudyState.CLOSED))
        for analysis in analyses:
            states = [e.detail["state"] for e in events if e.action.startswith("analysis ")]
            assert analysis.state == (states[-1] if states else AnalysisState.QUEUED)
            count = len(ledger.deliveries.of_study(uid))
            assert count == (2 if analysis.state in (AnalysisState.REPORTED, AnalysisState.DELIVERED) else 0)
        if study.state is StudyState.CLOSED:
            assert {one.state for one in ledger.deliveries.of_study(uid)} == {"DONE"}


def test_two_processes_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    processes = [writer(path, 100, 130), writer(path, 200, 230)]
    for process in processes:
        out, _ = process.communicate(timeout=60)
        assert out.splitlines()[-1] == "done"
    ledger = Ledger(path)
    assert ledger.studies.count_by_state() == {StudyState.CLOSED: 60}
    assert_consistent(path, ledger)
    ledger.close()


@pytest.mark.parametrize("seconds", [0.0, 0.013, 0.05, 0.11])
def test_kill_9_in_the_middle_leaves_whole_transactions_and_every_acknowledged_image(
    tmp_path: Path, seconds: float
) -> None:
    path = tmp_path / "ledger.db"
    process = writer(path, 0, 100_000)
    assert process.stdout is not None
    for line in process.stdout:
        if line == "3\n":
            break
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate(timeout=30)
    acknowledged = [0, 1, 2, 3, *(int(line) for line in rest.splitlines())]
    ledger = Ledger(path)
    known = {one.study_instance_uid for one in ledger.studies.latest(100_000)}
    assert {f"1.{number}" for number in acknowledged} <= known
    assert_consistent(path, ledger)
    received(ledger, "9.9")  # and it goes on
    ledger.close()


def test_threads_have_a_connection_each(tmp_path: Path) -> None:
    ledger, errors = Ledger(tmp_path / "ledger.db"), []

    def work(thread: int) -> None:
        try:
            for number in range(20):
                ledger.arrivals.record([arrival(number, f"1.{thread}")])
        except Exception as error:
            errors.append(error)
        finally:
            ledger.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert [one.images for one in ledger.studies.latest(10)] == [20] * 4
    ledger.close()


def test_two_workers_never_lease_the_same_analysis(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db", busy_seconds=30)
    for number in range(20):
        completed(ledger, f"1.{number}")
        ledger.analyses.route(f"1.{number}", [plan()], [])
    taken: list[int] = []

    def work() -> None:
        while rows := ledger.analyses.lease(AnalysisState.QUEUED, uuid.uuid4().hex, 60, 2, 300):
            taken.extend(row.id for row in rows)
        ledger.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted({row.id for row in ledger.analyses.unfinished()})
    ledger.close()


def test_a_ledger_that_stays_locked_is_busy_and_afterwards_well(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = Ledger(path, busy_seconds=0.1)
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    with pytest.raises(LedgerBusy, match="the ledger does not answer: database is locked") as caught:
        received(ledger)
    assert caught.value.temporary
    blocker.execute("ROLLBACK")
    blocker.close()
    received(ledger)
    assert ledger.studies.get("1.2").images == 1
    ledger.close()


#: Questions that share their code with a transaction.
SHARED: dict[str, Callable[[Ledger], object]] = {
    "studies.purged": lambda ledger: ledger.studies.purged("1.2"),
    "strays.expired": lambda ledger: ledger.strays.expired(1.0),
    "forgetting.studies": lambda ledger: ledger.forgetting.studies(1.0),
    "forgetting.lines": lambda ledger: ledger.forgetting.lines(1.0),
    "signals.studies": lambda ledger: ledger.signals.studies("1.2"),
    "signals.named": lambda ledger: ledger.signals.named("1.2", Kind.STEP),
    "reports.came": lambda ledger: ledger.reports.came(Heard("RIS", "", "1", "digest", "", ())),
    "events.head": lambda ledger: ledger.events.head(),
}


@pytest.mark.parametrize("name", SHARED)
def test_who_only_asks_is_told_in_our_words_that_the_ledger_does_not_answer(tmp_path: Path, name: str) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    connection = ledger._database.connection
    connection.set_progress_handler(lambda: 1, 1)  # SQLite gives up each statement
    with pytest.raises(LedgerBusy, match="the ledger does not answer"):
        SHARED[name](ledger)
    connection.set_progress_handler(None, 0)
    SHARED[name](ledger)
    ledger.close()


def test_readers_do_not_wait_for_writers(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = Ledger(path, busy_seconds=0.1)
    received(ledger)
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    assert ledger.studies.get("1.2").images == 1
    blocker.execute("ROLLBACK")
    blocker.close()
    ledger.close()


def test_a_commit_survives_a_power_cut(tmp_path: Path) -> None:
    """With synchronous=NORMAL the last commits of a WAL may be gone after one (sqlite.org/pragma.html)."""
    ledger = Ledger(tmp_path / "ledger.db")
    (row,) = ledger._database.read("PRAGMA synchronous")
    assert row[0] == 2  # FULL
    (row,) = ledger._database.read("PRAGMA journal_mode")
    assert row[0] == "wal"
    ledger.close()


def test_a_file_that_is_no_ledger_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"not a database, but something that somebody wants to keep" * 100)
    before = path.read_bytes()
    with pytest.raises((LedgerBusy, PermanentError, sqlite3.DatabaseError)):
        Ledger(path)
    assert path.read_bytes() == before


def test_a_ledger_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    Ledger(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(PermanentError, match="the ledger has version 99"):
        Ledger(path)


def test_a_torn_end_of_the_log_costs_no_more_than_the_last_transactions(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    process = writer(path, 0, 100_000)
    assert process.stdout is not None
    for line in process.stdout:
        if line == "5\n":
            break
    process.kill()
    process.communicate(timeout=30)
    log = path.with_name("ledger.db-wal")
    with log.open("r+b") as stream:
        stream.truncate(log.stat().st_size - 1000)
    ledger = Ledger(path)
    assert len(ledger.studies.latest(100)) >= 3
    assert_consistent(path, ledger)
    ledger.close()


def test_the_pulse_changes_when_somebody_else_has_committed(tmp_path: Path) -> None:
    first, second = Ledger(tmp_path / "ledger.db"), Ledger(tmp_path / "ledger.db")
    before = first.pulse()
    assert first.pulse() == before
    received(second)
    assert first.pulse() != before
    first.close()
    second.close()


def test_events_keep_their_order_and_their_details(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    ledger.events.add("one", "1.2", number=1)
    ledger.events.add("two", "1.2", text="Größe")
    ledger.events.add("three")
    assert [(e.action, e.detail) for e in ledger.events.of_study("1.2")] == [
        ("one", {"number": 1}),
        ("two", {"text": "Größe"}),
    ]
    assert [e.action for e in ledger.events.latest(2)] == ["three", "two"]
    ledger.close()


def _as_version(path: Path, version: int) -> None:
    """A ledger as an earlier program left it; of version 1: before there were reviews."""
    connection = sqlite3.connect(path)
    for text in [SCHEMA, *(STEPS[step] for step in range(2, version + 1))]:
        for statement in text.split(";\n"):
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.execute("INSERT INTO facts VALUES ('old', 'kept', 0)")
    connection.commit()
    connection.close()


def test_an_older_ledger_is_brought_up_to_date_and_kept_as_it_was_beside(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    _as_version(path, 1)
    ledger = Ledger(path)
    assert ledger.reviews.latest(1) == []
    received(ledger)
    ledger.close()
    new, old = (sqlite3.connect(tmp_path / name) for name in ("ledger.db", "ledger.db.version-1"))
    for connection, version in ((new, VERSION), (old, 1)):
        assert connection.execute("PRAGMA user_version").fetchone()[0] == version
        assert connection.execute("SELECT value FROM facts WHERE name = 'old'").fetchone()[0] == "kept"
        connection.close()
    assert (tmp_path / "ledger.db.version-1").stat().st_mode & 0o777 == 0o600
    again = Ledger(path)
    assert again.studies.get("1.2").images == 1
    again.close()


def test_a_copy_of_an_older_ledger_is_never_written_over(tmp_path: Path) -> None:
    """Two programs open it at one time; the slower one copies what the other has brought up to date."""
    path, kept = tmp_path / "ledger.db", tmp_path / "ledger.db.version-1"
    _as_version(path, 1)
    slow = Database.__new__(Database)
    slow.path, slow._busy_seconds, slow._thread = path, 1.0, threading.local()
    begun: list[str] = []

    def another_is_quicker(statement: str) -> None:
        if statement.startswith("VACUUM INTO") and not begun:
            begun.append(statement)
            Ledger(path).close()

    slow.connection.set_trace_callback(another_is_quicker)
    slow._back_up(1)
    slow.close()
    copy = sqlite3.connect(kept)
    assert copy.execute("PRAGMA user_version").fetchone()[0] == 1
    copy.close()
    assert (len(begun), list(tmp_path.glob(".*.part"))) == (1, [])


def test_what_a_killed_program_left_of_its_copy_is_removed_and_nobody_elses(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    _as_version(path, 1)
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    left, others = (tmp_path / f".ledger.db.version-1.{number}.part" for number in (killed.pid, os.getppid()))
    left.write_bytes(b"half a copy")
    others.write_bytes(b"half a copy")
    Ledger(path).close()
    assert list(tmp_path.glob(".*.part")) == [others]
    assert (tmp_path / "ledger.db.version-1").exists()


def test_an_older_ledger_keeps_its_rows_and_learns_how_many_bytes_its_studies_have(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    _as_version(path, 5)
    connection = sqlite3.connect(path)
    for table, row in _OLD_ROWS.items():
        names, marks = ", ".join(name for name, _ in row), ", ".join("?" * len(row))
        sql = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608  our names
        connection.execute(sql, [value for _, value in row])
    connection.commit()
    before = connection.execute("SELECT * FROM instances").fetchall()
    connection.close()
    ledger = Ledger(path, most_bytes=250)
    connection = sqlite3.connect(path)
    assert [row[: len(before[0])] for row in connection.execute("SELECT * FROM instances")] == before
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()
    assert ledger.arrivals.record([arrival(3)]) == [Outcome.SET_ASIDE]
    assert ledger.studies.series("1.2")[0].instances[0].sop_instance_uid == "1.2.9.1"
    ledger.close()


def test_a_workitem_of_an_older_ledger_keeps_its_study(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    _as_version(path, 25)
    connection = sqlite3.connect(path)
    for uid, study in (("1.9", "1.2"), ("1.10", "")):
        row = (uid, "ris", "2.25.1", study, "chest", '["1", "99TEST", "Look"]', '["PACS"]', "HIGH", "FETCHING", 1)
        connection.execute("INSERT INTO workitems VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', '', 1, 2, 'why')", row)
    connection.commit()
    connection.close()
    ledger = Ledger(path)
    assert [(one.workitem_uid, one.inputs, one.code[1]) for one in ledger.workitems.open("ris")] == [
        ("1.10", (), "99TEST"),
        ("1.9", (Input("1.2", ("PACS",)),), "99TEST"),
    ]
    assert (ledger.workitems.is_fetching("1.2"), ledger.workitems.of_study("1.2")[0].cancel) == (True, "why")
    ledger.close()


def test_a_step_that_is_cut_off_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ledger.db"
    _as_version(path, 1)
    with monkeypatch.context() as cut:
        cut.setattr(database, "STEPS", {2: STEPS[2] + ";\nCREATE TABLE studies (x TEXT)"})
        with pytest.raises(LedgerBusy):
            Ledger(path)
    ledger = Ledger(path)
    assert ledger.reviews.latest(1) == []
    ledger.close()


def test_install_sh_knows_where_the_program_says_which_ledgers_it_reads() -> None:
    """What it asks of the Python of each version, asked of this one: a rollback depends on it."""
    script = (Path(__file__).parents[2] / "deploy" / "install.sh").read_text(encoding="utf-8")
    (program,) = re.findall(r"knows_version\(\) \{\n    local program='\n(.*?)'\n", script, re.DOTALL)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == f"{VERSION}\n"
