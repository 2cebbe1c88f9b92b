"""What the node says of itself to those who connect it: a DICOM Conformance Statement (PS3.2 annex A) and an IHE
Integration Statement (IHE RAD TF-1 appendix F), written from the tables by which it works."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydicom.uid import UID

from node import __version__
from node.actors import ACTORS, ANSWERS, messages_taken
from node.config import Settings
from node.deliver import Verdict
from node.deliver.status import MEANINGS, Meaning
from node.fetch.get import GET
from node.fetch.move import MOVE
from node.fetch.query import FIND
from node.fetch.status import MEANINGS as FETCHED
from node.implementation import APPLICATION_CONTEXT, IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from node.intake.statement import origin_server
from node.kinds import KINDS, SOP_CLASSES
from node.receive.negotiate import STORAGE_CLASSES, TRANSFER_SYNTAXES
from node.receive.status import table as statuses
from node.signals import AVAILABILITY, PERFORMED_STEP
from node.study import MANUFACTURER

_VERIFICATION, _COMMITMENT = "1.2.840.10008.1.1", "1.2.840.10008.1.20.1"
_EXPLICIT, _IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
#: What becomes of an object, by the verdict on its status.
_BECOMES = {
    Verdict.DELIVERED: "delivered",
    Verdict.WARNING: "delivered; the trail and `radnode status` tell the warning",
    Verdict.TEMPORARY: "sent again after growing waits",
    Verdict.PERMANENT: "replaced by a simpler kind where there is one, else shown to the operator",
    Verdict.NOT_UNDERSTOOD: "sent again; in the end replaced by a simpler kind, or shown to the operator",
}

_WORKLISTS = """\
As user agent, where there are `[[worklists]]`: UPS-RS (PS3.18 11), in `application/dicom+json`. Search (11.9), by
Procedure Step State, Input Readiness State, Scheduled Workitem Code and Worklist Label, and for the urgent among many
also by Scheduled Procedure Step Priority; Retrieve (11.5); Change
Workitem State (11.7), under a Transaction UID of its own; Update (11.6), of Procedure Step Progress and, before the
end, of the Unified Procedure Step Performed Procedure Sequence, with the results and where they can be retrieved, or
of the reason why the workitem is canceled. The Transaction UID is in the query and in the dataset. With `events` of
the worklist: Subscribe (11.10) to the Worklist or, with a `label`, to the Filtered Worklist, and Open Notification
Connection (8.10.4): UPS State Report, UPS Assigned and UPS Cancel Requested (Event Types 1, 5, 2; PS3.4 CC.2.4). A
request to cancel is met until the first result is delivered. No Unsubscribe. The Input Information Sequence may name
several studies, and the instances of each: the workitem is completed when all of these have come, and all studies are
answered; the Output Information Sequence has the results of all, and Comments on the Performed Procedure Step names
those of the instances that were set aside, with the reason. Input with a WADO-RS Retrieval Sequence is retrieved (10.4)
in `multipart/related; type="application/dicom"`, in any transfer syntax, from configured services.
"""


def conformance_statement(settings: Settings) -> str:
    """As Markdown, of a node with that configuration; the same for the same settings and version."""
    parts = (
        _head(),
        _overview(settings),
        _receiving(settings),
        _sending(),
        _fetching(),
        _web(),
        _messages(settings),
        _security(settings),
        _texts(),
    )
    return "\n".join([*parts, _objects(), _integration(), _annex()])


def _head() -> str:
    return f"""# DICOM Conformance Statement

{MANUFACTURER} {__version__}. This page is written by `radnode conformance` from the tables by which the program works,
and follows PS3.2 annex A. With `--config` it describes a node as it is configured; here, as it is installed.

Implementation Class UID `{IMPLEMENTATION_CLASS_UID}`, Implementation Version Name `{IMPLEMENTATION_VERSION_NAME}`,
application context `{APPLICATION_CONTEXT}`.

