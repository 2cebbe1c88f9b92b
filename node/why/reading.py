"""Which signed reports of a study came, and what the rules understood of them."""

from __future__ import annotations

from node.ledger import ReportRow, SignedRow
from node.reviews import NOT_SETTLED, REPORT_TEXT
from node.why.telling import Scene, Telling, at

_WORDS = {"FINAL": "a signed report", "CORRECTED": "a corrected report", "ASIDE": "a report that does not count"}
_REPLACED = "another one has replaced it"


def tell_reports(scene: Scene, telling: Telling) -> None:
    """Each report in a message, and each signed Structured Report that is read by its words."""
    for row in scene.ledger.reports.of_study(scene.uid):
        what = "an addendum" if row.adds else _WORDS[row.status]
        telling.say("report", f"{what} from {row.source}, {at(row.received_at)}: {_fate(scene, row)}")
    for one in scene.ledger.reviews.signed(scene.uid):
        fate = _fate_of_document(scene, one)
        telling.say("report", f"the signed report {one.sop_instance_uid}, {at(one.received_at)}: {fate}")


def _fate_of_document(scene: Scene, row: SignedRow) -> str:
    if row.replaced:
        return _REPLACED
    return f"read, {_understood(scene, REPORT_TEXT + row.sop_instance_uid)}" if row.read else NOT_SETTLED


def _fate(scene: Scene, row: ReportRow) -> str:
    if row.replaced:
        return row.reason or _REPLACED
    if row.reason:
        return row.reason
    if row.read_at is None:
        return "it is about to be read"
    return f"read, {_understood(scene, row.origin)}"


def _understood(scene: Scene, origin: str) -> str:
    """Of each finding what the report says, the newest answer alone."""
    found = [one for one in scene.ledger.reviews.of_study(scene.uid) if one.origin == origin and not one.replaced]
    said = {(one.plugin, one.finding): one for one in found}
    if not said:
        return "it says nothing of the findings that were answered"
    return "; ".join(f"{one.finding} is {one.stated} ({one.plugin} answered {one.outcome})" for one in said.values())
