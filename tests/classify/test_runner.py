"""Nothing that a plugin answers is believed before it was checked, and its words never leave the process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from node.classify.catalogue import Catalogue
from node.classify.runner import Runner
from node.errors import PluginError
from node.plugin import Finding, ImageSet, Neighbour, Prediction
from tests.classify.material import image_set, importable, prediction, write_plugin

CANARY = "PHICANARY^INEXCEPTION"


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Runner]:
    importable(tmp_path, monkeypatch)

    def make(**faults: str) -> Runner:
        write_plugin(tmp_path, **faults)
        return Runner(Catalogue(["mean"]), "cpu")

    return make


@pytest.fixture
def answers(runner: Callable[..., Runner], monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], Any]:
    """What becomes of an answer of the plugin for one image set."""

    def ask(answer: Any) -> Any:
        made = runner()
        monkeypatch.setattr(type(made.classifier("mean")), "classify", lambda self, batch: answer)
        return made.classify("mean", [image_set()])[0]

    return ask


def test_a_good_answer_is_passed_on(runner: Callable[..., Runner]) -> None:
    (answer,) = runner().classify("mean", [image_set(value=0.25)])
    assert isinstance(answer, Prediction)
    assert answer.findings[0].probability == 0.25


def test_a_map_that_adds_up_is_passed_on(answers: Callable[[Any], Any]) -> None:
    assert isinstance(answers([prediction()]), Prediction)


def test_an_abstention_is_an_answer(answers: Callable[[Any], Any]) -> None:
    assert isinstance(answers([Prediction(abstained="too dark")]), Prediction)


_FINDING = Finding("bright", 2.0, 0.5, "1.2.3.1")


@pytest.mark.parametrize(
    ("finding", "reason"),
    [
        (replace(_FINDING, probability=float("nan")), "probability of nan"),
        (replace(_FINDING, probability=float("inf")), "probability of inf"),
        (replace(_FINDING, probability=7.3), "probability of 7.3"),
        (replace(_FINDING, probability=-0.2), "probability of -0.2"),
        (replace(_FINDING, logit=float("nan")), "logit of nan"),
        (replace(_FINDING, logit=float("-inf")), "logit of -inf"),
        (replace(_FINDING, probability="high"), "TypeError"),
        (replace(_FINDING, probability=None), "TypeError"),
        (replace(_FINDING, name="\x00\u202e../../x"), "finding it does not claim"),
        (replace(_FINDING, name=7), "finding it does not claim"),
        (replace(_FINDING, key_sop_instance_uid="9.9.9"), "key image is none of those"),
        ("not a finding", "AttributeError"),
    ],
)
def test_a_finding_that_cannot_be_is_refused(answers: Callable[[Any], Any], finding: Any, reason: str) -> None:
    answer = answers([Prediction(findings=(finding,))])
    assert isinstance(answer, PluginError)
    assert reason in str(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "not a list",
        None,
        {},
        [],
        [prediction(), prediction()],
        (prediction(),),
        [{"bright": 0.5}],
        [Prediction()],
        [Prediction(findings=(_FINDING, _FINDING))],
        [Prediction(findings=tuple([_FINDING] * 100_000))],
        [Prediction(findings=(_FINDING,), abstained="and yet it answers")],
        [Prediction(findings=None)],  # type: ignore[arg-type]
        [Prediction(findings=(_FINDING,), embedding=[1.0])],  # type: ignore[arg-type]
        [Prediction(abstained=7)],  # type: ignore[arg-type]
    ],
)
def test_an_answer_that_is_no_prediction_is_refused(answers: Callable[[Any], Any], answer: Any) -> None:
    assert isinstance(answers(answer), PluginError)


_MAP = prediction().maps[0]


@pytest.mark.parametrize(
    "evidence",
    [
        replace(_MAP, logit=2.5),
        replace(_MAP, bias=float("nan")),
        replace(_MAP, grid=np.full((2, 3), np.nan, np.float32)),
        replace(_MAP, grid=np.zeros(6, np.float32)),
        replace(_MAP, grid=[[0.5, 0.5]]),
        replace(_MAP, grid=np.zeros((0, 0), np.float32), bias=2.0),
        replace(_MAP, finding="dark"),
        replace(_MAP, sop_instance_uid="9.9"),
        replace(_MAP, extent=(0.0, 0.0, float("nan"), 4.0)),
        replace(_MAP, extent=(0.0, 0.0, 4.0)),
        replace(_MAP, extent=(4.0, 0.0, 0.0, 4.0)),
        "not a map",
    ],
)
def test_a_map_that_is_none_is_refused(answers: Callable[[Any], Any], evidence: Any) -> None:
    assert isinstance(answers([replace(prediction(), maps=(evidence,))]), PluginError)


def test_a_map_that_does_not_add_up_says_how_far_it_is_off(answers: Callable[[Any], Any]) -> None:
    answer = answers([replace(prediction(), maps=(replace(_MAP, logit=2.5),))])
    assert "does not add up: off by -0.5 logits" in str(answer)


@pytest.mark.parametrize(("off", "kind"), [(0.0009, Prediction), (-0.0009, Prediction), (0.0011, PluginError)])
def test_the_sum_of_a_map_may_be_off_by_what_float32_loses_and_no_more(
    answers: Callable[[Any], Any], off: float, kind: type
) -> None:
    assert isinstance(answers([replace(prediction(), maps=(replace(_MAP, logit=2.0 + off),))]), kind)


_CASE = Neighbour("bright", "cxr_nih/00001280_004", 0.93, present=True)


@pytest.mark.parametrize(
    "said",
    [
        {"neighbours": (_CASE, replace(_CASE, similarity=-1.0, present=False), replace(_CASE, similarity=1.0))},
        {"neighbours": (replace(_CASE, similarity=np.float32(0.5), present=np.bool_(True)),)},  # type: ignore[arg-type]
        {"neighbours": (_CASE,) * 32},
        {"remarks": ("The header names a contrast agent, the pixels show none.",)},
        {"remarks": ("x" * 1024,)},
        {"findings": (replace(_FINDING, agreement=(0, 1)),)},
        {"findings": (replace(_FINDING, agreement=(np.int64(1), np.int64(1))),)},
    ],
)
def test_what_a_plugin_may_say_beside_its_findings_is_passed_on(
    answers: Callable[[Any], Any], said: dict[str, Any]
) -> None:
    assert isinstance(answers([replace(prediction(), **said)]), Prediction)


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (replace(_CASE, similarity=float("nan")), "similarity of nan for 'bright'"),
        (replace(_CASE, similarity=float("inf")), "similarity of inf"),
        (replace(_CASE, similarity=1.01), "similarity of 1.01"),
        (replace(_CASE, similarity=-1.01), "similarity of -1.01"),
        (replace(_CASE, finding="dark"), "finding it does not claim"),
        (replace(_CASE, case=""), "training case for 'bright' that is none"),
        (replace(_CASE, case="x" * 65), "training case for 'bright' that is none"),
        (replace(_CASE, case="cxr\x1b[31m"), "training case for 'bright' that is none"),
        (replace(_CASE, case="two\nlines"), "training case for 'bright' that is none"),
        (replace(_CASE, present="yes"), "training case for 'bright' that is none"),  # type: ignore[arg-type]
        (replace(_CASE, similarity="near"), "TypeError"),  # type: ignore[arg-type]
        (replace(_CASE, case=7), "TypeError"),  # type: ignore[arg-type]
        ("not a case", "AttributeError"),
    ],
)
def test_a_training_case_that_cannot_be_is_refused(answers: Callable[[Any], Any], case: Any, reason: str) -> None:
    answer = answers([replace(prediction(), neighbours=(case,))])
    assert isinstance(answer, PluginError)
    assert reason in str(answer)


def test_too_many_training_cases_are_refused(answers: Callable[[Any], Any]) -> None:
    assert "more than 32 cases" in str(answers([replace(prediction(), neighbours=(_CASE,) * 33)]))


@pytest.mark.parametrize(
    "remarks",
    [
        ("",),
        ("   ",),
        ("x" * 1025,),
        ("two\nlines",),
        ("\x1b[31mred",),
        (7,),
        "one string",
        ["a list"],
        ("x",) * 17,
        None,
    ],
)
def test_a_remark_that_cannot_be_printed_is_refused(answers: Callable[[Any], Any], remarks: Any) -> None:
    assert isinstance(answers([replace(prediction(), remarks=remarks)]), PluginError)


@pytest.mark.parametrize("agreement", [(2, 1), (-1, 1), (0, 0), (1, 2), (0.5, 1), (1,), (1, 1, 1), 7, ("a", "b")])
def test_an_agreement_of_images_that_were_not_given_is_refused(answers: Callable[[Any], Any], agreement: Any) -> None:
    answer = answers([replace(prediction(), findings=(replace(_FINDING, agreement=agreement),))])
    assert isinstance(answer, PluginError)


def test_more_agreeing_images_than_there_are_is_said_plainly(answers: Callable[[Any], Any]) -> None:
    answer = answers([replace(prediction(), findings=(replace(_FINDING, agreement=(17, 300)),))])
    assert "17 of 300 images agree on 'bright', where it was given 1" in str(answer)


@pytest.mark.parametrize("error", ["RuntimeError", "SystemExit", "KeyboardInterrupt", "MemoryError", "BaseException"])
def test_what_a_plugin_raises_is_named_by_type_and_place_alone(runner: Callable[..., Runner], error: str) -> None:
    (answer,) = runner(ask=f"raise {error}('{CANARY}')").classify("mean", [image_set()])
    assert isinstance(answer, PluginError)
    assert f"the plugin raised {error} at __init__.py:" in str(answer)
    assert CANARY not in str(answer)


def test_what_a_plugin_raises_while_it_loads_is_named_by_type_and_place_alone(runner: Callable[..., Runner]) -> None:
    with pytest.raises(PluginError, match=r"cannot be loaded: SystemExit at __init__.py:") as caught:
        runner(load=f"raise SystemExit('{CANARY}')").classifier("mean")
    assert CANARY not in str(caught.value)


def test_changed_weights_are_never_loaded(runner: Callable[..., Runner]) -> None:
    with pytest.raises(PluginError, match="files that are not the declared ones are never used"):
        runner(digest="0" * 64, load="raise AssertionError").classifier("mean")


def test_a_plugin_is_loaded_once(runner: Callable[..., Runner]) -> None:
    made = runner(load="assert not hasattr(self, 'there'); self.there = True")
    assert made.classifier("mean") is made.classifier("mean")


def test_one_bad_image_set_of_a_batch_fails_alone(runner: Callable[..., Runner]) -> None:
    made = runner(one="assert image_set.series_instance_uid != '1.2'")
    first, bad, last = made.classify("mean", [image_set("1.1"), image_set("1.2"), image_set("1.3")])
    assert isinstance(first, Prediction)
    assert isinstance(bad, PluginError)
    assert isinstance(last, Prediction)


def test_pixels_cannot_be_changed_by_a_plugin(runner: Callable[..., Runner]) -> None:
    given: ImageSet = image_set(value=0.25)
    (answer,) = runner(one="image_set.images[0].pixels[...] = 0").classify("mean", [given])
    assert isinstance(answer, PluginError)
    assert (given.images[0].pixels == 0.25).all()
