"""HL7 v2 as it is read (v2.5.1, chapter 2): character set, separators, segments, escape sequences. Pure.

Tolerant where senders differ from the standard and what they mean is plain: every kind of line end ends a segment, and
a line that begins no segment goes on with the one before. What cannot be understood raises :class:`Unfit`.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

#: MSH-18 (table 0211), without blanks, and terms of DICOM for the same sets -> Python's codec.
CHARSETS: Mapping[str, str] = {
    "ASCII": "ascii",
    "ISOIR6": "ascii",
    **{f"8859/{part}": f"iso8859-{part}" for part in (*range(1, 10), 15)},
    **{f"ISO8859/{part}": f"iso8859-{part}" for part in (*range(1, 10), 15)},
    **{f"ISO8859-{part}": f"iso8859-{part}" for part in (*range(1, 10), 15)},
    "ISOIR100": "iso8859-1",
    "ISOIR101": "iso8859-2",
    "ISOIR109": "iso8859-3",
    "ISOIR110": "iso8859-4",
    "ISOIR144": "iso8859-5",
    "ISOIR127": "iso8859-6",
    "ISOIR126": "iso8859-7",
    "ISOIR138": "iso8859-8",
    "ISOIR148": "iso8859-9",
    "ISOIR203": "iso8859-15",
    "ISOIR166": "tis_620",
    "ISOIR13": "shift_jis",
    "ISOIR14": "shift_jis",
    "ISOIR87": "iso2022_jp_2",
    "ISOIR159": "iso2022_jp_2",
    "UNICODEUTF-8": "utf-8",
    "UTF-8": "utf-8",
    "UTF8": "utf-8",
    "ISOIR192": "utf-8",
    "GB18030": "gb18030",
    "GB18030-2000": "gb18030",
    "KSX1001": "euc_kr",
    "BIG-5": "big5",
}
_ISO_2022 = "iso2022_jp_2"
_KNOWN = "ASCII, UNICODE UTF-8, 8859/1 to 9 and 15, ISO IR14, ISO IR87, ISO IR159, GB 18030-2000, KS X 1001 and BIG-5"
#: Of UTF-16 and UTF-32, whose bytes can be those that end a block.
_NOT_WIDE = (
    "UTF-16 and UTF-32 are not taken: set the character encoding of the sender's connection to UTF-8, and MSH-18 to"
    " UNICODE UTF-8"
)
_WIDE = re.compile(r"(?:UNICODE)?(?:UTF-?(?:16|32).*|UCS-?[24].*)?")
#: Of messages that name none and are not UTF-8, unless the configuration says otherwise.
FALLBACK = "ISO IR 100"
_SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}")
_BREAKS = (".br", ".sp", ".ce", ".in", ".ti")
_TIME = re.compile(r"(\d{8,14})(\.\d{1,6})?([+-]\d{4})?")
#: So many digits tell the minute.
_MINUTES = 12
#: More are no message that a person is behind.
MOST_SEGMENTS = 100_000


class Unfit(Exception):
    """A message that is not taken.

    Args:
        code: AE: there is an error in it; AR: it is of a kind that is not taken (table 0008).
        error: what kind of error (table 0357).
        what: in words of ours, in which nothing of the message stands.
    """

    def __init__(self, code: str, error: str, what: str) -> None:
        super().__init__(what)
        self.code, self.error, self.what = code, error, what


@dataclass(frozen=True)
class Marks:
    """The separators of a message. Attributes: as in MSH-1 and MSH-2."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"


@dataclass(frozen=True)
class Segment:
    """Fields as they came, escaped; field 1 is the first after the name, in MSH the separator itself."""

    name: str
    fields: Sequence[str]
    marks: Marks
    charset: str = "ascii"

    def raw(self, number: int) -> str:
        """A field, as it came; empty when it is not there."""
        found = self.fields[number - 1] if 0 < number <= len(self.fields) else ""
        return "" if found == '""' else found

    def repeated(self, number: int) -> list[str]:
        """Its repetitions, as they came."""
        return self.raw(number).split(self.marks.repetition)

    def part(self, number: int, component: int = 1) -> str:
        """A component of the first repetition, decoded; its subcomponents as they are."""
        return self.parts(self.repeated(number)[0], component)

    def parts(self, repetition: str, component: int) -> str:
        """The same of any repetition."""
        found = repetition.split(self.marks.component)
        return self.decoded(found[component - 1]).strip() if component <= len(found) else ""

    def leaves(self, number: int) -> Iterator[str]:
        """Every component and subcomponent of every repetition, decoded."""
        marks = (self.marks.repetition, self.marks.component, self.marks.subcomponent)
        for one in re.split("|".join(map(re.escape, marks)), self.raw(number)):
            yield self.decoded(one).strip()

    def decoded(self, text: str) -> str:
        """A text without its escape sequences (2.7); what is none stays as it is."""
        escape = re.escape(self.marks.escape)
        return re.sub(rf"{escape}([^{escape}\n]{{1,200}}){escape}", self._sequence, text)

    def _sequence(self, match: re.Match[str]) -> str:
        marks, said = self.marks, match[1]
        known = {"F": marks.field, "S": marks.component, "T": marks.subcomponent, "R": marks.repetition}
        known |= {"E": marks.escape, "H": "", "N": ""}
        if said in known:
            return known[said]
        if said.startswith(_BREAKS):
            return "\n"
        if said.startswith("."):
            return ""
        if re.fullmatch(r"X(?:[0-9A-Fa-f]{2})+", said):
            return bytes.fromhex(said[1:]).decode(self.charset, "replace")
        return "" if re.fullmatch(r"[CM](?:[0-9A-Fa-f]{2})+", said) else match[0]


