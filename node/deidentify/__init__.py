"""Copies of studies without patients (PS3.15 annex E), for teaching and research.

In come DICOM files of the spool, originals and our results; out go Part 10 files in which nothing says whose they are,
with UIDs and pseudonyms that are the same in every export of this node, so that references hold. What cannot be made
free of a patient (text burned into pixels, documents of others) is left out, with the reason.

The profile is the Basic Application Level Confidentiality Profile, with options. It is stricter than the standard where
that is cheap: of the texts that table E.1-1 does not name, only those of a short list stay (:mod:`.texts`). Reads and
writes nothing by itself; what can fail raises :class:`~node.errors.PermanentError`.
On disk afterwards: what the caller writes, and the key of the pseudonyms in the data folder.
"""

from node.confidentiality import Choices, Dates, Keep
from node.deidentify.dataset import Deidentifier, LeftOut
from node.deidentify.files import Export, Exported
from node.deidentify.pixels import Region, known_regions, read_regions
from node.deidentify.pseudonyms import Pseudonyms

__all__ = [
    "Choices",
    "Dates",
    "Deidentifier",
    "Export",
    "Exported",
    "Keep",
    "LeftOut",
    "Pseudonyms",
    "Region",
    "known_regions",
    "read_regions",
]