A study that comes is stored, and when it is complete a model reads it; what it finds goes to the destinations of the
configuration as DICOM objects. Received objects are kept byte for byte as they came, with a File Meta Information of
our own, for a time that is configured: the node is no archive.
"""


def _overview(settings: Settings) -> str:
    promise = "yes" if settings.receive.promise_storage else "where `receive.promise_storage` is set"
    rows = [
        ("Verification", _VERIFICATION, "yes", "yes"),
        (f"Storage: {len(STORAGE_CLASSES)} SOP classes, see the annex", "", "yes", "no"),
        *((UID(uid).name, uid, "as above", "yes") for uid in dict.fromkeys(uid for _, uid in _sent())),
        *((service.name, service.sop_class_uid, "no", "yes") for service in (FIND, MOVE, GET)),
        ("Storage Commitment Push Model", _COMMITMENT, promise, "where a destination's `storage_commitment` is set"),
        *((UID(uid).name.removesuffix(" SOP Class"), uid, "yes", "no") for uid in (PERFORMED_STEP, AVAILABILITY)),
    ]
    cells = [[what, f"`{uid}`" if uid else "", scp, scu] for what, uid, scp, scu in rows]
    return "## Overview\n\n" + _table(["network service", "SOP class", "SCP", "SCU"], cells)


def _receiving(settings: Settings) -> str:
    node, limits = settings.node, settings.receive
    called = "has to be this one" if node.check_called else "may be any"
    calling = ", ".join(f"`{title}`" for title in node.allowed_calling) or "any, unless peers are configured"
    unknown = "taken as well" if limits.unknown_sop_classes else "rejected (abstract syntax not supported)"
    facts = [
        ("AE title", f"`{node.ae_title}`; the Called AE Title {called}"),
        ("Calling AE Titles", calling),
        ("port", str(node.port)),
        ("associations at one time", str(limits.max_associations)),
        ("longest PDU announced", f"{limits.max_pdu} bytes"),
        ("asynchronous operations window", "not negotiated: one operation at a time (PS3.7 D.3.3.3)"),
        ("role selection", "SCU of the requestor; SCP for Storage Commitment where it reports to us"),
        ("extended negotiation, user identity", "not supported; items are ignored"),
        ("ARTIM", f"{limits.associate_seconds:g} s until the request"),
        ("silence", f"{limits.network_seconds:g} s inside a message, {limits.idle_seconds:g} s between two"),
        ("longest dataset", f"{limits.max_object_mb} MiB"),
        ("SOP classes that look like storage, but are not in the annex", unknown),
    ]
    return f"""## Receiving: the AE as acceptor

{_table(["", ""], [list(fact) for fact in facts])}
Of each presentation context the first transfer syntax proposed that is in the annex is taken. Level of conformance for
Storage: 2 (full), coercion: none. Success says that the object, its name in its folder and its entry in the ledger are
synced to the disk. An object that came before with the same bytes is acknowledged again; one with other bytes under the
same SOP Instance UID is acknowledged, set aside and shown to the operator.

Modality Performed Procedure Step (N-CREATE, N-SET; PS3.4 annex F) and Instance Availability Notification (N-CREATE;
PS3.4 annex R) tell when a study is whole. Success says that what is kept of them is in the ledger: UIDs, statuses, AE
titles and the codes of PS3.16 CID 9300 that tell of the procedure, nothing of the patient. An N-CREATE needs its
attributes of type 1, an N-SET those of what it says was made; a step that ends without any series is taken. A step is
created IN PROGRESS, and its studies cannot be changed. The transfer syntaxes are those without compression. Who may
store may send them.

{statuses()}
"""


def _sending() -> str:
    classes = [[KINDS[kind], UID(uid).name, f"`{uid}`"] for kind, uid in _sent()]
    answers = [[_codes(row), row.name, _BECOMES[row.verdict], row.clause] for row in MEANINGS]
    return f"""## Sending: the AE as requestor

An association is asked for when there is something to send, with the presentation contexts of what is sent and nothing
else: each in {UID(_EXPLICIT).name}, and in {UID(_IMPLICIT).name} where the destination takes only that. It is kept
for the destination's `keep_seconds`, and then released. Which results a destination gets is its `profile`.

{_table(["result", "SOP class", "UID"], classes)}
What becomes of an object, by the status of its C-STORE response:

{_table(["status", "meaning", "the object is", "where the standard says so"], answers)}
An association that is rejected transiently, a connection that is refused or breaks, and an answer that does not come in
time are tried again after growing waits; a permanent rejection goes to the operator.

Storage Commitment as SCU: N-ACTION after the last object of a result; the report is taken on the same association or on
one that the archive opens to the AE, with the role of an SCP. Failure Reasons are told to the operator.
"""


def _fetching() -> str:
    answers = [
        [f"{first:04X}" if first == last else f"{first:04X}-{last:04X}", what]
        for (first, last), what in FETCHED.items()
    ]
    return f"""## Query/Retrieve: the AE as requestor

