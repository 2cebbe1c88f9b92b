from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from node.errors import PluginError
from node.plugin import Array
from radnode_kit.explanations import mammograms
from radnode_kit.explanations.mammograms import FOLDS, Film, Pointing, fold_of, judged, places_of, point, read_films
from radnode_kit.explanations.methods import METHODS
from radnode_kit.explanations.pointing import TOLERANCE, Place, density, hit
from radnode_kit.explanations.subject import Columns, Subject
from tests.plugins.explanations.tiny import network, pictures, subject

HEAD = "file,patient,label,locations_1024\n"


def peak(row: int, column: int, side: int = 8) -> Array:
    evidence = np.zeros((side, side), dtype=np.float32)
    evidence[row, column] = 1.0
    return evidence


def test_the_highest_patch_must_lie_in_a_marked_circle() -> None:
    place = Place(row=24, column=88, radius=10)  # the middle of patch (1, 5) of 16 pixels
    assert hit(peak(1, 5), 128, [place])
    assert not hit(peak(5, 1), 128, [place])
    assert hit(peak(5, 1), 128, [place, Place(88, 24, 1)])


def test_a_near_miss_within_the_tolerance_counts() -> None:
    assert hit(peak(1, 5), 128, [Place(24, 88 + TOLERANCE + 4.9, 5)])
    assert not hit(peak(1, 5), 128, [Place(24, 88 + TOLERANCE + 5.1, 5)])


def test_density_is_one_for_even_evidence_and_none_for_none() -> None:
    places = [Place(64, 64, 30)]
    assert density(np.ones((8, 8), np.float32), 128, places) == pytest.approx(1.0)
    assert density(-np.ones((8, 8), np.float32), 128, places) == 0.0


def test_density_rises_with_evidence_on_the_place() -> None:
    assert density(peak(1, 5), 128, [Place(24, 88, 4)]) == pytest.approx(64.0)
    assert density(peak(5, 1), 128, [Place(24, 88, 4)]) == 0.0


def test_a_place_smaller_than_a_patch_still_has_one() -> None:
    assert density(peak(0, 0), 128, [Place(1, 1, 0.5)]) == pytest.approx(64.0)


def test_rows_of_the_marks_are_counted_from_the_bottom() -> None:
    assert places_of("256 1024 64") == (Place(row=0, column=112, radius=28),)
    assert len(places_of("535 425 197;300 80 20")) == 2
    assert places_of("") == ()


def test_a_note_that_a_finding_is_spread_out_marks_no_place() -> None:
    assert places_of("*NOTE 3*") == ()
    assert len(places_of("*NOTE 3*;300 80 20")) == 1


def test_films_are_read_with_their_marks(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(HEAD + "a.png,p1,benign,512 512 50\nb.png,p1,normal,\n")
    one, other = read_films(tmp_path)
    assert one.abnormal
    assert one.places[0].row == pytest.approx(mammograms.SIZE / 2)
    assert not other.abnormal
    assert other.places == ()


def test_a_folder_without_films_is_named(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="not there"):
        read_films(tmp_path)


def test_folds_are_of_patients_and_about_equal() -> None:
    counts = Counter(fold_of(f"mias-{number:03d}") for number in range(500))
    assert set(counts) == set(range(FOLDS))
    assert min(counts.values()) > 60
    assert fold_of("mias-001") == fold_of("mias-001")


def test_every_method_is_judged_by_hit_and_density() -> None:
    def right(examined: Subject, images: Array, columns: Columns) -> Array:
        return peak(1, 1, 4)[None]

    def wrong(examined: Subject, images: Array, columns: Columns) -> Array:
        return peak(3, 3, 4)[None]

    table = judged(subject(1), {"right": right, "wrong": wrong}, pictures(1), [Place(24, 24, 5)])
    assert table.tolist() == [[1.0, 16.0], [0.0, 0.0]]


def test_rates_have_intervals() -> None:
    found = Pointing(
        np.array([[True, True, False, False]]), np.array([[2.0, 2.0, 1.0, 1.0]]), ("a",), np.arange(4).astype(str), 0.6
    )
    assert found.rate("a").value == 0.5
    assert 0 < found.rate("a").low < 0.5 < found.rate("a").high < 1
    assert found.density("a").value == 1.5


def films(folder: Path, count: int) -> list[Film]:
    """Films on which abnormal means a bright spot on the left, marked."""
    made, rng = [], np.random.default_rng(0)
    for number in range(count):
        pixels, abnormal = rng.integers(0, 60, (64, 64)).astype(np.uint8), number % 2 == 0
        if abnormal:
            pixels[24:40, 4:20] = 250
        path = folder / f"{number}.png"
        Pillow.fromarray(pixels).save(path)
        made.append(Film(path, f"p{number}", abnormal, (Place(32, 12, 8),) if abnormal else ()))
    return made


def test_the_layer_is_judged_on_films_it_did_not_learn_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.setattr(mammograms, "SIZE", 64)
    found = point(films(tmp_path, 30), network(1, dilated=True), count=3)
    assert found.hits.shape == (len(METHODS), 3)
    assert found.area > 0.8
    assert np.isfinite(found.densities).all()
