"""Faults 19 to 22, and 38: studies that come twice, changed, mixed, too late, or while the clock is set."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from pydicom.dataset import Dataset

from node.ledger import StudyRow
from node.ledger.arrivals import OTHER_CONTENT
from tests.faults.answers import settled
from tests.faults.campaign import Fault, Scene, Seen
from tests.faults.clock import clock_set
from tests.faults.killing import node_and_archive
from tests.faults.modality import send
from tests.peers import RealStorescp, RunningNode, StoredObject, until


def sent_five_times(scene: Scene) -> Seen:
    """19: three times at once, then twice when everything is delivered."""
    node, archive = node_and_archive(scene)
    images = [scene.hospital.image(number) for number in range(1, scene.times(20, 4) + 1)]
    statuses = _at_once(node.port, [images] * 3)
    uids = [str(ds.SOPInstanceUID) for ds in images]
    settled(uids, archive.objects, 60, late_seconds=0)
    statuses += _at_once(node.port, [images] * 2)
    found = settled(uids, archive.objects, 60)
    results = len({one.uid for one in archive.objects()})
    revised = sum(study.revision > 1 for study in _studies(node, images))
    taken = statuses.count(0)
    figure = f"Success {taken} of {5 * len(images)}; {results} results, new versions {revised}; {found}"
    passed = found.once and taken == 5 * len(images) and results == 2 * len(images) and not revised
    return Seen(passed, figure)


def sent_with_other_pixels(scene: Scene) -> Seen:
    """20: once just after the first, once when it is delivered."""
    node, archive = node_and_archive(scene)
    images = [scene.hospital.image(number) for number in range(1, scene.times(20, 4) + 1)]
    uids = [str(ds.SOPInstanceUID) for ds in images]
    statuses = send(node.port, images)
    kept = _digests(node, images)
    statuses += send(node.port, [_other_pixels(ds, 1) for ds in images])
    settled(uids, archive.objects, 60, late_seconds=0)
    statuses += send(node.port, [_other_pixels(ds, 2) for ds in images])
    found = settled(uids, archive.objects, 60)
    same = sum(now == before for now, before in zip(_digests(node, images), kept, strict=True))
    aside = node.ledger.studies.set_aside()
    reasons = sum(row["reason"] == OTHER_CONTENT and row["sop_instance_uid"] in uids for row in aside)
    revised = sum(study.revision > 1 for study in _studies(node, images))
    figure = (
        f"first kept as it was {same} of {len(images)}, others set aside with a reason {reasons} of {2 * len(images)}"
    )
    passed = found.once and same == len(images) and reasons == len(aside) == 2 * len(images)
    return Seen(passed and None not in statuses and not revised, f"{figure}, new versions {revised}; {found}")


def interleaved(scene: Scene) -> Seen:
    """21: every association brings images of every study."""
    node, archive = node_and_archive(scene)
    draw, studies = random.Random(21), []
    for number in range(scene.times(5, 1)):
        patients = range(8 * number + 1, 8 * number + 9)
        these = [_slices(scene, patient, 1, 2, 3) for patient in patients]
        pile = [ds for study in these for ds in study]
        draw.shuffle(pile)
        statuses = _at_once(node.port, [pile[start::4] for start in range(4)])
        assert statuses == [0] * len(pile), statuses
        studies += these
    node.await_ended(_uids(studies))
    objects = archive.objects()
    mixed = sum(not _is_of(one, study, objects) for study in studies for one in _of(objects, study))
    whole = sum(_names_all(_of(objects, study), study) for study in studies)
    strange = sum(one.study not in _uids(studies) for one in objects)
    figure = f"{len(objects)} results of {len(studies)} studies: mixed {mixed + strange}, name all their images {whole}"
    passed = not (mixed or strange) and whole == len(studies) and len(objects) == 2 * len(studies)
    return Seen(passed, figure)


def late_slice(scene: Scene) -> Seen:
    """22: a third slice when the results of two are delivered."""
    node, archive = node_and_archive(scene)
    patients = range(1, scene.times(10, 2) + 1)
    studies, late = [_slices(scene, one, 1, 2) for one in patients], [_slices(scene, one, 3)[0] for one in patients]
    send(node.port, [ds for study in studies for ds in study])
    node.await_ended(_uids(studies))
    first = {uid: _reports(archive, uid) for uid in _uids(studies)}
    known = {one.uid for reports in first.values() for one in reports}
    send(node.port, late)
    until(lambda: all(study.revision > 1 for study in _studies(node, late)), "it makes a new version")
    node.await_ended(_uids(studies))
    new = {uid: [one for one in _reports(archive, uid) if one.uid not in known] for uid in first}
    linked = sum(len(new[uid]) == len(first[uid]) == 1 and _replaces(new[uid][0], first[uid][0]) for uid in first)
    names = sum(any(str(ds.SOPInstanceUID) in one.sources for one in new[str(ds.StudyInstanceUID)]) for ds in late)
    told = sum(any("late image" in event.detail.get("reason", "") for event in node.trail(uid)) for uid in first)
    once = sum(study.revision == 2 for study in _studies(node, late))
    count = len(studies)
    figure = (
        f"of {count} late slices: one new version {once}, linked {linked}, names the slice {names}, trail says {told}"
    )
    return Seen(once == linked == names == told == count, figure)


def _at_once(port: int, piles: Sequence[Sequence[Dataset]]) -> list[int | None]:
    """Each pile on an association of its own, all at the same time."""
    with ThreadPoolExecutor(len(piles)) as pool:
        return [status for statuses in pool.map(lambda pile: send(port, pile), piles) for status in statuses]


def _other_pixels(ds: Dataset, number: int) -> Dataset:
    other = Dataset()
    other.update(ds)
    other.file_meta = ds.file_meta
    other.PixelData = (np.frombuffer(ds.PixelData, np.uint16) ^ number).tobytes()
    return other


def _slices(scene: Scene, patient: int, *numbers: int) -> list[Dataset]:
    return [scene.hospital.image(patient, image=number, modality="CT") for number in numbers]


def _digests(node: RunningNode, images: Iterable[Dataset]) -> list[list[str]]:
    """Of the files that count in the studies of these images."""
    found = []
    for ds in images:
        paths = [
            one.path for series in node.ledger.studies.series(str(ds.StudyInstanceUID)) for one in series.instances
        ]
        found.append([hashlib.sha256((node.data / "spool" / path).read_bytes()).hexdigest() for path in paths])
    return found


def _studies(node: RunningNode, images: Iterable[Dataset]) -> list[StudyRow]:
    uids = {str(ds.StudyInstanceUID) for ds in images}
    return [study for study in node.ledger.studies.latest(10000) if study.study_instance_uid in uids]


def _uids(studies: Iterable[Sequence[Dataset]]) -> list[str]:
    return [str(study[0].StudyInstanceUID) for study in studies]


def _of(objects: Iterable[StoredObject], study: Sequence[Dataset]) -> list[StoredObject]:
    """Results that say that they belong to a study."""
    return [one for one in objects if one.study == study[0].StudyInstanceUID]


def _is_of(one: StoredObject, study: Sequence[Dataset], objects: Iterable[StoredObject]) -> bool:
    """Whether it refers to nothing but that study and is of its patient."""
    own = {str(ds.SOPInstanceUID) for ds in study} | {other.uid for other in _of(objects, study)}
    return one.sources <= own and one.dataset.PatientID == study[0].PatientID


def _names_all(results: Iterable[StoredObject], study: Sequence[Dataset]) -> bool:
    """Whether the report names each image."""
    return any(one.kind == "sr" and {str(ds.SOPInstanceUID) for ds in study} <= one.sources for one in results)


def _reports(archive: RealStorescp, study: str) -> list[StoredObject]:
    return [one for one in archive.objects() if one.study == study and one.kind == "sr"]


def _replaces(new: StoredObject, old: StoredObject) -> bool:
    """Whether it has the other in its Predecessor Documents Sequence."""
    before = new.dataset.get("PredecessorDocumentsSequence", ())
    return old.uid in {str(element.value) for item in before for element in item.iterall() if element.tag == 0x00081155}


STUDIES = (
    Fault(
        19,
        "the same object five times",
        "three times at once on three associations, then twice when its results are delivered",
        "each answered Success; one result set, one version",
        sent_five_times,
    ),
    Fault(
        20,
        "the same UID with other pixels",
        "once just after the first, and again when its results are delivered",
        "the first is kept byte for byte and counts; each other one is set aside with a reason",
        sent_with_other_pixels,
    ),
    Fault(
        21,
        "eight studies interleaved on four associations",
        "the 24 slices of 8 studies of 3, in random order, on 4 associations at once",
        "each result refers to its own study and patient alone: mixed 0; names all 3 images",
        interleaved,
    ),
    Fault(
        22,
        "a slice after its study was closed",
        "a third slice when the results of two are delivered",
        "one new version, which names the one before as its predecessor; the trail says why",
        late_slice,
    ),
    Fault(
        38,
        "the clock is set during work",
        "a day ahead, back again, and a day behind, between two images of a study and with results on their way",
        "no study is closed early or held up; what waits goes on; status says that it serves",
        clock_set,
    ),
)
