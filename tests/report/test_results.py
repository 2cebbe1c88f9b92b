"""All objects of an analysis: which are made, and that they are the same every time, everywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from node.errors import ReportError
from tests.report.material import analysis, built, by_uid, header, manifest, not_assessed, picture, region, spec

ROOT = Path(__file__).parents[2]


def objects() -> list[tuple[str, Dataset]]:
    """Every kind of object of a study with several images and findings."""
    sources = [header("MR", image=number) for number in (1, 2, 3)]
    told = manifest(level="series", findings=(spec("opacity"), spec("nodule")))
    made = analysis(*sources, manifest=told, not_assessed=(not_assessed(header("MR", image=4)),), expected=6)
    return list(built(made, by_uid(*sources), [region(sources[1])], [picture(one) for one in sources]))


def digests() -> list[str]:
    """sha256 of each object's bytes."""
    return [sha256(written(ds)).hexdigest() for _, ds in objects()]


def written(ds: Dataset) -> bytes:
    """The bytes of the Part 10 file."""
    buffer = BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def test_building_twice_gives_the_same_bytes() -> None:
    assert digests() == digests()


@pytest.mark.parametrize(
    "surroundings",
    [
        {"PYTHONHASHSEED": "1", "LC_ALL": "C", "TZ": "Asia/Tokyo"},
        {"PYTHONHASHSEED": "77", "LC_ALL": "de_DE.UTF-8", "TZ": "America/Caracas"},
    ],
)
def test_another_process_in_another_place_builds_the_same_bytes(surroundings: dict[str, str]) -> None:
    code = "from tests.report.test_results import digests; print(*digests())"
    environment = {**os.environ, **surroundings, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == digests()


def test_pictures_come_first_then_the_reports() -> None:
    assert [kind for kind, _ in objects()] == ["sc", "sc", "sc", "sr", "viewer-sr"]


@pytest.mark.parametrize("kind", ["sc", "sr", "viewer-sr"])
def test_only_the_wanted_kinds_are_made(kind: str) -> None:
    source = header()
    made = built(analysis(source), by_uid(source), [region(source)], [picture(source)], kinds=(kind,))
    assert [made_kind for made_kind, _ in made] == [kind]


def test_the_same_report_is_built_whether_or_not_the_viewers_want_one() -> None:
    source = header()
    alone = dict(built(analysis(source), by_uid(source), [], [], kinds=("sr",)))
    beside = dict(built(analysis(source), by_uid(source), [], [], kinds=("sr", "viewer-sr")))
    assert written(alone["sr"]) == written(beside["sr"])


def test_when_nothing_could_be_decoded_only_the_complete_report_is_made() -> None:
    source = header()
    made = built(analysis(not_assessed=(not_assessed(source),)), by_uid(source), [], [])
    assert [kind for kind, _ in made] == ["sr"]


def test_a_kind_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ReportError, match="sculpture"):
        built(analysis(header()), {}, [], [], kinds=("sculpture",))


def test_the_sources_are_left_as_they_were() -> None:
    source = header("MR")
    before = str(source)
    built(analysis(source), by_uid(source), [region(source)], [picture(source)])
    assert str(source) == before


def test_importing_the_rooms_loads_no_model_library() -> None:
    heavy = "{'torch', 'monai', 'onnxruntime', 'pynetdicom'}"
    code = f"import sys, node.report, node.explain; print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