@dataclass(frozen=True)
class Message:
    """Its segments in their order, the header first; `body`: all but the header, as bytes."""

    segments: tuple[Segment, ...]
    body: bytes

    @property
    def header(self) -> Segment:
        """MSH."""
        return self.segments[0]


def read_header(data: bytes) -> Segment:
    """MSH alone, which is enough for an answer; raises :class:`Unfit`."""
    line = re.split(rb"[\r\n]", begun(data), maxsplit=1)[0].decode("latin-1")
    if not line.startswith("MSH") or len(line) < 9:
        raise _why_no_header(data)
    return read_marked(line)


def read_marked(line: str) -> Segment:
    """A segment that says what its separators are: MSH, or BHS or FHS of a batch; raises :class:`Unfit`."""
    separator, rest = line[3:4], line[4:]
    written = rest.split(separator)[0] if separator else ""
    distinct = len({separator, *written}) == len(written) + 1
    if not 4 <= len(written) <= 5 or not distinct or any(one.isalnum() or one.isspace() for one in separator + written):
        raise Unfit("AR", "102", "its separators (MSH-1, MSH-2) are none")
    marks = Marks(separator, *list(written[:4]))
    return Segment(line[:3], (separator, written, *rest.split(separator)[1:]), marks)


def _why_no_header(data: bytes) -> Unfit:
    if data.startswith((b"\xff\xfe", b"\xfe\xff", b"\0")) or data[1:2] == b"\0":
        return Unfit("AR", "103", _NOT_WIDE)
    return Unfit("AR", "100", "it does not begin with a header (MSH)")


def parse(data: bytes, fallback: str = FALLBACK) -> Message:
    """A message without its frame. Raises :class:`Unfit`.

    Args:
        data: from MSH on.
        fallback: character set of messages that name none, or ASCII, and are not UTF-8.
    """
    head = read_header(data)
    charset = _charset(head, data, fallback)
    try:
        text = begun(data).decode(charset)
    except UnicodeDecodeError:
        raise Unfit("AE", "102", "it is not in the character set that it names (MSH-18)") from None
    found: list[list[str]] = []
    for line in re.split(r"\r\n|\r|\n", text):
        if _SEGMENT.fullmatch(line[:3]) and line[3:4] in ("", head.marks.field):
            found.append([line])
        elif line.strip() and found:
            found[-1].append(line)
    if any(lines[0].startswith("MSH") for lines in found[1:]):
        raise Unfit("AE", "100", "a second header (MSH) is in it: several in a block are a batch, begun by BHS")
    if len(found) > MOST_SEGMENTS:
        raise Unfit("AR", "207", f"it has more than {MOST_SEGMENTS} segments")
    segments = [_segment("\n".join(lines), head.marks, charset) for lines in found[1:]]
    body = re.split(rb"[\r\n]+", begun(data), maxsplit=1)[1:]
    return Message((Segment("MSH", head.fields, head.marks, charset), *segments), body[0] if body else b"")


def moment(time: str) -> str:
    """A TS or DTM, or a DT of DICOM, for :func:`node.reviews.is_earlier`: in UTC if it has an offset; or empty."""
    found = _TIME.match(time.strip())
    if found is None:
        return ""
    told, fraction, offset = found[1], found[2] or "", found[3] or ""
    if not offset or len(told) < _MINUTES:
        return told + fraction
    try:
        local = dt.datetime.strptime(f"{told:0<14}{offset}", "%Y%m%d%H%M%S%z")
    except ValueError:
        return told + fraction
    return f"{local.astimezone(dt.UTC):%Y%m%d%H%M%S}"[: len(told)] + fraction + "Z"


def begun(data: bytes) -> bytes:
    """From the first segment on: some write a byte order mark or line ends before it."""
    return data.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n ")


def _segment(text: str, marks: Marks, charset: str) -> Segment:
    name, *fields = text.split(marks.field)
    return Segment(name, fields, marks, charset)


def _charset(head: Segment, data: bytes, fallback: str) -> str:
    """The codec: of the first repetition of MSH-18, to which further ones only add; those of ISO 2022 by escapes."""
    named, *more = (one.upper().replace(" ", "").replace("_", "") for one in head.repeated(18))
    if named and named not in CHARSETS and _WIDE.fullmatch(named):
        raise Unfit("AR", "103", _NOT_WIDE)
    if named and named not in CHARSETS:
        raise Unfit("AR", "103", f"its character set (MSH-18) is not known here: {_KNOWN} are")
    codec = CHARSETS.get(named, "ascii")
    if codec in ("ascii", "shift_jis") and b"\x1b$" in data and any(CHARSETS.get(one) == _ISO_2022 for one in more):
        return _ISO_2022
    if codec != "ascii":
        return codec
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return CHARSETS[fallback.upper().replace(" ", "").replace("_", "")]
    return "utf-8"
