"""Predictions travel through the spool as plain arrays and JSON."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest

from node.classify.predictions import prediction_bytes, prediction_from
from node.plugin import Finding, Neighbour, Prediction
from tests.classify.material import prediction


def test_a_prediction_comes_back_as_it_was() -> None:
    (series, back), (_, abstained) = prediction_from(
        prediction_bytes([("1.2.3", prediction()), ("1.2.4", Prediction(abstained="unlike the training images"))])
    )
    there = prediction()
    assert series == "1.2.3"
    assert back.findings == there.findings
    assert back.maps[0].extent == (0, 0, 4, 4)
    assert back.maps[0].grid.dtype == np.float32
    np.testing.assert_array_equal(back.maps[0].grid, there.maps[0].grid)
    np.testing.assert_array_equal(back.embedding, there.embedding)
    assert abstained == Prediction(abstained="unlike the training images") or abstained.abstained
    assert abstained.embedding is None


def test_bytes_are_equal_after_a_round_trip() -> None:
    data = prediction_bytes([("1.2.3", prediction()), ("1.2.4", Prediction(abstained="no"))])
    assert prediction_bytes(prediction_from(data)) == data


def test_equal_predictions_give_equal_bytes() -> None:
    assert prediction_bytes([("1.2.3", prediction())]) == prediction_bytes([("1.2.3", prediction())])


def test_numbers_of_numpy_are_written_as_numbers() -> None:
    finding = Finding("bright", np.float32(1.5), np.float64(0.25), "1.2.3.1", np.int64(2))  # type: ignore[arg-type]
    (_, back), *_ = prediction_from(prediction_bytes([("1.2.3", Prediction((finding,)))]))
    assert back.findings == (Finding("bright", 1.5, 0.25, "1.2.3.1", 2),)


def test_pickles_are_never_read() -> None:
    stream = io.BytesIO()
    np.savez(stream, json=np.array([object()], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        prediction_from(stream.getvalue())


def talkative() -> Prediction:
    """All that can be said beside a probability."""
    plain = prediction()
    cases = tuple(Neighbour("bright", f"set/{number}", 0.9 - number / 10, present=number == 0) for number in range(3))
    findings = tuple(replace(finding, agreement=(2, 5)) for finding in plain.findings)
    return replace(plain, findings=findings, neighbours=cases, remarks=("One sentence.", "Über 2 µm."))


def test_neighbours_remarks_and_agreement_come_back_as_they_were() -> None:
    ((_, back),) = prediction_from(prediction_bytes([("1.2.3", talkative())]))
    assert back.findings == talkative().findings
    assert back.neighbours == talkative().neighbours
    assert back.remarks == talkative().remarks
    assert prediction_bytes([("1.2.3", back)]) == prediction_bytes([("1.2.3", talkative())])


def test_similarities_of_numpy_are_written_as_numbers() -> None:
    case = Neighbour("bright", "set/1", np.float32(0.5), present=np.bool_(True))  # type: ignore[arg-type]
    finding = replace(prediction().findings[0], agreement=(np.int64(1), np.int64(2)))
    ((_, back),) = prediction_from(prediction_bytes([("1.2.3", Prediction((finding,), neighbours=(case,)))]))
    assert back.neighbours == (Neighbour("bright", "set/1", 0.5, present=True),)
    assert back.findings[0].agreement == (1, 2)


def test_what_an_older_node_wrote_is_still_read() -> None:
    older = {
        "series": "1.2.3",
        "findings": [{"name": "bright", "logit": 1.0, "probability": 0.5, "key_sop_instance_uid": "", "key_frame": 1}],
        "maps": [],
        "embedding": "",
        "abstained": "",
    }
    stream = io.BytesIO()
    np.savez(stream, json=np.frombuffer(json.dumps([older]).encode(), np.uint8))
    ((_, back),) = prediction_from(stream.getvalue())
    assert (back.findings, back.neighbours, back.remarks) == ((Finding("bright", 1.0, 0.5),), (), ())
