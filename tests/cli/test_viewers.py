"""`radnode doctor --viewer`."""

from __future__ import annotations

import re

import pytest

from node.cli.viewers import ViewerName
from node.kinds import KINDS
from node.viewers import VIEWERS
from tests.cli.conftest import Site


def with_profile(site: Site, profile: str) -> None:
    """The site's only destination takes this; `profile` as it stands in the file."""
    text = re.sub(r"profile = .*\n", "", site.config.read_text())
    site.config.write_text(text.replace("port = 1\n", f"port = 1\nprofile = {profile}\n", 1))


def warnings(site: Site, name: str) -> list[str]:
    """The lines that warn."""
    return [line for line in site.text("doctor", "--viewer", name).splitlines() if line.startswith("WARN")]


def test_every_viewer_can_be_asked_for() -> None:
    assert [str(name) for name in ViewerName] == list(VIEWERS)


@pytest.mark.parametrize("name", VIEWERS)
def test_the_doctor_says_of_every_kind_what_the_viewer_shows(site: Site, name: str) -> None:
    done = site.run("doctor", "--viewer", name)
    assert done.exit_code == 0, "nothing is checked, though the PACS of this site is not there"
    lines = done.output.splitlines()
    assert lines[0].endswith("seen by test" if name == "ohif" else "not tried")
    assert [line.split("\t")[0] for line in lines[2 : 2 + len(KINDS)]] == list(KINDS)


def test_a_destination_whose_viewer_stays_black_is_warned_of(site: Site) -> None:
    with_profile(site, '"all"')
    warned = warnings(site, "ohif")
    assert [line.split(": ")[1] for line in warned] == ["sr", "gsps", "ko"]
    assert "black viewport" in warned[0]
    assert all(line.endswith('profile = "ohif"') for line in warned)


@pytest.mark.parametrize("name", ["ohif", "plain"])
def test_the_suggested_profile_silences_the_warning(site: Site, name: str) -> None:
    with_profile(site, '"gsps"')
    suggested = warnings(site, name)[0].rpartition("profile = ")[2]
    with_profile(site, suggested)
    assert warnings(site, name) == []


def test_json_has_the_table_and_the_warnings(site: Site) -> None:
    with_profile(site, '["sc", "ko"]')
    told = site.json("doctor", "--viewer", "ohif")
    assert (told["viewer"], told["tried"], told["profile"]) == ("ohif", True, "ohif")
    assert told["kinds"]["sr"]["projections"]["sight"] == "not shown"
    assert [(one["destination"], one["kind"]) for one in told["warnings"]] == [("pacs", "ko")]


def test_an_unknown_viewer_is_a_wrong_command_line(site: Site) -> None:
    assert site.run("doctor", "--viewer", "lightbox").exit_code == 2
