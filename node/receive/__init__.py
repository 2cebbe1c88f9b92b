"""The room where data comes in: a storage SCP (PS3.4 annex B) that acknowledges only what is safe.

In come bytes on a socket; out go, in this order, a synced file in the spool, a committed row in the ledger, and then a
status to the peer. An object that cannot be processed (no UID, truncated, another syntax than agreed) is kept as well,
recorded with its reason, and acknowledged: what was acknowledged is never lost, and never parsed further than its
header.

What modalities and archives tell of a study (performed procedure steps, available instances) is a row of the ledger
before it is answered, and nothing of it is a file.

What can fail, and what the peer sees:

- the spool is full or the ledger is locked: the dataset is read to its end, nothing stays, status A700;
- the dataset is longer than the limit: status A700, then the association is aborted;
- the peer is silent, speaks no DICOM, or announces a PDU longer than agreed: the association is aborted, and of a
  dataset without its last fragment nothing stays;
- no TLS that both sides would use, or no certificate that counts (PS3.15 B.12): an alert of TLS, nothing of DICOM;
- nobody that `[[peers]]` knows: rejected, permanent (calling AE title not recognized); something that this peer may not
  do: the dataset is read to its end, nothing stays, status 0124. Both are written down, as are failed handshakes;
- more associations than allowed: rejected, temporary (local limit exceeded).

On disk afterwards: one file for each instance under the spool's `instances/`, with a zeroed preamble and our own File
Meta Information before the bytes as they came. If the process is killed between the file and the row, the file stays
without a row and the peer, never answered, sends it again: to the same name. If it does not, :mod:`node.reconcile`
takes the file.

The door of the room is :class:`node.receive.server.Receiver`; `python -m node.receive` runs one as a process. Nothing
is imported here, so that the process can keep codecs out before pydicom looks for them.
"""
