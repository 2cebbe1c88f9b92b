"""What comes of a study whose files were purged: what the rule removed is missed, never lost, until it comes again."""

from __future__ import annotations

import shutil
import sqlite3
import time
from functools import partial
from pathlib import Path

import pytest

from node.commitment import Reference
from node.errors import PermanentError
from node.ledger import Ledger
from node.ledger.purging import PURGED
from node.ledger.steps import STEPS
from node.signals import Kind, Named, Step, StepStatus
from node.states import AnalysisState, StudyState
from node.study import Arrival, Attributes, Outcome
from tests.ledger.killing import is_killed_before
from tests.ledger.material import SR, arrival, plan, reported
from tests.ledger.test_database import _as_version

DX = arrival().sop_class_uid


def delivered(ledger: Ledger, images: int = 2) -> None:
    """A study of so many images, of which all results have reached their archive."""
    ledger.arrivals.record([arrival(number) for number in range(2, images + 1)])
    reported(ledger)
    while due := ledger.deliveries.due("pacs", 1.0, 50):
        for row in due:
            ledger.deliveries.done(row, "")
    assert ledger.studies.get("1.2").state is StudyState.CLOSED


def purge(ledger: Ledger) -> list[str]:
    paths = ledger.studies.begin_purge("1.2", time.time() + 1)
    ledger.studies.mark_purged("1.2", time.time() + 1, paths)
    return paths


@pytest.fixture
def purged(ledger: Ledger) -> Ledger:
    """Its files are gone: two images, of revision 1."""
    delivered(ledger)
    assert len(purge(ledger)) == 2
    return ledger


def record(ledger: Ledger, *arrivals: Arrival) -> list[Outcome]:
    return ledger.arrivals.record(arrivals)


def here(ledger: Ledger) -> list[str]:
    """Instances whose file is watched."""
    return sorted(one.sop_instance_uid for one in ledger.upkeep.named("1.2"))


def complete(ledger: Ledger) -> int:
    """It is complete and routed; the analysis of its newest revision."""
    assert ledger.studies.complete(ledger.studies.get("1.2"), "quiet", partial=False, expected=None)
    ledger.analyses.route("1.2", [plan()], [])
    return ledger.analyses.of_study("1.2")[-1].id


def check(ledger: Ledger, analysis_id: int) -> None:
    ledger.job(ledger.analyses.get(analysis_id)).check_files()


def test_a_late_image_makes_the_purged_ones_missed_and_not_lost(purged: Ledger) -> None:
    assert record(purged, arrival(3)) == [Outcome.NEW]
    study = purged.studies.get("1.2")
    assert (study.state, study.revision, study.images) == (StudyState.RECEIVING, 2, 1)
    assert study.reason == "a late image makes a new revision; 2 of the earlier ones were purged"
    assert here(purged) == ["1.2.9.3"], "it alone is watched"
    assert purged.upkeep.with_files() == ["1.2"]
    assert purged.upkeep.count_missing() == 0
    assert not purged.upkeep.set_missing([])
    assert purged.studies.paths("1.2")[0] == arrival(3).path, "who wants a file of it finds one"
    assert [len(one.instances) for one in purged.studies.series("1.2")] == [3], "routing sees all of it"
    assert [len(one.instances) for one in purged.studies.series("1.2", missed=False)] == [1]


def test_a_result_of_half_a_series_is_not_made_and_the_operator_is_told_why(purged: Ledger) -> None:
    record(purged, arrival(3))
    number = complete(purged)
    with pytest.raises(
        PermanentError, match=r"^2 of its images were purged \(storage.keep_days\) \[analysis 2\]"
    ) as told:
        check(purged, number)
    assert "send the whole study again" in str(told.value)


def test_a_series_that_is_all_here_is_analysed_whatever_was_purged_beside_it(purged: Ledger) -> None:
    record(purged, arrival(3, series="1.2.10"))
    assert purged.studies.complete(purged.studies.get("1.2"), "quiet", partial=False, expected=None)
    purged.analyses.route("1.2", [plan("films"), plan("lateral", series=("1.2.10",))], [])
    *_, films, lateral = purged.analyses.of_study("1.2")
    check(purged, lateral.id)
    with pytest.raises(PermanentError, match="2 of its images were purged"):
        check(purged, films.id)


