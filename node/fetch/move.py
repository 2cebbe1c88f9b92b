"""C-MOVE, Study Root (PS3.4 C.4.2): an archive is asked to send a study to this node."""

from __future__ import annotations

from collections.abc import Callable

from pydicom.dataset import Dataset

from node.config import Destination, Settings
from node.deliver.line import name_of
from node.deliver.messages import C_MOVE, PENDING
from node.errors import DeliveryRefused
from node.fetch.dialogue import Service, dialogue
from node.fetch.status import SUCCESS, UNKNOWN_DESTINATION, Moved, moved, reason_of
from node.fetch.wanted import failed_instances

MOVE = Service("Study Root Query/Retrieve - MOVE", "1.2.840.10008.5.1.4.1.2.2.2", C_MOVE, 4 * 3600.0)
_MOST = 1_000_000


def move(
    archive: Destination, settings: Settings, identifier: Dataset, is_stopping: Callable[[], bool] = lambda: False
) -> Moved:
    """Ask it to send this to the node, and wait until it has; raises DeliveryError or DeliveryRefused.

    Args:
        identifier: as :func:`~node.fetch.wanted.whole_study` makes it, or :func:`~node.fetch.wanted.instances_of`.
        is_stopping: whether the rest is wanted no more; asked with each answer.
    """
    completed, failed, warning, is_canceled = 0, 0, 0, False
    status, unsent = SUCCESS, tuple[str, ...]()
    with dialogue(archive, settings.node.ae_title, MOVE) as asked:
        for answer, told in asked.ask(identifier, archive.retrieve_seconds, MoveDestination=settings.node.ae_title):
            status, unsent = answer.Status, failed_instances(told) or unsent
            completed = _count(answer, "Completed", completed)
            failed = _count(answer, "Failed", failed)
            warning = _count(answer, "Warning", warning)
            if answer.Status in PENDING and not is_canceled and is_stopping():
                is_canceled = True
                asked.cancel()
    if status == UNKNOWN_DESTINATION:
        raise _unknown(archive, settings, status)
    return moved(status, completed, failed, warning, unsent)


def _count(answer: Dataset, kind: str, before: int) -> int:
    """Number of so many sub-operations; archives leave it out of the last answer now and then."""
    value = answer.get(f"NumberOf{kind}Suboperations")
    return value if isinstance(value, int) and 0 <= value <= _MOST else before


def _unknown(archive: Destination, settings: Settings, status: int) -> DeliveryRefused:
    what = f"it does not know where to send ({reason_of(status)})"
    return DeliveryRefused(what, about=name_of(archive), hint=_how_to_register(settings))


def _how_to_register(settings: Settings) -> str:
    """What has to be entered at an archive, in the words of two."""
    port = next(iter(settings.ports.values()))
    return (
        f"enter AE title {settings.node.ae_title} with this machine's address and port {port} there"
        " (Orthanc: DicomModalities; dcmqrscp: HostTable and the peers of its AETable),"
        ' or fetch with retrieve = "get", which needs no such entry'
    )
