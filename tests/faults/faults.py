"""All of them, by number."""

from __future__ import annotations

from tests.faults import disk, killing
from tests.faults.beside import BESIDE
from tests.faults.campaign import Fault
from tests.faults.connections import CONNECTIONS
from tests.faults.datasets import DATASETS
from tests.faults.network import NETWORK
from tests.faults.pacs import PACS
from tests.faults.plugins import PLUGINS
from tests.faults.poison import POISON
from tests.faults.power import POWER
from tests.faults.privacy import PRIVACY
from tests.faults.studies import STUDIES
from tests.faults.trust import TRUST

_ALL = (
    *killing.FAULTS,
    *disk.FAULTS,
    *PACS,
    *BESIDE,
    *POWER,
    *NETWORK,
    *CONNECTIONS,
    *TRUST,
    *DATASETS,
    *STUDIES,
    *PLUGINS,
    *PRIVACY,
    *POISON,
)
FAULTS: tuple[Fault, ...] = tuple(sorted(_ALL, key=lambda fault: fault.number))
