"""What an evaluation on local data has to show before the results of a plugin are delivered."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from node.config.section import Section
from node.evaluated import Criteria

_Area = Annotated[float, Field(ge=0, le=1)]


class GoLiveSettings(Section):
    """What `radnode evaluate` has to have found before `radnode plugins go-live` delivers a plugin's results."""

    evaluation_days: float = Field(180, gt=0, description="Greatest age of the evaluation, days.")
    min_cases: int = Field(30, ge=1, description="Answered cases, at least.")
    min_auroc: _Area = Field(
        0.5, description="Lower limit of the 95 % interval of AUROC, of each finding, at least; 0: not looked at."
    )
    min_auroc_of: dict[str, _Area] = Field({}, description="Finding = the same for it alone.")
    accepted: bool = Field(True, description="The evaluation must have ended with ACCEPTED.")

    @property
    def criteria(self) -> Criteria:
        """The same for :func:`node.evaluated.objections`."""
        return Criteria(self.evaluation_days, self.min_cases, self.min_auroc, self.min_auroc_of, self.accepted)
