"""Builders for what the ledger is told, and studies brought as far as a test needs them."""

from __future__ import annotations

import time
from typing import Any

import pytest

from node.ledger import AnalysisRow, Input, Ledger, Plan, WorkitemRow, WorkitemState
from node.study import Arrival, Attributes, ResultObject

SC = "1.2.840.10008.5.1.4.1.1.7"
SR = "1.2.840.10008.5.1.4.1.1.88.33"
KINDS = {"pacs": ("sc", "sr")}


def arrival(number: int = 1, study: str = "1.2", series: str = "", **changes: Any) -> Arrival:
    """Image `number` of a study; its content follows from its UID."""
    uid = changes.pop("sop_instance_uid", f"{study}.9.{number}")
    values: dict[str, Any] = {
        "sop_instance_uid": uid,
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.1.1",
        "transfer_syntax_uid": "1.2.840.10008.1.2.1",
        "study_instance_uid": study,
        "series_instance_uid": series or f"{study}.9",
        "path": f"instances/00/{uid}.dcm",
        "size": 100,
        "sha256": f"digest of {uid}",
        "patient_key": "patient",
        "association": "a1",
        "peer": "127.0.0.1",
        "attributes": Attributes(modality="DX", calling_ae="SENDER", image_type=("ORIGINAL", "PRIMARY")),
        "instance_number": number,
        **changes,
    }
    return Arrival(**values)


def plan(plugin: str = "chest", **changes: Any) -> Plan:
    values: dict[str, Any] = {"plugin_version": "1.0", "series": ("1.2.9",), "destinations": ("pacs",), **changes}
    return Plan(plugin=plugin, route="films", **values)


def received(ledger: Ledger, study: str = "1.2", images: int = 1) -> None:
    ledger.arrivals.record([arrival(number, study) for number in range(1, images + 1)])


def completed(ledger: Ledger, study: str = "1.2", images: int = 1) -> None:
    received(ledger, study, images)
    assert ledger.studies.complete(ledger.studies.get(study), "quiet", partial=False, expected=None)


def routed(ledger: Ledger, study: str = "1.2", *plans: Plan) -> list[AnalysisRow]:
    completed(ledger, study)
    ledger.analyses.route(study, plans or [plan()], ["because"])
    return ledger.analyses.of_study(study)


def classified(ledger: Ledger, study: str = "1.2") -> AnalysisRow:
    (analysis,) = routed(ledger, study)
    ledger.analyses.classified(analysis.id, "pneumonia 0.93")
    return ledger.analyses.get(analysis.id)


def results(study: str = "1.2", *kinds: str, digest: str = "") -> list[ResultObject]:
    return [
        ResultObject(
            sop_instance_uid=f"{study}.7.{number}",
            sop_class_uid=SC if kind == "sc" else SR,
            series_instance_uid=f"{study}.7",
            kind=kind,
            path=f"work/{study}/{kind}.dcm",
            sha256=digest,
        )
        for number, kind in enumerate(kinds or ("sc", "sr"), 1)
    ]


def reported(
    ledger: Ledger, study: str = "1.2", wanted: dict[str, tuple[str, ...]] | None = None, digest: str = ""
) -> tuple[AnalysisRow, list[ResultObject]]:
    """A study whose result objects wait for delivery."""
    analysis, made = classified(ledger, study), results(study, digest=digest)
    ledger.analyses.reported(analysis.id, made, KINDS if wanted is None else wanted)
    return ledger.analyses.get(analysis.id), made


def after(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the clock forward."""
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + seconds)


def workitem_row(*inputs: Input, **changes: Any) -> WorkitemRow:
    """One that is in hand, its studies being here. Args: inputs: else study 1.2."""
    values: dict[str, Any] = {
        "workitem_uid": "1.9",
        "worklist": "ris",
        "transaction_uid": "2.25.1",
        "inputs": inputs or (Input("1.2"),),
        "plugin": "chest",
        "code": ("1", "99TEST", "Look"),
        "priority": "HIGH",
        "state": WorkitemState.ANALYSING,
        "tries": 1,
        "told": "",
        "reason": "",
        "claimed_at": 0,
        "changed_at": 0,
        **changes,
    }
    return WorkitemRow(**values)
