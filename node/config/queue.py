"""In which order what waits is begun, as a table of the configuration; and what routes and peers may say of it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from node.config.section import Section
from node.window import time_zone, window

PriorityName = Literal["", "stat", "high", "routine", "low"]


def checked_window(text: str) -> str:
    """A window, or nothing; raises ValueError."""
    if text:
        window(text)
    return text


def _zone(name: str) -> str:
    time_zone(name)
    return name


class QueueSettings(Section):
    """In which order analyses are begun."""

    ageing_minutes: float = Field(
        120,
        ge=0,
        le=10080,
        description="After so long an analysis that waits stands where the next higher priority comes in; 0: never.",
    )
    time_zone: Annotated[str, AfterValidator(_zone)] = Field(
        "", description="Time zone of windows, such as Europe/Berlin; empty: that of the machine."
    )

    @property
    def ageing_seconds(self) -> float:
        """The same in seconds."""
        return self.ageing_minutes * 60
