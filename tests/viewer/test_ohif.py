"""The node's results, opened in OHIF as a radiologist opens them; `node.viewers` says what is to be seen."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from node.viewers import ONLY_OF_VOLUMES, VIEWERS
from tests.viewer import phantom
from tests.viewer.ohif import Seen
from tests.viewer.views import OPENED, SHOWN, labels, name_of, segments
from tests.viewer.ward import BRAIN, CHILD, CT, FILM, MR, VOLUMES, Ward

pytestmark = [pytest.mark.viewer, pytest.mark.integration, pytest.mark.timeout(900)]

NOT_SHOWN = {(study, kind) for study, kinds in OPENED.items() for kind in kinds} - SHOWN
#: Shares of a viewport: an image fills more, an outline at least so much.
IMAGE, OUTLINE = 0.03, 0.0005


def pytest_id(value: object) -> str:
    return str(value).replace(" ", "-")


def of(seen: Mapping[str, Seen], study: str, kind: str) -> Seen:
    """What was seen of a kind."""
    assert name_of(study, kind) in seen, f"no {kind} was made for {study}"
    return seen[name_of(study, kind)]


@pytest.mark.parametrize(("study", "kind"), sorted(SHOWN), ids=pytest_id)
def test_no_viewport_stays_black(seen: Mapping[str, Seen], study: str, kind: str) -> None:
    view = of(seen, study, kind)
    assert view.listed
    assert view.came == "drawn", view.viewport.path
    assert view.viewport.lit > IMAGE, view.viewport.path
    assert not [line for line in view.logs if "Unsupported displaySet" in line]


@pytest.mark.parametrize(("study", "kind"), sorted(NOT_SHOWN), ids=pytest_id)
def test_what_the_table_calls_not_shown_is_not_shown(seen: Mapping[str, Seen], study: str, kind: str) -> None:
    view = of(seen, study, kind)
    assert view.listed
    assert view.came in ("refused", "black"), view.viewport.path
    unsupported = any("Unsupported displaySet" in line for line in view.logs)
    assert unsupported or view.viewport.lit < IMAGE, f"OHIF shows it now: {view.viewport.path}"


def test_every_kind_that_is_sent_was_opened(ward: Ward) -> None:
    sent = {result.kind for result in ward.results}
    opened = {kind for kinds in OPENED.values() for kind in kinds}
    assert sent == opened
    assert sent <= set(VIEWERS["ohif"].rows)
    assert {kind for study in VOLUMES for kind in OPENED[study]} >= ONLY_OF_VOLUMES


@pytest.mark.parametrize("study", [FILM, CHILD, BRAIN, CT])
def test_a_heatmap_has_a_picture_in_the_list_of_series(seen: Mapping[str, Seen], study: str) -> None:
    thumbnail = of(seen, study, "sc").thumbnail
    assert thumbnail is not None
    assert thumbnail.lit > IMAGE, thumbnail.path


@pytest.mark.parametrize("study", [FILM, CT])
def test_a_heatmap_shows_its_evidence_in_colour(seen: Mapping[str, Seen], study: str) -> None:
    assert of(seen, study, "sc").viewport.coloured > OUTLINE


@pytest.mark.parametrize("study", [FILM, CT, MR])
def test_places_are_drawn_with_finding_and_probability(ward: Ward, seen: Mapping[str, Seen], study: str) -> None:
    view = of(seen, study, "viewer-sr")
    told = list(labels(ward.one_of(study, "viewer-sr").dataset))
    assert told
    assert [label for label in told if label not in view.text] == []
    assert view.viewport.coloured > OUTLINE, view.viewport.path


def test_pneumonia_of_the_sample_is_told_with_its_probability(ward: Ward, seen: Mapping[str, Seen]) -> None:
    assert any(label.startswith("Pneumonia: ") for label in labels(ward.one_of(FILM, "viewer-sr").dataset))
    assert "Pneumonia: " in of(seen, FILM, "viewer-sr").text


def test_nothing_is_drawn_where_nothing_was_found(ward: Ward) -> None:
    assert ward.results_of(CHILD, "viewer-sr") == []
    assert ward.results_of(BRAIN, "viewer-sr") == []


@pytest.mark.parametrize("study", VOLUMES)
def test_segments_are_coloured_and_named(ward: Ward, seen: Mapping[str, Seen], study: str) -> None:
    view = of(seen, study, "seg")
    named = list(segments(ward.one_of(study, "seg").dataset))
    assert named == ["Bright spot"]
    assert view.text.endswith(named[0]), "the panel on the right comes last"
    assert view.viewport.coloured > OUTLINE, view.viewport.path


@pytest.mark.parametrize("study", VOLUMES)
def test_a_parametric_map_lies_where_the_ball_is(seen: Mapping[str, Seen], study: str) -> None:
    viewport = of(seen, study, "pm").viewport
    assert viewport.coloured > 0.01, viewport.path
    column, row = viewport.coloured_place
    # the image fills the viewport's height, and lies in the middle of its width
    rows, columns = viewport.pixels.shape[:2]
    assert column == pytest.approx(0.5 + (phantom.COLUMN / phantom.SIZE - 0.5) * rows / columns, abs=0.03)
    assert row == pytest.approx(phantom.ROW / phantom.SIZE, abs=0.03)


def test_a_film_without_marks_has_no_colour(seen: Mapping[str, Seen]) -> None:
    assert of(seen, FILM, "gsps").viewport.coloured == 0.0


def test_a_headline_is_not_covered_by_the_viewers_words(seen: Mapping[str, Seen]) -> None:
    page = of(seen, FILM, "sc").text
    assert "FPS" not in page, "the film player lies over the headline"
    assert page.count("heatmap, RESEARCH") == 1, "the list of series names it, the viewport does not"
