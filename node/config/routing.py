"""Which series goes to which plugin, as a table of the configuration."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, Field

from node.comparison import PriorRule, Views, checked_views
from node.config.queue import PriorityName, checked_window
from node.config.section import Name, Seconds, Section


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
    department: tuple[str, ...] = Field(
        (), description="Institutional Department Name (0008,1040), patterns with * and ?; one must match."
    )
    priority: PriorityName = Field(
        "", description="stat, high, routine or low; empty: what images and sender say. The highest counts."
    )
    window: Annotated[str, AfterValidator(checked_window)] = Field(
        "",
        description="Analyses are begun only then, STAT aside: 20:00-06:00, or sat,sun 00:00-24:00; several with ; "
        "between. Empty: always.",
    )
    fallback: bool = Field(False, description="Tried only for series that no other route took.")
    compare_with_prior: bool | None = Field(
        None,
        description="Findings are compared with those on the same patient's prior study of the same body part; without "
        "it, where the plugin asks for it.",
    )
    prior_months: int = Field(24, ge=0, le=1200, description="A prior is so many months old at most; 0: any age.")
    prior_archive: str = Field(
        "", description="Destination of kind dicom that is asked for a prior which is not here; empty: none is."
    )
    prior_wait_seconds: Seconds = Field(
        120, description="A report waits so long for a prior that is on its way, then it is made without."
    )

    prior_count: int = Field(
        1,
        ge=1,
        le=10,
        description="So many priors: findings are compared with the newest, and their probabilities told over all.",
    )
    prior_views: Annotated[Views, AfterValidator(checked_views)] | None = Field(
        None,
        description='Groups of View Position (0018,5101) that may be compared with each other, [["PA", "AP"]], with a '
        "caution; without it, what the plugin says. Equal views always are.",
    )

    def prior(self, plugin_asks: bool, plugin_views: Views = ()) -> PriorRule | None:
        """What its analyses are compared with; None: with nothing. Args: plugin_asks, plugin_views: of its manifest."""
        asks = plugin_asks if self.compare_with_prior is None else self.compare_with_prior
        if not asks:
            return None
        views = plugin_views if self.prior_views is None else self.prior_views
        rule = self.prior_months, self.prior_archive, self.prior_wait_seconds, self.prior_count
        return PriorRule(*rule, views)


def with_window(routes: Iterable[Route]) -> frozenset[str]:
    """Names of those that begin analyses in a window only."""
    return frozenset(one.name for one in routes if one.window)
