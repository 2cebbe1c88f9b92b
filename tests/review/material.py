"""A study that was answered, with what the worker leaves of it."""

from __future__ import annotations

from node.account import FILE, account_bytes
from node.ledger import Ledger
from node.report import account_of
from node.spool import Spool
from tests.ledger.material import reported
from tests.report.material import analysis, header, manifest, spec


def answered(ledger: Ledger, spool: Spool, study: str = "1.2") -> int:
    """Two findings, `opacity` present and `effusion` absent; the analysis' id."""
    row, _ = reported(ledger, study)
    claims = manifest(name=row.plugin, findings=(spec(), spec("effusion")))
    told = account_of(analysis(header(), manifest=claims), [])
    spool.write(f"work/{row.id}/{FILE}", account_bytes(told))
    return row.id
