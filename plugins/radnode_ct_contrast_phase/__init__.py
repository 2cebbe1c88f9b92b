"""CT series: contrast-enhanced or not, from the pixels alone. See MODEL_CARD.md beside this file."""

from __future__ import annotations

from pathlib import Path

from radnode_kit.sequence.classifier import SequenceClassifier


def plugin() -> SequenceClassifier:
    """The classifier, not loaded yet; found through the entry point group ``radnode.plugins``."""
    return SequenceClassifier(Path(__file__).parent)
