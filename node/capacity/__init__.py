"""What this machine would carry with this configuration: the steps of the node, measured in a throwaway node beside it.

Comes in: the settings of a node, which may run meanwhile (its work then counts as load). Goes out: a
:class:`Capacity`: what the disk takes to sync, what each step takes for a study of each active plugin, how many studies
an hour that makes, what limits it, and what one would change.

The throwaway node has the configured plugins, engine, workers and kinds of result, a spool and a ledger of its own in a
temporary folder beside the configured ones, on the same disk, and a port of 127.0.0.1. It is sent packaged samples with
new UIDs; its receiver and its worker are the node's own processes. Nothing is delivered.

What can fail: :class:`~node.errors.SpoolError` where the disk takes nothing, :class:`~node.errors.TemporaryError` and
:class:`~node.errors.PermanentError` where a process does not start or a sample is not taken. A plugin that fails is
told with its reason. On disk afterwards: what was there before.
"""

from node.capacity.measuring import measure
from node.capacity.verdict import Capacity, Carried, Disk, Limit, compare

__all__ = ["Capacity", "Carried", "Disk", "Limit", "compare", "measure"]
