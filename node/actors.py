"""IHE actors as far as they are implemented, and the messages that are taken: parts of the node's statement."""

from __future__ import annotations

from collections.abc import Mapping

from node.config import Settings
from node.intake.answer import ERRORS
from node.review.hl7 import CHARSETS
from node.review.message import EVENTS, VERSIONS

#: IHE profile, actor, and how far it goes. Nothing here was tested at a Connectathon.
ACTORS = (
    (
        "AI Workflow for Imaging (AIW-I)",
        "Task Performer",
        "workitems of a Task Manager over UPS-RS, in pull workflow: Query, Claim, Get, Update and Complete UPS "
        "Workitem (RAD-81 to RAD-85); with `events` it subscribes and hears of requests to cancel (RAD-86, RAD-87)",
    ),
    (
        "AI Results (AIR)",
        "Evidence Creator",
        "TID 1500 with quantitative and qualitative findings, tracking identifiers, Segmentation, Parametric Map and "
        "Key Object Selection; stored by C-STORE or STOW-RS (RAD-43), Storage Commitment (RAD-10)",
    ),
    (
        "Consistent Presentation of Images (CPI)",
        "Evidence Creator",
        "Softcopy Presentation States that leave the image untouched (RAD-9)",
    ),
    ("Key Image Note (KIN)", "Evidence Creator", "the list of a result's objects, and Rejected for Quality (RAD-29)"),
    (
        "Scheduled Workflow (SWF.b)",
        "none; what a Performed Procedure Step Manager and an Image Manager tell is heard",
        "Modality Procedure Step In Progress (RAD-6), Completed / Discontinued (RAD-7), Instance Availability "
        "Notification (RAD-49): by these a study is known to be whole",
    ),
    (
        "Simple Image and Numeric Report (SINR)",
        "none; what a Report Manager exports is heard",
        "Structured Report Export (RAD-28): signed reports in ORU^R01, by which the models are measured",
    ),
    (
        "Audit Trail and Node Authentication (ATNA)",
        "Secure Application",
        "audit messages of PS3.15 A.5 over TLS, TCP or UDP syslog (ITI-20); node authentication by TLS (ITI-19). "
        "The time of the machine is the operating system's to keep (ITI-1)",
    ),
)

#: MSA-1, what it says, and what the sender may do.
ANSWERS: Mapping[str, str] = {
    "AA": "the message is synced to the disk, and its entry in the ledger; or it was so before, and nothing changed",
    "AE": "there is an error in it (100 to 102), or it cannot be kept now (207: to be sent again later)",
    "AR": "it is of a kind, version or character set that is not taken (103, 200 to 203), too long, or from one who may"
    " not send",
}


def messages_taken(settings: Settings) -> str:
    """What is said of HL7 before its tables."""
    hl7 = settings.hl7
    port = f"port {hl7.port}" if hl7.enabled else "off as configured here"
    events = ", ".join(f"{kind}^{event}" for kind, event in EVENTS)
    return f"""## HL7 messages

Taken over MLLP ({port}), within TLS with `hl7.tls`: {events}
of versions {", ".join(VERSIONS)}, Processing ID P; up to {hl7.longest_mb} MiB, {hl7.message_seconds:g} s for each.
Original acknowledgement mode; AA, AE and AR are CA, CE and CR where MSH-15 asks for an accept acknowledgement. Error
codes of table 0357 ({", ".join(ERRORS)}) stand in ERR-3, before v2.5 in ERR-1.
A block is a message, or a batch or file of batches (2.10.3), which one block answers: a batch of acknowledgements, one
for each message (2.10.3.3 a), those that are not AA first; BHS-12 and FHS-12 name what is answered.

Read are MSH, PID-2, PID-3, OBR-2, OBR-3, OBR-18 to OBR-22, OBR-25, OBR-32, OBX of type TX, FT, ST, CWE and CE (text,
or RTF) with OBX-3 and OBX-11, ZDS-1, IPC-1, IPC-3, and of documents TXA. Only results that are final (F) or corrected
(C; of an OBX A, B or V as well), and documents that are authenticated (TXA-17 AU, LA), count; of those for one order
the newest, by OBR-22 or TXA-8, 6 or 4, else by MSH-7. Character sets (MSH-18): {len(set(CHARSETS.values()))} of
table 0211, by their names there and in DICOM; without one UTF-8, else `hl7.character_set`.
"""
