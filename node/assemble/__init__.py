"""From the rows of a study to pictures: when a study is complete, and its series as decoded, sorted image sets.

Comes in: the facts of a study as the ledger knows them (:class:`StudyFacts`), and the files of its series as the
receiver wrote them (DICOM Part 10, any transfer syntax).

Goes out: a :class:`Verdict` with its reason (pure, no clock of its own), and for each series an
:class:`~node.plugin.ImageSet`: every frame as a viewer shows it at its default window, its Modality LUT values, its
spacing, its place along the slice normal; sorted in space.

Can fail: an object that cannot be decoded, or that declares more pixels than the limit or than its data can hold,
raises :class:`~node.errors.DecodeError` (permanent, never anything else); :func:`read_image_set` turns it into a
:class:`~node.study.NotAssessed` with that reason and goes on with the others. Sizes are checked before any decoder
runs. Codecs are native code: those that end or hang their process over damaged frames run in one of their own, which
this room starts when it first needs it; call the room itself in a process with limits on memory and time.

On disk afterwards: what was there before. The room reads files and writes none.

Overlays and display shutters are not drawn.
"""

from node.assemble.completeness import Counted, Performed, SeriesFacts, StudyFacts, Verdict, decide
from node.assemble.pixels import read_images
from node.assemble.series import read_image_set

__all__ = ["Counted", "Performed", "SeriesFacts", "StudyFacts", "Verdict", "decide", "read_image_set", "read_images"]
