"""The results of a study in the languages of those who read no DICOM: FHIR R4, HL7 v2.5.1, JSON and CSV.

Comes in: an :class:`ExportedStudy`, a frozen value. Goes out: text. The same value gives the same text, in any process:
ids and control ids are derived, and no clock is read. Nothing is written to disk.

:mod:`node.export.collect` is the one file of the room that reads: rows of the ledger, the account that the worker left
of each analysis, and the headers of its result objects. What can fail is told there; building a text does not.

Who it is about (:class:`Identity`: patient, order, and the dates of the study) leaves only when it is part of the
value; without it, the subject is a pseudonym: a digest of the patient's id, equal for equal patients. That hides the id
from a reader, not from one who can try all ids.

No text says less than the report: what was not assessed stands in it with its reason, what was withdrawn is said to be
wrong, and each result says that no person has verified it.

Worked example::

    study = collect.exported_study(ledger, spool, "1.2.3", identified=False)
    text = export.FORMATS["fhir"](study)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from node.export.exported import ExportedStudy, Identity
from node.export.fhir import bundle_text
from node.export.hl7 import Parties, message
from node.export.record import record_text
from node.export.rows import csv_text

#: Name of a format -> its text of a study.
FORMATS: Mapping[str, Callable[[ExportedStudy], str]] = {
    "fhir": bundle_text,
    "hl7": message,
    "json": record_text,
    "csv": csv_text,
}

__all__ = ["FORMATS", "ExportedStudy", "Identity", "Parties", "bundle_text", "csv_text", "message", "record_text"]
