"""What forms of the dashboard do: the operator's actions, and a reader's word on a finding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.exceptions import HTTPException

from node.claims import Outcome
from node.ledger import Ledger
from node.review import take_statements
from node.reviews import Judgement, Statement
from node.spool import Spool
from node.web import actions
from node.web.tokens import Role

Fields = Mapping[str, str]


@dataclass(frozen=True)
class Deed:
    """What a form asks for. Args: name: of what it is about; action: to be done; fields: of the form; holder: whose."""

    name: str
    action: str
    fields: Fields
    holder: str


class Acting:
    """Does it. Args: ledger, spool: of the node."""

    def __init__(self, ledger: Ledger, spool: Spool) -> None:
        self._ledger, self._spool = ledger, spool
        #: Kind of thing -> the role that is needed, and what does it.
        self.kinds: Mapping[str, tuple[Role, Callable[[Deed], str]]] = {
            "analysis": (Role.OPERATE, self._analysis),
            "plugin": (Role.OPERATE, self._plugin),
            "study": (Role.OPERATE, self._study),
            "critical": (Role.OPERATE, self._critical),
            "review": (Role.REVIEW, self._review),
        }

    def _analysis(self, deed: Deed) -> str:
        if deed.action not in actions.ON_ANALYSES or not (deed.name.isascii() and deed.name.isdigit()):
            raise HTTPException(404, "there is no such action")
        state = actions.act_on_analysis(self._ledger, int(deed.name[:18]), deed.action, deed.holder)
        return f"Analysis {deed.name} is {state} now."

    def _plugin(self, deed: Deed) -> str:
        if deed.action not in actions.ON_PLUGINS:
            raise HTTPException(404, "there is no such action")
        paused = actions.ON_PLUGINS[deed.action](self._ledger, deed.name, deed.holder)
        return f"{deed.name} {'is paused' if paused else 'goes on'} now."

    def _study(self, deed: Deed) -> str:
        if deed.action != "complete":
            raise HTTPException(404, "there is no such action")
        actions.complete_study(self._ledger, deed.name, deed.holder)
        return "The study goes on at the next tick."

    def _critical(self, deed: Deed) -> str:
        found = self._ledger.criticals.acknowledge(deed.name, f"token {deed.holder}")
        return f"{found.finding} is acknowledged."

    def _review(self, deed: Deed) -> str:
        """A word on one finding of a study: accepted, rejected, or what is right."""
        study = self._ledger.studies.get(deed.name).study_instance_uid
        statement = _statement(deed.action, deed.fields)
        taken = take_statements(
            self._ledger, self._spool, study, [statement], reader=deed.holder, origin=f"dashboard, {deed.holder}"
        )
        return "Your review is taken." if taken else "That was said before: nothing was changed."


def _statement(word: str, fields: Fields) -> Statement:
    judgements = (Judgement.ACCEPTED, Judgement.REJECTED)
    if word not in (*judgements, Outcome.PRESENT, Outcome.ABSENT):
        raise HTTPException(404, "there is no such word on a finding")
    return Statement(
        judgement=Judgement(word) if word in judgements else None,
        outcome=None if word in judgements else Outcome(word),
        finding=fields.get("finding", ""),
        plugin=fields.get("plugin", ""),
        laterality=fields.get("laterality", ""),
    )
