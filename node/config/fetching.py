"""What is fetched by the clock, as a table of the configuration."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from node.config.section import Name, Section

Code = Annotated[str, Field(pattern=r"^[A-Z0-9_ ]{0,16}$")]  # CS, PS3.5 6.2


class FetchRule(Section):
    """What is fetched from an archive by the clock: studies of the last days that have settled and are not here."""

    name: Name = Field(description="Name shown in log and trail.")
    archive: str = Field(description="Name of a destination of kind dicom that offers Query/Retrieve.")
    every_minutes: float = Field(15, gt=0, le=1440, description="How often it is looked, minutes.")
    modality: Code = Field("", description="Only studies with a series of this modality.")
    body_part: Code = Field("", description="Only studies with a series of this body part.")
    days_back: int = Field(1, ge=0, le=3650, description="Study Date is so many days back at most; 0: today.")
    at_most: int = Field(20, ge=1, le=1000, description="Most studies in one run.")
