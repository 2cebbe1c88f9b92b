"""Whether somebody changed the trail; and if so, an event that says it, which makes a Security Alert."""

from __future__ import annotations

from node.ledger import Ledger, Verified


def verify_trail(ledger: Ledger, wanted: str = "") -> Verified:
    """Look at every line. Args: wanted: a digest noted elsewhere. Raises :class:`~node.errors.LedgerBusy`."""
    found = ledger.events.verify(wanted)
    if found.broken is not None:
        ledger.events.add("trail is broken", event=found.broken, reason="a line does not fit to what is before it")
    elif not found.found:
        or_old = ", unless it is of a line that an earlier version removed in order" if found.unknown else ""
        ledger.events.add("trail is broken", reason=f"a digest that was noted elsewhere is not in it{or_old}")
    return found
