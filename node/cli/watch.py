"""The same screen again and again, for a person who watches it."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text

#: The lines of a screen, and the exit status that it stands for.
Screen = tuple[list[str], int]
#: Exit status -> the colour of the first line.
_COLOURS = ("bold green", "bold yellow", "bold red")


def watch(look: Callable[[], Screen], seconds: float) -> int:
    """Show what `look` returns every so many seconds, until Ctrl-C or SIGTERM; the exit status of the last look.

    Only a terminal can be watched. The terminal is left as it was found.
    """
    from rich.console import Console
    from rich.live import Live

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the screen is put back then, too
    level = 0
    try:
        with Live(console=Console(), screen=True, auto_refresh=False) as live:
            while True:
                lines, level = look()
                live.update(_drawn(lines, level), refresh=True)
                time.sleep(seconds)
    except KeyboardInterrupt:
        return level


def is_watched() -> bool:
    """Whether a person sees what is printed."""
    return sys.stdout.isatty()


def _drawn(lines: list[str], level: int) -> Text:
    from rich.text import Text

    first, *others = lines
    text = Text(f"{first}\n", style=_COLOURS[min(level, len(_COLOURS) - 1)])
    for line in others:
        text.append(f"{line}\n", style="yellow" if line.startswith("!") else "default")
    text.append(f"\n{time.strftime('%Y-%m-%d %H:%M:%S')}, Ctrl-C ends", style="dim")
    return text