def test_an_answer_stands_where_nothing_of_what_the_plugin_gets_is_new(purged: Ledger) -> None:
    for number in (3, 4):  # a reconstruction that came later, and another one
        record(purged, arrival(number, series="1.2.10"))
        row = purged.analyses.get(complete(purged))
        why = "its images were purged, and none of them is new: what revision 1 says of them stands"
        assert (row.state, row.error) == (AnalysisState.DROPPED, why)
        assert purged.studies.get("1.2").state is StudyState.CLOSED
    assert purged.overview.analyses_in([AnalysisState.FAILED]) == {AnalysisState.FAILED: 0}
    record(purged, arrival(1), arrival(2))
    number = complete(purged)
    check(purged, number)
    assert purged.analyses.get(number).state is AnalysisState.QUEUED, "all of it is here: it may be asked again"


@pytest.mark.parametrize("earlier", ["FAILED", "WITHDRAWN", "DROPPED"])
def test_no_answer_stands_where_there_was_none(purged: Ledger, earlier: str) -> None:
    with purged._database.write() as connection:
        connection.execute("UPDATE analyses SET state = ?", (earlier,))
    record(purged, arrival(3, series="1.2.10"))
    assert purged.analyses.get(complete(purged)).state is AnalysisState.QUEUED


def test_no_answer_stands_of_images_that_came_since(purged: Ledger) -> None:
    record(purged, arrival(3))
    purged.analyses.fail(complete(purged), "2 of its images were purged")
    purge(purged)
    record(purged, arrival(4, series="1.2.10"))
    number = complete(purged)
    assert purged.analyses.get(number).state is AnalysisState.QUEUED, "revision 1 knows nothing of the third one"
    with pytest.raises(PermanentError, match="3 of its images were purged"):
        check(purged, number)


def test_what_failed_for_want_of_images_is_no_trouble_once_they_come(purged: Ledger) -> None:
    record(purged, arrival(3))
    number = complete(purged)
    purged.analyses.fail(number, "2 of its images were purged")
    record(purged, arrival(1))
    assert purged.analyses.get(number).state is AnalysisState.DROPPED
    assert purged.analyses.unfinished() == []


def test_the_whole_study_sent_again_is_analysed_whole_whenever_it_comes(purged: Ledger) -> None:
    record(purged, arrival(3))
    assert record(purged, arrival(1)) == [Outcome.NEW], "while it is received"
    purged.analyses.fail(complete(purged), "1 of its images was purged")
    assert purged.studies.get("1.2").state is StudyState.CLOSED
    assert record(purged, arrival(3), arrival(1), arrival(2)) == [Outcome.DUPLICATE, Outcome.DUPLICATE, Outcome.NEW]
    study = purged.studies.get("1.2")
    assert (study.state, study.revision, study.images, len(here(purged))) == (StudyState.RECEIVING, 3, 3, 3)
    check(purged, complete(purged))
    assert record(purged, arrival(1), arrival(2)) == [Outcome.DUPLICATE] * 2


def test_the_late_image_may_come_last_of_what_is_sent_again(purged: Ledger) -> None:
    assert record(purged, arrival(1), arrival(2), arrival(3)) == [Outcome.DUPLICATE, Outcome.DUPLICATE, Outcome.NEW]
    study = purged.studies.get("1.2")
    assert (study.revision, study.images, len(here(purged))) == (2, 3, 3)
    check(purged, complete(purged))


def test_what_comes_again_alone_changes_nothing_and_may_be_retried(ledger: Ledger) -> None:
    delivered(ledger)
    analysis, *_ = ledger.analyses.of_study("1.2")
    with ledger._database.write() as connection:
        connection.execute("UPDATE analyses SET state = 'FAILED'")
    purge(ledger)
    ledger.analyses.retry(analysis.id)
    with pytest.raises(PermanentError, match="2 of its images were purged"):
        check(ledger, analysis.id)
    assert record(ledger, arrival(1), arrival(2)) == [Outcome.DUPLICATE] * 2
    assert (ledger.studies.get("1.2").revision, here(ledger)) == (1, ["1.2.9.1", "1.2.9.2"])
    check(ledger, analysis.id)


