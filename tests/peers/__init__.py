"""What the integration and acceptance tests talk to: the node as a process, Orthanc, DCMTK, and studies to send.

Everything listens on 127.0.0.1 on ports that were free a moment ago, keeps its files in the test's folder, and is ended
by the process that started it.
"""

from tests.peers.archive import StoredObject, folder_objects, validate
from tests.peers.brightness import install_plugin
from tests.peers.certificates import Pki
from tests.peers.dcmtk import Acknowledged, RealStorescp, compress, storescu
from tests.peers.hospital import Hospital
from tests.peers.orthanc import RealOrthanc
from tests.peers.programs import missing, system_program
from tests.peers.running_node import RunningNode
from tests.peers.waiting import until

__all__ = [
    "Acknowledged",
    "Hospital",
    "Pki",
    "RealOrthanc",
    "RealStorescp",
    "RunningNode",
    "StoredObject",
    "compress",
    "folder_objects",
    "install_plugin",
    "missing",
    "storescu",
    "system_program",
    "until",
    "validate",
]
