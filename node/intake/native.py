"""The Native DICOM Model (PS3.19 A.1), a dataset as XML: to and from the tables of DICOM JSON (PS3.18 F.2). Pure.

What is read comes from strangers: no document type, and so no entity of their own, no external one, and limits of depth
and size. Private elements whose block is not told (gggg00ee) get one by their creator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn
from xml.etree import ElementTree as ET
from xml.parsers import expat

from node.intake.multipart import Malformed

Table = dict[str, Any]  # JSON's edge: a dataset of DICOM JSON

NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
_ROOT = "NativeDicomModel"
#: Elements in elements, and elements in all; values that are left out between two, in all.
_DEEPEST, _MOST, _MOST_GAPS = 64, 500_000, 100_000
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_PARTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
_NUMBERS: Mapping[str, Callable[[str], int | float]] = {
    **dict.fromkeys(("SL", "SS", "SV", "UL", "US", "UV"), int),
    **dict.fromkeys(("FD", "FL"), float),
}
_FIRST_BLOCK = 0x10


@dataclass
class _Node:
    """An element of XML."""

    name: str
    attributes: Mapping[str, str]
    children: list[_Node] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def named(self, name: str) -> Iterator[_Node]:
        return (one for one in self.children if one.name == name)

    def first(self, name: str) -> _Node | None:
        return next(self.named(name), None)


class _Reader:
    """Builds the nodes while expat reads."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartElementHandler, self._parser.EndElementHandler = self._start, self._end
        self._parser.CharacterDataHandler, self._parser.StartDoctypeDeclHandler = self._add, _no_doctype
        self._open, self._count = [_Node("", {})], 0

    def read(self, text: bytes) -> _Node:
        """The root. Raises :class:`Malformed`."""
        try:
            self._parser.Parse(text, True)
        except expat.ExpatError as error:
            why = expat.ErrorString(error.code)
            raise Malformed(f"the metadata is no well-formed XML: {why} (line {error.lineno})") from error
        except (LookupError, ValueError) as error:  # an encoding that nobody has
            raise Malformed("the metadata is no XML that can be read: send it in UTF-8") from error
        return self._open[0].children[0]

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if len(self._open) > _DEEPEST or self._count > _MOST:
            raise Malformed(f"the metadata has more than {_MOST} elements, or is nested more than {_DEEPEST} deep")
        node = _Node(name.rpartition(" ")[2], attributes)
        self._open[-1].children.append(node)
        self._open.append(node)

    def _end(self, _: str) -> None:
        self._open.pop()

    def _add(self, text: str) -> None:
        self._open[-1].pieces.append(text)


def _no_doctype(*_: object) -> NoReturn:
    raise Malformed("the metadata has a document type (DOCTYPE): send them without it, and without entities")


def read(text: bytes) -> Table:
    """The dataset that a document tells. Raises :class:`Malformed`."""
    root = _Reader().read(text)
    if root.name != _ROOT:
        raise Malformed(f"the metadata is no {_ROOT} (PS3.19 A.1): each object is a document of its own")
    return _Converter().dataset(root)


class _Converter:
    """Nodes to a table. Raises :class:`Malformed`."""

    def __init__(self) -> None:
        self._gaps = 0

    def dataset(self, node: _Node) -> Table:
        """Of the root, or of an item."""
        table: Table = {}
        for one in node.named("DicomAttribute"):
            tag, vr = one.attributes.get("tag", "").upper(), one.attributes.get("vr", "")
            if not (len(tag) == 8 and vr):
                raise Malformed("a DicomAttribute of the metadata has no tag of eight hex digits, or no vr")
            if creator := one.attributes.get("privateCreator"):
                tag = _in_block(table, tag, creator)
            table[tag] = self._element(one, vr)
        return table

    def _element(self, node: _Node, vr: str) -> Table:
        bulk, binary = node.first("BulkData"), node.first("InlineBinary")
        if bulk is not None:
            return {"vr": vr, "BulkDataURI": bulk.attributes.get("uri") or bulk.attributes.get("uuid", "")}
        if binary is not None:
            return {"vr": vr, "InlineBinary": "".join(binary.text.split())}
        values = self._numbered(node, vr)
        return {"vr": vr, "Value": values} if values else {"vr": vr}

    def _numbered(self, node: _Node, vr: str) -> list[Any]:
        """Values, names or items in their order; one that is left out is empty."""
        found: list[Any] = []
        for one in node.children:
            if one.name not in ("Value", "PersonName", "Item"):
                continue
            number = one.attributes.get("number", str(len(found) + 1))
            gap = int(number) - 1 - len(found) if number.isascii() and number.isdigit() and len(number) < 9 else -1
            self._gaps += max(0, gap)
            if gap < 0 or self._gaps > _MOST_GAPS:
                raise Malformed("the values of a DicomAttribute of the metadata are not numbered from 1 on")
            found += [{} if vr == "SQ" else None] * gap
            found.append(self._value(one, vr))
        return found

    def _value(self, node: _Node, vr: str) -> Any:  # JSON's edge
        if node.name == "Item":
            return self.dataset(node)
        if node.name == "PersonName":
            return {group.name: _name(group) for group in node.children if group.name in _GROUPS}
        if vr not in _NUMBERS:
            return node.text
        try:
            return _NUMBERS[vr](node.text)
        except ValueError as error:
            raise Malformed(f"a value of the metadata is no number, as its VR {vr} says") from error


def _name(group: _Node) -> str:
    parts = (group.first(part) for part in _PARTS)
    return "^".join(one.text if one else "" for one in parts).rstrip("^")


def _in_block(table: Table, tag: str, creator: str) -> str:
    """The tag in the block of its creator (PS3.5 7.8.1), which is reserved if it is not yet."""
    if tag[4:6] != "00":
        return tag
    for block in range(_FIRST_BLOCK, 0x100):
        reserved = f"{tag[:4]}00{block:02X}"
        if table.setdefault(reserved, {"vr": "LO", "Value": [creator]}).get("Value") == [creator]:
            return f"{tag[:4]}{block:02X}{tag[6:]}"
    raise Malformed("the metadata has more private creators in a group than there is room for")


def written(table: Mapping[str, Any]) -> bytes:
    """The document of a dataset of ours, which has no names and no bulk data."""
    root = ET.Element(_ROOT, {"xmlns": NAMESPACE})
    _add_all(root, table)
    return ET.tostring(root, encoding="unicode").encode()


def _add_all(parent: ET.Element, table: Mapping[str, Any]) -> None:
    for tag, element in sorted(table.items()):
        found = ET.SubElement(parent, "DicomAttribute", {"tag": tag, "vr": element["vr"]})
        values: Sequence[Any] = element.get("Value", ())
        for number, value in enumerate(values, 1):
            if isinstance(value, Mapping):
                _add_all(ET.SubElement(found, "Item", {"number": str(number)}), value)
            else:
                ET.SubElement(found, "Value", {"number": str(number)}).text = str(value)
