"""What a reader says of a finding that this node reported, and what many such words come to.

A reader's review of an AI result is what IHE calls an AI result assessment (AIRA). Here it is called a review, since
the findings themselves are assessed by the models.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from hashlib import sha256
from itertools import groupby
from typing import Any

from node.claims import Outcome

#: Standard normal quantile of a two-sided 95 % interval.
_Z = 1.959963984540054


#: How the origin of a review begins that rules made of the words of a signed Structured Report.
REPORT_TEXT = "report text "
#: Why a report is not read yet.
NOT_SETTLED = "its study is not answered yet: it is read then"
#: Its source; of reports that come as messages it is `HL7` with their sender. A reader's own words have none.
SIGNED_SR = "SR"


class Judgement(StrEnum):
    """What a reader says of an answer."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    CORRECTED = "corrected"  # with the outcome that is right


@dataclass(frozen=True)
class Statement:
    """A reader's words on one finding, before it is known which answer they are about.

    Attributes:
        judgement: accepted or rejected; None when `outcome` is given.
        outcome: what the reader holds to be right; None when `judgement` is given.
        tracking_uid: Tracking Unique Identifier of the finding; empty: not given.
        finding: its name in the plugin's manifest; empty: not given.
        code: (Code Value, Coding Scheme Designator) of the finding; None: not given.
        plugin: whose answer it is; empty: not given.
        laterality: L, R or B; empty: not given.
        references: SOP Instance UIDs that it refers to.
    """

    judgement: Judgement | None = None
    outcome: Outcome | None = None
    tracking_uid: str = ""
    finding: str = ""
    code: tuple[str, str] | None = None
    plugin: str = ""
    laterality: str = ""
    references: frozenset[str] = frozenset()

    @property
    def about(self) -> str:
        """The finding, as well as it is known."""
        return self.finding or (f"{self.code[0]} {self.code[1]}" if self.code else "") or self.tracking_uid


@dataclass(frozen=True)
class Answer:
    """What an analysis answered to one finding: where several series show it, the one that speaks for it most.

    Attributes:
        analysis_id: of the ledger.
        plugin: who answered.
        plugin_version: in that version.
        finding: its name.
        laterality: L, R, B or empty.
        tracking_uid: of the finding; empty in results of an earlier version.
        code: (Code Value, Coding Scheme Designator); None in results of an earlier version.
        outcome: the answer.
        probability: calibrated, 0..1.
        results: SOP Instance UIDs of the result objects of the analysis.
    """

    analysis_id: int
    plugin: str
    plugin_version: str
    finding: str
    laterality: str
    tracking_uid: str
    code: tuple[str, str] | None
    outcome: Outcome
    probability: float
    results: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Review:
    """A reader's word on an answer; `reader` is who said it, `origin` where: a SOP Instance UID, or the way it came.

    `source`: whose signed reports rules have read; empty: a reader's own word, from which the others are kept apart.
    """

    answer: Answer
    judgement: Judgement
    stated: Outcome | None
    reader: str
    origin: str
    source: str = ""

    @property
    def truth(self) -> Outcome | None:
        """Whether the finding is there, as the reader has it; None when that does not follow."""
        if self.stated is not None:
            return None if self.stated is Outcome.UNDETERMINED else self.stated
        if self.answer.outcome is Outcome.UNDETERMINED:
            return None
        if self.judgement is Judgement.ACCEPTED:
            return self.answer.outcome
        return Outcome.ABSENT if self.answer.outcome is Outcome.PRESENT else Outcome.PRESENT


class ReportStatus(StrEnum):
    """What a report in a message is."""

    FINAL = "FINAL"
    CORRECTED = "CORRECTED"  # replaces what came before for its order
    ASIDE = "ASIDE"  # kept, and never read: preliminary, or without text


@dataclass(frozen=True)
class HeardReport:
    """A report in a message, as far as the ledger may know it.

    Attributes:
        status: what it is.
        names: studies that it may be of, the best first: Study Instance UIDs, and :func:`order_key`.
        patients: :func:`person_key` of each Patient ID that it tells.
        report_key: digest of its order; what comes later for the same one replaces it. Empty: it names none.
        told_at: when its status changed, a moment for :func:`is_earlier`; empty: not told.
        reason: why it is kept aside.
        adds: it is an addendum: what came before for its order counts as well.
        sent_at: when its message was made, as `told_at`.
        takes_back: what came before counts no more, and nothing instead of it; if it adds: addenda alone.
    """

    status: ReportStatus
    names: tuple[str, ...]
    patients: tuple[str, ...]
    report_key: str = ""
    told_at: str = ""
    reason: str = ""
    adds: bool = False
    sent_at: str = ""
    takes_back: bool = False


