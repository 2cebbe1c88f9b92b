"""What viewers show, as a table, and which destinations send what their viewer does not show."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from node.kinds import KINDS, PROFILES
from node.viewers import ONLY_OF_VOLUMES, VIEWERS, Sight, objections, suggested_profile


@pytest.mark.parametrize("name", VIEWERS)
def test_every_kind_of_result_has_a_row_in_their_order(name: str) -> None:
    assert tuple(VIEWERS[name].rows) == tuple(KINDS)


@pytest.mark.parametrize("name", VIEWERS)
def test_every_cell_says_why(name: str) -> None:
    cells = [cell for row in VIEWERS[name].rows.values() for cell in (row.projections, row.volumes)]
    assert all(cell.reason for cell in cells)


@pytest.mark.parametrize("name", VIEWERS)
def test_no_viewer_shows_on_a_projection_what_is_made_of_volumes_only(name: str) -> None:
    rows = VIEWERS[name].rows
    assert {kind for kind in ONLY_OF_VOLUMES if rows[kind].projections.sight is not Sight.NOT_SHOWN} == set()


def test_only_what_a_test_opened_counts_as_tried() -> None:
    assert [name for name, viewer in VIEWERS.items() if viewer.tried] == ["ohif"]


@pytest.mark.parametrize(
    ("name", "profile", "unseen"),
    [
        ("ohif", "ohif", []),
        ("ohif", "sc+sr", ["sr"]),
        ("ohif", "gsps", ["sr", "gsps", "ko"]),
        ("ohif", "all", ["sr", "gsps", "ko"]),
        ("weasis", "gsps", []),
        ("plain", "sc+sr", ["sr"]),
        ("plain", "ohif", ["viewer-sr", "seg", "pm"]),
    ],
)
def test_what_a_viewer_leaves_black_or_out_is_objected_to(name: str, profile: str, unseen: list[str]) -> None:
    assert [one.kind for one in objections(VIEWERS[name], PROFILES[profile])] == unseen


def test_segments_are_no_fault_of_a_viewer_that_shows_them_on_volumes() -> None:
    assert objections(VIEWERS["ohif"], ("seg", "pm")) == ()


def test_messages_are_nothing_that_a_viewer_could_show() -> None:
    assert objections(VIEWERS["ohif"], ("sc", "oru")) == ()


def test_an_objection_tells_what_is_seen_instead() -> None:
    (one,) = objections(VIEWERS["ohif"], ("sc", "sr"))
    assert "black viewport" in one.reason


@pytest.mark.parametrize("name", VIEWERS)
def test_a_suggested_profile_meets_no_objection_and_has_a_picture(name: str) -> None:
    suggested = suggested_profile(VIEWERS[name])
    kinds = PROFILES[suggested] if isinstance(suggested, str) else suggested
    assert "sc" in kinds
    assert objections(VIEWERS[name], kinds) == ()


def test_a_list_of_kinds_is_suggested_where_no_profile_fits() -> None:
    assert suggested_profile(VIEWERS["ohif"]) == "ohif"
    assert suggested_profile(VIEWERS["plain"]) == ("sc",)


# deploy/ohif

OHIF = Path(__file__).parents[1] / "deploy" / "ohif"
README = (OHIF / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", KINDS)
def test_the_readme_says_what_the_table_says(kind: str) -> None:
    row = VIEWERS["ohif"].rows[kind]
    cells = [f"{cell.sight}: {cell.reason}" for cell in (row.projections, row.volumes)]
    assert f"| `{kind}` | {' | '.join(cells)} |" in README


def test_the_readme_recommends_the_suggested_profile() -> None:
    (destination,) = tomllib.loads(README.partition("```toml")[2].partition("```")[0])["destinations"]
    assert destination["profile"] == suggested_profile(VIEWERS["ohif"])


def test_the_version_that_is_tested_is_the_one_that_is_documented() -> None:
    installer = (OHIF.parents[1] / "tests" / "viewer" / "install.sh").read_text(encoding="utf-8")
    (version,) = [word.removeprefix("OHIF=") for word in installer.split() if word.startswith("OHIF=")]
    assert f"@ohif/app@{version}" in README
    assert version.rpartition(".")[0] in VIEWERS["ohif"].title
