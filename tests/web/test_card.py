"""Model cards as HTML: what a stranger wrote in one is never more than text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from node.web.pages.card import card_of, html

CARDS = sorted(Path(__file__).parents[2].glob("plugins/*/MODEL_CARD.md"))
#: Everything that a card may become.
TAGS = {"h3", "h4", "h5", "h6", "p", "ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td", "div"}
TAGS |= {"pre", "code", "strong", "em", "span"}


class Tags(HTMLParser):
    """The tags of a text; those that are opened have to be closed in their order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("# One\n## Two", "<h3>One</h3>\n<h4>Two</h4>"),
        ("two\nlines\n\nmore", "<p>two lines</p>\n<p>more</p>"),
        ("- one\n  goes on\n- two", "<ul><li>one goes on</li><li>two</li></ul>"),
        ("1. one\n2. two", "<ol><li>one</li><li>two</li></ol>"),
        (
            "`a*b*` **bold** *soft* [words](../x.md)",
            "<p><code>a*b*</code> <strong>bold</strong> <em>soft</em> <span>words</span></p>",
        ),
        ("```toml\n# no heading <b>\n```", "<pre><code># no heading &lt;b&gt;</code></pre>"),
        ("gone <!-- a\ncomment --> here", "<p>gone  here</p>"),
        ("2 < 3 & 4", "<p>2 &lt; 3 &amp; 4</p>"),
    ],
)
def test_the_subset_of_cards_is_written_as_html(text: str, made: str) -> None:
    assert html(text) == made


def test_a_table_has_heads_and_cells() -> None:
    made = html("| a | b |\n| --- | --: |\n| 1 | <i> |")
    assert '<tr><th scope="col">a</th><th scope="col">b</th></tr>' in made
    assert "<tr><td>1</td><td>&lt;i&gt;</td></tr>" in made


@pytest.mark.parametrize(
    "evil",
    [
        "<script>alert(1)</script>",
        "[x](javascript:alert(1))",
        "`</code><script>`",
        "| <img src=x onerror=alert(1)> |\n| --- |",
        "# <svg onload=alert(1)>",
        '```\n</code></pre><script src="//evil.example">\n```',
        "```\nnever closed <script>",
        '<!-- <!-- --> <a href="x"> -->',
        "**`<b onclick=x>`**",
    ],
)
def test_html_in_a_card_stays_text(evil: str) -> None:
    tags = Tags(html(evil))
    assert tags.found <= TAGS
    assert tags.open == []


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.parent.name)
def test_our_own_cards_become_whole_html_without_marks(path: Path) -> None:
    made = card_of(path.parent)
    assert made is not None
    tags = Tags(made)
    assert {"h3", "h4", "p", "table"} <= tags.found <= TAGS
    plain = re.sub(r"<(pre|code)>.*?</\1>", "", made, flags=re.DOTALL)
    assert not re.search(r"\*\*|^#|\]\(|\| ---", plain, re.MULTILINE)


def test_a_plugin_without_a_card_has_none(tmp_path: Path) -> None:
    assert card_of(tmp_path) is None
