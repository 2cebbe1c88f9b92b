"""The trail as DICOM audit messages (PS3.15 A.5, 2026c), sent to a collector over syslog (IHE ATNA, ITI-20).

In come the events of the ledger, in their order; out go messages, each at least once and in that order. The ledger
holds the number of the last event that the collector has, so that neither a restart nor a collector that is away loses
any: what was not taken is sent again. A crash between sending and noting sends a few twice.

Nothing waits for the collector. What cannot be reached raises :class:`~node.errors.DeliveryError` inside of the room,
is shown by `radnode status`, and is tried again, after longer and longer pauses.
On disk afterwards: that one number.

Worked example: a slice came in (event 17), and its report went out (event 23)::

    17 received   -> DICOM Instances Transferred, C, source the calling AE title, destination we, study, patient
    18 study COMPLETED, 19 routed, ...  -> nothing: steps of our own work
    23 delivered  -> DICOM Instances Transferred, R, source we, destination the PACS, study, patient
"""

from node.audit.collector import Collector
from node.audit.forwarder import Forwarder
from node.audit.tampering import verify_trail

__all__ = ["Collector", "Forwarder", "verify_trail"]
