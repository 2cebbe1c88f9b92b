"""What every announced plugin must keep, ours and other people's alike."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import cache
from hashlib import sha256
from importlib.metadata import entry_points

import numpy as np
import pytest

from node.errors import PluginError
from node.plugin import Array, Classifier, ImageSet, Prediction
from radnode_kit.gate import Gates
from radnode_kit.letterbox import smoothed
from tests.plugins.builders import image_set, pattern

PLUGINS = {point.name: point for point in entry_points(group="radnode.plugins")}
SHAPES = {
    "grey": pattern(200, 180),
    "constant": np.full((64, 64), 0.5, dtype=np.float32),
    "black": np.zeros((64, 64), dtype=np.float32),
    "tiny": pattern(1, 1),
    "small": pattern(7, 5),
    "huge": pattern(2500, 2000),
    "wide": pattern(20, 900),
    "tall": pattern(900, 20),
    "colour": np.stack([pattern(64, 48, seed) for seed in range(3)], axis=2),
}


def smooth(rows: int, columns: int) -> Array:
    """Structure that is sampled alike at any scale."""
    return np.asarray(smoothed(pattern(rows, columns)[None], 8.0)[0], dtype=np.float32)


@cache
def loaded(name: str) -> Classifier:
    classifier: Classifier = PLUGINS[name].load()()
    classifier.load("cpu")
    return classifier


@pytest.fixture(params=sorted(PLUGINS))
def classifier(request: pytest.FixtureRequest) -> Classifier:
    return loaded(request.param)


@pytest.fixture(params=sorted(PLUGINS))
def opened(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Classifier:
    """A plugin whose gate lets everything pass, so that every shape gets an answer."""
    classifier = loaded(request.param)
    if hasattr(classifier, "_gates"):
        monkeypatch.setattr(classifier, "_gates", Gates({}))
    return classifier


def answered(classifier: Classifier, images: ImageSet) -> Prediction:
    return classifier.classify([images])[0]


def test_the_shipped_plugins_are_announced() -> None:
    assert {"chest-radiograph", "brain-tumour-mr", "skin-lesion"} <= set(PLUGINS)


def test_the_entry_point_bears_the_name_of_the_manifest(classifier: Classifier) -> None:
    assert PLUGINS[classifier.manifest.name].load()().manifest.name == classifier.manifest.name


def test_every_weight_file_has_the_digest_of_the_manifest(classifier: Classifier) -> None:
    manifest = classifier.manifest
    assert manifest.weights
    for name, digest in manifest.weights.items():
        assert sha256((manifest.folder / name).read_bytes()).hexdigest() == digest


def test_series_numbers_are_from_9000_and_differ() -> None:
    numbers = [loaded(name).manifest.series_number for name in PLUGINS]
    assert min(numbers) >= 9000
    assert len(set(numbers)) == len(numbers)


def test_every_operating_point_was_measured(classifier: Classifier) -> None:
    for spec in classifier.manifest.findings:
        point = spec.operating_point
        assert 0 < point.threshold < 1
        assert "not measured" not in point.source
        for figure in (point.sensitivity, point.specificity):
            assert 0 <= figure.low <= figure.value <= figure.high <= 1


def test_codes_are_complete(classifier: Classifier) -> None:
    for spec in classifier.manifest.findings:
        for code in filter(None, (spec.code, spec.site)):
            assert code.value
            assert code.scheme in ("SCT", "DCM", "RADLEX")
            assert 0 < len(code.meaning) <= 64  # VR LO


def test_weights_and_card_stay_small(classifier: Classifier) -> None:
    folder = classifier.manifest.folder
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 21 * 2**20
    assert (folder / "MODEL_CARD.md").is_file()


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_every_shape_gets_findings_or_a_reason(opened: Classifier, shape: str) -> None:
    answer = answered(opened, image_set(SHAPES[shape]))
    names = [finding.name for finding in answer.findings]
    assert names == ([] if answer.abstained else [spec.name for spec in opened.manifest.findings])
    assert all(0.0 <= finding.probability <= 1.0 for finding in answer.findings)


def test_images_that_are_not_numbers_get_an_answer(opened: Classifier) -> None:
    broken = pattern(64, 64).copy()
    broken[:8] = np.nan
    broken[8:16] = np.inf
    answer = answered(opened, image_set(broken))
    assert all(np.isfinite(finding.probability) for finding in answer.findings)
    assert answer.findings


@pytest.mark.parametrize("shape", ["grey", "wide", "tall", "colour"])
def test_evidence_adds_up_to_the_logit(opened: Classifier, shape: str) -> None:
    images = image_set(SHAPES[shape])
    answer = answered(opened, images)
    if "no Hounsfield values" in answer.abstained and images.images[0].values is None:
        pytest.skip("it assesses the values of the modality, which a colour image does not have")
    assert answer.maps
    assert max(abs(evidence.residual) for evidence in answer.maps) < 1e-3


def test_the_key_image_of_every_finding_has_a_map_with_its_logit(opened: Classifier) -> None:
    answer = answered(opened, image_set(*(pattern(64, 64, seed) for seed in range(5))))
    for finding in answer.findings:
        (own,) = [
            evidence
            for evidence in answer.maps
            if (evidence.finding, evidence.sop_instance_uid) == (finding.name, finding.key_sop_instance_uid)
        ]
        assert own.logit == pytest.approx(finding.logit, abs=1e-4)


def test_maps_cover_the_whole_image(opened: Classifier) -> None:
    rows, columns = SHAPES["wide"].shape
    for evidence in answered(opened, image_set(SHAPES["wide"])).maps:
        top, left, bottom, right = evidence.extent
        assert top <= 0
        assert left <= 0
        assert bottom >= rows
        assert right >= columns
        assert bottom - top == pytest.approx(right - left, rel=0.1)  # to whole canvas pixels


@pytest.mark.parametrize(("axis", "aspect_ratio"), [(0, 0.5), (1, 2.0)])
def test_pixels_that_are_not_square_change_neither_the_answer_nor_the_sum(
    opened: Classifier, axis: int, aspect_ratio: float
) -> None:
    pixels = smooth(900, 700)
    (plain,) = image_set(pixels).images
    (shown,) = image_set(np.repeat(pixels, 2, axis=axis)).images
    stretched = ImageSet((replace(shown, aspect_ratio=aspect_ratio),), "1.2.3", "MR")
    wanted, found = answered(opened, ImageSet((plain,), "1.2.3", "MR")), answered(opened, stretched)
    probabilities = [finding.probability for finding in wanted.findings]
    assert [finding.probability for finding in found.findings] == pytest.approx(probabilities, abs=0.02)
    assert max(abs(evidence.residual) for evidence in found.maps) < 1e-3
    rows, columns = shown.pixels.shape
    for evidence in found.maps:
        top, left, bottom, right = evidence.extent
        assert min(-top, -left, bottom - rows, right - columns) >= -1e-6
        assert (bottom - top) * aspect_ratio == pytest.approx(right - left, rel=0.05)


def test_the_same_images_get_the_same_answer(opened: Classifier) -> None:
    images = image_set(pattern(120, 90))
    first, second = (answered(opened, images) for _ in range(2))
    assert first.findings == second.findings
    assert first.maps[0].grid.tobytes() == second.maps[0].grid.tobytes()


def test_an_answer_does_not_depend_on_what_else_is_in_the_batch(opened: Classifier) -> None:
    batch = [image_set(*(pattern(90, 70, seed) for seed in range(n))) for n in (1, 3)]
    for alone, together in zip((answered(opened, each) for each in batch), opened.classify(batch), strict=True):
        assert [f.probability for f in alone.findings] == pytest.approx(
            [f.probability for f in together.findings], abs=1e-4
        )


def test_no_images_are_no_error(classifier: Classifier) -> None:
    assert classifier.classify([]) == []
    assert answered(classifier, ImageSet((), "1.2.3", "MR")).abstained


def test_exclusive_probabilities_stay_below_one_together(opened: Classifier) -> None:
    if not opened.manifest.mutually_exclusive:
        pytest.skip("its findings stand alone")
    answer = answered(opened, image_set(*(pattern(64, 64, seed) for seed in range(7))))
    assert sum(finding.probability for finding in answer.findings) <= 1.0 + 1e-6


def test_an_image_of_noise_is_refused_with_a_reason(classifier: Classifier) -> None:
    noise = np.random.default_rng(3).random((128, 128)).astype(np.float32)
    reason = answered(classifier, image_set(noise)).abstained
    assert "looks unlike" in reason or "looks like" in reason


def test_changed_weights_are_refused(classifier: Classifier) -> None:
    fresh = PLUGINS[classifier.manifest.name].load()()
    wrong = dict.fromkeys(fresh.manifest.weights, "0" * 64)
    fresh.manifest = replace(fresh.manifest, weights=wrong)
    with pytest.raises(PluginError, match="not the one that the manifest names"):
        fresh.load("cpu")


def test_a_device_that_is_not_there_is_refused(classifier: Classifier) -> None:
    fresh = PLUGINS[classifier.manifest.name].load()()
    with pytest.raises(PluginError, match="no device"):
        fresh.load("abacus")


def test_classify_before_load_is_refused(classifier: Classifier) -> None:
    fresh = PLUGINS[classifier.manifest.name].load()()
    with pytest.raises(PluginError, match="not loaded"):
        fresh.classify([image_set(pattern())])


def test_the_cpu_path_imports_no_torch() -> None:
    program = (
        "import sys, numpy as np\n"
        "from importlib.metadata import entry_points\n"
        "from node.plugin import Image, ImageSet\n"
        "for point in entry_points(group='radnode.plugins'):\n"
        "    classifier = point.load()()\n"
        "    classifier.load('cpu')\n"
        "    pixels = np.random.default_rng(0).random((64, 64), dtype=np.float32)\n"
        "    classifier.classify([ImageSet((Image(pixels, None, '1.2'),), '1', 'MR')])\n"
        "loaded = {'torch', 'monai', 'sklearn', 'scipy'} & set(sys.modules)\n"
        "sys.exit(f'imported: {loaded}' if loaded else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
