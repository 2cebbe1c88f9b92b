"""A query of somebody, which the trail tells of: an archive was asked for patients' studies."""

from __future__ import annotations

from node.config import Destination
from node.fetch.query import Found, find
from node.fetch.wanted import Wanted
from node.ledger import Ledger


def enquire(archive: Destination, calling_ae: str, ledger: Ledger, operator: str, wanted: Wanted, limit: int) -> Found:
    """As :func:`~node.fetch.query.find`, once it stands in the trail who asks, and for what; nothing of a patient.

    Args: operator: who wants to know. Raises as `find`, and :class:`~node.errors.LedgerBusy`.
    """
    ledger.fetches.query(archive.name, operator, wanted.study, wanted.told, wanted.withheld)
    return find(archive, calling_ae, wanted, limit)
