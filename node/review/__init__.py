"""Reviews: what radiologists say of our findings comes back, is matched with the answer it is about, and counted.

In come Structured Reports that a viewer or PACS sends (:mod:`node.review.document`), HL7 messages with signed reports
(:mod:`node.review.message`) and JSON that is posted (:mod:`node.review.posted`); out go :class:`~node.reviews.Review`
values, in the ledger. What cannot be matched is named with its reason, in the trail of the study or in the answer to
whoever posted it, and counts for nothing.
Only what a person says counts: another program's report, or our own one that comes back, is no review. What a signed
report says in words (:mod:`node.review.wording`) is taken by rules that err, and is counted apart.
On disk afterwards: nothing but rows of the ledger; reports and messages lie in the spool as they came.
"""

from node.review.document import Document, read_document
from node.review.matching import match
from node.review.posted import Posted, read_posted
from node.review.taking import answers, take_document, take_report, take_statements
from node.review.wording import Vocabulary, read_vocabulary

__all__ = [
    "Document",
    "Posted",
    "Vocabulary",
    "answers",
    "match",
    "read_document",
    "read_posted",
    "read_vocabulary",
    "take_document",
    "take_report",
    "take_statements",
]
