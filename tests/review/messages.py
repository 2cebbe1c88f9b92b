"""Reports that come as messages, and what the ledger makes of them."""

from __future__ import annotations

from dataclasses import replace

from node.intake.hl7 import heard_of
from node.ledger import Ledger, ReportRow
from node.review import take_report
from node.reviews import order_key, person_key
from node.spool import Spool
from tests.ledger.material import arrival
from tests.peers.ris import Report
from tests.review.material import answered

WORDS = {"chest": {"opacity": ("pneumonia",), "effusion": ("effusion*",)}}
MINE = {"person_key": person_key("PID1"), "order_key": order_key("ACC1", "PID1")}


def came(ledger: Ledger, spool: Spool, report: Report | bytes) -> None:
    """As the listener takes it."""
    data = report if isinstance(report, bytes) else report.message()
    heard = heard_of(data, "10.0.0.1", "ISO IR 100")
    spool.write(heard.path, data)
    ledger.reports.record(heard)


def look(ledger: Ledger, spool: Spool) -> int:
    """As the main process does; how many reviews were new."""
    return sum(take_report(ledger, spool, one, WORDS, "ISO IR 100") for one in ledger.reports.due())


def film(ledger: Ledger, spool: Spool, study: str = "1.2", **changes: str) -> None:
    """A study with an order, `opacity` called present and `effusion` absent, and delivered."""
    # the header is read before the study is answered
    ledger.arrivals.record([replace(arrival(1, study), **{**MINE, **changes})])
    answer(ledger, spool, study)


def answer(ledger: Ledger, spool: Spool, study: str = "1.2") -> None:
    answered(ledger, spool, study)
    close(ledger, study)


def close(ledger: Ledger, study: str) -> None:
    for delivery in ledger.deliveries.of_study(study):
        if delivery.state == "WAITING":
            ledger.deliveries.done(delivery)


def row(ledger: Ledger) -> ReportRow:
    """The newest report."""
    return ledger.reports.latest(1)[0]


def said(ledger: Ledger, study: str = "1.2") -> list[tuple[str, str]]:
    return [(one.finding, one.truth) for one in ledger.reviews.of_study(study) if not one.replaced]
