"""The room of the other ways in: what comes not over C-STORE, but as the bytes of a Part 10 file (PS3.10 7).

In come bytes, from a file or a request; out go the same things in the same order as from the receiver, by the same code
(:mod:`node.receive.keeping`): a synced file in the spool with File Meta Information of our own, a committed row, and
only then a word to whoever brought it. Limits, header check, quarantine and duplicates are those of C-STORE, and so
are the reasons in the trail. What one source brings in one go is a :class:`Visit`, an association in the ledger: its
calling AE title is the name of the source, so that routes know it by `calling_ae`; its studies stay open as long as it
is.

What can fail, and leaves nothing behind:

- it is no object for us (:class:`Refused`, with a :class:`Reason`): no DICOM file, of no storage SOP class, longer than
  `receive.max_object_mb`, of another study than was said;
- the spool is full or the ledger is locked (:class:`~node.errors.TemporaryError`): it may come again later.

Beside them stands the inlet for signed reports in HL7 messages (:mod:`node.intake.hl7`), which are no objects: they are
kept as they came, in `reports/` of the spool, with a row for each, and read by :mod:`node.review`.

If the process is killed between the file and the row, :mod:`node.reconcile` takes the file, or it comes again: to the
same name. Brought again, it is `received again`, and changes nothing.
"""

from node.intake.entry import Entry, Limits
from node.intake.reasons import Reason, Refused
from node.intake.visit import Intake, Taken, Visit

__all__ = ["Entry", "Intake", "Limits", "Reason", "Refused", "Taken", "Visit"]
