"""What the operator sees: plain words, JSON that parses, exit statuses that a script can rely on."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from typer.testing import CliRunner

from node import config
from node.cli.app import app
from node.cli.program import EXIT_STATUS
from node.errors import ConfigError, DeliveryRefused, LedgerBusy, PermanentError, RadnodeError, SpoolError
from node.offline import Bench
from node.states import AnalysisState, StudyState
from tests.classify.material import importable, write_plugin
from tests.cli.conftest import Site
from tests.peers import Hospital, RealStorescp
from tests.peers.hospital import CANARY

#: pynetdicom leaves the socket of a connection that failed to the garbage collector.
unclosed = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")

# Reading


def test_studies_are_listed_with_state_and_result(site: Site) -> None:
    lines = site.text("studies", "list").splitlines()
    assert lines[0].split("\t")[:4] == ["study", "state", "rev", "images"]
    (line,) = [line for line in lines if site.answered in line]
    assert "CLOSED" in line
    assert "Pneumonia-like opacity 93% (present)" in line
    (line,) = [line for line in lines if site.failed in line]
    assert "the plugin raised ValueError at x.py:3" in line


def test_studies_alone_is_studies_list(site: Site) -> None:
    assert site.text("studies") == site.text("studies", "list")


def test_queue_alone_is_queue_list(site: Site) -> None:
    assert site.text("queue") == site.text("queue", "list")
    assert "the plugin raised ValueError at x.py:3" in site.text("queue")


def test_a_study_is_found_by_the_end_of_its_uid(site: Site) -> None:
    text = site.text("studies", "show", site.answered[-8:])
    assert site.answered in text
    assert "Pneumonia-like opacity 93%" in text


def test_the_trail_tells_what_happened_in_order(site: Site) -> None:
    lines = site.text("trail", site.ignored).splitlines()
    actions = [line[21:49].strip() for line in lines]
    assert actions == ["received", "study completed", "routed", "study no route"]
    assert "modality is US" in lines[2]


@pytest.mark.parametrize(
    "command",
    [
        ("studies",),
        ("studies", "list"),
        ("queue",),
        ("queue", "list"),
        ("status",),
        ("config", "check"),
        ("config", "show"),
        pytest.param(("doctor",), marks=unclosed),
    ],
    ids=" ".join,
)
def test_json_parses(site: Site, command: tuple[str, ...]) -> None:
    assert site.json(*command)


@pytest.mark.parametrize("command", [("plugins",), ("plugins", "list"), ("plugins", "verify")], ids=" ".join)
def test_json_of_plugins_parses(site: Site, command: tuple[str, ...]) -> None:
    names = {one["name"] for one in site.json(*command, needs_config=False)}
    assert {"chest-radiograph", "brain-tumour-mr"} <= names


def test_json_of_one_study_holds_all_of_it(site: Site) -> None:
    facts = site.json("studies", "show", site.answered)
    assert facts["state"] == "CLOSED"
    assert [row["plugin"] for row in facts["analyses"]] == ["chest-radiograph"]
    assert facts["series"][0]["images"] == 1
    assert site.json("trail", site.answered)[0]["action"] == "received"
    assert site.json("plugins", "show", "chest-radiograph", needs_config=False)["name"] == "chest-radiograph"


def test_the_setting_of_each_kind_is_shown(site: Site) -> None:
    text = site.text("config", "show")
    for name in ("node.port", "study.quiet_seconds", "routes.0", "destinations.0", "match"):
        assert name in text


# Patients' data


_READING = [
    ("studies",),
    ("studies", "show", "{uid}"),
    ("trail", "{uid}"),
    ("queue",),
    ("status",),
    ("config", "show"),
]


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
@pytest.mark.parametrize("command", _READING, ids=lambda command: " ".join(command))
def test_no_patient_is_named_unless_asked_for(site: Site, command: tuple[str, ...], as_json: bool) -> None:
    arguments = [part.format(uid=site.answered) for part in command]
    output = site.run(*arguments, *(["--json"] if as_json else [])).output
    for secret in (CANARY, "19601230", "A1-1"):
        assert secret not in output


@pytest.mark.parametrize("command", [("studies", "list"), ("studies", "show", "{uid}")], ids=" ".join)
def test_patients_are_named_when_asked_for(site: Site, command: tuple[str, ...]) -> None:
    arguments = [part.format(uid=site.answered) for part in command]
    assert f"{CANARY}^Patient1 ({CANARY}1)" in site.text(*arguments, "--phi")
    assert CANARY in str(site.json(*arguments, "--phi"))


def test_a_purged_patient_is_no_error(site: Site) -> None:
    (site.config.parent / "spool").unlink()
    assert "(file purged)" in site.text("studies", "show", site.answered, "--phi")


def test_texts_of_strangers_cannot_paint_the_screen(site: Site, hostile: Callable[[], Path]) -> None:
    Bench(site.config.parent, config.load(site.config)).take([hostile()])
    for command in (("studies", "list", "--phi"), ("studies", "show", "9.1", "--phi"), ("trail", "9.1")):
        assert "\x1b" not in site.text(*command)
    assert "\x1b" not in site.text("studies", "show", "9.1")


# Acting


def test_a_failed_analysis_is_retried_held_and_dropped(site: Site) -> None:
    number = str(site.analysis_id(site.failed))

    def state() -> AnalysisState:
        return site.ledger.analyses.get(int(number)).state

    assert "queued again" in site.text("queue", "retry", number)
    assert (state(), site.ledger.studies.get(site.failed).state) == (AnalysisState.QUEUED, StudyState.ROUTED)
    assert "is held" in site.text("queue", "hold", number)
    assert state() is AnalysisState.HELD
    assert "is dropped" in site.text("queue", "drop", number)
    assert state() is AnalysisState.DROPPED
    assert site.ledger.studies.get(site.failed).state is StudyState.CLOSED


@pytest.mark.parametrize("command", ["retry", "hold", "drop"])
def test_an_analysis_that_is_not_there_is_refused(site: Site, command: str) -> None:
    error = site.refusal("queue", command, "999")
    assert "there is no such analysis [999] - `radnode queue list`" in str(error)


def test_what_is_done_cannot_be_held(site: Site) -> None:
    error = site.refusal("queue", "hold", str(site.analysis_id(site.answered)))
    assert "an analysis that is DELIVERED cannot be 'held'" in str(error)


def test_an_ignored_study_can_be_released(site: Site) -> None:
    assert "will be completed" in site.text("studies", "complete", site.ignored)
    assert site.ledger.studies.get(site.ignored).state is StudyState.COMPLETE


def test_a_closed_study_has_nothing_to_complete(site: Site) -> None:
    assert "nothing to complete" in str(site.refusal("studies", "complete", site.answered))


@pytest.mark.parametrize("command", [("studies", "show"), ("trail",), ("studies", "complete")], ids=" ".join)
def test_a_study_that_is_not_there_is_refused(site: Site, command: tuple[str, ...]) -> None:
    assert "there is no such study [9.9.9]" in str(site.refusal(*command, "9.9.9"))


def test_a_uid_that_two_studies_share_is_refused(site: Site) -> None:
    assert "more than one study" in str(site.refusal("trail", site.answered[:10]))


# Status


def test_a_node_that_nobody_serves_is_down(site: Site) -> None:
    done = site.run("status")
    assert done.exit_code == 2
    assert "! no process serves this node: `radnode serve`" in done.output


def test_a_node_with_failures_is_degraded_and_says_where_to_look(site: Site) -> None:
    site.ledger.facts.beat(os.getpid())
    done = site.run("status")
    assert done.exit_code == 1
    assert "! 1 analyses failed: `radnode queue list`" in done.output


def test_a_node_without_troubles_is_ok(site: Site) -> None:
    site.ledger.facts.beat(os.getpid())
    site.ledger.analyses.drop(site.analysis_id(site.failed))
    done = site.run("status")
    assert done.exit_code == 0, done.output
    assert f"(pid {os.getpid()}): ok" in done.output


def test_a_worker_that_cannot_start_degrades_the_node(site: Site) -> None:
    site.ledger.facts.beat(os.getpid())
    site.ledger.analyses.drop(site.analysis_id(site.failed))
    site.ledger.facts.set_trouble("worker-0", "the worker cannot start: ModuleNotFoundError")
    done = site.run("status")
    assert done.exit_code == 1
    assert "! worker-0: the worker cannot start: ModuleNotFoundError" in done.output
    site.ledger.facts.set_trouble("worker-0", "")
    assert site.run("status").exit_code == 0


def test_a_node_that_has_never_run_says_so(tmp_path: Path, site: Site) -> None:
    (tmp_path / "ledger.db").unlink()
    done = site.run("status")
    assert (done.exit_code, done.output.splitlines()[0]) == (2, "(not running): down")
    assert f"! this node has never run [{tmp_path / 'ledger.db'}] - `radnode serve` starts it" in done.output
    told = site.json("status")
    assert (told["status"], told["serving_pid"], len(told["problems"])) == ("down", None, 1)
    assert not (tmp_path / "ledger.db").exists(), "whoever asks makes no ledger"
    assert "this node has never run" in str(site.refusal("studies", "list")), "other commands have nothing to work on"
    site.config.write_text("[node", encoding="utf-8")
    assert isinstance(site.refusal("status"), ConfigError)


# Configuration


def test_a_new_configuration_is_right(tmp_path: Path, site: Site) -> None:
    site.config = tmp_path / "a new one" / "radnode.toml"
    text = site.text("init", str(site.config.parent), "--port", "1104", needs_config=False)
    assert f"next: radnode config check -c '{site.config}' &&" in text
    assert "2 routes, 1 destinations" in site.text("config", "check")
    assert config.load(site.config).node.port == 1104


def test_a_configuration_is_never_written_over(site: Site) -> None:
    before = site.config.read_text()
    done = site.run("init", str(site.config.parent), needs_config=False)
    assert done.exit_code == os.EX_CANTCREAT
    assert site.config.read_text() == before


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("port = 1\n", "port = 0\n", ":8: destinations.0.port: Input should be greater than or equal to 1; found 0"),
        ('data_dir = "."', 'data_dri = "."', ":2: node.data_dri: unknown key; allowed: ae_title, allowed_calling"),
        ('kind = "dicom"', 'kind = "ftp"', ":6: destinations.0.kind: Input should be 'dicom', 'orthanc'"),
        ('["pacs"]', '["pasc"]', "route 'films' names the unknown destination 'pasc'; allowed: pacs, @sender"),
        ("[node]", "[node", "the configuration is no TOML"),
    ],
)
def test_what_is_wrong_is_named_with_file_line_and_key(site: Site, old: str, new: str, message: str) -> None:
    text = site.config.read_text()
    assert old in text
    site.config.write_text(text.replace(old, new))
    error = site.refusal("config", "check")
    assert isinstance(error, ConfigError)
    assert message in str(error)
    assert str(site.config) in str(error)


def test_a_route_to_a_plugin_that_is_not_there_is_named(site: Site) -> None:
    site.config.write_text(site.config.read_text().replace("chest-radiograph", "chest-radiography"))
    error = site.refusal("config", "check")
    assert "routes without a usable plugin: films" in str(error)
    assert "usable plugins: brain-tumour-mr, chest-radiograph" in str(error)


def test_a_missing_configuration_says_what_writes_one(site: Site) -> None:
    site.config = site.config.with_name("missing.toml")
    assert "`radnode init` writes one" in str(site.refusal("config", "check"))


# Files and peers


def test_a_file_that_is_not_there_is_refused(site: Site) -> None:
    assert "there is no such file or folder" in str(site.refusal("route", "explain", "missing.dcm"))


def test_a_file_that_is_no_dicom_is_said_to_be_none(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not an image")
    assert "not taken: it is no DICOM file" in site.text("route", "explain", str(path))


def test_routing_is_explained_for_files_without_a_node(site: Site, hospital: Hospital) -> None:
    facts = site.json("route", "explain", str(hospital.film(5)), str(hospital.film(6, modality="US")))
    assert sorted(one["taken"] for one in facts["decisions"]) == [False, True]
    assert "modality is US" in site.text("route", "explain", str(hospital.film(7, modality="US")))


@unclosed
def test_a_peer_that_does_not_answer_is_unavailable(site: Site) -> None:
    done = site.run("echo", "pacs")
    assert done.exit_code == os.EX_UNAVAILABLE


@pytest.mark.parametrize("to", ["nowhere", "127.0.0.1/PACS", "127.0.0.1:x/PACS"])
def test_an_address_that_is_none_is_refused(site: Site, to: str) -> None:
    assert to in str(site.refusal("echo", to))


def test_what_is_sent_and_asked_by_hand_comes_from_the_title_that_the_node_has(
    site: Site, hospital: Hospital, tmp_path: Path
) -> None:
    site.config.write_text(site.config.read_text().replace("[node]", '[node]\nae_title = "AI-1"', 1))
    film = str(hospital.film(9))
    with RealStorescp(tmp_path / "archive") as archive:
        to = f"127.0.0.1:{archive.port}/{archive.ae_title}"
        for more, title in (((), "AI-1"), (("--from", "OTHER"), "OTHER")):
            assert "1 of 1 files" in site.text("send", film, "--to", to, *more)
            (taken,) = (path for path in archive.folder.iterdir() if path.is_file())
            assert str(pydicom.dcmread(taken).file_meta.SourceApplicationEntityTitle) == title
            taken.unlink()


def test_a_configuration_that_was_named_and_is_not_there_is_no_secret(site: Site, tmp_path: Path) -> None:
    error = CliRunner().invoke(app, ["echo", "pacs", "-c", str(tmp_path / "other.toml")]).exception
    assert "the configuration cannot be read" in str(error)


@unclosed
def test_the_doctor_names_each_thing_it_looked_at(site: Site) -> None:
    done = site.run("doctor")
    assert done.exit_code == os.EX_UNAVAILABLE, "the PACS of this site is not there"
    lines = done.output.splitlines()
    assert any(line.startswith("ok  codec JPEG-LS") for line in lines)
    assert any(line.startswith("ok  plugin chest-radiograph") and "weights as declared" in line for line in lines)
    assert any(line.startswith("BAD destination pacs") for line in lines)


def test_what_was_set_aside_is_listed_with_its_reason_and_its_study_is_explained(
    site: Site, hospital: Hospital
) -> None:
    assert site.text("studies", "set-aside") == "nothing was set aside\n"
    bench = Bench(site.config.parent, config.load(site.config))
    film = hospital.film(9)
    bench.take([film])
    other = pydicom.dcmread(film)
    other.SeriesDescription = "another copy"
    other.save_as(film)
    bench.take([film])
    bench.ledger.close()
    (one,) = site.json("studies", "set-aside")
    assert "came before with other content" in one["reason"]
    told = site.text("studies", "set-aside").splitlines()[-1].split("\t")
    assert told[1:] == [one["study_instance_uid"], one["sop_instance_uid"], one["reason"], "here"]
    assert "set aside  1 objects: `radnode studies set-aside`" in site.text("status")


@pytest.mark.parametrize(("columns", "shown"), [("80", False), ("250", True)])
def test_a_terminal_that_is_too_narrow_for_uids_shows_ends_that_are_understood(
    site: Site, columns: str, shown: bool
) -> None:
    command = f"COLUMNS={columns} {sys.executable} -m node studies -c {shlex.quote(str(site.config))}"
    done = subprocess.run(["script", "-qec", command, "/dev/null"], capture_output=True, text=True, check=True)
    assert (site.answered in done.stdout) == shown
    end = f"\u2026{site.answered[-16:]}"
    assert (end in done.stdout) != shown
    assert site.text("why", end).startswith(site.answered)
    assert site.answered in site.text("studies", "show", end)
    assert "wrote " in site.text("deidentify", end, "--out", str(site.config.parent / "out"))


# Plugins


def test_a_plugin_shows_what_it_claims(site: Site) -> None:
    text = site.text("plugins", "show", "chest-radiograph", needs_config=False)
    assert "Pneumonia-like opacity" in text
    assert "sensitivity (95 %)" in text


def test_a_plugin_of_which_nothing_was_measured_shows_no_figures(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "installed"
    folder.mkdir()
    path = write_plugin(folder, "unmeasured") / "manifest.toml"
    path.write_text(path.read_text().replace("[0.9, 0.8, 1.0]", "[0.0, 0.0, 1.0]"))
    importable(folder, monkeypatch)
    text = site.text("plugins", "show", "unmeasured", needs_config=False)
    (row,) = [line for line in text.splitlines() if line.startswith("Bright")]
    assert row.count("not measured") == 2
    assert "0% (0%-100%)" not in text


def test_weights_are_verified(site: Site) -> None:
    assert "as declared" in site.text("plugins", "verify", needs_config=False)


# Exit statuses


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConfigError("x"), os.EX_CONFIG),
        (SpoolError("x"), os.EX_IOERR),
        (PermanentError("x"), os.EX_DATAERR),
        (DeliveryRefused("x"), os.EX_DATAERR),
        (LedgerBusy("x"), os.EX_TEMPFAIL),
    ],
)
def test_every_error_has_its_status(error: RadnodeError, status: int) -> None:
    assert next(found for kind, found in EXIT_STATUS if isinstance(error, kind)) == status


def test_the_program_has_a_help_for_everything() -> None:
    from typer.main import get_command

    def commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
        yield name, command
        for below in getattr(command, "commands", {}).values():
            yield from commands(below, f"{name} {below.name}")

    for name, command in commands(get_command(app), "radnode"):
        told = [command.help or "", *(option.help or "" for option in command.params if hasattr(option, "help"))]
        assert told[0], name
        assert not re.search(r"\[\[?[a-z_.]+\]", " ".join(told)), f"{name}: rich would take that for markup"


def test_a_plugin_is_paused_shown_and_resumed(site: Site) -> None:
    said = site.text("plugins", "pause", "chest-radiograph", "--reason", "new version\x1b[31m tonight")
    assert "chest-radiograph is paused: by " in said
    assert "\x1b" not in said
    shown = " ".join(site.text("status").split())
    assert "plugin chest-radiograph is paused: by" in shown
    assert "0 analyses wait: `radnode plugins resume chest-radiograph`" in shown
    assert "goes on" in site.text("plugins", "resume", "chest-radiograph")
    assert "paused" not in site.text("status")
    assert site.refusal("plugins", "resume", "chest-radiograph").what == "the plugin is not paused"
