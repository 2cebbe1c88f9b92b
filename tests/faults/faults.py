"""All of them, by number."""

from __future__ import annotations

from tests.faults.campaign import Fault
from tests.faults.connections import CONNECTIONS
from tests.faults.network import NETWORK

FAULTS: tuple[Fault, ...] = (*NETWORK, *CONNECTIONS)
