"""The plugins: what they are, how they are, and what readers say of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from node.classify.catalogue import Catalogue, Found
from node.config import Settings
from node.ledger import Ledger
from node.reviews import Tally, tallies
from node.web.pages.card import card_of


@dataclass(frozen=True)
class Health:
    """How a plugin is. `paused`: why; empty: it is not. `problems`: why it must not be loaded."""

    found: Found
    paused: str
    waiting: int
    problems: tuple[str, ...]

    @property
    def word(self) -> str:
        """In one word."""
        return "unusable" if self.problems else "paused" if self.paused else "in use"


def catalogue(settings: Settings) -> Catalogue:
    """What is installed, looked for anew."""
    return Catalogue(settings.worker.plugins, settings.worker.pins)


def plugins(settings: Settings, ledger: Ledger) -> dict[str, Any]:
    """The values of the list; weights are not compared, which takes its time."""
    paused = ledger.pauses.paused()
    found = [_health(ledger, one, paused, [one.error] if one.error else []) for one in catalogue(settings).found]
    return {"plugins": found, "troubles": ledger.facts.troubles()}


def plugin(settings: Settings, ledger: Ledger, name: str) -> dict[str, Any]:
    """The values of one plugin's page; raises :class:`~node.errors.PluginError` when there is none of that name."""
    known = catalogue(settings)
    found = known.get(name)
    health = _health(ledger, found, ledger.pauses.paused(), known.problems(name))
    manifest = found.manifest
    return {
        "health": health,
        "manifest": manifest,
        "pinned": name in settings.worker.pins,
        "card": card_of(manifest.folder) if manifest else None,
        "tallies": _tallies(ledger, name),
        "routes": [route.name for route in settings.routes if route.plugin == name],
    }


def _health(ledger: Ledger, found: Found, paused: dict[str, str], problems: list[str]) -> Health:
    return Health(found, paused.get(found.name, ""), ledger.overview.queued_for(found.name), tuple(problems))


def _tallies(ledger: Ledger, name: str) -> list[Tally]:
    """Of what readers say, then, apart by source, of what their signed reports say in words."""
    counted = (*ledger.reviews.counted(), *ledger.reviews.counted(by_text=True))
    return sorted(tallies(one for one in counted if one.plugin == name), key=lambda one: bool(one.source))
