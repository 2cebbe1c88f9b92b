from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from node.errors import PluginError
from node.manifest import read_manifest
from node.plugin import Interval
from radnode_kit.card import BEGIN, END, interval, markdown, marks, write_card
from radnode_kit.classifier import BundleClassifier
from radnode_kit.commands import folder_of
from radnode_kit.evaluation import Measured, confusion, points, subgroups
from radnode_kit.recipe import read_recipe
from radnode_kit.sources import Sample

NAMES = ["chest-radiograph", "brain-tumour-mr"]


def measured(classifier: BundleClassifier, count: int = 60) -> Measured:
    """Perfect answers for made-up samples, a third of them without any label."""
    labels = classifier.bundle.labels
    rng = np.random.default_rng(0)
    truth = np.eye(len(labels) + 1, dtype=np.float32)[rng.integers(0, len(labels) + 1, count)][:, : len(labels)]
    source = read_recipe(classifier.manifest.folder).sources[0]
    samples = [Sample(Path("x"), source, f"g{n}", frozenset(), frozenset(), {"sex": "FM"[n % 2]}) for n in range(count)]
    logits = (truth * 8 - 4).astype(np.float32)
    rest = (np.zeros((count, 2), np.float32), np.zeros(count, np.float32), np.zeros(count, np.float32))
    return Measured(samples, truth, logits, 0.02 + truth.astype(np.float64) * 0.9, *rest, seconds=0.01)


@pytest.mark.parametrize("name", NAMES)
def test_the_card_shows_the_digest_of_the_shipped_model(name: str) -> None:
    folder = folder_of(name)
    card = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert read_manifest(folder / "manifest.toml").digest[:16] in card


@pytest.mark.parametrize("name", NAMES)
def test_the_card_and_the_manifest_say_the_same_figures(name: str) -> None:
    folder = folder_of(name)
    card = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    for spec in read_manifest(folder / "manifest.toml").findings:
        section = card.split(f"(`{spec.name}`)")[1]
        assert f"{spec.operating_point.threshold:.3f}" in section
        row = next(line for line in section.splitlines() if line.startswith("| all |"))
        shown = [float(number) for number in re.findall(r"\d\.\d{3}", row)][-6:]
        point = spec.operating_point
        figures = [v for each in (point.sensitivity, point.specificity) for v in (each.value, each.low, each.high)]
        assert shown == pytest.approx(figures, abs=6e-4)


@pytest.mark.parametrize("name", NAMES)
def test_the_card_states_what_a_reader_needs(name: str) -> None:
    card = (folder_of(name) / "MODEL_CARD.md").read_text(encoding="utf-8")
    for heading in ("Intended use", "Data", "Split", "Explanation", "Limits"):
        assert re.search(rf"^##+ .*{heading}", card, flags=re.M), heading


def test_writing_replaces_only_what_was_measured(tmp_path: Path) -> None:
    path = tmp_path / "MODEL_CARD.md"
    path.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    write_card(tmp_path, "new \\1")
    assert path.read_text(encoding="utf-8") == f"before\n{BEGIN}\nnew \\1\n{END}\nafter\n"


def test_points_of_perfect_answers_are_perfect() -> None:
    classifier = BundleClassifier(folder_of("chest-radiograph"))
    answers = measured(classifier)
    point = points(classifier, read_recipe(classifier.manifest.folder), answers, answers)["pneumonia"]
    assert 0.02 < point.threshold <= 0.92
    assert (point.sensitivity.value, point.specificity.value) == (1.0, 1.0)
    assert "60 of cxr_nih" in point.source


def test_confusion_counts_rows_by_truth() -> None:
    answers = measured(BundleClassifier(folder_of("brain-tumour-mr")))
    assert confusion(answers).sum() == 60


def test_subgroups_cover_every_image_once() -> None:
    groups = subgroups(measured(BundleClassifier(folder_of("chest-radiograph"))))
    assert [name for _, name, _ in groups] == ["sex F", "sex M"]
    assert sum(mask.sum() for _, _, mask in groups) == 60


def test_tables_are_markdown() -> None:
    assert markdown(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
    assert interval(Interval(0.5, 0.4, 0.6)) == "0.500 (0.400 to 0.600)"


@pytest.mark.parametrize("part", ["measured", "compared", "explained"])
def test_a_part_is_written_between_its_marks_and_the_others_stay(part: str, tmp_path: Path) -> None:
    card, (begin, end) = tmp_path / "MODEL_CARD.md", marks(part)
    other = "\n".join(marks("another"))
    card.write_text(f"before\n{begin}\nold \\1\n{end}\n{other}\n")
    write_card(tmp_path, "new \\2\n", part=part)
    write_card(tmp_path, "newer \\2\n", part=part)
    assert card.read_text() == f"before\n{begin}\nnewer \\2\n{end}\n{other}\n"


def test_a_card_without_marks_is_an_error_that_names_them_and_stays(tmp_path: Path) -> None:
    card = tmp_path / "MODEL_CARD.md"
    card.write_text("no marks\n")
    with pytest.raises(PluginError, match="no place for this") as caught:
        write_card(tmp_path, "new", part="explained")
    assert "<!-- explained: begin -->" in str(caught.value)
    assert card.read_text() == "no marks\n"
