"""Critical findings, as a table of the configuration: which finding somebody must be told of before everything else."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from node.config.section import Name, Section

Names = Annotated[tuple[str, ...], Field(min_length=1)]


class CriticalRule(Section):
    """Which finding is critical, who is told at once, and who when nobody acknowledges it."""

    name: Name = Field(description="Name shown with every notification.")
    plugin: str = Field(description="Plugin that answers for the finding.")
    finding: str = Field(description="Name of the finding, as `radnode plugins show` has it.")
    threshold: float | None = Field(
        None, ge=0, le=1, description="Least probability, 0 to 1; without it, whenever the outcome is present."
    )
    destinations: Names = Field(description="Names of destinations of kind hl7 or webhook that are told at once.")
    acknowledge_within_minutes: float = Field(
        30, gt=0, le=10080, description="Time for `radnode critical ack`, minutes; then the finding is escalated, once."
    )
    escalate_to: tuple[str, ...] = Field((), description="Names of further destinations, told when it is escalated.")

    @model_validator(mode="after")
    def _escalates_to_others(self) -> CriticalRule:
        if both := sorted(set(self.destinations) & set(self.escalate_to)):
            raise ValueError(f"'{both[0]}' is told at once: escalate to another destination")
        return self
