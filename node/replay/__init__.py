"""Looking at studies again: the same plugin, to prove that it answers the same; or another, in the shadow.

In come analyses of the ledger, whose files are still in the spool; out goes a :class:`Comparison` for each. They are
played by :mod:`node.offline`, with the node's own settings and engine, in a folder of their own: nothing is delivered,
and the ledger learns no more than that somebody asked. What fails is the reason of its own comparison, never of others.
On disk afterwards, in the folder that was named: `replay.jsonl`, a line for each comparison, the predictions that were
made, and the result objects beside them.
"""

from node.replay.comparison import Comparison, FindingPair, compare
from node.replay.originals import Original, original_of
from node.replay.playing import Player
from node.replay.record import FILE, read, written
from node.replay.tally import Shift, Tally, tally

__all__ = [
    "FILE",
    "Comparison",
    "FindingPair",
    "Original",
    "Player",
    "Shift",
    "Tally",
    "compare",
    "original_of",
    "read",
    "tally",
    "written",
]
