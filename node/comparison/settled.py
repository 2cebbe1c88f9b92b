"""What an analysis is to be compared with, and what came of it: written once, then never changed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import sha256

from node.comparison.assessed import Assessment, Views, assessment_of


@dataclass(frozen=True)
class PriorRule:
    """What an analysis is to be compared with.

    Attributes:
        months: a prior is so old at most; 0: as old as may be.
        archive: name of a destination that is asked where the node has none itself; empty: nobody is.
        wait_seconds: longest time that a report waits for a prior that is on its way.
        most: so many priors; findings are compared with the newest, and followed over all of them.
        views: which views may be compared with each other, beside equal ones.
    """

    months: int = 24
    archive: str = ""
    wait_seconds: float = 120.0
    most: int = 1
    views: Views = ()


@dataclass(frozen=True)
class Comparison:
    """What an analysis is compared with: a prior, or the reason why there is none. Written once, then never changed.

    Attributes:
        prior: the newest study that fits.
        reason: why there is none.
        earlier: further ones before it, the newest first: findings are followed over them.
        views: which views may be compared with each other, beside equal ones.
    """

    prior: Assessment | None = None
    reason: str = ""
    earlier: tuple[Assessment, ...] = ()
    views: Views = ()

    @property
    def priors(self) -> tuple[Assessment, ...]:
        """All of them, the newest first."""
        return (self.prior, *self.earlier) if self.prior else ()

    @property
    def sentence(self) -> str:
        """Which study is compared with, or why none is."""
        if self.prior is None:
            return f"No comparison: {self.reason}."
        days = ", ".join(one.day for one in self.earlier)
        before = f"; earlier ones: {days}" if days else ""
        return f"Compared with the study of {self.prior.day}, assessed by the same model{before}."

    @property
    def digest(self) -> str:
        """Hex, of all that it says: with another prior, the same study gives another report."""
        return sha256(comparison_text(self).encode()).hexdigest()


def comparison_text(comparison: Comparison) -> str:
    """As JSON; equal comparisons give equal text, and what an earlier version could say is still the same."""
    table = asdict(comparison)
    since = {name: table.pop(name) for name in ("earlier", "views")}
    return json.dumps(table | {name: value for name, value in since.items() if value}, sort_keys=True)


def comparison_from(text: str) -> Comparison:
    """The inverse of :func:`comparison_text`."""
    table = json.loads(text)
    return Comparison(
        assessment_of(table["prior"]) if table["prior"] else None,
        table["reason"],
        tuple(assessment_of(one) for one in table.get("earlier", ())),
        tuple(tuple(group) for group in table.get("views", ())),
    )
