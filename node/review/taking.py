"""Takes reviews into the ledger: the one file of this room that reads the spool and writes rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from node.account import FindingAccount, read_account
from node.claims import Outcome
from node.errors import DecodeError, PermanentError, where
from node.ledger import AnalysisRow, Ledger, ReportRow, Signed, UnreadDocument
from node.review.document import read_document
from node.review.hl7 import parse
from node.review.matching import match, newest
from node.review.message import read_reports
from node.review.wording import Vocabulary, said
from node.reviews import NOT_SETTLED, REPORT_TEXT, SIGNED_SR, Answer, Review, Statement
from node.spool import Spool
from node.states import SETTLED, AnalysisState

#: Why a report in a message is never read.
NO_ANSWERS = "its study has no answers of this node at hand"
NO_PERSON = "no person stands behind the report: it has no verifying, authoring or observing person"


def answers(ledger: Ledger, spool: Spool, uid: str) -> list[Answer]:
    """Every answer that the node gave to a study and still has at hand, oldest analysis first; a silent one is none."""
    given = (row for row in ledger.analyses.of_study(uid) if row.state is not AnalysisState.SILENT)
    return [answer for row in given for answer in _answers(ledger, spool, row)]


def take_document(
    ledger: Ledger, spool: Spool, document: UnreadDocument, vocabularies: Mapping[str, Vocabulary] | None = None
) -> int:
    """Look at a report that came in; how many reviews were new. What it does not understand is in the trail.

    What a reader says of our answers is read once; a signed report that is read by its words once all that the study
    is analysed for is done, and again when that was done anew.

    Args:
        ledger: takes the reviews.
        spool: holds the report.
        document: that came.
        vocabularies: plugin -> the words of its findings, by which a signed report that is not about us is read.
    """
    taken: list[Review] = []
    reasons: list[str] = []
    signed: Signed | None = None
    try:
        found = read_document(spool.path(document.path))
        known = answers(ledger, spool, document.study_instance_uid) if found.statements or found.signed else []
        reader = f"{document.calling_ae} {found.person}"
        if _about_us(found.statements, known):
            taken, reasons = _matched(found.statements, known, reader, document.sop_instance_uid)
            if not found.person:
                taken, reasons = [], [NO_PERSON]
        elif found.signed:
            waits = ledger.studies.get(document.study_instance_uid).state not in SETTLED
            signed = Signed(found.predecessors, waits, found.subject, found.signed_at)
            by = Said(reader, REPORT_TEXT + document.sop_instance_uid, SIGNED_SR)
            taken = [] if waits else list(_worded(found.signed, known, by, vocabularies or {}))
    except DecodeError as error:
        reasons = [str(error)]
    return ledger.reviews.read(document, taken, reasons, signed)


def take_statements(
    ledger: Ledger, spool: Spool, uid: str, statements: Sequence[Statement], *, reader: str, origin: str
) -> list[Review]:
    """Take what was posted or typed: all of it or nothing. Returns what was new.

    Raises:
        PermanentError: one of the statements is about no answer of the study, and why.
    """
    known = answers(ledger, spool, uid)
    return ledger.reviews.add(uid, [match(one, known, reader, origin) for one in statements])


def take_report(
    ledger: Ledger, spool: Spool, row: ReportRow, vocabularies: Mapping[str, Vocabulary], fallback: str
) -> int:
    """Look at a report that came as a message: which study it is of, and what it says; how many reviews were new.

    It is read once all that the study is analysed for is done, and again when that was done anew.

    Args:
        ledger: takes the reviews.
        spool: holds the message.
        row: that is due.
        vocabularies: plugin -> the words of its findings.
        fallback: character set of messages that name none.
    """
    found, reason = ledger.reports.match(row), ""
    taken: list[Review] = []
    if not found.study_instance_uid:
        reason = found.reason
    elif not found.settled:
        reason = NOT_SETTLED
    elif not (known := answers(ledger, spool, found.study_instance_uid)):
        reason = NO_ANSWERS
    else:
        taken, reason = _read(spool, row, known, vocabularies, fallback)
    return len(ledger.reports.settle(row, found, taken, reason))


def _read(
    spool: Spool, row: ReportRow, known: Sequence[Answer], vocabularies: Mapping[str, Vocabulary], fallback: str
) -> tuple[list[Review], str]:
    """What the report says, and why nothing can be read."""
    try:
        told = read_reports(parse(spool.path(row.path).read_bytes(), fallback))[row.place]
    except OSError as error:
        return [], f"its file in the spool cannot be read: {error.strerror}"
    except Exception as error:  # an edge: what strangers sent was read once; a file that changed since stops no other
        return [], f"its file in the spool is not what came: {where(error)}"
    by = Said(told.reader, row.origin, f"HL7 {row.source}")
    return list(_worded(told.text, known, by, vocabularies)), ""


@dataclass(frozen=True)
class Said:
    """Who says something, and where: as in :class:`~node.reviews.Review`."""

    reader: str
    origin: str
    source: str


def _worded(text: str, known: Sequence[Answer], by: Said, vocabularies: Mapping[str, Vocabulary]) -> Iterator[Review]:
    """What a signed report says of the findings that were answered, by the rules of `wording`."""
    for answer in newest(known):
        terms = vocabularies.get(answer.plugin, {}).get(answer.finding, ())
        outcome = said(text, terms) if terms else None
        if outcome is not None and not answer.laterality:  # which side a sentence is about no rule tells
            statement = Statement(outcome=outcome, finding=answer.finding, plugin=answer.plugin)
            yield replace(match(statement, [answer], by.reader, by.origin), source=by.source)


def _about_us(statements: Sequence[Statement], known: Sequence[Answer]) -> bool:
    """A report that neither tracks what we track nor refers to what we made is somebody else's business."""
    tracked = {one.tracking_uid for one in known if one.tracking_uid}
    made = {uid for one in known for uid in one.results}
    return any(one.tracking_uid in tracked or one.references & made for one in statements)


def _matched(
    statements: Iterable[Statement], known: Sequence[Answer], reader: str, origin: str
) -> tuple[list[Review], list[str]]:
    taken, reasons = [], []
    for statement in statements:
        try:
            taken.append(match(statement, known, reader, origin))
        except PermanentError as error:
            reasons.append(str(error))
    return taken, list(dict.fromkeys(reasons))


def _answers(ledger: Ledger, spool: Spool, row: AnalysisRow) -> Iterator[Answer]:
    account = read_account(spool.path(f"work/{row.id}"), row.sealed)
    if account is None:
        return
    results = frozenset(result.sop_instance_uid for result in ledger.analyses.results(row.id))
    found: dict[tuple[str, str], FindingAccount] = {}
    for one in (one for series in account.series for one in series.findings):
        key = (one.finding, one.laterality)
        if key not in found or one.probability > found[key].probability:
            found[key] = one
    for (finding, laterality), one in found.items():
        yield Answer(
            analysis_id=row.id,
            plugin=row.plugin,
            plugin_version=account.version,
            finding=finding,
            laterality=laterality,
            tracking_uid=one.tracking_uid,
            code=(one.code.value, one.code.scheme) if one.code else None,
            outcome=Outcome(one.outcome),
            probability=float(one.probability),
            results=results,
        )
