"""A study as JSON: the accounts as the worker left them, with whom they are about. Keys are only ever added.

========================  ==============================================================================================
key                       value
========================  ==============================================================================================
``format``                ``radnode-export/1``; another number when a key changes its meaning
``notice``                that no person has verified it
``study_instance_uid``    of the study
``pseudonym``             hex digest, equal for equal patients
``revision``              newest one of the study
``identity``              null, or an object with the fields of :class:`~node.export.exported.Identity`, as in DICOM
``series``                list of ``series_instance_uid``, ``modality``, ``plugin`` (who made it; empty: analysed),
                          ``instances`` (``sop_instance_uid``, ``sop_class_uid``, ``instance_number``)
``analyses``              list, one for each plugin: ``algorithm`` (``name``, ``version``, ``title``, ``manufacturer``,
                          ``serial_number``, ``device_uid``, ``research_only``), ``revision``, ``state``, ``standing``
                          (``given``, ``withdrawn``, ``awaited``, ``missing``), ``started`` (UTC, ISO 8601), ``reason``,
                          ``complete``, ``report_sop_instance_uid``, and ``account``: null, or the fields of
                          :class:`node.account.Account`, probabilities and figures from 0 to 1
========================  ==============================================================================================
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from node.export.exported import ExportedAnalysis, ExportedStudy
from node.export.moment import fhir_instant
from node.export.sentences import NOT_VERIFIED
from node.export.text import plain

FORMAT = "radnode-export/1"


def record(study: ExportedStudy) -> dict[str, Any]:  # Any: JSON's edge
    """The study as JSON's values."""
    analyses = [_analysis(one) for one in study.analyses]
    return _plain({"format": FORMAT, "notice": NOT_VERIFIED, **asdict(study), "analyses": analyses})  # type: ignore[no-any-return]  # a dict stays one


def record_text(study: ExportedStudy) -> str:
    """The same as text."""
    return json.dumps(record(study), indent=2, ensure_ascii=False) + "\n"


def _analysis(analysis: ExportedAnalysis) -> dict[str, Any]:
    return asdict(analysis) | {"started": fhir_instant(analysis.started)}


def _plain(value: Any) -> Any:
    """Every text in it on one line; tuples as lists, as they come back."""
    if isinstance(value, dict):
        return {plain(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return plain(value) if isinstance(value, str) else value
