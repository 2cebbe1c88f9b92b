"""A body that tells its objects in DICOM JSON or XML, and their bulk data in parts of their own (PS3.18 8.6.1.2 and
10.5.1).

Each object is assembled to a Part 10 file once all of its bulk data have come, and takes the way of all others; what
waits lies on the disk, and goes with the request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from node.intake.bulk import Piece, of_frame
from node.intake.entry import Entry
from node.intake.metadata import JSON, XML, Described, described
from node.intake.multipart import Begin, Malformed
from node.intake.reasons import Reason, Refused
from node.intake.request import CANNOT_UNDERSTAND, Failed, Storing, TooMuch
from node.intake.visit import Visit

#: Longest metadata of one request, bytes: they are held in memory.
LONGEST_METADATA = 16 << 20


class Assembling(Storing):
    """One such body on its way in; see :class:`Storing`."""

    def __init__(self, visit: Visit, boundary: bytes, longest: int, study_instance_uid: str = "") -> None:
        super().__init__(visit, boundary, longest, study_instance_uid)
        self._scratch = visit.scratch()
        self._waiting: dict[Described, None] = {}  # in their order
        self._wanted: dict[str, list[Described]] = {}
        self._pieces: dict[str, list[Piece]] = {}
        self._text: bytearray | None = None
        self._kind = ""
        self._room, self._location = LONGEST_METADATA, ""

    def finish(self) -> None:
        """See :meth:`Storing.finish`; what an object still waits for does not come."""
        super().finish()
        if not (self.stored or self.failed or self._waiting):
            raise Malformed("there is no object in the metadata")
        for one in self._waiting:
            self.failed.append(self._failure(Refused(Reason.BULK_DATA), one.claim))

    def tear(self) -> None:
        """The rest is not read: what still waits for it has failed."""
        super().tear()
        self.failed += [Failed(one.claim, CANNOT_UNDERSTAND) for one in self._waiting]

    def close(self) -> None:
        """It is over."""
        self._scratch.clear()
        super().close()

    def _begin(self, part: Begin) -> None:
        self._location = ""
        if part.content_type in (*JSON, *XML):
            self._text, self._kind = bytearray(), part.content_type
            return
        known = (part.location, of_frame(part.location)[0])
        self._location = next((uri for uri in known if uri in self._wanted), "")
        if self._location:
            self._with_bulk_data(lambda: self._scratch.begin(part))

    def _add(self, piece: bytes) -> None:
        if self._text is not None:
            self._room -= len(piece)
            if self._room < 0:
                raise TooMuch
            self._text += piece
        elif self._location:
            self._with_bulk_data(lambda: self._scratch.add(piece))
        else:
            self._pass_over(piece)

    def _end(self) -> None:
        if self._text is not None:
            text, self._text = bytes(self._text), None
            self._tell_apart(text)
        elif self._location:
            self._pieces.setdefault(self._location, []).append(self._scratch.end())
            self._assemble_whole(self._wanted[self._location])

    def _tell_apart(self, text: bytes) -> None:
        """The objects of metadata; those that have no bulk data are whole."""
        for one in described(text, self._kind):
            if one is None:
                self.failed.append(self._failure(Refused(Reason.METADATA), None))
                continue
            self._waiting[one] = None
            for uri in one.locations:
                self._wanted.setdefault(uri, []).append(one)
            self._assemble_whole([one])

    def _with_bulk_data(self, step: Callable[[], None]) -> None:
        """A step with the part that comes; what goes wrong is the failure of all objects that refer to it."""
        try:
            step()
        except Exception as error:  # an edge, as for an object that comes whole
            for one in list(self._wanted[self._location]):
                self.failed.append(self._failure(error, one.claim))
                self._forget(one)
            self._location = ""

    def _assemble_whole(self, those: Sequence[Described]) -> None:
        for one in [one for one in those if one.is_whole(self._pieces)]:
            self._assemble(one)

    def _assemble(self, one: Described) -> None:
        def write(entry: Entry) -> None:
            for piece in one.file(self._pieces, self._scratch):
                entry.add(piece)

        self._entry = self._visit.begin()
        self._try(write)
        super()._end()
        self._forget(one)

    def _forget(self, one: Described) -> None:
        """It is told of; bulk data for which nobody waits go."""
        del self._waiting[one]
        for uri in one.locations:
            self._wanted[uri].remove(one)
            if not self._wanted[uri]:
                del self._wanted[uri]
                self._pieces.pop(uri, None)
        if not self._pieces:
            self._scratch.clear()
