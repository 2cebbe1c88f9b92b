"""Takes results to their destinations: C-STORE, STOW-RS, Orthanc's REST API, a folder; messages by MLLP and POST.

In come the deliveries that are due and the objects in the spool; out go outcomes for each object, and rows of the
ledger that say so. The rules of failure:

- what a destination says of one object settles that object alone; what was delivered stays delivered;
- a temporary refusal is tried again with backoff and jitter, until the attempts are spent;
- in place of an object that is refused for good, or has spent its attempts, one of a simpler kind is sent
  (:data:`node.kinds.INSTEAD`); when there is none, the refusal goes into the operator's list, with its reason;
- what cannot be sent (a lost file), and what is refused because of us (AE title, password), goes there at once;
- a destination that does not answer at all, or with which there is no TLS, is left alone for a while, and nothing that
  waits for it spends an attempt;
- what was sent and not written down is sent again: the same SOP Instance UID makes it the same object there, the same
  message control id (MSH-10) or Idempotency-Key the same message.

Raises :class:`~node.errors.LedgerBusy`. A folder holds `<study>/<SOP Instance UID>.dcm` afterwards; else nothing is on
disk here.
"""

from node.deliver.address import destination_for
from node.deliver.backoff import backoff_seconds
from node.deliver.commitment import ask_commitment, offers_commitment, report_commitment
from node.deliver.courier import Courier, Health
from node.deliver.files import send_files
from node.deliver.outcome import Outcome, Outgoing, Sender, Verdict
from node.deliver.senders import sender_for

__all__ = [
    "Courier",
    "Health",
    "Outcome",
    "Outgoing",
    "Sender",
    "Verdict",
    "ask_commitment",
    "backoff_seconds",
    "destination_for",
    "offers_commitment",
    "report_commitment",
    "send_files",
    "sender_for",
]
