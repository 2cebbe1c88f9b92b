"""Why a study has the result that it has, or none: told in plain sentences, in the order of the work.

In comes what was asked for (a :class:`~node.ledger.Subject`), the ledger, the settings, and the manifests of the
plugins; out goes an :class:`Explanation`: one sentence that answers, what happened step by step, and what to do next,
as exact commands. Only the ledger is read, and whether the node runs makes no difference. What can fail raises
:class:`~node.errors.LedgerBusy`; nothing is on disk afterwards.

Worked example::

    found = explain(ledger, settings, catalogue.manifests, ledger.inquiries.subject("1.2.3"), time.time())
    found.answer    # "no result yet: it is made, and destination 'pacs' does not answer: connection refused"
    found.steps     # (Step("radnode echo pacs", "whether it answers again; what waits goes by itself"),)
"""

from node.why.archives import absences
from node.why.explanation import explain
from node.why.telling import Explanation, Step, Told

__all__ = ["Explanation", "Step", "Told", "absences", "explain"]
