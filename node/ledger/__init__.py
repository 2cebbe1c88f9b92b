"""The ledger: the only state there is.

In come facts; out go rows. Each move of a study or an analysis writes its new state and an event row in one
transaction, and a transaction is on the disk when it returns (SQLite, WAL, synchronous=FULL: a commit survives a power
cut). What can fail raises :class:`~node.errors.LedgerBusy`. Receivers, workers and the main process share the file.
On disk afterwards: `ledger.db` with its `-wal` and `-shm`.
"""

from node.ledger.absences import Absence
from node.ledger.analyses import BY_OPERATOR
from node.ledger.analysis import AnalysisRow, opening
from node.ledger.audited import NumberedEvent
from node.ledger.chain import Verified
from node.ledger.commitments import CommitmentRow
from node.ledger.comparisons import Candidate, ComparisonRow, OpenComparison
from node.ledger.criticals import Critical, OpenCritical, critical_from
from node.ledger.deliveries import DeliveryRow
from node.ledger.events import Event
from node.ledger.fetches import FetchRow
from node.ledger.forgetting import FORGOTTEN
from node.ledger.inquiries import Sent, Subject, What
from node.ledger.jobs import Job, job_from, job_table
from node.ledger.ledger import Ledger
from node.ledger.measures import NEW_BASELINE, Baseline, Measure, MeasureRow, Verdict, told
from node.ledger.observations import Observation, Watched, observation_from, observation_table
from node.ledger.overview import Page, Waiting, Wanted
from node.ledger.plans import Plan
from node.ledger.reports import Match, ReportRow
from node.ledger.results import Notice
from node.ledger.reviews import ReviewRow, SignedRow, UnreadDocument
from node.ledger.signals import SignalRow
from node.ledger.silence import ANSWERS_INSTEAD
from node.ledger.stages import Installed
from node.ledger.standing import STANDS
from node.ledger.studies import StudyRow
from node.ledger.succession import Signed
from node.ledger.upkeep import Named, check_copy
from node.ledger.withdrawals import Withdrawal
from node.ledger.workitems import Input, WorkitemRow, WorkitemState

__all__ = [
    "ANSWERS_INSTEAD",
    "BY_OPERATOR",
    "FORGOTTEN",
    "NEW_BASELINE",
    "STANDS",
    "Absence",
    "AnalysisRow",
    "Baseline",
    "Candidate",
    "CommitmentRow",
    "ComparisonRow",
    "Critical",
    "DeliveryRow",
    "Event",
    "FetchRow",
    "Input",
    "Installed",
    "Job",
    "Ledger",
    "Match",
    "Measure",
    "MeasureRow",
    "Named",
    "Notice",
    "NumberedEvent",
    "Observation",
    "OpenComparison",
    "OpenCritical",
    "Page",
    "Plan",
    "ReportRow",
    "ReviewRow",
    "Sent",
    "SignalRow",
    "Signed",
    "SignedRow",
    "StudyRow",
    "Subject",
    "UnreadDocument",
    "Verdict",
    "Verified",
    "Waiting",
    "Wanted",
    "Watched",
    "What",
    "Withdrawal",
    "WorkitemRow",
    "WorkitemState",
    "check_copy",
    "critical_from",
    "job_from",
    "job_table",
    "observation_from",
    "observation_table",
    "opening",
    "told",
]
