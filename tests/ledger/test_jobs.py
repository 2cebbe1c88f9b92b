"""A worker is told everything, and comes to no ledger."""

from __future__ import annotations

import json

from node.ledger import Ledger, job_from, job_table
from tests.ledger.material import arrival, plan, reported


def test_a_job_comes_back_from_json_as_it_was(ledger: Ledger) -> None:
    row, _ = reported(ledger)
    for delivery in ledger.deliveries.of_study("1.2"):
        ledger.deliveries.done(delivery)
    ledger.arrivals.record([arrival(2), arrival(1, series="1.2.10", sop_instance_uid="1.2.10.1")])
    ledger.studies.complete(ledger.studies.get("1.2"), "quiet", partial=True, expected=5)
    job = ledger.job(row)
    assert job_from(json.loads(json.dumps(job_table(job)))) == job
    assert (job.row, job.expected, len(job.series)) == (row, 5, 2)


def test_a_later_revision_is_told_what_was_delivered_before(ledger: Ledger) -> None:
    reported(ledger)
    for delivery in ledger.deliveries.of_study("1.2"):
        ledger.deliveries.done(delivery)
    ledger.arrivals.record([arrival(2)])
    ledger.studies.complete(ledger.studies.get("1.2"), "quiet", partial=False, expected=None)
    ledger.analyses.route("1.2", [plan()], ["because"])
    job = ledger.job(ledger.analyses.of_study("1.2")[-1])
    assert job.predecessors["sr"][1] == "1.2.7.2"
    assert job_from(json.loads(json.dumps(job_table(job)))) == job
