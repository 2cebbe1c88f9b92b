"""Spool and ledger are compared: a file without a row is taken again, a row without its file is said to be missing.

A file stays without a row when the node is killed between the two: its peer had no answer, and sends it again; or when
an older copy of the ledger was put back: then it was acknowledged, and nobody sends it again. One that came again, of a
study whose files were purged, counts as such, so that it goes once more. Either way it is taken as if it had just come;
what a power cut has torn is set aside, so that the whole object is taken when it comes. A row stays without its file
when a disk loses it, or a hand removes it: nothing can be done but say so, and take it back when it is sent again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import structlog

from node.errors import PermanentError, SpoolError
from node.intake.hl7 import heard_of
from node.ledger import Ledger, Named
from node.receive.kept import arrival_of, claim_of, meta_of, name_of
from node.receive.text import shown_uid
from node.review.hl7 import FALLBACK, Unfit
from node.spool import Spool
from node.study import Arrival

log = structlog.get_logger()

#: A younger file may belong to a receiver that is about to write its row, seconds.
GRACE_SECONDS = 120.0
#: Name under which the time of the last comparison is noted.
NOTED = "reconciled"
#: Why a file is set aside that is not the one that was received.
TORN = "its file in the spool is torn, as by a power cut: it is taken when it is sent again"
_ASSOCIATION = "found in the spool"
_CHUNK = 500


@dataclass(frozen=True)
class Difference:
    """What a comparison found. `unreadable`: files that say not even what they are; they are left alone.

    `messages`: those with signed reports that have no row.
    """

    files: int = 0
    instances: int = 0
    without_row: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    missing: tuple[Named, ...] = ()
    messages: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether both say the same."""
        return not (self.without_row or self.unreadable or self.missing or self.messages)


def compare(
    ledger: Ledger, spool: Spool, *, since: float = 0.0, until: float | None = None, instances: bool = True
) -> Difference:
    """Look, and change nothing.

    Args:
        ledger: of the node.
        spool: of the same node.
        since: files that were written before are not looked at, epoch seconds.
        until: nor are those that were written from then on; None: those that a receiver may be at.
        instances: whether the file of each instance is looked for, too.
    """
    seen, without_row, unreadable = 0, [], []
    before = time.time() - GRACE_SECONDS if until is None else until
    for path in spool.files(since, before):
        seen += 1
        try:
            if not ledger.upkeep.knows(_uid(spool, path), path):
                without_row.append(path)
        except PermanentError:
            unreadable.append(path)
    count, missing = _missing(ledger, spool) if instances else (0, ())
    messages = tuple(path for path in spool.messages(before) if not ledger.reports.knows(path))
    return Difference(seen, count, tuple(without_row), tuple(unreadable), missing, messages)


def repair(ledger: Ledger, spool: Spool, found: Difference) -> None:
    """Take files without a row; set instances without a file aside."""
    for path in found.without_row:
        try:
            arrival = _arrival(spool, path)
            spool.sync(path)  # its receiver may have died before it was
            ledger.arrivals.record([arrival])
        except (PermanentError, SpoolError) as error:
            log.warning("not taken from the spool", path=path, why=error.what)  # gone since it was seen
        except OSError as error:
            log.warning("not taken from the spool", path=path, why=error.strerror)  # as it was read
    for path in found.messages:
        _take_message(ledger, spool, path)
    for begin in range(0, len(found.missing), _CHUNK):  # a disk may have lost all it had: receivers want to write, too
        ledger.upkeep.set_missing(found.missing[begin : begin + _CHUNK])


def reconcile(
    ledger: Ledger,
    spool: Spool,
    *,
    whole: bool,
    until: float | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> Difference:
    """Compare, repair, note that it was done, and show what is missing.

    Args:
        ledger: of the node.
        spool: of the same node.
        whole: the file of every instance is looked for, too; files without a row only among those that were written
            since the last time.
        until: as in :func:`compare`.
        stopping: asked before anything is changed.
    """
    begun = time.time()
    noted = ledger.facts.time_of(NOTED)
    since = noted - 2 * GRACE_SECONDS if noted <= begun else 0.0  # the clock was set back: any file may be younger
    found = compare(ledger, spool, since=since, until=until, instances=whole)
    if stopping():
        return found
    repair(ledger, spool, found)
    ledger.facts.note_time(NOTED, begun)
    if whole:
        lost = ledger.upkeep.count_missing()
        hint = f"{lost} acknowledged objects have lost their files: `radnode db check` lists them; send them again"
        ledger.facts.set_trouble("spool", hint if lost else "")
    say = log.info if found.clean else log.warning
    counts = {name: len(getattr(found, name)) for name in ("without_row", "unreadable", "missing", "messages")}
    say("spool and ledger compared", files=found.files, instances=found.instances, **counts)
    return found


def _take_message(ledger: Ledger, spool: Spool, path: str) -> None:
    """As if it had just come; what came before in another file goes."""
    try:
        heard = heard_of(spool.path(path).read_bytes(), "", FALLBACK)
    except (OSError, Unfit) as error:
        log.warning("not taken from the spool", path=path, why=str(error))
        return
    if heard.path != path:
        log.warning("not taken from the spool", path=path, why="its name is not that of its content")
    elif not ledger.reports.record(heard):
        spool.remove(path)


def _missing(ledger: Ledger, spool: Spool) -> tuple[int, tuple[Named, ...]]:
    """How many instances were looked at, and those whose file is not there, or has lost its end."""
    count, missing = 0, []
    for one in _named(ledger):
        count += 1
        if spool.size(one.path) != one.size:
            missing.append(one)
    return count, tuple(missing)


def _named(ledger: Ledger) -> Iterator[Named]:
    for uid in ledger.upkeep.with_files():
        yield from ledger.upkeep.named(uid)


def _arrival(spool: Spool, path: str) -> Arrival:
    """A file without a row. It may end where an element does, and look whole: its name tells what was received."""
    file = spool.path(path)
    arrival = arrival_of(file, path, _ASSOCIATION)
    if not arrival.defect and file.stem != name_of(claim_of(meta_of(file)[0]), arrival.sha256):
        return replace(arrival, defect=TORN)
    return arrival


def _uid(spool: Spool, path: str) -> str:
    """SOP Instance UID as the ledger has it; a file without one is asked for what its dataset says."""
    claim = claim_of(meta_of(spool.path(path))[0])
    if claim.sop_instance_uid:
        return shown_uid(claim.sop_instance_uid)
    return arrival_of(spool.path(path), path, _ASSOCIATION).sop_instance_uid