def test_the_late_image_goes_with_the_next_purge_and_all_comes_to_rest(purged: Ledger) -> None:
    record(purged, arrival(3))
    purged.analyses.fail(complete(purged), "2 of its images were purged")
    assert arrival(3).path in purge(purged)
    assert (here(purged), purged.upkeep.with_files(), purged.upkeep.count_missing()) == ([], [], 0)
    assert record(purged, arrival(1)) == [Outcome.DUPLICATE]
    record(purged, arrival(4))
    assert (purged.studies.get("1.2").images, here(purged)) == (2, ["1.2.9.1", "1.2.9.4"])
    assert purged.studies.purged("1.2") == 2


def test_a_late_document_leaves_a_purged_study_as_it_is_and_is_watched(purged: Ledger) -> None:
    assert record(purged, arrival(5, sop_class_uid=SR)) == [Outcome.NEW]
    study = purged.studies.get("1.2")
    assert (study.state, study.revision) == (StudyState.CLOSED, 1)
    assert here(purged) == ["1.2.9.5"]
    assert purged.inquiries.files_gone("1.2"), "its results are as gone as before"
    assert record(purged, arrival(1)) == [Outcome.DUPLICATE]
    (lost,) = [one for one in purged.upkeep.named("1.2") if one.sop_instance_uid == "1.2.9.5"]
    assert purged.upkeep.set_missing([lost]) == 1
    assert purged.upkeep.count_missing() == 1, "nobody but the disk has taken it"


def test_what_the_disk_had_lost_is_not_lost_any_more_once_its_study_is_purged(ledger: Ledger) -> None:
    delivered(ledger)
    ledger.upkeep.set_missing(ledger.upkeep.named("1.2")[:1])
    assert ledger.upkeep.count_missing() == 1
    purge(ledger)
    assert ledger.upkeep.count_missing() == 0
    record(ledger, arrival(3))
    assert (ledger.upkeep.count_missing(), ledger.studies.purged("1.2")) == (0, 2)
    assert record(ledger, arrival(1)) == [Outcome.NEW]


def test_what_was_lost_before_the_purge_and_comes_after_it_makes_the_others_missed(ledger: Ledger) -> None:
    delivered(ledger)
    ledger.upkeep.set_missing([one for one in ledger.upkeep.named("1.2") if one.sop_instance_uid == "1.2.9.2"])
    purge(ledger)
    assert record(ledger, arrival(2)) == [Outcome.NEW]
    assert (here(ledger), ledger.studies.purged("1.2"), ledger.studies.get("1.2").images) == (["1.2.9.2"], 1, 1)


@pytest.mark.parametrize("late", [False, True])
def test_what_a_purge_takes_with_it_although_it_had_just_come_again_is_not_lost(ledger: Ledger, late: bool) -> None:
    delivered(ledger)
    before = time.time()
    paths = ledger.studies.begin_purge("1.2", before)
    record(ledger, *[arrival(3)] * late, arrival(1))  # and here the purge goes on
    ledger.studies.mark_purged("1.2", before, paths)
    assert here(ledger) == ["1.2.9.3"] * late
    assert ledger.studies.purged("1.2") == 2
    assert ledger.studies.get("1.2").images == (1 if late else 2)
    assert record(ledger, arrival(1)) == [Outcome.NEW if late else Outcome.DUPLICATE]


def test_an_archive_is_asked_again_for_what_is_missed_and_only_for_that(purged: Ledger) -> None:
    named = tuple(Named("1.2.9", f"1.2.9.{number}") for number in (1, 2, 3))
    purged.signals.begin("1.5.1", "CT", Step(StepStatus.COMPLETED, ("1.2",), named))
    references = [Reference(DX, f"1.2.9.{number}") for number in (1, 3)]
    assert (purged.fetches.came("1.2"), purged.signals.named("1.2", Kind.STEP).came) == (2, 2), "it is over"
    record(purged, arrival(3))
    assert (purged.fetches.came("1.2"), purged.signals.named("1.2", Kind.STEP).came) == (1, 1)
    assert purged.fetches.lacking("1.2", ["1.2.9.1", "1.2.9.3"]) == ["1.2.9.1"]
    assert [bool(one.failure) for one in purged.commitments.held(references)] == [True, False]
    record(purged, arrival(1))
    assert (purged.fetches.came("1.2"), purged.signals.named("1.2", Kind.STEP).came) == (2, 2)