`radnode fetch`, `[[fetch]]` and a route's `prior_archive` ask a destination for studies (C-FIND, PS3.4 C.6.2), and to
send them to the AE, at level STUDY, by Study Instance UID: by C-MOVE or, with `retrieve = "get"` of the destination,
by C-GET, with role selection (SCP) for the SOP classes that it tells (SOP Classes in Study, or SOP Class UID at level
IMAGE), else for the commonest; the statuses of its C-STORE sub-operations are those of receiving. Relational queries
and other extended negotiation are not asked for. Keys of level STUDY: Study Instance UID, Patient ID, Accession
Number, Study Date (with ranges), Modalities in Study; Number of Study Related Instances is to be told. What is not
told is asked of the series (Modality, Body Part Examined, Number of Series Related Instances), and at level IMAGE
their objects are counted. When what is coming is wanted no more (a workitem is to be canceled) a C-CANCEL goes out,
and an abort where no last answer follows it in time. Answers that do not match are left out, whatever the archive
makes of its keys; so are, of a patient's prior studies, those that tell another Issuer of Patient ID, Patient's Birth
Date or Patient's Sex, which are asked for as return keys.

{_table(["status", "meaning"], answers)}"""


def _web() -> str:
    return f"""## DICOM web services

As user agent: STOW-RS (PS3.18 10.5) to destinations of kind `stow`, all objects of a result in one request, and an
answer for each.

{_WORKLISTS}
{origin_server(_table)}"""


def _messages(settings: Settings) -> str:
    return f"{messages_taken(settings)}\n{_table(['answer', 'it says'], [list(one) for one in ANSWERS.items()])}"


def _security(settings: Settings) -> str:
    tls = settings.tls
    port = f"port {tls.port}" if tls.enabled else "off as configured here"
    return f"""## Security

- BCP 195 RFC 8996, RFC 9325 Secure Transport Connection Profile (PS3.15 B.12): TLS 1.2 and 1.3, for receiving ({port})
  and for each destination; certificates in both directions, revocation lists of clients (CRL).
- Audit Trail Message Format Profile (PS3.15 A.5), Audit Trail Message Transmission Profiles by TLS and UDP (A.6, A.7).
- Basic Application Level Confidentiality Profile (PS3.15 annex E) for copies that leave: `radnode deidentify`.
- What a peer may do is given by its AE title, address and certificate: `radnode doctor` shows it.
"""


def _texts() -> str:
    return """## Character sets

Read: every term of PS3.3 C.12.1.1.2, with code extensions. Written: the terms of the source where its texts fit, else
`ISO_IR 192`.
"""


def _objects() -> str:
    return f"""## Objects that are made

Patient and study are copied from the images. UIDs are `2.25` (PS3.5 B.2), derived from study, revision and
plugin, so that the same result made again is the same object. Manufacturer is `{MANUFACTURER}`, Manufacturer's Model
Name the plugin; the images, the plugin's version and its weights are told in the object. No private attributes are
written. Codes are of DCM, SCT and UCUM, and of the plugin's own schemes (`99...`), which are listed with who answers
for them. Results of plugins for research have Content Qualification `RESEARCH`.
"""


def _integration() -> str:
    return f"""# IHE Integration Statement

{MANUFACTURER} {__version__}. Actors as implemented; none was tested at a Connectathon.

{_table(["profile", "actor", "what it does"], [list(actor) for actor in ACTORS])}"""


def _annex() -> str:
    classes = [[UID(uid).name, f"`{uid}`"] for uid in sorted(STORAGE_CLASSES, key=_numbers)]
    syntaxes = [[UID(uid).name, f"`{uid}`"] for uid in sorted(TRANSFER_SYNTAXES, key=_numbers)]
    head = ["name", "UID"]
    return f"""# Annex: what is taken

Storage SOP classes, retired ones included:

{_table(head, classes)}
Transfer syntaxes, for each of them:

{_table(head, syntaxes)}"""


def _sent() -> list[tuple[str, str]]:
    """Kind and SOP class, in the order of :data:`KINDS`."""
    return [(kind, uid) for kind in KINDS for uid in SOP_CLASSES[kind]]


def _codes(row: Meaning) -> str:
    return f"{row.first:04X}" if row.first == row.last else f"{row.first:04X}-{row.last:04X}"


def _numbers(uid: str) -> list[int]:
    return [int(component) for component in uid.split(".")]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)) + "\n"
