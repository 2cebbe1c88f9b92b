"""`radnode init`: a first configuration that is right, says what each line means, and is never written over another."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from node import config
from node.cli.app import app
from node.cli.init import PROFILES
from node.config import Settings

KINDS = [(profile, kind) for profile, kinds in PROFILES.items() for kind in kinds]


def init(folder: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["init", str(folder), *options])


def written(folder: Path, *options: str) -> Settings:
    done = init(folder, *options)
    assert done.exit_code == 0, done.output
    return config.load(folder / "radnode.toml")


@pytest.mark.parametrize(("profile", "kind"), KINDS)
def test_every_profile_makes_a_configuration_that_is_right(tmp_path: Path, profile: str, kind: str) -> None:
    (destination,) = written(tmp_path, "--profile", profile, "--kind", kind).destinations
    assert destination.kind == kind
    checked = CliRunner().invoke(app, ["config", "check", "-c", str(tmp_path / "radnode.toml")])
    assert "2 routes, 1 destinations" in checked.output


@pytest.mark.parametrize("profile", PROFILES)
def test_every_line_says_what_it_means(tmp_path: Path, profile: str) -> None:
    written(tmp_path, "--profile", profile)
    lines = (tmp_path / "radnode.toml").read_text().splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        if re.match(r"\w+ = ", line):
            assert "  # " in line or before.startswith("# "), line


def test_an_orthanc_is_followed_and_needs_nothing_entered(tmp_path: Path) -> None:
    done = init(tmp_path, "--profile", "orthanc", "--to", "https://orthanc.example", "--user", "radnode")
    assert "Nothing has to be entered in Orthanc" in done.output
    assert "first line of orthanc.password" in done.output
    (destination,) = config.load(tmp_path / "radnode.toml").destinations
    assert (destination.follow, destination.user) == (True, "radnode")
    assert destination.password_file == tmp_path / "orthanc.password"


def test_dcm4chee_promises_to_keep_results_and_has_its_port_for_itself(tmp_path: Path) -> None:
    settings = written(tmp_path, "--profile", "dcm4chee")
    (destination,) = settings.destinations
    assert (destination.ae_title, destination.port, destination.storage_commitment) == ("DCM4CHEE", 11112, True)
    assert settings.node.port == 11113
    (far,) = written(tmp_path / "far", "--profile", "dcm4chee", "--to", "archive.example:11112/ARC").destinations
    assert (far.host, far.ae_title) == ("archive.example", "ARC")
    assert config.load(tmp_path / "far" / "radnode.toml").node.port == 11112


def test_it_says_what_to_enter_at_a_pacs(tmp_path: Path) -> None:
    pacs = ("--kind", "dicom", "--to", "10.1.2.3:104/PACS")
    done = init(tmp_path, *pacs, "--ae-title", "CAD", "--port", "1104", "--host", "0.0.0.0")  # noqa: S104  asked for
    assert "AE title CAD, address (of this machine), port 1104" in done.output
    assert "alone" not in done.output
    assert "listens on 127.0.0.1 alone" in init(tmp_path / "local", *pacs).output


def test_who_may_send_is_written_down(tmp_path: Path) -> None:
    settings = written(tmp_path, "--calling", "CT1", "--calling", "MR1", "--data-dir", "/var/lib/radnode")
    assert settings.node.allowed_calling == ("CT1", "MR1")
    assert settings.node.data_dir == Path("/var/lib/radnode")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--profile", "other"), "'other' is none of plain, orthanc, dcm4chee"),
        (("--profile", "dcm4chee", "--kind", "folder"), "'folder' is none of dicom, stow"),
        (("--ae-title", "TOO-LONG-FOR-AN-AE-TITLE"), "node.ae_title"),
        (("--kind", "orthanc", "--to", "no address"), "'no address' is no URL"),
        (("--kind", "dicom", "--to", "pacs"), "this is no destination"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(tmp_path: Path, options: tuple[str, ...], why: str) -> None:
    done = init(tmp_path, *options)
    assert done.exit_code != 0
    assert why in done.output + str(done.exception)
    assert not list(tmp_path.iterdir())


def test_a_file_may_be_named_as_well_as_its_folder(tmp_path: Path) -> None:
    done = init(tmp_path / "east.toml")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "east.toml").is_file()
    assert f"radnode serve -c {tmp_path / 'east.toml'}" in done.output.replace("\n", "")


def test_a_configuration_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "radnode.toml").write_text("mine")
    done = init(tmp_path)
    assert done.exit_code == os.EX_CANTCREAT
    assert "there is one already" in done.output
    assert (tmp_path / "radnode.toml").read_text() == "mine"
