"""Who this implementation is for its peers (PS3.7 D.3.3.2), and in the files that it writes (PS3.10 7.1)."""

from __future__ import annotations

IMPLEMENTATION_CLASS_UID = "2.25.138746862984859826743841400888483841406"
IMPLEMENTATION_VERSION_NAME = "RADNODE_01"

#: Every node has this one application context (PS3.7 annex A).
APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
