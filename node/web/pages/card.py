"""A model card as HTML: headings, paragraphs, lists, tables, code; everything else in it is text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from markupsafe import Markup, escape

#: Name of the file beside a plugin's manifest.
FILE = "MODEL_CARD.md"
_LONGEST = 1 << 18
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`|\*\*([^*\n]+)\*\*|\*([^*\s][^*\n]*)\*|\[([^\]\n]+)\]\([^)\n]*\)")
_TAGS = ("code", "strong", "em", "span")
_HEADING = re.compile(r"(#{1,5}) +(.*)")
_ITEM = re.compile(r"\s*(?:[-*+]|(\d+)\.) +(.*)")
_RULE = re.compile(r"\|[\s:|-]+\|")
_FENCE = "```"
#: A card's first heading is the second on our page.
_DEEPER = 2

Lines = Sequence[str]


def card_of(folder: Path) -> Markup | None:
    """The card in the folder of a plugin; None when there is none. A link becomes its words: they lead nowhere here."""
    try:
        text = (folder / FILE).read_bytes()[:_LONGEST].decode(errors="replace")
    except OSError:
        return None
    return html(text)


def html(text: str) -> Markup:
    """The subset of Markdown that cards are written in."""
    return Markup("\n").join(_blocks(_COMMENT.sub("", text).splitlines()))


def _blocks(lines: Lines) -> Iterator[Markup]:
    fenced = False
    kept: list[str] = []
    for line in [*lines, ""]:
        if line.startswith(_FENCE):
            yield from [Markup("<pre><code>{}</code></pre>").format("\n".join(kept))] if fenced else _plain(kept)
            fenced, kept = not fenced, []
        else:
            kept.append(line)
    yield from _plain(kept)


def _plain(lines: Lines) -> Iterator[Markup]:
    """Blocks are of one kind of line; a paragraph or an item goes on until an empty line or another kind comes."""
    before = ""
    kinds = []
    for line in lines:
        before = _kind(line, before)
        kinds.append((before, line))
    for kind, found in groupby(kinds, key=lambda one: one[0]):
        if kind:
            yield _WRITERS[kind]([line for _, line in found])


def _kind(line: str, before: str) -> str:
    if not line.strip():
        return ""
    if _HEADING.match(line):
        return "heading"
    if line.startswith("|"):
        return "table"
    if match := _ITEM.match(line):
        return "ordered" if match[1] else "list"
    return before if before in ("list", "ordered") else "paragraph"


def _headings(lines: Lines) -> Markup:
    found = [match for line in lines if (match := _HEADING.match(line))]
    made = [Markup("<h{0}>{1}</h{0}>").format(min(6, len(one[1]) + _DEEPER), _inline(one[2])) for one in found]
    return Markup("\n").join(made)


def _paragraph(lines: Lines) -> Markup:
    return Markup("<p>{}</p>").format(_inline(" ".join(lines)))


def _list(lines: Lines, tag: str = "ul") -> Markup:
    items: list[str] = []
    for line in lines:
        if match := _ITEM.match(line):
            items.append(match[2])
        elif items:
            items[-1] += f" {line.strip()}"
    made = Markup("").join(Markup("<li>{}</li>").format(_inline(item)) for item in items)
    return Markup("<{0}>{1}</{0}>").format(tag, made)


def _table(lines: Lines) -> Markup:
    head, *rows = [line for line in lines if not _RULE.fullmatch(line.strip())] or ["||"]
    heads = Markup("").join(Markup('<th scope="col">{}</th>').format(_inline(cell)) for cell in _cells(head))
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(
            Markup("").join(Markup("<td>{}</td>").format(_inline(cell)) for cell in _cells(row))
        )
        for row in rows
    )
    table = Markup("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>").format(heads, body)
    return Markup('<div class="wide" tabindex="0" role="region" aria-label="Table of the card">{}</div>').format(table)


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split("|")]


def _inline(text: str) -> Markup:
    found, end = [], 0
    for match in _INLINE.finditer(text):
        tag = _TAGS[(match.lastindex or 1) - 1]
        found += [
            escape(text[end : match.start()]),
            Markup("<{0}>{1}</{0}>").format(tag, match[match.lastindex or 1]),
        ]
        end = match.end()
    return Markup("").join([*found, escape(text[end:])])


_WRITERS: dict[str, Callable[[Lines], Markup]] = {
    "heading": _headings,
    "paragraph": _paragraph,
    "list": _list,
    "ordered": lambda lines: _list(lines, "ol"),
    "table": _table,
}
