"""Performs workitems of a worklist server: UPS-RS (PS3.18 11) as IHE's Task Performer does (RAD TF, AI Workflow).

In come workitems whose code is configured; out go a claim, the studies that are their input (:mod:`node.fetch`, or over
WADO-RS), and, when the plugin's results are delivered, what they are and where they can be had; or a cancellation
with its reason. Routes say which series the plugin gets and where results go: a workitem adds no second way. The
rules of failure:

- a workitem stands in the ledger with our Transaction UID before the server is asked for it; killed at any moment, the
  node goes on under the same one, and finds out what of its requests has reached the server;
- that another performer was quicker is no error; nor is a workitem that was canceled or is gone;
- what the server does not answer is asked again at the next look, and `radnode status` shows it;
- a study that was analysed before is not analysed twice: its results are told;
- of several studies each goes its way; what has come of one stands in the ledger, and does not come again;
- no study is answered as long as an instance is missing that the workitem names of it;
- who asks to cancel a workitem in hand (:class:`Channel`) is heeded until the first result is delivered: its analysis
  is held, or never made, unless another workitem wants it, and the workitem is canceled, in one transaction; what is
  just coming is broken off;
- what cannot be done is canceled: a study is not to be had, no route leads it to the plugin, its analysis failed.

Raises nothing but :class:`~node.errors.LedgerBusy`. On disk afterwards: what :mod:`node.fetch` has kept.
"""

from node.worklist.channel import Channel
from node.worklist.performer import Performer
from node.worklist.server import Server

__all__ = ["Channel", "Performer", "Server"]
