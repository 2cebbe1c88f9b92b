"""What `radnode doctor` says of whoever the node calls: destinations, worklists, collectors of audit and traces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from node.cli.doctor import Check
    from node.config import Destination, Settings


def neighbours(settings: Settings) -> Iterator[Check]:
    """Each of them, asked; nothing is left there."""
    yield from _destinations(settings)
    yield from _worklists(settings)
    yield from _collector(settings)
    yield from _traces(settings)


def _destinations(settings: Settings) -> Iterator[Check]:
    from node import deliver
    from node.cli.clocks import clock_there
    from node.errors import RadnodeError

    for destination in settings.destinations:
        quick = destination.model_copy(update={"timeout_seconds": min(5.0, destination.timeout_seconds)})
        sender = deliver.sender_for(quick, settings.node.ae_title)
        try:
            sender.echo()
            clock = clock_there(destination.name, sender)
        except RadnodeError as error:
            yield f"destination {destination.name}", False, str(error)
        else:
            yield f"destination {destination.name}", *_answers(quick, settings.node.ae_title)
            if clock is not None:
                yield clock


def _worklists(settings: Settings) -> Iterator[Check]:
    """Asked for work, of which nothing is claimed."""
    from node.errors import RadnodeError
    from node.worklist import Server

    for one in settings.worklists:
        quick = one.model_copy(update={"timeout_seconds": min(5.0, one.timeout_seconds)})
        try:
            with Server(quick) as server:
                waiting = sum(len(server.search(code)) for code in one.codes)
        except RadnodeError as error:
            yield f"worklist {one.name}", False, str(error)
        else:
            yield f"worklist {one.name}", True, f"answers, {waiting} workitems wait for somebody"


def _collector(settings: Settings) -> Iterator[Check]:
    """Of audit messages; nothing is sent to it."""
    from node.audit import Collector
    from node.errors import RadnodeError

    if not settings.audit.enabled:
        return
    try:
        Collector(settings.audit).check()
    except RadnodeError as error:
        yield "audit collector", False, str(error)
    else:
        yield "audit collector", True, "answers" if settings.audit.transport != "udp" else "UDP tells nothing"


def _traces(settings: Settings) -> Iterator[Check]:
    """Of their collector, which is sent a request with none."""
    from node.errors import RadnodeError
    from node.telemetry import check

    if not settings.telemetry.url:
        return
    try:
        check(settings.telemetry)
    except RadnodeError as error:
        yield "telemetry collector", False, str(error)
    else:
        yield "telemetry collector", True, f"takes traces at {settings.telemetry.url}"


def _answers(destination: Destination, ae_title: str) -> tuple[bool, str]:
    from node import deliver

    if destination.storage_commitment and not deliver.offers_commitment(destination, ae_title):
        return False, "answers, but offers no Storage Commitment: nothing that it took is ever purged"
    return True, "answers, and offers Storage Commitment" if destination.storage_commitment else "answers"
