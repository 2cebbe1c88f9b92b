"""Dermoscopy images: melanoma and seborrhoeic keratosis. See MODEL_CARD.md beside this file."""

from __future__ import annotations

from pathlib import Path

from radnode_kit.classifier import BundleClassifier


def plugin() -> BundleClassifier:
    """The classifier, not loaded yet; found through the entry point group ``radnode.plugins``."""
    return BundleClassifier(Path(__file__).parent)
