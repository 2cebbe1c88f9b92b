"""Which answer a reader's words are about: pure."""

from __future__ import annotations

from collections.abc import Sequence

from node.errors import PermanentError
from node.reviews import Answer, Judgement, Review, Statement


def match(statement: Statement, answers: Sequence[Answer], reader: str, origin: str) -> Review:
    """The review of the one answer that the statement is about; of several revisions the newest.

    Args:
        statement: what was said.
        answers: of the study.
        reader: who said it.
        origin: where.

    Raises:
        PermanentError: it is about no answer of the study, or it does not say which of several.
    """
    named = [one for one in answers if _names(statement, one)]
    referred = [one for one in named if one.results & statement.references]
    found = newest(referred or named)
    if len(found) != 1:
        raise PermanentError(_why(statement, found, answers), about=statement.about)
    return Review(found[0], _judgement(statement, found[0]), statement.outcome, reader, origin)


def _names(statement: Statement, answer: Answer) -> bool:
    """Whether it may be about that answer. A code alone names the finding, not who answered: it takes a reference."""
    if statement.plugin not in ("", answer.plugin) or statement.laterality not in ("", answer.laterality):
        return False
    if statement.tracking_uid:
        return statement.tracking_uid == answer.tracking_uid
    if statement.finding:
        return statement.finding == answer.finding
    return statement.code is not None and statement.code == answer.code and bool(answer.results & statement.references)


def newest(answers: Sequence[Answer]) -> list[Answer]:
    """Of each plugin, finding and side the last answer."""
    newest = {
        (one.plugin, one.finding, one.laterality): one for one in sorted(answers, key=lambda one: one.analysis_id)
    }
    return list(newest.values())


def _judgement(statement: Statement, answer: Answer) -> Judgement:
    if statement.judgement is not None:
        return statement.judgement
    return Judgement.ACCEPTED if statement.outcome is answer.outcome else Judgement.CORRECTED


def _why(statement: Statement, found: Sequence[Answer], answers: Sequence[Answer]) -> str:
    if found:
        several = ", ".join(f"{one.plugin} {one.finding} {one.laterality}".rstrip() for one in found)
        return f"it does not say which answer it is about: {several}"
    if not answers:
        return "the study has no answers of this node, or their files were purged (storage.keep_days)"
    known = sorted({f"{one.plugin}: {one.finding}" for one in answers})
    return f"the study has no such finding; it has {', '.join(known)}"
