"""Builders for what routing looks at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from node.config import Route
from node.plugin import Accepts, Manifest
from node.study import Attributes, Instance, Series

DX = "1.2.840.10008.5.1.4.1.1.1.1"
MR = "1.2.840.10008.5.1.4.1.1.4"
SC = "1.2.840.10008.5.1.4.1.1.7"

CHEST_FILM = Attributes(modality="DX", sop_class_uid=DX, body_part="CHEST", view="PA", age_years=60.0, calling_ae="CR1")
BRAIN_MR = Attributes(modality="MR", sop_class_uid=MR, body_part="BRAIN", series_description="t1 ax gd")


def instance(number: int, attributes: Attributes, series: str = "1.2.3") -> Instance:
    return Instance(
        sop_instance_uid=f"{series}.{number}",
        sop_class_uid=attributes.sop_class_uid,
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        study_instance_uid="1.2",
        series_instance_uid=series,
        path="",
        size=1,
        sha256="",
        patient_key="",
        instance_number=number,
        attributes=attributes,
    )


def series(*attributes: Attributes, uid: str = "1.2.3") -> Series:
    """A series with one instance for each of the attributes."""
    return Series(uid, tuple(instance(number, one, uid) for number, one in enumerate(attributes, 1)))


def film(uid: str = "1.2.3", **changes: Any) -> Series:
    return series(replace(CHEST_FILM, **changes), uid=uid)


def rule(name: str = "chest films", plugin: str = "chest", **conditions: Any) -> Route:
    return Route(name=name, plugin=plugin, **conditions)


def manifest(name: str = "chest", version: str = "1.0", **accepts: Any) -> Manifest:
    return Manifest(
        name=name,
        version=version,
        title=name,
        manufacturer="test",
        intended_use="tests",
        licence="Apache-2.0",
        level="image",
        series_number=9000,
        accepts=Accepts(**accepts),
        findings=(),
        weights={},
    )
