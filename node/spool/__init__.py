"""The spool: the files of the node, under a root that it alone writes.

In come bytes; out go files, whole or not at all: written under a temporary name, named, and file and folder synced
before anybody hears of it (PS3.4 B.2.2: Success means stored). The disk may sync an instance while its header is
read (:meth:`Incoming.begin_to_keep`). What can fail raises :class:`~node.errors.SpoolError` and leaves no byte behind.
On disk afterwards::

    incoming/*.part           being received; swept at the next start
    instances/<xx>/<hash>.dcm received instances, named by a hash, never by a tag
    reports/<xx>/<hash>.hl7   received messages with signed reports, named by their hash
    work/<analysis>/...       predictions and result objects of one analysis
"""

from node.spool.files import Spool, write_once
from node.spool.incoming import Incoming
from node.spool.safely import sync

__all__ = ["Incoming", "Spool", "sync", "write_once"]
