"""Where the study of a workitem is to be had: an archive (C-MOVE, C-GET), or a DICOMweb service (WADO-RS)."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from node.config import Destination, Settings, Worklist
from node.deliver.http import shown
from node.errors import DeliveryError, DeliveryRefused
from node.fetch import Fetcher, Wanted, enquire
from node.ledger import Input, Ledger
from node.worklist.retrieval import Places, Retrieval, places

#: So many of the addresses that lead nowhere are named.
_MOST_TOLD = 3


class NotThere(Exception):
    """Whoever should have the study does not; the message says who."""


class Origin:
    """Of the studies of one worklist.

    Args:
        worklist: names the archive of those that say nothing.
        settings: of this node: nothing is fetched from anywhere else.
        ledger: is told.
    """

    def __init__(self, worklist: Worklist, settings: Settings, ledger: Ledger) -> None:
        self._worklist, self._settings, self._ledger = worklist, settings, ledger

    def unknown(self, one: Input) -> str:
        """Why nobody can be asked for it; empty: somebody can."""
        if self._archive(one) is not None or self._places(one):
            return ""
        origins = dict.fromkeys(filter(None, map(_origin, one.sources)))
        if not origins:
            return "nothing that this node knows says where it is"
        named = shown(", ".join(list(origins)[:_MOST_TOLD]))
        return f"its input is at {named}, and no destination of kind 'stow' has these addresses of the study as its url"

    def fetch(self, one: Input, operator: str, is_stopping: Callable[[], bool]) -> str:
        """Why not all of it came, or empty. Raises :class:`NotThere`, :class:`~node.errors.LedgerBusy`.

        Args: operator: who wants it, for the trail; is_stopping: whether the rest is wanted no more.
        """
        archive = self._archive(one)
        if archive is None:
            retrieval = Retrieval(self._settings, self._ledger, operator, is_stopping)
            return retrieval.run(one.study_instance_uid, self._places(one))
        try:
            return self._from_archive(archive, one.study_instance_uid, operator, is_stopping)
        except (DeliveryError, DeliveryRefused) as error:
            return str(error)

    def _from_archive(self, archive: Destination, uid: str, operator: str, is_stopping: Callable[[], bool]) -> str:
        wanted = Wanted(study=uid)
        matches = enquire(archive, self._settings.node.ae_title, self._ledger, operator, wanted, 1).matches
        if not matches and not self._ledger.fetches.came(uid):
            raise NotThere(f"{archive.name} does not have its study")
        fetcher = Fetcher(archive, self._settings, self._ledger, operator, is_stopping)
        return "; ".join(one.reason for one in fetcher.fetch(matches) if one.reason)

    def _archive(self, one: Input) -> Destination | None:
        """Where the workitem says, if that is configured, else where the settings say, unless it gives an address."""
        for title in one.sources:
            for known in self._settings.destinations:
                if known.kind == "dicom" and known.ae_title == title:
                    return known
        return None if self._places(one) else self._settings.destination(self._worklist.archive)

    def _places(self, one: Input) -> Places:
        return places(one.sources, one.study_instance_uid, self._settings)


def _origin(source: str) -> str:
    """Scheme and machine of an address, without who signs in; empty: it is none."""
    try:
        parts = urlsplit(source)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.scheme and parts.netloc else ""
