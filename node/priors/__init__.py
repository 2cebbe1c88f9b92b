"""What each analysis is compared with: looked for here, and settled in the ledger before the report is made.

In come analyses that are classified and want a prior; out goes one :class:`~node.comparison.Comparison` for each: the
newest earlier study of the same patient that the same model has assessed on the same part of the body, or a sentence
that says why there is none. What is on its way is waited for, for as long as the route says. Another patient's study is
never taken: the patient's key (issuer and id) must be the same, and neither birth date nor sex may contradict it.

A comparison is written once. Whoever is killed before has settled nothing, and begins again; whoever is killed after
finds it settled, so that a replay of the report says the same under the same UIDs.

Where the node itself has none, the archive that the route names is asked (C-FIND, C-MOVE): what comes is assessed like
any other study, and nothing of it is delivered.
"""

from node.priors.archive import Archives
from node.priors.settling import Priors

__all__ = ["Archives", "Priors"]
