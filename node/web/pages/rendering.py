"""From values to HTML: the templates, with all escaped that is not ours, and how times and figures are written."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from node import __version__
from node.words import limit, per_cent, with_interval

_FOLDER = Path(__file__).parent
#: Seconds between two looks at a part of a page.
_REFRESH_SECONDS = 5
#: Unit -> seconds, of what is said of an age.
_UNITS = (("d", 86400), ("h", 3600), ("min", 60))

Values = Mapping[str, Any]  # of a template


class Rendering:
    """The templates of the dashboard."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(_FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=printable,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {
            "when": when,
            "ago": ago,
            "room": room,
            "words": commands,
            "per_cent": per_cent,
            "limit": limit,
            "with_interval": with_interval,
        }
        self._environment.globals["version"] = __version__

    def page(self, name: str, values: Values) -> str:
        """A whole page."""
        return self._environment.get_template(f"{name}.html").render(values)

    def part(self, name: str, url: str, values: Values, seen: str = "") -> Markup | None:
        """A part that htmx asks for again; None: it is as it was seen.

        Args:
            name: of the part.
            url: of its page; empty: it will not change.
            values: of its template, which is told with `is_news` that somebody has seen it otherwise.
            seen: digest of what was seen; empty: nothing was.
        """
        template = self._environment.get_template(f"{name}.html")
        body = template.render({**values, "is_news": False})
        digest = sha256(body.encode()).hexdigest()[:16]
        if seen == digest:
            return None
        body = template.render({**values, "is_news": True}) if seen else body
        asked = escape(f"{url}?part={name}&seen={digest}")
        again = f' hx-get="{asked}" hx-trigger="every {_REFRESH_SECONDS}s" hx-swap="outerHTML"' if url else ""
        return Markup(f'<div id="{name}"{again}>\n{body}\n</div>')  # noqa: S704  escaped


def printable(value: object) -> object:
    """Texts come from strangers: no control character and nothing that turns the direction of writing gets through."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return "".join(char if char.isprintable() else " " for char in value)


def commands(sentence: str) -> Markup:
    """A sentence with what stands between back quotes as code."""
    pieces = re.split(r"`([^`]+)`", str(printable(sentence)))
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if number % 2 else escape(piece) for number, piece in enumerate(pieces)
    )


def when(seconds: float | None) -> Markup:
    """A time as local date and time; a dash for none."""
    if not seconds:
        return Markup("–")
    local = time.localtime(seconds)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S%z", local)
    return Markup('<time datetime="{}">{}</time>').format(stamp, time.strftime("%Y-%m-%d %H:%M:%S", local))


def ago(seconds: float) -> str:
    """How long ago, in whole units, so that it does not change with every look."""
    passed = max(0.0, time.time() - seconds)
    return next((f"{passed // size:.0f} {unit}" for unit, size in _UNITS if passed >= size), "less than a minute")


def room(mib: int) -> str:
    """Room on a disk, given in MiB, without the digits that change all the time."""
    return f"{mib >> 10:,} GiB" if mib >= 10 << 10 else f"{mib // 100 * 100:,} MiB"
