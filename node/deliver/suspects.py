"""Studies at which a destination fell silent: it may be gone, or it may be their objects that it cannot stand."""

from __future__ import annotations

from collections.abc import Iterable

from node.ledger import DeliveryRow


class Suspects:
    """Tells the one from the other: who answers other studies and not this one is not gone.

    Until then nothing is held against a study; but it is sent after the others, or an archive that aborts at each
    object of one patient would get nothing of any other patient any more.
    """

    def __init__(self) -> None:
        self._answers_others: dict[str, bool] = {}  # Study Instance UID -> since it fell silent at it

    def last(self, studies: Iterable[list[DeliveryRow]]) -> list[list[DeliveryRow]]:
        """The same, these studies after the others."""
        return sorted(studies, key=lambda rows: rows[0].study_instance_uid in self._answers_others)

    def silent(self, study: str) -> bool:
        """The destination fell silent at this study; True when it has answered another since the last time."""
        is_the_study = self._answers_others.get(study, False)
        self._answers_others[study] = False
        return is_the_study

    def answered(self, study: str) -> None:
        """The destination answered to all of this study."""
        self._answers_others.pop(study, None)
        self._answers_others = dict.fromkeys(self._answers_others, True)
