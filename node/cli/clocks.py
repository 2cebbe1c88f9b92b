"""What `radnode doctor` says of clocks: this machine's beside the newest line of the trail, and those of archives."""

from __future__ import annotations

import ctypes
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from node.cli.doctor import Check
    from node.deliver import Sender

#: Two clocks may differ by so much. IHE Consistent Time wants a second; from here on readers see things out of order.
_MOST_SECONDS = 60.0
_UNSYNCHRONISED = 5  # TIME_ERROR of adjtimex(2)
_TIMEX_BYTES = 512  # more than struct timex has on any machine


def own_clock(newest: float, now: float) -> Check:
    """Of this machine. Args: newest: time of the newest line of the trail, epoch seconds."""
    if newest - now > _MOST_SECONDS:
        what = f"the newest line of the trail is {_lasting(newest - now)} ahead of it: it was wrong then, or is now"
        return "clock", False, what
    return "clock", True, f"{time.strftime('%Y-%m-%d %H:%M:%S %Z (%z)', time.localtime(now))}, {_kept()}"


def clock_there(name: str, sender: Sender) -> Check | None:
    """Of a destination that tells its time; else None. Raises as :meth:`~node.deliver.Sender.time`."""
    there, here = sender.time(), time.time()
    if there is None:
        return None
    ahead = there - here
    if abs(ahead) <= _MOST_SECONDS:
        return f"clock {name}", True, "as ours"
    return f"clock {name}", False, f"{_lasting(abs(ahead))} {'ahead of' if ahead > 0 else 'behind'} ours: NTP on both?"


def _kept() -> str:
    """Whether somebody keeps it right, as far as the kernel knows."""
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):  # another C library
        state = -1
    if state < 0:
        return "and the kernel does not tell whether a time service (NTP) keeps it"
    return "and no time service (NTP) keeps it" if state == _UNSYNCHRONISED else "kept by a time service (NTP)"


def _lasting(seconds: float) -> str:
    unit, name = next((one for one in ((86400, "d"), (3600, "h")) if seconds >= 2 * one[0]), (60, "min"))
    return f"{seconds / unit:.0f} {name}"
