"""Which series goes to which plugin, as a table of the configuration."""

from __future__ import annotations

from pydantic import Field

from node.config.section import Name, Section


class Route(Section):
    """Which series goes to which plugin. Every condition that is given must hold; an empty one holds always."""

    name: Name = Field(description="Name shown with every decision.")
    plugin: str = Field(description="Plugin that gets the series.")
    destinations: tuple[str, ...] = Field((), description="Names of destinations; @sender: the one that sent it.")
    modality: tuple[str, ...] = Field((), description="Modality (0008,0060) is one of these.")
    sop_class: tuple[str, ...] = Field((), description="SOP Class UID is one of these.")
    body_part: tuple[str, ...] = Field((), description="Body Part Examined (0018,0015) is one of these.")
    view: tuple[str, ...] = Field((), description="View Position (0018,5101) is one of these.")
    laterality: tuple[str, ...] = Field((), description="Image Laterality or Laterality is one of these.")
    min_age: float | None = Field(None, ge=0, description="Youngest age, years.")
    max_age: float | None = Field(None, ge=0, description="Oldest age, years.")
    calling_ae: tuple[str, ...] = Field((), description="Calling AE title of the sender, * and ? as in file names.")
    called_ae: tuple[str, ...] = Field((), description="AE title that was called, * and ? as in file names.")
    series_description: tuple[str, ...] = Field((), description="Patterns with * and ?; one must match.")
    not_series_description: tuple[str, ...] = Field((), description="Patterns with * and ?; none may match.")
    accept_missing: bool = Field(False, description="A missing tag matches.")
    include_excluded: bool = Field(
        False, description="Localizers, dose screens, phantoms and secondary captures are not left out."
    )
    fallback: bool = Field(False, description="Tried only for series that no other route took.")