def test_a_prior_whose_files_were_purged_is_sent_again_by_somebody_who_wants_results(ledger: Ledger) -> None:
    ledger.priors.mark("1.2", "SENDER")
    delivered(ledger)
    purge(ledger)
    other = {"attributes": Attributes(modality="DX", calling_ae="CT")}
    record(ledger, arrival(1, **other))
    assert (ledger.studies.get("1.2").revision, here(ledger), ledger.studies.purged("1.2")) == (2, ["1.2.9.1"], 1)
    assert record(ledger, arrival(2, **other)) == [Outcome.NEW]
    check(ledger, complete(ledger))


def test_images_whose_rows_are_gone_too_are_missed_until_they_come_again(purged: Ledger) -> None:
    reported(purged, "9.9")
    verified = arrival(8, sop_class_uid=SR, attributes=Attributes(manufacturer="radnode"))
    assert record(purged, verified) == [Outcome.OWN_RESULT]
    with purged._database.write() as connection:
        connection.execute("UPDATE documents SET read = 1")
    purge(purged)
    assert purged.forgetting.forget("1.2", time.time() + 1)
    record(purged, arrival(3), arrival(sop_instance_uid="1.2.7.1"))
    number = complete(purged)
    with pytest.raises(PermanentError, match="2 of its images were purged"):
        check(purged, number)
    purged.analyses.fail(number, "2 of its images were purged")
    assert record(purged, arrival(1), verified, arrival(2)) == [Outcome.NEW, Outcome.OWN_RESULT, Outcome.NEW]
    assert purged.studies.get("1.2").images == 3
    check(purged, complete(purged))


# kill -9


def late(path: Path) -> None:
    ledger = Ledger(path)
    record(ledger, arrival(3))
    ledger.close()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_killed_before_any_statement_the_late_image_is_there_and_the_others_are_missed_or_neither(
    purged: Ledger, tmp_path: Path
) -> None:
    purged.close()
    seen, statement, killed = set(), 0, True
    while killed:
        path = tmp_path / f"{statement}.db"
        shutil.copy(tmp_path / "ledger.db", path)
        killed = is_killed_before(statement, partial(late, path))
        ledger = Ledger(path)
        study = ledger.studies.get("1.2")
        seen.add((study.state, study.revision, study.images, tuple(here(ledger))))
        ledger.close()
        statement += 1
    assert seen == {(StudyState.CLOSED, 1, 2, ()), (StudyState.RECEIVING, 2, 1, ("1.2.9.3",))}
    assert statement > 12  # so many statements were tried


# Earlier versions


def test_what_earlier_versions_took_for_lost_is_known_to_be_purged(tmp_path: Path) -> None:
    version = next(number for number, text in STEPS.items() if "quarantine_with_files" in text)
    path = tmp_path / "ledger.db"
    ledger = Ledger(tmp_path / "new.db")
    delivered(ledger)
    purge(ledger)
    record(ledger, arrival(3))
    ledger.close()
    _as_version(path, version - 1)
    _copy(tmp_path / "new.db", path)
    old = sqlite3.connect(path)
    reason = "its file is not in the spool any more, or not whole: the disk lost it, or somebody changed it"
    old.execute("UPDATE instances SET set_aside = ? WHERE sop_instance_uid = '1.2.9.1'", (reason,))
    old.commit()
    old.close()
    ledger = Ledger(path)
    assert (here(ledger), ledger.studies.purged("1.2"), ledger.upkeep.count_missing()) == (["1.2.9.3"], 2, 0)
    assert ledger.studies.get("1.2").images == 1
    ledger.close()


