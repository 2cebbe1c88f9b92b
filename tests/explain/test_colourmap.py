"""Equal steps of evidence are equal steps to the eye, and anatomy stays visible."""

from __future__ import annotations

import numpy as np
import pytest

from node.explain.colourmap import MAX_ALPHA, alpha, blended, coloured, table


def lightness(rgb: np.ndarray) -> np.ndarray:
    """CIE L* of sRGB, by a path of its own."""
    part = rgb.astype(float) / 255.0
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    luminance = linear @ np.array([0.2126, 0.7152, 0.0722])
    return np.where(luminance > 0.008856, 116.0 * np.cbrt(luminance) - 16.0, 903.3 * luminance)


def test_lightness_rises_throughout() -> None:
    steps = np.diff(lightness(table()))
    assert steps.min() > -0.6  # rounding to eight bits
    assert lightness(table())[-1] - lightness(table())[0] > 45


def test_steps_are_even_to_the_eye() -> None:
    colours = table()[::16].astype(float)
    steps = np.linalg.norm(np.diff(colours, axis=0), axis=1)
    assert steps.max() < 4 * np.median(steps)
    assert steps.min() > 0.25 * np.median(steps)


def test_most_evidence_is_brightest() -> None:
    low, high = coloured(np.array([0.0, 1.0], np.float32))
    assert int(high.sum()) > int(low.sum())


def test_beyond_the_bar_the_colour_stays_at_its_end() -> None:
    np.testing.assert_array_equal(coloured(np.array([7.0], np.float32)), coloured(np.array([1.0], np.float32)))
    np.testing.assert_array_equal(coloured(np.array([-7.0], np.float32)), coloured(np.array([0.0], np.float32)))


def test_opacity_rises_with_the_evidence_from_nothing() -> None:
    opacity = alpha(np.linspace(0, 1, 50, dtype=np.float32))
    assert opacity[0] == 0.0
    assert (np.diff(opacity) > 0).all()
    assert opacity[-1] == pytest.approx(MAX_ALPHA)
    assert MAX_ALPHA <= 0.6


def test_without_evidence_the_image_is_untouched() -> None:
    grey = np.full((4, 4, 3), 0.4, np.float32)
    assert (blended(grey, np.zeros((4, 4), np.float32)) == 102).all()


def test_anatomy_is_seen_through_the_strongest_evidence() -> None:
    dark, bright = np.zeros((1, 1, 3), np.float32), np.ones((1, 1, 3), np.float32)
    full = np.ones((1, 1), np.float32)
    assert (blended(bright, full).astype(int) - blended(dark, full)).min() > 90
