from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from node.errors import PluginError
from radnode_kit.bundle import ONNX, SAFETENSORS, read_bundle
from radnode_kit.card import marks
from radnode_kit.commands import folder_of
from radnode_kit.dataset import Dataset, targets_of
from radnode_kit.explanations import commands, cost
from radnode_kit.explanations.commands import cam_difference, cases, explain, normalised
from radnode_kit.explanations.subject import check_twins, open_subject
from radnode_kit.sources import Sample
from tests.plugins.explanations.tiny import pictures, subject

FOLDER = folder_of("brain-tumour-mr")
KNOWN = frozenset({"glioma", "meningioma", "pituitary", "notumor"})
LABELS = ("glioma", "meningioma", "pituitary", "notumor")


def dataset(count: int = 12, size: int = 224) -> Dataset:
    samples = [
        Sample(Path(f"{n}.png"), "s", f"patient {n // 2}", frozenset({LABELS[n % 4]}), KNOWN, {}) for n in range(count)
    ]
    rng = np.random.default_rng(0)
    canvases = np.kron(rng.integers(0, 255, (count, 1, 8, 8), dtype=np.uint8), np.ones((size // 8,) * 2, np.uint8))
    return Dataset(samples, canvases.astype(np.uint8), targets_of(samples, LABELS), np.array(["held-back"] * count))


def test_cases_have_the_finding_and_take_turns() -> None:
    data = dataset()
    rows, columns = cases(data, np.array([0, 1, 2]), 6)
    assert columns.tolist() == [0, 1, 2, 0, 1, 2]
    assert (data.targets[rows, columns] == 1).all()
    assert len(set(rows.tolist())) == 6


def test_the_seed_repeats_the_cases_and_no_more_are_made_than_there_are() -> None:
    data, claimed = dataset(), np.array([0, 1, 2])
    assert [each.tolist() for each in cases(data, claimed, 5)] == [each.tolist() for each in cases(data, claimed, 5)]
    assert len(cases(data, claimed, 100)[0]) == 9


def test_images_without_a_finding_are_an_error() -> None:
    with pytest.raises(PluginError, match="no held-back image has a finding"):
        cases(dataset(2), np.array([3]), 5)


def test_images_are_normalised_as_the_plugin_does() -> None:
    bundle, data = read_bundle(FOLDER), dataset(2)
    found = normalised(data, bundle, np.array([1]))
    assert found[0] == pytest.approx((data.canvases[1] / 255.0 - bundle.mean[0]) / bundle.deviation[0], abs=1e-5)


def test_grad_cam_is_the_exact_map_without_its_negative_part() -> None:
    assert cam_difference(subject(), pictures(2), np.array([0, 1])) < 1e-5


def test_the_subject_answers_as_the_shipped_engine_does() -> None:
    examined, images = open_subject(FOLDER), normalised(dataset(2), read_bundle(FOLDER), np.array([0, 1]))
    assert examined.engine is not None
    shipped, own = examined.engine(images), examined.network.eval()
    other = type(examined)(own, examined.plain, examined.fine, examined.calibration, size=0)
    assert other.logits(images) == pytest.approx(shipped.logits, abs=1e-3)
    assert examined.probability(images, np.array([0, 3])).shape == (2,)


def test_a_plugin_without_weights_is_named(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle/configs").symlink_to(FOLDER / "bundle/configs")
    with pytest.raises(PluginError, match="no weights yet"):
        open_subject(tmp_path)


@pytest.mark.slow
def test_a_graph_of_another_network_is_refused() -> None:
    bundle, examined = read_bundle(FOLDER), open_subject(FOLDER)
    assert examined.engine is not None
    check_twins(examined.fine if bundle.network.get("dilated") else examined.plain, examined.engine, bundle, "here")
    with pytest.raises(PluginError, match="not that of the other weight file"):
        check_twins(examined.plain if bundle.network.get("dilated") else examined.fine, examined.engine, bundle, "here")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The plugin with a card that has marks; its data set is made up, and times are not taken."""
    for name in ("bundle", "manifest.toml"):
        (tmp_path / name).symlink_to(FOLDER / name)
    assert (tmp_path / SAFETENSORS).is_file()
    assert (tmp_path / ONNX).is_file()
    begin, end = marks("explained")
    (tmp_path / "MODEL_CARD.md").write_text(f"# Card\n{begin}\n{end}\n")
    one = cost.Cost({"without": 1.0}, {"without": 1.0})
    monkeypatch.setattr(commands, "held_back", lambda *_: dataset())
    monkeypatch.setattr(commands, "_costs", lambda *_: {"torch": one})
    monkeypatch.setattr(commands.faithfulness.compare, "__defaults__", (1,))
    monkeypatch.setattr(commands.sanity.likeness, "__kwdefaults__", {"draws": 1, "seed": 0})
    return tmp_path


@pytest.mark.slow
def test_explain_prints_and_writes_the_block(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = explain(folder, folder, folder, images=2, write=True)
    card = (folder / "MODEL_CARD.md").read_text()
    assert text in card
    assert card.startswith(f"# Card\n{marks('explained')[0]}\n")
    assert "Explanations of 2 held-back images" in text
    assert "Bias plus map equals the logit over 12 held-back images" in text
    assert "exact map, fine" in capsys.readouterr().out
