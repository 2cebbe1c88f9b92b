"""A ledger as years leave it: rows as the node writes them, put there in bulk, with the chain of events whole.

Studies are dealt out to modalities and machines as in a large hospital, about a hundred instances each. The oldest nine
tenths are purged, as retention leaves them; nothing is in the spool.
"""

from __future__ import annotations

import json
import random
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from node.ledger import Ledger
from node.ledger.chain import digest
from node.study import Attributes

#: Modality -> (share of the studies, least and most instances, rows and columns, SOP Class UID).
_MIX = {
    "DX": (0.55, 1, 3, 2800, "1.2.840.10008.5.1.4.1.1.1.1"),
    "CT": (0.22, 120, 560, 512, "1.2.840.10008.5.1.4.1.1.2"),
    "MR": (0.15, 60, 260, 384, "1.2.840.10008.5.1.4.1.1.4"),
    "US": (0.08, 10, 60, 768, "1.2.840.10008.5.1.4.1.1.6.1"),
}
_KINDS = (("sc", "1.2.840.10008.5.1.4.1.1.7"), ("sr", "1.2.840.10008.5.1.4.1.1.88.34"))
_MACHINES, _DAY, _YEARS = 24, 86400.0, 3.0
_PURGED = 0.9
_STEP = 1000


@dataclass
class _Rows:
    """What one step puts into each table, in the order of its columns as `_COLUMNS` has them."""

    last_digest: str
    next_analysis: int
    tables: dict[str, list[tuple[object, ...]]] = field(default_factory=dict)

    def add(self, table: str, *values: object) -> None:
        self.tables.setdefault(table, []).append(values)

    def event(self, at: float, uid: str, analysis: int | None, action: str, **detail: object) -> None:
        row = (at, uid, analysis, action, json.dumps(detail) if detail else "")
        self.last_digest = digest(self.last_digest, *row)
        self.add("events", *row, self.last_digest)


_COLUMNS = {
    "studies": "study_instance_uid, state, reason, patient_key, sender, images, first_at, last_at, changed_at, purged,"
    " bytes",
    "instances": "sop_instance_uid, study_instance_uid, series_instance_uid, sop_class_uid, transfer_syntax_uid, path,"
    " size, sha256, patient_key, instance_number, attributes, association, received_at",
    "associations": "association, calling_ae, called_ae, peer, receiver, opened_at, closed_at, ending",
    "analyses": "id, study_instance_uid, revision, plugin, plugin_version, route, series, destinations, state, summary,"
    " created_at, changed_at, sealed",
    "results": "sop_instance_uid, analysis_id, sop_class_uid, series_instance_uid, kind, path, created_at, sha256",
    "deliveries": "analysis_id, sop_instance_uid, destination, state, attempts, changed_at",
    "events": "at, study_instance_uid, analysis_id, action, detail, hash",
}


