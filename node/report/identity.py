"""Derived UIDs: the same analysis gives the same UIDs, always, so that a retry never doubles a report.

Every UID is a name-based UUID (version 5) under the root 2.25 (PS3.5 B.2).
"""

from __future__ import annotations

from uuid import UUID, uuid5

from pydicom.uid import UID

from node.study import Analysis

_NAMESPACE = UUID("6a2d5d3e-4c0f-5b37-9d2c-0c4b6f0e7a11")


def derived_uid(*facts: str) -> UID:
    """The UID of these facts; their order counts. At most 44 characters, valid by construction."""
    name = "".join(f"{len(fact)}:{fact}" for fact in facts)
    return UID(f"2.25.{uuid5(_NAMESPACE, name).int}")


def instance_uid(analysis: Analysis, kind: str, index: int = 0) -> UID:
    """Of the result object of that kind; `index` counts the objects of one kind.

    It follows from what went in (study, the instances seen, model with its claims and thresholds, configuration,
    the prior that it is compared with), not
    from the revision's number, which a lost ledger would count anew.
    """
    seen = sorted({image.sop_instance_uid for item in analysis.analysed for image in item.image_set.images})
    unseen = sorted({item.sop_instance_uid for item in analysis.not_assessed})
    manifest = analysis.manifest
    facts = (analysis.study_instance_uid, ",".join(seen), ",".join(unseen), str(analysis.expected))
    model = [manifest.name, manifest.claims_digest, analysis.configuration_digest]
    if analysis.comparison is not None:
        model.append(analysis.comparison.digest)
    return derived_uid("instance", *facts, *model, kind, str(index))


def series_uid(analysis: Analysis, kind: str) -> UID:
    """Of the series that holds every revision of one kind of result of one plugin."""
    return derived_uid("series", analysis.study_instance_uid, analysis.manifest.name, kind)


def tracking_uid(analysis: Analysis, finding: str, laterality: str = "", part: str = "") -> UID:
    """Tracking Unique Identifier (112040, DCM) of a finding of a patient, as the plugin assesses it.

    It is the same in every revision and in every study of that patient, earlier and later ones, and on each image that
    shows the finding: what is followed is the finding, not a lesion. Without a patient's id it holds for one study.

    Args:
        analysis: of any study of the patient.
        finding: its name.
        laterality: L, R, B or empty; the two sides of a paired organ are followed apart.
        part: tells apart the places of one finding, where each needs a UID of its own.
    """
    whose = analysis.patient_key or analysis.study_instance_uid
    return derived_uid("tracking", whose, analysis.manifest.name, finding, laterality, part)


def device_uid(analysis: Analysis) -> UID:
    """Of the algorithm as a device (0018,1002): follows from its weights."""
    return derived_uid("device", analysis.manifest.digest)
