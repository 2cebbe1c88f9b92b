"""Sends files that are no results of ours: `radnode send`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pydicom import dcmread

from node.config import Destination
from node.deliver.contexts import read_meta
from node.deliver.outcome import Outcome, Outgoing, Verdict
from node.deliver.senders import sender_for
from node.errors import DeliveryError, DeliveryRefused, RadnodeError


def send_files(
    destination: Destination,
    paths: Sequence[Path],
    calling_ae: str,
    progress: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """Send DICOM files as they are, each in its own transfer syntax; one outcome for each, in no promised order.

    Raises nothing for a destination that does not answer: the files that it did not take say so.

    Args:
        destination: where to.
        paths: of files; what is no DICOM file (PS3.10) is not sent.
        calling_ae: AE title to call with.
        progress: is told of each outcome as soon as it is known.
    """
    outcomes = []
    for outcome in _outcomes(destination, paths, calling_ae):
        progress(outcome)
        outcomes.append(outcome)
    return outcomes


def _outcomes(destination: Destination, paths: Sequence[Path], calling_ae: str) -> Iterator[Outcome]:
    waiting: dict[Path, Outgoing] = {}
    for path in dict.fromkeys(paths):
        try:
            waiting[path] = _outgoing(path, destination)
        except DeliveryRefused as error:
            yield Outcome(Outgoing("", "", "", path), Verdict.UNSENDABLE, error.what)
    try:
        for outcome in sender_for(destination, calling_ae).send(list(waiting.values())):
            del waiting[outcome.outgoing.path]
            yield outcome
    except (DeliveryError, DeliveryRefused) as error:
        yield from (Outcome(outgoing, _verdict(error), str(error)) for outgoing in waiting.values())


def _outgoing(path: Path, destination: Destination) -> Outgoing:
    meta = read_meta(path)
    study = _study_of(path) if destination.kind == "folder" else ""
    return Outgoing(meta.sop_instance_uid, meta.sop_class_uid, study, path)


def _study_of(path: Path) -> str:
    """Its Study Instance UID; raises :class:`DeliveryRefused`."""
    try:
        ds = dcmread(path, stop_before_pixels=True, specific_tags=["StudyInstanceUID"])
        return str(ds.get("StudyInstanceUID", ""))
    except Exception as error:  # an edge: a damaged header makes pydicom raise nearly anything
        raise DeliveryRefused("its dataset cannot be read", about=str(path)) from error


def _verdict(error: RadnodeError) -> Verdict:
    return Verdict.TEMPORARY if error.temporary else Verdict.PERMANENT
