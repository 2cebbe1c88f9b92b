"""All of them, by number."""

from __future__ import annotations

from tests.faults.campaign import Fault

FAULTS: tuple[Fault, ...] = ()
