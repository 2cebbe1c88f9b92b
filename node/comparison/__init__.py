"""A finding now against the same finding in an earlier study of the same patient; pure.

Compared is like with like: the same model, finding, body part, side and view. What the operating point says of either
study tells `new` from `resolved`. Among what is present in both, probabilities differ by chance, too: the same patient
stands a little askew, another detector is noisier. A plugin's manifest states how far its probability moves then
(`repeatability`, the 95th percentile under the change that moves it most), and only a larger difference is called
increased or decreased. Without that figure no difference is called anything. None of it says that a disease has
changed: it says what the model says twice.

Worked example: 12 % (absent) in March, 87 % (present) in June, is `new`, +75 points; 80 % and 87 % are `unchanged` for
a model whose repeatability is 25 points; so are they the other way round.
"""

from node.comparison.assessed import (
    Answer,
    Aspect,
    Assessment,
    SeriesAssessment,
    Views,
    assessment_from,
    assessment_text,
    checked_views,
    misfit,
)
from node.comparison.change import CHANGE_CODES, Change, Compared, Earlier, compare, course
from node.comparison.settled import Comparison, PriorRule, comparison_from, comparison_text

__all__ = [
    "CHANGE_CODES",
    "Answer",
    "Aspect",
    "Assessment",
    "Change",
    "Compared",
    "Comparison",
    "Earlier",
    "PriorRule",
    "SeriesAssessment",
    "Views",
    "assessment_from",
    "assessment_text",
    "checked_views",
    "compare",
    "comparison_from",
    "comparison_text",
    "course",
    "misfit",
]
