"""radnode: a DICOM node that classifies.

The rooms, in the order in which the data walks through them::

    receive -> spool -> ledger -> assemble -> route -> classify -> explain -> report -> deliver

Two promises stand above everything else: what was acknowledged is never lost, and a result arrives exactly once, with
its reasons visible.
"""

__version__ = "0.1.0"
