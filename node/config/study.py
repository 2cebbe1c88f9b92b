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
        1,
        description="The same, once every expected image is here and its association has ended; once all that its "
        "ended performed procedure steps name is here, also while it is open.",
    )
    missing_wait_seconds: Seconds = Field(
        30, description="How much longer to wait when fewer images are here than announced."
    )
    open_association_seconds: Seconds = Field(
        600, description="How long an association that stays open may hold its study open."
    )

    open_step_seconds: Seconds = Field(
        7200,
        description="How long a modality's performed procedure step (MPPS) that is IN PROGRESS may hold its study open "
        "while nothing is heard, counted on through a restart of the node: modalities forget to end them.",
    )
    hold_wrong_worklist_entry: bool = Field(
        False,
        description="Quarantine a study whose performed procedure step was discontinued because the wrong worklist "
        "entry had been selected (110514); else it is analysed, and the reason told.",
    )

    def quiet_for(self, modality: str) -> float:
        """Quiet seconds of that modality."""
        return self.quiet_seconds.get(modality, self.quiet_seconds.get("default", 10))