def is_earlier(one: str, other: str) -> bool | None:
    """Of two moments, as digits from the year on, behind which `Z` says UTC; None: nobody knows.

    So where one is not told or is local time alone, and where they are the same as far as both are told.
    """
    if not (one and other) or one.endswith("Z") != other.endswith("Z"):
        return None
    pairs = zip(one.rstrip("Z"), other.rstrip("Z"), strict=False)
    return next((digit < its for digit, its in pairs if digit != its), None)


@dataclass(frozen=True)
class Heard:
    """A message with reports; its bytes are synced in the spool.

    Attributes:
        source: Sending Application and Facility.
        peer: address of who brought it.
        control_id: Message Control ID (MSH-10).
        sha256: hex, of the message without its header, which differs when it is sent again.
        path: relative to the spool's root.
        reports: one for each order.
    """

    source: str
    peer: str
    control_id: str
    sha256: str
    path: str
    reports: tuple[HeardReport, ...]


def person_key(patient_id: str) -> str:
    """Hex digest of a Patient ID, whoever issued it; empty without one."""
    return sha256(f"person\0{patient_id}".encode()).hexdigest() if patient_id else ""


def order_key(accession_number: str, patient_id: str) -> str:
    """Hex digest of an Accession Number of a patient; empty without one of them."""
    if not (accession_number and patient_id):
        return ""
    return sha256(f"order\0{accession_number}\0{patient_id}".encode()).hexdigest()


@dataclass(frozen=True)
class Share:
    """`hits` of `total`, with a Wilson interval of 95 %; a share of nothing goes from 0 to 1."""

    hits: int
    total: int

    @property
    def figure(self) -> float | None:
        """None of nothing."""
        return self.hits / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson, J. Am. Stat. Assoc. 22 (1927) 209."""
        if not self.total:
            return 0.0, 1.0
        n, p, z = self.total, self.hits / self.total, _Z
        middle, spread = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        low, high = (middle - spread) / (1 + z * z / n), (middle + spread) / (1 + z * z / n)
        return (0.0 if not self.hits else low), (1.0 if self.hits == n else high)


@dataclass(frozen=True)
class Counted:
    """One reviewed answer, as the last word on it has it, of that time. `sender`: the AE title that sent the study."""

    plugin: str
    plugin_version: str
    finding: str
    sender: str
    outcome: Outcome
    truth: Outcome | None
    at: float = 0.0
    source: str = ""


@dataclass(frozen=True)
class Tally:
    """What readers say of one plugin's answers to a finding, for studies of one sender.

    Attributes:
        reviewed: answers with a review.
        ppv: of those called present and reviewed, how many are.
        npv: of those called absent and reviewed, how many are.
        unclear: reviews from which neither follows, as of what was undetermined.
        source: whose signed reports say so; empty: readers themselves.
    """

    plugin: str
    plugin_version: str
    finding: str
    sender: str
    reviewed: int
    ppv: Share
    npv: Share
    unclear: int
    source: str = ""


def tallies(counted: Iterable[Counted]) -> list[Tally]:
    """One for each plugin, version, finding, sender and source, in that order."""

    def key(one: Counted) -> tuple[str, str, str, str, str]:
        return one.plugin, one.plugin_version, one.finding, one.sender, one.source

    return [_tally(key_of, list(members)) for key_of, members in groupby(sorted(counted, key=key), key)]


def _tally(key: tuple[str, str, str, str, str], members: Sequence[Counted]) -> Tally:
    plugin, version, finding, sender, source = key
    ppv, npv = (_agreeing(members, outcome) for outcome in (Outcome.PRESENT, Outcome.ABSENT))
    unclear = len(members) - ppv.total - npv.total
    return Tally(plugin, version, finding, sender, len(members), ppv, npv, unclear, source)


def _agreeing(members: Sequence[Counted], outcome: Outcome) -> Share:
    known = [one.truth for one in members if one.outcome is outcome and one.truth is not None]
    return Share(sum(truth is outcome for truth in known), len(known))


def tally_table(tally: Tally) -> dict[str, Any]:  # Any: JSON's edge
    """A tally as JSON's values: each share with its figure and interval."""
    shares = {"ppv": tally.ppv, "npv": tally.npv}
    told = {name: asdict(one) | {"figure": one.figure, "interval": one.interval} for name, one in shares.items()}
    return asdict(tally) | told
