"""Fetches studies from an archive: Query/Retrieve, Study Root, as its user (PS3.4 annex C).

In comes what is wanted; out go the studies that the archive has of it (C-FIND), and requests to send them: to this
node, which takes them like those of any other sender (C-MOVE), or over the same association (C-GET), where they are
kept by the code of the receivers, with their promises. The rules of failure:

- what an archive answers is not believed: studies that were not asked for are left out, UIDs and numbers are checked,
  and answers have an end in number, bytes and time;
- a study stands in the ledger, with the number of instances that the archive counts, before it is asked for: after
  kill -9 the same command asks for what is not here yet;
- what one study lacks stops no other; what keeps the archive from sending anything ends the run, and the rest is
  told as not asked for;
- whether a study has come is counted in the ledger, not taken from the archive's word;
- what an archive names as failed (0008,0058), and is not here, is asked for once more at once, then named;
- by the clock a study is fetched when the archive counts as many instances of it as at the look before, and not again
  unless it counts others, or it did not come whole: then after a minute, which is doubled each time up to an hour.

Raises :class:`~node.errors.DeliveryError`, :class:`~node.errors.DeliveryRefused`, :class:`~node.errors.LedgerBusy`.
On disk afterwards: what has come, in the spool.
"""

from node.fetch.enquiry import enquire
from node.fetch.fetching import Fetched, Fetcher
from node.fetch.query import Found, Match, find
from node.fetch.wanted import Wanted, dicom_dates, is_code
from node.fetch.watch import Watch

__all__ = ["Fetched", "Fetcher", "Found", "Match", "Wanted", "Watch", "dicom_dates", "enquire", "find", "is_code"]
