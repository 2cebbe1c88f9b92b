"""Traces: how long each stage of a study's way took, for whoever collects OpenTelemetry.

In comes what the ledger's trail tells of an analysis that was delivered, or failed; out goes a trace over OTLP/HTTP, in
the JSON encoding that every collector takes (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding). Nothing
is measured while the work is done: times are those of the trail, so that a restart loses no span and a slow collector
delays nobody. How far the trail was sent stands in the ledger; after a crash some traces may be sent twice, under the
same trace ids. Of what failed the whole, and the stage in which it did, have the status ERROR and the reason.

No UID leaves: from a reason they are cut out, and a study has a pseudonym, a keyed digest. The key is that of
`radnode deidentify`, in the data folder, but the pseudonym is none of those in de-identified copies, so that the two
cannot be joined without the key.
"""

from node.telemetry.otlp import check
from node.telemetry.teller import Teller

__all__ = ["Teller", "check"]
