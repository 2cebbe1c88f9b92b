"""How far a probability moves without any change in the patient: the manifest states what the card has measured."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from node.manifest import read_manifest

CARDS = sorted((Path(__file__).parents[2] / "plugins").glob("radnode_*/MODEL_CARD.md"))


def measured(card: str) -> float | None:
    """The largest 95th percentile of the table of consistency; None: the card has none."""
    table = card.partition("### Consistency")[2].partition("### ")[0]
    rows = re.findall(r"^\| [^|]+ \| [0-9.]+ \| ([0-9.]+) \|", table, re.MULTILINE)
    return max(map(float, rows), default=None)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.parent.name)
def test_the_manifest_states_what_the_card_has_measured(card: Path) -> None:
    assert read_manifest(card.with_name("manifest.toml")).repeatability == measured(card.read_text(encoding="utf-8"))


def test_some_of_them_have_measured_it() -> None:
    assert sum(measured(card.read_text(encoding="utf-8")) is not None for card in CARDS) == 3
