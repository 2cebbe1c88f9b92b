"""Who gave a command: the account it runs under; and the line of the trail that says so."""

from __future__ import annotations

import os
import pwd
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from node.ledger import Ledger


def operator() -> str:
    """The account that gave the command."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # as in a container that runs under any number
        return f"uid {os.getuid()}"


def acted(ledger: Ledger, command: str, study_instance_uid: str = "", **detail: object) -> None:
    """The trail says who gave which command, about which study; never with a patient's name or id."""
    ledger.events.command(operator(), command, study_instance_uid, **detail)