def build(path: Path, studies: int) -> int:
    """Fill a ledger, new or without studies, with so many of them; how many instances it has then.

    No node may be at it. Ten million instances take some four minutes and 17 GB.
    """
    Ledger(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000; PRAGMA foreign_keys = OFF;")
        for first in range(0, studies, _STEP):
            _put(connection, range(first, min(first + _STEP, studies)), studies)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return int(connection.execute("SELECT count(*) FROM instances").fetchone()[0])


def _put(connection: sqlite3.Connection, numbers: range, studies: int) -> None:
    last = connection.execute("SELECT hash FROM events ORDER BY id DESC LIMIT 1").fetchone()
    (analysis,) = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM analyses").fetchone()
    rows = _Rows(last[0] if last else "", analysis)
    for number in numbers:
        _study(rows, number, number < _PURGED * studies, time.time() - _YEARS * 365 * _DAY * (1 - number / studies))
    connection.execute("BEGIN IMMEDIATE")
    for table, found in rows.tables.items():
        marks = ", ".join("?" * len(found[0]))
        connection.executemany(f"INSERT INTO {table} ({_COLUMNS[table]}) VALUES ({marks})", found)  # noqa: S608
    connection.execute("COMMIT")


def _study(rows: _Rows, number: int, purged: bool, at: float) -> None:
    """One study from its first image to its last delivery."""
    dice = random.Random(number)
    modality = dice.choices(list(_MIX), [one[0] for one in _MIX.values()])[0]
    _, least, most, size, sop_class = _MIX[modality]
    machine, images = dice.randrange(_MACHINES), dice.randint(least, most)
    uid = f"1.2.840.113619.2.{400 + machine}.3.2831868886.{100 + machine}.{1600000000 + number * 37}.{number % 1000}"
    patient, association = sha256(f"patient {number // 2}".encode()).hexdigest(), f"{dice.getrandbits(128):032x}"
    sender = f"{modality}_{machine:02d}"
    state = "CLOSED" if modality != "US" else "IGNORED"
    reason = "every analysis has ended" if state == "CLOSED" else "no series fits a route: see `radnode trail`"
    total = images * (size * size * 2 + 3000)
    rows.add("studies", uid, state, reason, patient, sender, images, at, at + 30, at + 90, int(purged), total)
    rows.add("associations", association, sender, "RADNODE", "10.12.40.17", 4711, at, at + 31, "released")
    series = _images(rows, uid, (modality, sop_class, size, sender), images, (patient, association, at))
    rows.event(at + 40, uid, None, "study completed", state="COMPLETE", reason="quiet for 30 s")
    rows.event(at + 40, uid, None, "routed", reasons=[f"route 'all {modality}' takes series {one}" for one in series])
    if state == "CLOSED":
        rows.event(at + 40, uid, None, "study routes found", state="ROUTED", reason=f"plugin: {len(series)} series")
        _analysis(rows, uid, series, at + 41)
        rows.event(at + 90, uid, None, "study analyses ended", state="CLOSED", reason=reason)
    else:
        rows.event(at + 40, uid, None, "study no route", state="IGNORED", reason=reason)
    if purged:
        rows.event(at + 30 * _DAY, uid, None, "files purged")


def _images(
    rows: _Rows, uid: str, kind: tuple[str, str, int, str], images: int, origin: tuple[str, str, float]
) -> list[str]:
    """Rows and events of all images of a study; its series."""
    (modality, sop_class, size, sender), (patient, association, at) = kind, origin
    found = dict.fromkeys(f"{uid}.{image // 150 + 1}" for image in range(images))
    attributes = json.dumps(_attributes(modality, sop_class, size, sender), separators=(",", ":"))
    for image in range(images):
        series = f"{uid}.{image // 150 + 1}"
        sop, when = f"{series}.{image + 1}", at + 30 * image / images
        content = sha256(sop.encode()).hexdigest()
        name = f"instances/{content[:2]}/{content}.dcm"
        rows.add(
            "instances",
            *(sop, uid, series, sop_class, "1.2.840.10008.1.2.1", name, size * size * 2 + 3000, content, patient),
            *(image + 1, attributes, association, when),
        )
        rows.event(when, uid, None, "received", sop_instance_uid=sop, calling_ae=sender, reason="")
    return list(found)


def _attributes(modality: str, sop_class: str, size: int, sender: str) -> dict[str, object]:
    """As the ledger notes them: what they say beyond the defaults."""
    found = Attributes(
        modality=modality,
        sop_class_uid=sop_class,
        image_type=("ORIGINAL", "PRIMARY", "AXIAL"),
        body_part="CHEST",
        age_years=64.0,
        sex="F",
        series_description=f"{modality} Thorax 1.0 Br40 S3",
        study_description=f"{modality} Thorax nativ",
        protocol_name="Thorax_Routine",
        manufacturer="Maker of Scanners",
        model_name="Model 7000",
        rows=size,
        columns=size,
        calling_ae=sender,
        called_ae="RADNODE",
    )
    return {name: value for name, value in vars(found).items() if value != vars(Attributes())[name]}


def _analysis(rows: _Rows, uid: str, series: list[str], at: float) -> None:
    """One analysis with its results, delivered."""
    number, rows.next_analysis = rows.next_analysis, rows.next_analysis + 1
    sealed = json.dumps({"findings.json": sha256(uid.encode()).hexdigest()})
    rows.add(
        "analyses",
        *(number, uid, 1, "chest-radiograph", "1.0.0", "films", json.dumps(series), '["pacs", "archive"]'),
        *("DELIVERED", "pneumonia 0.12 absent; effusion 0.08 absent; nodule 0.31 absent", at, at + 40, sealed),
    )
    for action, state in (("classified", "CLASSIFIED"), ("reported", "REPORTED")):
        rows.event(at + 10, uid, number, f"analysis {action}", state=state, reason="")
    for kind, sop_class in _KINDS:
        sop = f"2.25.{int(sha256(f'{uid} {kind}'.encode()).hexdigest()[:31], 16)}"
        path = f"work/{number}/{kind}.dcm"
        rows.add("results", sop, number, sop_class, f"{sop}.1", kind, path, at + 12, sha256(sop.encode()).hexdigest())
        for destination in ("pacs", "archive"):
            rows.add("deliveries", number, sop, destination, "DONE", 1, at + 40)
            told = {"sop_instance_uid": sop, "kind": kind, "destination": destination, "reason": ""}
            rows.event(at + 40, uid, number, "delivered", **told)
    rows.event(at + 41, uid, number, "analysis delivered", state="DELIVERED", reason="")
