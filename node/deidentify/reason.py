"""Why an object is not exported."""

from __future__ import annotations

from node.errors import PermanentError


class LeftOut(PermanentError):
    """It cannot be made free of its patient; nothing of it is written."""
