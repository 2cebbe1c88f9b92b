"""Which findings are critical, and what the notification says: this finding alone, and what is to be done."""

from __future__ import annotations

import json
from typing import Any

import hl7
import pytest

from node.config import CriticalRule, Destination, Settings
from node.export import messages
from node.worker.critical import criticals, matches
from tests.export.material import account
from tests.export.test_messages import told

DESTINATIONS = (
    Destination(name="ris", kind="hl7", port=2575),
    Destination(name="ward", kind="hl7", port=2576),
    Destination(name="hook", kind="webhook", url="http://127.0.0.1"),
)


def rule(**changes: Any) -> CriticalRule:
    values: dict[str, Any] = {"name": "thick air", "plugin": "chest-radiograph", "finding": "opacity"}
    return CriticalRule(**(values | {"destinations": ("ris", "ward")} | changes))


def made(*rules: CriticalRule) -> tuple[list[Any], dict[str, bytes]]:
    """The critical findings of an analysis, and the files that were written."""
    files: dict[str, bytes] = {}

    def write(name: str, data: bytes) -> str:
        files[name] = data
        return name

    settings = Settings(destinations=DESTINATIONS, critical=rules)
    return criticals(settings, messages.reported(told()), write), files


@pytest.mark.parametrize(
    ("changes", "is_critical"),
    [
        ({}, True),  # the opacity is present, 87 %
        ({"threshold": 0.87}, True),
        ({"threshold": 0.88}, False),
        ({"threshold": 0.0, "finding": "nodule"}, True),
        ({"plugin": "brain-tumour-mr"}, False),
        ({"finding": "pneumothorax"}, False),
    ],
)
def test_a_rule_speaks_of_one_finding_of_one_plugin(changes: dict[str, Any], is_critical: bool) -> None:
    assert bool(list(matches([rule(**changes)], account()))) is is_critical


def test_a_finding_on_several_series_is_told_once_where_it_is_the_most_probable() -> None:
    one = account()
    (series,) = one.series
    (match,) = matches([rule()], account(series=(series, series)))
    assert match.finding.probability == max(
        found.probability for found in series.findings if found.finding == "opacity"
    )


def test_the_message_holds_this_finding_alone_and_how_to_acknowledge_it() -> None:
    (found,), files = made(rule(acknowledge_within_minutes=15))
    ((name, data),) = files.items()
    message = hl7.parse(data.decode())
    assert name == f"critical-{found.id}-oru.hl7"
    assert len([one for one in message.segments("OBX") if str(one(2)) == "CE"]) == 1
    assert "Opacity of the lung" in str(message)
    assert "Effusion" not in str(message)
    words = " ".join(str(one) for one in message.segments("NTE"))
    assert "Critical finding: Opacity of the lung, 87 %" in words
    assert f"within 15 minutes: radnode critical ack {found.id}" in words
    (notice,) = found.notices
    assert (notice.result.kind, notice.destinations) == ("critical-oru", ("ris", "ward"))


def test_a_webhook_is_told_under_a_pseudonym_when_it_is_escalated() -> None:
    (found,), files = made(rule(escalate_to=("hook",)))
    (notice,) = found.escalations
    assert (notice.result.kind, notice.destinations) == ("critical-event", ("hook",))
    record = json.loads(files[notice.result.path])
    assert record["identity"] is None
    assert record["analyses"][0]["reason"].startswith("Critical finding: Opacity")
    assert len({one.result.sop_instance_uid for one in (*found.notices, *found.escalations)}) == 2


def test_two_rules_are_two_findings_and_the_same_report_gives_the_same_ones() -> None:
    rules = (rule(), rule(name="any effusion", finding="effusion", threshold=0.0))
    first, files = made(*rules)
    assert len({one.id for one in first}) == 2
    assert (first, files) == made(*rules)


def test_without_a_rule_nothing_is_critical() -> None:
    assert made() == ([], {})
