"""The kinds of destination, as a table."""

from __future__ import annotations

from collections.abc import Callable

from node.config import Destination
from node.deliver.dicom import DicomSender
from node.deliver.folder import FolderSender
from node.deliver.hl7 import Hl7Sender
from node.deliver.orthanc import OrthancSender
from node.deliver.outcome import Sender
from node.deliver.stow import StowSender
from node.deliver.webhook import WebhookSender

_KINDS: dict[str, Callable[[Destination, str, float], Sender]] = {
    "dicom": DicomSender,
    "orthanc": lambda destination, _, keep_seconds: OrthancSender(destination, keep_seconds),
    "stow": lambda destination, _, keep_seconds: StowSender(destination, keep_seconds),
    "folder": lambda destination, *_: FolderSender(destination),
    "hl7": lambda destination, *_: Hl7Sender(destination),
    "webhook": lambda destination, _, keep_seconds: WebhookSender(destination, keep_seconds),
}


def sender_for(destination: Destination, calling_ae: str, keep_seconds: float = 0.0) -> Sender:
    """The sender for a destination.

    Args:
        destination: where to.
        calling_ae: our AE title, where the protocol has one.
        keep_seconds: so long it may keep a connection open that nothing is sent over, and then until it is told to
            :meth:`~node.deliver.outcome.Sender.rest`.
    """
    return _KINDS[destination.kind](destination, calling_ae, keep_seconds)
