"""The door of the room: everything the ledger can do, by subject."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from pathlib import Path

from node.ledger.absences import Absences
from node.ledger.analyses import Analyses
from node.ledger.analysis import AnalysisRow
from node.ledger.arrivals import Arrivals
from node.ledger.audited import Audited
from node.ledger.commitments import Commitments
from node.ledger.comparisons import Comparisons
from node.ledger.criticals import Criticals
from node.ledger.database import Database
from node.ledger.deliveries import Deliveries
from node.ledger.evaluations import Evaluations
from node.ledger.events import Events
from node.ledger.facts import Facts
from node.ledger.fetches import Fetches
from node.ledger.forgetting import Forgetting
from node.ledger.inquiries import Inquiries
from node.ledger.jobs import Job
from node.ledger.measures import Measures
from node.ledger.observations import Observations
from node.ledger.overview import Overview
from node.ledger.pace import Pace
from node.ledger.pauses import Pauses
from node.ledger.pledges import Pledges
from node.ledger.priors import Priors
from node.ledger.reloads import Reloads
from node.ledger.reports import Reports
from node.ledger.reviews import Reviews
from node.ledger.sessions import Sessions
from node.ledger.signals import Signals
from node.ledger.stages import Stages
from node.ledger.strays import Strays
from node.ledger.studies import Studies
from node.ledger.upkeep import Upkeep
from node.ledger.withdrawals import Withdrawals
from node.ledger.workitems import Workitems


class Ledger:
    """The state of one node.

    Usable from several threads and processes at once. Raises :class:`~node.errors.LedgerBusy`.

    Args:
        path: of the SQLite file; created with its tables when missing.
        busy_seconds: how long a call waits for a lock.
        most_objects: in one study; what comes beyond is set aside. 0: no limit.
        most_bytes: of the files of one study; the same.
    """

    def __init__(self, path: Path, busy_seconds: float = 10.0, most_objects: int = 0, most_bytes: int = 0) -> None:
        self._most = most_objects, most_bytes
        self._open(Database(path, busy_seconds))

    def _open(self, database: Database) -> None:
        self._database = database
        self.absences = Absences(self._database)
        self.arrivals = Arrivals(self._database, *self._most)
        self.studies = Studies(self._database)
        self.strays = Strays(self._database)
        self.analyses = Analyses(self._database)
        self.comparisons = Comparisons(self._database)
        self.deliveries = Deliveries(self._database)
        self.fetches = Fetches(self._database)
        self.workitems = Workitems(self._database)
        self.sessions = Sessions(self._database)
        self.signals = Signals(self._database)
        self.withdrawals = Withdrawals(self._database)
        self.commitments = Commitments(self._database)
        self.priors = Priors(self._database)
        self.pledges = Pledges(self._database)
        self.criticals = Criticals(self._database)
        self.reviews = Reviews(self._database)
        self.reports = Reports(self._database)
        self.pauses = Pauses(self._database)
        self.observations = Observations(self._database)
        self.measures = Measures(self._database)
        self.stages = Stages(self._database)
        self.evaluations = Evaluations(self._database)
        self.reloads = Reloads(self._database)
        self.events = Events(self._database)
        self.audited = Audited(self._database)
        self.overview = Overview(self._database)
        self.pace = Pace(self._database)
        self.facts = Facts(self._database)
        self.inquiries = Inquiries(self._database)
        self.upkeep = Upkeep(self._database)
        self.forgetting = Forgetting(self._database)

    def in_turns(self) -> Ledger:
        """The same ledger over one connection for all threads, which may only use it one after the other."""
        other = copy(self)
        other._open(self._database.in_turns())
        return other

    def job(self, row: AnalysisRow) -> Job:
        """All that a worker needs to know for an analysis."""
        uid, compared = row.study_instance_uid, self.comparisons.of_analysis(row.id)
        return Job(
            row,
            self.studies.series(uid),
            self.studies.get(uid).expected,
            self.analyses.delivered_before(row),
            compared.comparison if compared else None,
            self.studies.purged(uid, row.series),
            self.studies.lost(uid, row.series),
        )

    def pulse(self) -> int:
        """A number that changes whenever somebody else has committed."""
        return self._database.pulse()

    @property
    def log(self) -> Path:
        """The file to which whoever commits writes first."""
        return self._database.log

    def on_commit(self, call: Callable[[], None]) -> None:
        """`call`, in the thread that committed, after every commit made through this object."""
        self._database.on_commit = call

    def close(self) -> None:
        """Close this thread's connection."""
        self._database.close()
