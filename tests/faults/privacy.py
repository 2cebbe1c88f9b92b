"""Faults 44 and 45: the node's own results come back; names of patients, and where they must not be seen."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import hl7
import requests
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from tests.deliver.listeners import Hook, Mllp, ack
from tests.faults.campaign import Fault, Scene, Seen, environment
from tests.faults.evil_pacs import EvilPacs
from tests.faults.modality import send, send_until_taken
from tests.faults.pacs import films
from tests.peers import RealOrthanc, RunningNode, install_plugin, until
from tests.peers.hospital import CANARY
from tests.peers.ports import free_port

#: Every text attribute that says something of a person, a place or an order; those that decide on a route are not.
_TEXTS = (  # noqa: SIM905  a page of words is read more easily than one of quotes
    "PatientName PatientID IssuerOfPatientID OtherPatientIDs OtherPatientNames PatientBirthName PatientMotherBirthName "
    "PatientAddress PatientTelephoneNumbers PatientComments MedicalRecordLocator Occupation AdditionalPatientHistory "
    "ReferringPhysicianName PhysiciansOfRecord PerformingPhysicianName OperatorsName NameOfPhysiciansReadingStudy "
    "RequestingPhysician InstitutionName InstitutionAddress InstitutionalDepartmentName StationName AccessionNumber "
    "StudyID StudyDescription SeriesDescription ProtocolName RequestedProcedureID RequestedProcedureDescription "
    "PerformedProcedureStepID PerformedProcedureStepDescription ReasonForStudy AdmittingDiagnosesDescription "
    "ImageComments DerivationDescription DeviceSerialNumber Manufacturer ManufacturerModelName SoftwareVersions"
).split()
#: Values that no reader understands, and an error may quote: keyword -> value as it stands in the file.
_ODD = {
    keyword: f"{CANARY}^{keyword}".encode()
    for keyword in (  # noqa: SIM905  as above
        "PatientBirthDate StudyDate StudyTime ContentDate PatientAge PatientSize PatientWeight InstanceNumber "
        "SeriesNumber WindowCenter RescaleSlope ImagerPixelSpacing AcquisitionNumber SpecificCharacterSet "
        "ImagesInAcquisition PatientSex ViewPosition PatientOrientation PixelAspectRatio LossyImageCompressionRatio"
    ).split()
} | {
    "PatientName": (CANARY + "^\xe4\xff=" * 60).encode("latin-1"),
    "PatientID": CANARY.encode() * 50,
    "PatientComments": f"{CANARY}\r\n\x1b[31m{{}}".encode(),
}
#: Imported first by every Python that the node starts: everything is logged, by every library, to standard error.
_EVERYTHING = """\
import logging
import sys

import structlog

logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
_bound = structlog.make_filtering_bound_logger
structlog.make_filtering_bound_logger = lambda level: _bound(logging.DEBUG)
"""
#: Main, receiver, worker, web.
_KINDS = 4
_ASKED = (
    ("status",),
    ("queue", "list"),
    ("studies", "list"),
    ("critical", "list"),
    ("reviews", "list"),
    ("audit", "verify"),
    ("doctor",),
    ("config", "show"),
)


def come_back(scene: Scene) -> Seen:
    """From Orthanc to the node that made them, with their images, and alone to a node that has never seen them."""
    rounds, count = scene.times(3, 2), scene.times(10, 3)
    orthanc = scene.enter(RealOrthanc(scene.folder / "orthanc"))
    plugins = install_plugin(scene.folder / "plugins")
    route = {"name": "all", "plugin": "brightness", "destinations": ["orthanc"], "include_excluded": True}
    nodes = [
        scene.node(destinations=[orthanc.destination(profile="all")], routes=[route], python_path=[plugins])
        for _ in range(2)
    ]
    for number, node in enumerate(nodes):
        orthanc.put(f"modalities/node-{number}", ["RADNODE", "127.0.0.1", node.port])
    images = films(scene, 1, count)
    studies = [str(ds.StudyInstanceUID) for ds in images]
    send_until_taken(nodes[0].port, images)
    nodes[0].await_ended(studies)
    made = _instances(orthanc)
    for ds in images:
        orthanc.upload(scene.hospital.write(ds))
    forwarded = 0
    for _ in range(rounds):
        for number, resources in enumerate((_instances(orthanc), made)):
            job = {"Resources": sorted(resources), "Synchronous": True}
            forwarded += orthanc.post(f"modalities/node-{number}/store", job)["InstancesCount"]
        for node in nodes:
            node.await_ended([one.study_instance_uid for one in node.ledger.studies.latest(1000)])
    analyses = [sum(node.ledger.analyses.count_by_state().values()) for node in nodes]
    new = len(_instances(orthanc)) - len(made) - len(images)
    figure = (
        f"{forwarded} objects forwarded in {rounds} rounds: {new} new results, "
        f"{analyses[0] - count} new analyses at the node that made them, {analyses[1]} at another"
    )
    return Seen(new == 0 and analyses == [count, 0] and len(made) > count, figure)


def _instances(orthanc: RealOrthanc) -> set[str]:
    return set(orthanc.get("instances"))


def _said_of(message: hl7.Message) -> str:
    """As a RIS says it: it repeats what it was sent."""
    return f"unknown patient {message['PID.F5']}, id {message['PID.F3']}"


def canaries(scene: Scene) -> Seen:
    words = {"error": f"ERR||PID^1^3|204^Unknown key identifier|E|||no patient {CANARY}7, {CANARY}^Said, born 19601230"}
    pacs = scene.enter(EvilPacs(lambda given: 0xC000 if given.number % 2 else 0xA700, comment=f"not {CANARY}^Said"))
    ris = scene.enter(Mllp(lambda message: ack(message, "AE", _said_of(message), **words)))
    hook = scene.enter(Hook(*[500, 400] * 500))
    node = _watched(scene, pacs, ris, hook)
    images = _identified(scene)
    for ds in images:
        send(node.port, [ds])  # some may be refused
    uids = [str(ds.StudyInstanceUID) for ds in images]
    until(lambda: len(node.ledger.studies.latest(1000)) >= 3, "studies have come")
    node.await_ended([one.study_instance_uid for one in node.ledger.studies.latest(1000)])
    outputs = {**_told(node, uids, short=scene.short), "log": node.log()}
    processes = node.pids("main") + node.pids("receiver") + node.pids("worker") + node.pids("web")
    dumping = [pid for pid in processes if _may_dump(pid)]
    node.stop()
    outputs["log"] += node.log()
    hits = {name: _lines(text) for name, text in outputs.items() if CANARY in text}
    cores = [*scene.folder.rglob("core*"), *Path.cwd().glob("core*")]
    attributes = len({element.tag for ds in images for element in ds.iterall() if _holds(element.value)})
    size = sum(map(len, outputs.values())) / 1024
    figure = (
        f"{attributes} attributes of {len(images)} studies, errors of a plugin and three destinations: "
        f"{sum(map(len, hits.values()))} hits in {size:.0f} kB of {len(outputs)} outputs, {len(cores)} core dumps, "
        f"{len(dumping)} of {len(processes)} processes may leave one"
    )
    first = next((f"; {name}: {lines[0][:200]}" for name, lines in hits.items()), "")
    tried = "DEBUG:" in outputs["log"] and pacs.answers.total() > 0 and bool(ris.messages) and len(processes) >= _KINDS
    return Seen(tried and not hits and not cores and not dumping, figure + first)


def _watched(scene: Scene, pacs: EvilPacs, ris: Mllp, hook: Hook) -> RunningNode:
    """A node that says everything it can, with destinations that take nothing."""
    loud = scene.folder / "loud"
    loud.mkdir()
    (loud / "sitecustomize.py").write_text(_EVERYTHING, encoding="utf-8")
    destinations = [
        pacs.destination("pacs"),
        {"name": "ris", "kind": "hl7", "port": ris.port},
        {"name": "hook", "kind": "webhook", "url": hook.url, "phi": True},
    ]
    names = [one["name"] for one in destinations]
    route = {"name": "all", "plugin": "brightness", "destinations": names, "accept_missing": True}
    with environment(PYTHONWARNINGS="always", PYTHONFAULTHANDLER="1", NO_COLOR="1"):
        return scene.node(
            python_path=[install_plugin(scene.folder / "plugins"), loud],
            destinations=destinations,
            routes=[route],
            web={"enabled": True, "port": free_port()},
            retry={"first_seconds": 0.05, "longest_seconds": 0.2, "delivery_attempts": scene.times(3, 1)},
        )


def _identified(scene: Scene) -> list[Dataset]:
    """Studies that name a patient wherever they can, then with one odd value each; some make the plugin go wrong."""
    odd = dict(list(_ODD.items())[: scene.times(len(_ODD), 2)])
    misdeeds = ({}, {"BodyPartExamined": "RAISES"}, {"BodyPartExamined": "PRINTS"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        images = [scene.hospital.image(number, **changes) for number, changes in enumerate(misdeeds, 1)]
        images += [scene.hospital.image(number) for number in range(11, 11 + len(odd))]
        for ds in images:
            for keyword in _TEXTS:
                _put(ds, keyword, f"{CANARY}^{keyword}"[:16].encode())
            ds.private_block(0x0019, f"{CANARY} PRIVATE", create=True).add_new(1, "LO", f"{CANARY}^Private")
        for ds, (keyword, value) in zip(images[-len(odd) :], odd.items(), strict=True):
            _put(ds, keyword, value)
    return images


def _put(ds: Dataset, keyword: str, value: bytes) -> None:
    """As it stands in a file, whether it may or not."""
    tag = Tag(tag_for_keyword(keyword) or 0)
    value += b" " * (len(value) % 2)
    ds[tag] = RawDataElement(tag, dictionary_VR(tag)[:2], len(value), value, 0, False, True)


def _told(node: RunningNode, studies: list[str], *, short: bool) -> Mapping[str, str]:
    """Everything that the node says to whoever asks, by who was asked."""
    commands = [*(() if short else _ASKED), ("status", "--json"), ("queue", "list", "--json")]
    commands += [("trail", uid) for uid in studies[: 1 if short else 5]]
    told = {" ".join(command): _answer(node, *command) for command in commands}
    token = node.run_cli("tokens", "add", "prometheus", "--role", "read").stdout.strip()
    port = next(line.split()[-1] for line in node.config.read_text().split("[web]")[1].splitlines() if "port" in line)
    for path in ("metrics", "healthz", "nowhere"):
        headers = {"Authorization": f"Bearer {token}"}
        told[f"GET /{path}"] = requests.get(f"http://127.0.0.1:{port}/{path}", headers=headers, timeout=10).text
    events = [f"{event.action} {event.detail}" for event in node.ledger.events.latest(100_000)]
    return told | {"all trails": "\n".join(events)}


def _answer(node: RunningNode, *command: str) -> str:
    done = node.run_cli(*command)
    return done.stdout + done.stderr


def _may_dump(pid: int) -> bool:
    """Into a file (the limit), or to a program, for which the filter counts instead, core(5)."""
    process = Path("/proc") / str(pid)
    (line,) = [line for line in (process / "limits").read_text().splitlines() if line.startswith("Max core file size")]
    return line.split()[4:6] != ["0", "0"] or int((process / "coredump_filter").read_text(), 16) != 0


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if CANARY in line]


def _holds(value: object) -> bool:
    return CANARY in str(value)


PRIVACY = (
    Fault(
        44,
        "the node's own results come back",
        "three rounds from Orthanc, with their images; the results alone to a node that has never seen them",
        "0 new results, 0 new analyses",
        come_back,
    ),
    Fault(
        45,
        "patients' data in logs, errors and metrics",
        "a canary in every text attribute, in values that no reader understands, in what a plugin raises and "
        "prints and what an archive, a RIS and a webhook answer; every library logs at DEBUG, every warning is shown",
        "0 hits in logs, status, queue, trails and metrics; no core dump, and none possible in any process",
        canaries,
    ),
)
