"""Faults 30 to 37: objects that are broken, lie, explode, or carry what is no value of theirs."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pydicom

from tests.faults.bad_files import BadFile, Fate
from tests.faults.bad_headers import improper_uids, misencoded, missing
from tests.faults.bad_pixels import bombs, broken, undecodable
from tests.faults.bad_text import FORGED, Name, injections, names
from tests.faults.campaign import Fault, Scene, Seen
from tests.faults.fates import Answer, Ward, asked_the_same, counted, escaped, judged
from tests.faults.target import Peak, Target
from tests.peers import Hospital
from tests.peers.hospital import CANARY

Files = Callable[[Hospital], Sequence[BadFile]]


def _row(make: Files, side_by_side: bool = True) -> Callable[[Scene], Seen]:
    """A fault that is a set of files: each must end as it may, and be answered in time."""

    def inject(scene: Scene) -> Seen:
        files = make(scene.hospital)
        fates, answers = _given(Ward(scene), files)
        slowest = max(answer.seconds for answer in answers.values())
        wrong = judged(fates)
        figure = f"{counted(fates)}; slowest answer {slowest:.1f} s" + (f"; {wrong}" if wrong else "")
        return Seen(not wrong, figure, asked_the_same(scene, files) if side_by_side else {})

    return inject


def _given(ward: Ward, files: Sequence[BadFile]) -> tuple[Mapping[BadFile, Fate], Mapping[BadFile, Answer]]:
    answers = dict(ward.take(files))
    fates = ward.fates(answers)
    assert CANARY not in ward.node.log(), "a patient's name is in the log"
    return fates, answers


def explosive(scene: Scene) -> Seen:
    """32: what they take of memory counts as well."""
    ward, files = Ward(scene), bombs(scene.hospital)
    ward.node.await_worker()
    whole = Target(ward.node.port, lambda: list(ward.node.processes()), lambda: [])
    before = whole.footprint().rss
    with Peak(whole) as peak:
        answers = dict(ward.take(files))
        fates = ward.fates(answers)
    grown = peak.rss - before
    slowest, wrong = max(answer.seconds for answer in answers.values()), judged(fates)
    figure = f"{counted(fates)}; slowest answer {slowest:.1f} s, {grown:+.0f} MB" + (f"; {wrong}" if wrong else "")
    return Seen(not wrong and grown < 256, figure, asked_the_same(scene, files))


def injected(scene: Scene) -> Seen:
    """35: nothing of them gets out of the value it stands in."""
    escape = f"radnode-escape-{uuid.uuid4().hex[:8]}"
    ward, files = Ward(scene), injections(scene.hospital, escape)
    fates, _ = _given(ward, files)
    outside = escaped(scene.folder, escape)
    forged = [line for line in ward.node.log().splitlines() if not _is_entry(line)]
    commands = _commands([file.study for file in files if file.name.startswith("text")])
    raw = [command for command in commands if not _is_plain(ward.node.run_cli(*command).stdout)]
    wrong = judged(fates)
    figure = f"{counted(fates)}; files outside {len(outside)}, forged lines of the log {len(forged)}, "
    figure += f"commands that print what they should not {len(raw)} of {len(commands)}" + (
        f"; {wrong}" if wrong else ""
    )
    return Seen(not (wrong or outside or forged or raw), figure, asked_the_same(scene, files, escape))


def _commands(studies: Sequence[str]) -> list[tuple[str, ...]]:
    """Whatever prints what a sender wrote."""
    about = [(*words, study) for study in studies[-2:] for words in (("studies", "show", "--phi"), ("trail",))]
    return [("status",), ("studies", "list", "--phi"), *about]


def _is_entry(line: str) -> bool:
    """Whether a line of the log is what the node wrote, whole."""
    try:
        return "action" in json.loads(line) and line.isprintable()
    except ValueError:
        return False


def _is_plain(text: str) -> bool:
    """Whether a terminal shows it as it is: no control characters but our tabs, and no line that a value began."""
    lines = text.replace("\t", " ").splitlines()
    return (
        bool(lines)
        and all(line.isprintable() for line in lines)
        and not any(line.strip().startswith(FORGED) for line in lines)
    )


def foreign_names(scene: Scene) -> Seen:
    """37: Patient's Name of the report against what was sent."""
    ward, cases = Ward(scene), names(scene.hospital)
    fates, _ = _given(ward, [file for file, _ in cases.values()])
    wrong = [word for word, (file, name) in cases.items() if not _is_returned(ward, file, name, fates[file])]
    figure = f"{counted(fates)}; names that came back otherwise: {', '.join(wrong) or 'none'}"
    told = judged(fates)
    return Seen(not wrong and not told, figure + (f"; {told}" if told else ""))


def _is_returned(ward: Ward, file: BadFile, name: Name, fate: Fate) -> bool:
    if fate is not Fate.PROCESSED or not name.read:
        return fate is not Fate.LOST
    reports = ward.reports(file)
    return bool(reports) and all(_name(one.path) == name.read for one in reports)


def _name(path: Path) -> str:
    return str(pydicom.dcmread(path, stop_before_pixels=True).PatientName)


DATASETS = (
    Fault(
        30,
        "transfer syntaxes that nobody can decode",
        "video, JPEG XL, JPIP and others, with random bytes; one that does not exist",
        "refused or set aside with a reason",
        _row(undecodable, side_by_side=False),
    ),
    Fault(
        31,
        "broken JPEG, JPEG 2000, JPEG-LS and RLE",
        "random bytes, no bytes, a header alone, the first tenth, another size",
        "set aside with a reason, 100 %",
        _row(broken, side_by_side=False),
    ),
    Fault(
        32,
        "small objects that claim to be huge",
        "8 GiB of rows, 2,000 million frames, JPEG 2000 of 60,000 x 60,000, RLE, 64 MiB deflated",
        "answered < 5 s each, refused or set aside, all processes < +256 MB",
        explosive,
    ),
    Fault(
        33,
        "what is missing or contradicts itself",
        "UIDs, attributes of type 1 and 2, pixel descriptions, SOP classes",
        "each as the list of files allows",
        _row(missing, side_by_side=False),
    ),
    Fault(
        34,
        "datasets that are encoded wrongly",
        "wrong VRs, another transfer syntax, cut, 4 GiB of length, 3,000 nested sequences",
        "answered < 5 s each, and accounted for",
        _row(misencoded),
    ),
    Fault(
        35,
        "values that want to be more than values",
        "paths, shell, SQL, HTML, log lines and escape sequences as UIDs and texts",
        "0 files outside, 0 forged lines, nothing raw on a terminal",
        injected,
    ),
    Fault(
        36,
        "UIDs that are none",
        "65 and 4,000 characters, empty, letters, dots",
        "refused or set aside, and accounted for",
        _row(improper_uids),
    ),
    Fault(
        37,
        "character sets",
        "Patient's Name in six of them, in one that does not exist, and in bytes of none",
        "the report's is the same after decoding, or it is set aside",
        foreign_names,
    ),
)
