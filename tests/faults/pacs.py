"""Faults 10 to 15 and 17: the archive that results go to is away, refuses, hangs or rejects."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from pydicom.dataset import Dataset

from node.ledger import DeliveryRow
from tests.faults.answers import Tally, tally
from tests.faults.campaign import Fault, Scene, Seen
from tests.faults.evil_pacs import (
    ABORT,
    HANG,
    NOT_RECOGNIZED,
    STORE_THEN_HANG,
    TEMPORARY_CONGESTION,
    EvilPacs,
    every,
    first,
    studies,
)
from tests.faults.modality import send_until_taken
from tests.peers import RunningNode, install_plugin, until

#: An hour in which the archive is away is so many times shorter here, and so are the pauses between attempts.
_FASTER = 120
_SR, _IMAGE = "1.2.840.10008.5.1.4.1.1.88.", "1.2.840.10008.5.1.4.1.1."
_NOTHING_FOR_IT = "the destination does not take SOP class"


def node_for(scene: Scene, *destinations: dict[str, object], **settings: object) -> RunningNode:
    """A node that sends what `brightness` says of everything to all of them, with a worker that is ready."""
    folder = scene.folder / "plugins"
    plugin = folder if folder.exists() else install_plugin(folder)
    names = [one["name"] for one in destinations]
    route = {"name": "everything", "plugin": "brightness", "destinations": names}
    node = scene.node(destinations=destinations, routes=[route], python_path=[plugin], **settings)
    node.await_worker()
    return node


def films(scene: Scene, start: int, count: int) -> list[Dataset]:
    """So many studies of one film each."""
    return [scene.hospital.image(number) for number in range(start, start + count)]


def rows_of(node: RunningNode, images: Sequence[Dataset]) -> list[DeliveryRow]:
    """The deliveries of those studies."""
    found = dict.fromkeys(str(ds.StudyInstanceUID) for ds in images)
    return [row for uid in found for row in node.ledger.deliveries.of_study(uid)]


def settled_rows(
    node: RunningNode, images: Sequence[Dataset], seconds: float = 60, destination: str = ""
) -> list[DeliveryRow]:
    """The same, once none of them waits any more. Args: destination: to which; empty: to all."""

    def rows_of_each() -> list[list[DeliveryRow]]:
        each = [rows_of(node, [ds]) for ds in images]
        return [[row for row in rows if destination in ("", row.destination)] for rows in each]

    def settled() -> bool:
        return all(rows and all(row.state != "WAITING" for row in rows) for rows in rows_of_each())

    until(settled, "every delivery of these studies has ended", seconds, pause=0.1)
    return [row for rows in rows_of_each() for row in rows]


def tally_of(pacs: EvilPacs, images: Sequence[Dataset]) -> Tally:
    """What came of the images at that archive."""
    return tally([str(ds.SOPInstanceUID) for ds in images], pacs.objects())


def _states(rows: Sequence[DeliveryRow]) -> set[str]:
    return {row.state for row in rows}


def _no_more(pacs: EvilPacs, seconds: float = 2.5) -> bool:
    """Whether it is left alone for a while: longer than the first pauses of these nodes."""
    before = pacs.associations
    time.sleep(seconds)
    return pacs.associations == before


def down_an_hour(scene: Scene) -> Seen:
    pacs = scene.enter(EvilPacs())
    retry = {"first_seconds": 2 / _FASTER, "longest_seconds": 60 / _FASTER}  # no longer pause for one that is away
    node, images = node_for(scene, pacs.destination(), retry=retry), films(scene, 1, scene.times(40, 6))
    end = time.monotonic() + 3600 / _FASTER if not scene.short else time.monotonic() + 3
    with pacs.down():
        send_until_taken(node.port, images)
        time.sleep(max(0.0, end - time.monotonic()))
        until(lambda: len(rows_of(node, images)) == 2 * len(images), "every result waits")
        waiting = len([row for row in rows_of(node, images) if row.state == "WAITING"])
    returned = time.monotonic()
    rows, late = settled_rows(node, images), time.monotonic() - returned
    attempts, found = max(row.attempts for row in rows), tally_of(pacs, images)
    figure = (
        f"{found}; {waiting} results waited, all delivered {late:.1f} s after the return, at most {attempts} attempts"
    )
    return Seen(_states(rows) == {"DONE"} and found.once and attempts <= 40 and late <= 10, figure)


def refuses_reports(scene: Scene) -> Seen:
    no_reports = scene.enter(EvilPacs(refuses=[_SR]))
    nothing = scene.enter(EvilPacs(refuses=[_IMAGE]))
    node = node_for(scene, no_reports.destination("no-reports"), nothing.destination("nothing"))
    images = films(scene, 1, scene.times(20, 2))
    send_until_taken(node.port, images)
    rows = settled_rows(node, images)
    quiet = _no_more(no_reports, scene.times(3, 1)) and _no_more(nothing, 0.5)
    there = {(row.kind, row.state) for row in rows if row.destination == "no-reports"}
    pictures = {uid for one in no_reports.objects() if one.kind == "sc" for uid in one.sources}
    delivered = sum(str(ds.SOPInstanceUID) in pictures for ds in images)
    refused = [row for row in node.ledger.deliveries.refused() if row.destination == "nothing"]
    told = all(_NOTHING_FOR_IT in row.error for row in rows if row.state != "DONE")
    attempts = max(row.attempts for row in rows)
    replaced = sum(row.state == "REPLACED" for row in rows if row.kind == "sr" and row.destination == "no-reports")
    figure = (
        f"{delivered} of {len(images)} heatmaps delivered, {replaced} reports replaced with the reason; where nothing "
        f"is taken, {len(refused)} objects in the operator's list; at most {attempts} attempt, then left alone"
    )
    whole = delivered == len(images) == replaced and {state for kind, state in there if kind == "sc"} == {"DONE"}
    listed = {row.study_instance_uid for row in refused} == {str(ds.StudyInstanceUID) for ds in images}
    return Seen(whole and listed and told and quiet and attempts == 1, figure)


def out_of_resources(scene: Scene) -> Seen:
    pacs = scene.enter(EvilPacs(first(10, 0xA700)))
    node, images = node_for(scene, pacs.destination()), films(scene, 1, scene.times(20, 4))
    send_until_taken(node.port, images)
    rows = settled_rows(node, images)
    found = tally_of(pacs, images)
    refused, attempts = pacs.answers[0xA700], max(row.attempts for row in rows)
    figure = f"{refused} times A700, then {found}; at most {attempts} attempts"
    return Seen(_states(rows) == {"DONE"} and found.once and refused == 10, figure)


def never_understood(scene: Scene) -> Seen:
    """C000 for one study and 0110 for another, whatever object of it comes; others before and beside them."""
    count = scene.times(20, 4)
    cannot, fails, *others = films(scene, 1, 2 + 2 * count)
    before, beside = others[:count], others[count:]
    bad = {str(cannot.StudyInstanceUID): 0xC000, str(fails.StudyInstanceUID): 0x0110}
    pacs = scene.enter(EvilPacs(studies(bad)))
    retry = {"first_seconds": 0.1, "longest_seconds": 0.5, "delivery_attempts": 10}
    node = node_for(scene, pacs.destination(), retry=retry)
    usual = _slowest(node, pacs, before)
    send_until_taken(node.port, [cannot, fails])
    until(lambda: pacs.answers[0xC000] and pacs.answers[0x0110], "it has refused both")
    beside_bad = _slowest(node, pacs, beside)
    rows = settled_rows(node, [cannot, fails])
    listed = {row.study_instance_uid for row in node.ledger.deliveries.refused()}
    attempts = max(row.attempts for row in rows)
    told = all("given up after" in row.error for row in rows)
    found, delayed = tally_of(pacs, [*before, *beside]), beside_bad - usual
    figure = (
        f"{len(listed)} of 2 studies in the operator's list after at most {attempts} attempts at each object; "
        f"others: {found}, the slowest {beside_bad:.1f} s after it was made, {usual:.1f} s without"
    )
    return Seen(
        listed == set(bad) and told and found.once and attempts <= 10 and delayed <= 5 and _no_more(pacs), figure
    )


def _slowest(node: RunningNode, pacs: EvilPacs, images: Sequence[Dataset]) -> float:
    """Send studies; the longest time from the making of their results to the arrival of one, seconds."""
    send_until_taken(node.port, images)
    rows, at = settled_rows(node, images), pacs.kept_at()
    made = {str(ds.StudyInstanceUID): made_at(node, str(ds.StudyInstanceUID)) for ds in images}
    return max(at.get(row.sop_instance_uid, math.inf) - made[row.study_instance_uid] for row in rows)


def made_at(node: RunningNode, study: str) -> float:
    """When the results of a study were made, seconds since the epoch."""
    return next(event.at for event in node.trail(study) if event.action == "analysis reported")


def warned(scene: Scene) -> Seen:
    pacs = scene.enter(EvilPacs(every(2, 0xB000)))
    node, images = node_for(scene, pacs.destination()), films(scene, 1, scene.times(20, 4))
    send_until_taken(node.port, images)
    rows, found = settled_rows(node, images), tally_of(pacs, images)
    kept, twice = sum("B000" in row.error for row in rows), sum(count > 1 for count in pacs.times_kept().values())
    figure = f"{pacs.answers[0xB000]} times B000: {found}, {kept} warnings kept, {twice} objects sent again"
    ok = _states(rows) == {"DONE"} and found.once and not twice and kept == pacs.answers[0xB000] > 0
    return Seen(ok, figure)


def hangs(scene: Scene) -> Seen:
    """And at one study it aborts whatever object of it comes, which must not be taken for an archive that is gone."""
    images = films(scene, 1, scene.times(20, 6))
    unbearable, rest = images[1], [images[0], *images[2:]]
    bad, now_and_then = studies({str(unbearable.StudyInstanceUID): ABORT}), every(5, HANG, STORE_THEN_HANG)
    pacs = scene.enter(EvilPacs(lambda given: bad(given) or now_and_then(given)))
    retry = {"first_seconds": 0.1, "longest_seconds": 0.5, "delivery_attempts": 6}
    node = node_for(scene, pacs.destination(timeout_seconds=1), retry=retry)
    send_until_taken(node.port, images)
    rows, found = settled_rows(node, rest, 120), tally_of(pacs, rest)
    more = films(scene, 1001, 8)
    for ds in more:  # one after the other: that others pass is what shows that the one does not
        send_until_taken(node.port, [ds])
        rows += settled_rows(node, [ds])
    listed = _states(settled_rows(node, [unbearable]))
    hung, twice = pacs.answers[HANG] + pacs.answers[STORE_THEN_HANG], len(pacs.given) - len({g.uid for g in pacs.given})
    figure = (
        f"{hung} hangs: {found}; sent again {twice} times, {len(pacs.changed())} with other bytes; a study at which it "
        f"always aborts is {'' if listed == {'REFUSED'} else 'not '}in the operator's list"
    )
    delivered = _states(rows) == {"DONE"} and found.once and tally_of(pacs, more).once
    return Seen(delivered and hung > 0 and not pacs.changed() and listed == {"REFUSED"}, figure)


def rejects(scene: Scene) -> Seen:
    busy = scene.enter(EvilPacs(reject=TEMPORARY_CONGESTION, rejections=scene.times(20, 3)))
    strict = scene.enter(EvilPacs(reject=NOT_RECOGNIZED, rejections=float("inf")))
    retry = {"first_seconds": 0.05, "longest_seconds": 0.2}
    node = node_for(scene, busy.destination("busy"), strict.destination("strict"), retry=retry)
    images = films(scene, 1, scene.times(20, 4))
    send_until_taken(node.port, images)
    sent = time.monotonic()
    until(lambda: node.ledger.deliveries.refused(), "it is in the operator's list")
    told = time.monotonic() - sent
    rows = settled_rows(node, images)
    found, refused = tally_of(busy, images), node.ledger.deliveries.refused()
    asked, quiet = strict.associations, _no_more(strict, 1)
    reasons = {"called AE title not recognized" in row.error for row in refused}
    figure = (
        f"for now, {scene.times(20, 3)} times: {found}; for good: {len(refused)} objects in the operator's list, the "
        f"first {told:.1f} s after the image, {asked} associations for {len(images)} studies, then left alone"
    )
    delivered = _states([row for row in rows if row.destination == "busy"]) == {"DONE"} and found.once
    ended = _states([row for row in rows if row.destination == "strict"]) == {"REFUSED"} and reasons == {True}
    return Seen(delivered and ended and quiet and told < 60 and asked <= len(images), figure)


PACS = (
    Fault(
        10,
        "the archive is away for an hour",
        f"nobody listens for 30 s, an hour at {_FASTER} times the speed: pauses between attempts are as much shorter",
        "all delivered within 10 s of its return, at most 40 attempts per object",
        down_an_hour,
    ),
    Fault(
        11,
        "the archive takes no reports",
        "one refuses the presentation contexts of all SR classes, another those of everything the node makes",
        "heatmaps delivered 100 %; reports replaced, or in the operator's list with the reason; 1 attempt each",
        refuses_reports,
    ),
    Fault(
        12,
        "the archive is out of resources for a while",
        "A700 for the first 10 objects, then Success",
        "delivered 100 %",
        out_of_resources,
    ),
    Fault(
        13,
        "the archive never understands an object",
        "C000 for all of one study and 0110 for all of another, for ever; 10 attempts instead of 40",
        "both in the operator's list after the attempts; others delayed <= 5 s",
        never_understood,
    ),
    Fault(
        14,
        "the archive warns",
        "B000 for every second object",
        "delivered 100 % and once, each warning kept",
        warned,
        quick=True,
    ),
    Fault(
        15,
        "the archive hangs",
        "every fifth object is never answered, kept or not in turn; time-out 1 s instead of 30 s; at one study it "
        "aborts whatever comes, 6 attempts instead of 40",
        "sent again with the same bytes; all delivered, once in effect; that study in the operator's list",
        hangs,
    ),
    Fault(
        17,
        "the archive rejects associations",
        "20 rejected for now (temporary congestion); another rejects all for good (called AE title)",
        "for now: delivered 100 %; for good: in the operator's list < 1 min, one association per study at most",
        rejects,
    ),
)
