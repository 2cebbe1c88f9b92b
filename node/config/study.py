"""When a study is complete, as a table of the configuration."""

from __future__ import annotations

from pydantic import Field

from node.config.section import Seconds, Section


class StudySettings(Section):
    """When a study counts as complete."""

    quiet_seconds: dict[str, Seconds] = Field(
        {"default": 10, "CR": 2, "DX": 2},
        description="Seconds without a new image after which a study is complete; by modality.",
    )
    settled_seconds: Seconds = Field(
        1, description="The same, once every expected image is here and its association has ended."
    )
    missing_wait_seconds: Seconds = Field(
        30, description="How much longer to wait when fewer images are here than announced."
    )
    open_association_seconds: Seconds = Field(
        600, description="How long an association that stays open may hold its study open."
    )

    def quiet_for(self, modality: str) -> float:
        """Quiet seconds of that modality."""
        return self.quiet_seconds.get(modality, self.quiet_seconds.get("default", 10))