def test_what_came_again_without_its_rows_is_known_as_such_after_an_upgrade(tmp_path: Path) -> None:
    version = next(number for number, text in STEPS.items() if "quarantine_with_files" in text)
    path = tmp_path / "ledger.db"
    ledger = Ledger(tmp_path / "new.db")
    delivered(ledger)
    purge(ledger)
    reported(ledger, "9.9")
    ledger.forgetting.forget("1.2", time.time() + 1)
    record(ledger, arrival(1))
    ledger.close()
    _as_version(path, version - 1)
    _copy(tmp_path / "new.db", path)
    old = sqlite3.connect(path)
    old.execute("UPDATE studies SET purged = 0 WHERE study_instance_uid = '1.2'")
    old.commit()
    old.close()
    ledger = Ledger(path)
    assert (here(ledger), ledger.inquiries.files_gone("1.2")) == (["1.2.9.1"], True)
    assert record(ledger, arrival(2)) == [Outcome.DUPLICATE], "nothing new came"
    ledger.close()


def _copy(new: Path, old: Path) -> None:
    """Rows of today into tables as they were."""
    connection = sqlite3.connect(old)
    connection.execute("ATTACH ? AS new", (str(new),))
    for table in ("studies", "instances", "events", "forgotten"):
        names = ", ".join(row[1] for row in connection.execute(f"PRAGMA main.table_info({table})"))
        connection.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM new.{table}")  # noqa: S608  our names
    connection.commit()
    connection.close()


# What was set aside


def test_of_what_was_set_aside_counts_what_is_here(ledger: Ledger) -> None:
    delivered(ledger)
    other = arrival(1, sha256="other", path="other.dcm")
    record(ledger, other)
    assert ledger.studies.count_set_aside() == 1
    purge(ledger)
    assert ledger.studies.count_set_aside() == 0
    assert [row["gone"] for row in ledger.studies.set_aside("1.2")] == [1], "the row stays, and says so"
    record(ledger, arrival(9))
    assert ledger.studies.get("1.2").state is StudyState.RECEIVING
    assert ledger.studies.count_set_aside() == 0, "nor does it count when its study is open again"
    assert record(ledger, other) == [Outcome.SET_ASIDE]
    assert ledger.studies.count_set_aside() == 1
    assert [row["gone"] for row in ledger.studies.set_aside("1.2")] == [0]


# Of no study


def test_what_was_set_aside_and_is_of_no_study_goes_in_its_turn(ledger: Ledger) -> None:
    begun = time.time()
    broken = arrival(1, study="1.9", defect="it is broken")
    record(ledger, broken, arrival(1), arrival(1, sha256="other", path="other.dcm"))
    assert ledger.strays.expired(begun) == []
    (stray,) = ledger.strays.expired(time.time() + 1)
    assert (stray.study_instance_uid, stray.path) == ("1.9", broken.path)
    ledger.strays.mark_purged([stray], begun)
    assert ledger.strays.expired(time.time() + 1) == [stray], "it came again meanwhile"
    ledger.strays.mark_purged([stray], time.time() + 1)
    assert ledger.strays.expired(time.time() + 1) == []
    assert not ledger.upkeep.knows("1.9.9.1", broken.path), "what lies there now is taken again"
    assert [row["reason"] for row in ledger.studies.set_aside("1.9")] == ["it is broken"]
    assert ledger.events.of_study("1.9")[-1].detail == {"set_aside": 1}
    assert record(ledger, broken) == [Outcome.SET_ASIDE]
    assert ledger.upkeep.knows("1.9.9.1", broken.path)
    assert ledger.strays.expired(time.time() + 1) == [stray]


def test_a_file_that_a_whole_object_has_taken_over_stays_with_that(ledger: Ledger) -> None:
    torn = arrival(1, study="1.9", sha256="torn", defect="its file is torn")
    record(ledger, torn, arrival(1, path=torn.path, sop_instance_uid=torn.sop_instance_uid))
    assert [one.path for one in ledger.strays.expired(time.time() + 1)] == [""]
    twice = arrival(2, study="1.9", sha256="torn", defect="its file is torn")
    record(ledger, twice, arrival(2, study="1.9", defect="no pixels"))
    found = [one.path for one in ledger.strays.expired(time.time() + 1)]
    assert found == ["", "", twice.path], "it goes with the last of them"


def test_purged_is_a_word_of_the_table_and_nothing_else_is(ledger: Ledger) -> None:
    record(ledger, arrival())
    with pytest.raises(sqlite3.IntegrityError), ledger._database.write() as connection:
        connection.execute("UPDATE instances SET file = ?", (PURGED.lower(),))
