"""The destinations: what waits for each, since when, what went wrong last, and what was refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from node.config import Destination, Settings, at
from node.ledger import DeliveryRow, Ledger, Waiting

_MOST_REFUSED = 200


@dataclass(frozen=True)
class Standing:
    """How a destination stands. `address`: without what may be secret in it."""

    destination: Destination
    address: str
    waiting: Waiting
    refused: int
    trouble: str


def destinations(settings: Settings, ledger: Ledger) -> dict[str, Any]:
    """The values of the page."""
    refused, troubles = ledger.deliveries.refused(_MOST_REFUSED), ledger.facts.troubles()
    found = [_standing(ledger, one, refused, troubles) for one in settings.destinations]
    return {"destinations": found, "refused": refused, "most": _MOST_REFUSED}


def _standing(ledger: Ledger, one: Destination, refused: list[DeliveryRow], troubles: dict[str, str]) -> Standing:
    count = sum(row.destination == one.name for row in refused)
    return Standing(
        one, _address(one), ledger.overview.waiting(one.name), count, troubles.get(f"destination {one.name}", "")
    )


def _address(one: Destination) -> str:
    if one.kind == "folder":
        return str(one.path)
    if one.kind in ("dicom", "hl7"):
        return f"{one.ae_title + ' at ' if one.ae_title else ''}{at(one.host, one.port)}"
    scheme, mark, rest = one.url.partition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2].partition('?')[0]}"
