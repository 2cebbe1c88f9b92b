"""Predictions travel through the spool as plain arrays and JSON."""

from __future__ import annotations

import io

import numpy as np
import pytest

from node.classify.predictions import prediction_bytes, prediction_from
from node.plugin import Finding, Prediction
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
