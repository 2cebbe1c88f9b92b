"""Several messages in one block: a batch, or a file of batches (HL7 v2.5.1, 2.10.3). Pure.

    [FHS] { [BHS] { MSH ... } [BTS] } [FTS]

It is taken apart, so that each message is taken or refused by itself, and answered by one block, since a sender waits
for one: a batch of acknowledgements, one for each message (2.10.3.3 a). Those that say no come first: senders such as
Mirth Connect read the first MSA of what they get, and would hold for sent what was not.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from node.export.hl7_text import Field, escaped, segment
from node.intake.answer import Answer, acknowledgement, printable
from node.review.hl7 import Marks, Segment, Unfit, begun, read_marked

#: How its segments begin, with the separator of the batch; the header of a message may have another one.
_BEGINS = rb"(?:FHS|BHS|BTS|FTS)(?:%s|[\r\n]|\Z)|MSH(?:%s|([^\w\s])[^\w\s]{4,5}\1)"
_HEADERS, _TRAILERS = (b"FHS", b"BHS"), (b"BTS", b"FTS")

#: More messages in a block take longer than a sender waits, and their answers have to be held in memory.
MOST = 10_000
_MOST_PIECES = 4 * MOST  # messages, headers and trailers; what is behind them is not taken apart, and so not taken

#: One message, and what is answered.
Answered = tuple[Segment, Answer]


@dataclass(frozen=True)
class Batch:
    """Attributes: header: BHS; None: it has none; messages: each from MSH on, or whatever else was between two."""

    header: Segment | None
    messages: tuple[bytes, ...]


@dataclass(frozen=True)
class File:
    """What a block holds. Attributes: header: FHS; None: it has none."""

    header: Segment | None
    batches: tuple[Batch, ...]

    def answer(self, take: Callable[[bytes], Answered], application: str) -> bytes:
        """Take every message; what is answered to all of them, without frame; empty: no sender wants an answer.

        Args:
            take: takes one.
            application: who we are.
        """
        count = sum(len(batch.messages) for batch in self.batches)
        if not 0 < count <= MOST:
            header = next((one.header for one in self.batches if one.header), self.header)
            return acknowledgement(_as_message(header), _TOO_MANY if count else _EMPTY, application)
        answered = [[take(message) for message in batch.messages] for batch in self.batches]
        answered = [sorted(one, key=lambda each: each[1].code == "AA") for one in answered]
        pairs = sorted(zip(self.batches, answered, strict=True), key=lambda pair: _is_taken(pair[1]))
        said = [_batch(batch, one, application) for batch, one in pairs]
        if not any(said):
            return b""
        head = _header("FHS", self.header, application) if self.header else b""
        return head + b"".join(said) + (segment("FTS", {1: str(len(said))}).encode() if head else b"")


_EMPTY = Answer("AA", text="no message is in it")
_TOO_MANY = Answer("AR", "207", f"it has more than {MOST} messages: send them in several batches")


def apart(data: bytes) -> File | None:
    """The messages of a block; None: it is no batch. Raises nothing, however it is built."""
    block = begun(data)
    if not block.startswith(_HEADERS):
        return None
    begins = re.compile(rb"(?:\A|(?<=[\r\n]))(?=%s)" % (_BEGINS % ((re.escape(block[3:4]),) * 2)))
    file_header: Segment | None = None
    batches: list[tuple[Segment | None, list[bytes]]] = []
    for piece in begins.split(block, _MOST_PIECES)[::2]:
        if piece.startswith((*_HEADERS, *_TRAILERS)):
            line, _, piece = re.sub(rb"[\r\n]+", b"\r", piece).partition(b"\r")
            if line.startswith(b"FHS"):
                file_header = _read(line)
            elif line.startswith(b"BHS"):
                batches.append((_read(line), []))
        if piece.strip():
            if not batches:
                batches.append((None, []))
            batches[-1][1].append(piece)
    return File(file_header, tuple(Batch(header, tuple(messages)) for header, messages in batches))


def _read(line: bytes) -> Segment:
    name = line[:3].decode("ascii")
    try:
        return read_marked(line.decode("latin-1"))
    except Unfit:  # it is needed for nothing but the answer
        return Segment(name, (), Marks())


def _is_taken(answered: Sequence[Answered]) -> bool:
    return all(answer.code == "AA" for _, answer in answered)


def _batch(batch: Batch, answered: Iterable[Answered], application: str) -> bytes:
    """BHS, acknowledgements, BTS; nothing where nobody wants one."""
    answered = list(answered)
    said = [one for header, answer in answered if (one := acknowledgement(header, answer, application))]
    if answered and not said:
        return b""
    taken = sum(answer.code == "AA" for _, answer in answered)
    last = segment("BTS", {1: str(len(said)), 2: f"{taken} of {len(answered)} messages taken"})
    return _header("BHS", batch.header, application) + b"".join(said) + last.encode()


def _header(name: str, of: Segment | None, application: str) -> bytes:
    """FHS or BHS of an answer; both have the same fields."""
    told = of or Segment(name, (), Marks())
    fields: dict[int, Field | str] = {
        1: "^~\\&",  # the first field is the separator itself, so that these numbers are one less
        2: escaped(application),
        4: escaped(printable(told.part(3))),
        5: escaped(printable(told.part(4))),
        6: dt.datetime.now(dt.UTC).strftime("%Y%m%d%H%M%S+0000"),
        10: uuid.uuid4().hex[:20],
        11: escaped(printable(told.part(11))),
    }
    return segment(name, fields).encode("ascii", "replace")


def _as_message(header: Segment | None) -> Segment:
    """A header of a batch as that of a message with its control ID, which stands in another field there."""
    if header is None:
        return Segment("MSH", (), Marks())
    fields = [header.raw(number) for number in range(1, 8)]
    return Segment("MSH", [*fields, "", "", header.raw(11)], header.marks)
