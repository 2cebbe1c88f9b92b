"""How the tables have changed since :mod:`node.ledger.schema`."""

from node.ledger.purge_tables import PURGED_FILES
from node.ledger.report_tables import ADDENDA, DOCUMENTS_DUE, MOMENTS, REPORTS, VERSIONS
from node.ledger.stage_tables import STAGES
from node.ledger.watch_tables import WATCH_TABLES

#: Version -> what makes it of the one before. Every step adds, so that the rows of earlier versions stay as they are.
STEPS = {
    2: """
CREATE TABLE documents ( -- reports that came in, to be read once
  sop_instance_uid TEXT PRIMARY KEY,
  study_instance_uid TEXT NOT NULL REFERENCES studies,
  path TEXT NOT NULL,
  calling_ae TEXT NOT NULL,
  received_at REAL NOT NULL,
  read INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX documents_unread ON documents (received_at) WHERE read = 0;

CREATE TABLE reviews ( -- what readers say of our answers; the last word counts
  id INTEGER PRIMARY KEY,
  study_instance_uid TEXT NOT NULL REFERENCES studies,
  analysis_id INTEGER NOT NULL REFERENCES analyses,
  plugin TEXT NOT NULL,
  plugin_version TEXT NOT NULL,
  finding TEXT NOT NULL,
  laterality TEXT NOT NULL,
  outcome TEXT NOT NULL,
  probability REAL NOT NULL,
  judgement TEXT NOT NULL,
  stated TEXT NOT NULL,
  truth TEXT NOT NULL,
  reader TEXT NOT NULL,
  origin TEXT NOT NULL,
  at REAL NOT NULL
);
CREATE INDEX reviews_by_answer ON reviews (study_instance_uid, plugin, finding, laterality, id);
""",
    3: """
ALTER TABLE events ADD COLUMN hash TEXT NOT NULL DEFAULT '';
CREATE TRIGGER events_stay BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'the trail is append-only'); END;
CREATE TRIGGER events_as_written BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'the trail is append-only'); END;
""",
    4: """
CREATE TABLE commitments ( -- Storage Commitment that peers have asked for
  id INTEGER PRIMARY KEY,
  transaction_uid TEXT NOT NULL,
  calling_ae TEXT NOT NULL,
  asked TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'WAITING' CHECK (state IN ('WAITING', 'REPORTED', 'GIVEN UP')),
  attempts INTEGER NOT NULL DEFAULT 0,
  not_before REAL NOT NULL DEFAULT 0,
  received_at REAL NOT NULL,
  UNIQUE (transaction_uid, calling_ae)
);
CREATE INDEX commitments_due ON commitments (not_before) WHERE state = 'WAITING';
""",
    5: """
CREATE TABLE pledges ( -- Storage Commitment that archives are asked for; deliveries.kept: a Keeping
  transaction_uid TEXT PRIMARY KEY,
  destination TEXT NOT NULL,
  objects INTEGER NOT NULL,
  asked_at REAL NOT NULL
) WITHOUT ROWID;
ALTER TABLE deliveries ADD COLUMN kept TEXT NOT NULL DEFAULT '';
CREATE INDEX deliveries_unkept ON deliveries (destination, kept) WHERE kept NOT IN ('', 'KEPT');
""",
    6: """
ALTER TABLE studies ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0 /* of the files of its images */;
UPDATE studies SET bytes = (SELECT coalesce(sum(size), 0) FROM instances i
  WHERE i.study_instance_uid = studies.study_instance_uid AND i.set_aside = '');
""",
    7: """
ALTER TABLE results ADD COLUMN sha256 TEXT NOT NULL DEFAULT '' /* of the file as it was made */;
ALTER TABLE analyses ADD COLUMN sealed TEXT NOT NULL DEFAULT '{}' /* name of a file of the analysis -> sha256 */;
""",
    # Rows of a kilobyte in the order of their UIDs put few of them on a page, and as few branches
    # (sqlite.org/withoutrowid.html#when_to_use_without_rowid): in the order of their coming they need a third of it.
    # No query that the node makes again and again looks at more rows than it answers; `tests/ledger/test_plans.py`.
    8: """
CREATE TABLE arrived (
  sop_instance_uid TEXT PRIMARY KEY,
  study_instance_uid TEXT NOT NULL REFERENCES studies,
  series_instance_uid TEXT NOT NULL,
  sop_class_uid TEXT NOT NULL,
  transfer_syntax_uid TEXT NOT NULL,
  path TEXT NOT NULL,
  size INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  patient_key TEXT NOT NULL,
  instance_number INTEGER NOT NULL,
  study_images INTEGER,
  acquisition_images INTEGER,
  attributes TEXT NOT NULL,
  set_aside TEXT NOT NULL DEFAULT '',
  association TEXT NOT NULL,
  received_at REAL NOT NULL
);
INSERT INTO arrived SELECT * FROM instances;
DROP TABLE instances;
ALTER TABLE arrived RENAME TO instances;
CREATE INDEX instances_by_study ON instances (study_instance_uid);
CREATE INDEX instances_set_aside ON instances (set_aside) WHERE set_aside != '';

CREATE INDEX studies_with_files ON studies (last_at) WHERE purged != 1 AND state IN ('CLOSED', 'IGNORED');
DROP INDEX analyses_by_state;
CREATE INDEX analyses_by_state ON analyses (state);
CREATE INDEX deliveries_refused ON deliveries (analysis_id) WHERE state = 'REFUSED';
""",
    9: """
CREATE TABLE fetches ( -- studies that an archive was asked to send, as it was asked last
  study_instance_uid TEXT PRIMARY KEY,
  archive TEXT NOT NULL,
  instances INTEGER, -- Number of Study Related Instances (0020,1208) that it told; NULL: none
  asked_at REAL NOT NULL,
  ended_at REAL, -- NULL: its end is not known
  came INTEGER, -- instances of the study that were here then
  reason TEXT NOT NULL DEFAULT '' -- why not all
) WITHOUT ROWID;
""",
    10: """
CREATE TABLE workitems ( -- of worklist servers (UPS), that this node has claimed, or is about to
  workitem_uid TEXT PRIMARY KEY,
  worklist TEXT NOT NULL,
  transaction_uid TEXT NOT NULL,
  study_instance_uid TEXT NOT NULL, -- empty: it names none, or several
  plugin TEXT NOT NULL,
  code TEXT NOT NULL, -- value, scheme, meaning
  sources TEXT NOT NULL, -- AE titles
  priority TEXT NOT NULL,
  state TEXT NOT NULL,
  tries INTEGER NOT NULL,
  told TEXT NOT NULL,
  reason TEXT NOT NULL,
  claimed_at REAL NOT NULL,
  changed_at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX workitems_open ON workitems (worklist) WHERE state NOT IN ('COMPLETED', 'CANCELED', 'LOST');
CREATE INDEX workitems_by_study ON workitems (study_instance_uid);
""",
    11: WATCH_TABLES,
    12: """
CREATE TABLE signals ( -- what modalities and archives tell of studies (node.signals)
  sop_instance_uid TEXT PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('MPPS', 'IAN')),
  calling_ae TEXT NOT NULL,
  status TEXT NOT NULL DEFAULT '', -- Performed Procedure Step Status (0040,0252)
  discontinued TEXT NOT NULL DEFAULT '', -- code of DCM that says why
  words INTEGER NOT NULL DEFAULT 1, -- messages that made it what it is
  told_at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX signals_by_time ON signals (told_at);
CREATE TABLE signal_studies (
  study_instance_uid TEXT NOT NULL, -- it may have no images, and so no row
  signal TEXT NOT NULL REFERENCES signals ON DELETE CASCADE,
  PRIMARY KEY (study_instance_uid, signal)
) WITHOUT ROWID;
CREATE INDEX signal_studies_by_signal ON signal_studies (signal);
CREATE TABLE signal_instances ( -- that there are
  signal TEXT NOT NULL REFERENCES signals ON DELETE CASCADE,
  sop_instance_uid TEXT NOT NULL,
  series_instance_uid TEXT NOT NULL,
  availability TEXT NOT NULL,
  retrieve_ae TEXT NOT NULL,
  PRIMARY KEY (signal, sop_instance_uid)
) WITHOUT ROWID;
""",
    13: STAGES,
    14: """
CREATE TABLE comparisons ( -- what an analysis is compared with, as chosen once
  analysis_id INTEGER PRIMARY KEY REFERENCES analyses,
  months INTEGER NOT NULL,
  archive TEXT NOT NULL,
  wait_seconds REAL NOT NULL,
  wait_until REAL NOT NULL,
  asked TEXT NOT NULL DEFAULT '', -- what the archive was asked for
  fetching TEXT NOT NULL DEFAULT '', -- the study that it is to send
  settled TEXT NOT NULL DEFAULT '', -- a Comparison as JSON
  told TEXT NOT NULL DEFAULT '[]' -- what the report says of the changes
);
CREATE TABLE assessments ( -- what analyses have said; it outlives their files
  analysis_id INTEGER PRIMARY KEY REFERENCES analyses,
  assessment TEXT NOT NULL -- as JSON
);
CREATE TABLE priors ( -- studies that an archive was asked for as priors: nothing of them is delivered
  study_instance_uid TEXT PRIMARY KEY,
  ae_title TEXT NOT NULL -- of the archive
) WITHOUT ROWID;
CREATE INDEX comparisons_open ON comparisons (analysis_id) WHERE settled = '';
CREATE INDEX studies_by_patient ON studies (patient_key) WHERE patient_key != '';
""",
    15: """
ALTER TABLE analyses ADD COLUMN priority TEXT NOT NULL DEFAULT 'routine';
ALTER TABLE analyses ADD COLUMN priority_reason TEXT NOT NULL DEFAULT '' /* who says so; empty: nobody */;
ALTER TABLE analyses ADD COLUMN rank REAL NOT NULL DEFAULT 0 /* the lowest goes first: node/priority.py */;
UPDATE analyses SET rank = created_at;
DROP INDEX analyses_by_state;
CREATE INDEX analyses_by_state ON analyses (state, rank);
""",
    16: """
ALTER TABLE silent ADD COLUMN kept_for INTEGER /* the analysis that answers instead; NULL: it is silent by itself */;
CREATE INDEX silent_kept_for ON silent (kept_for) WHERE kept_for IS NOT NULL;
""",
    17: """
ALTER TABLE comparisons ADD COLUMN most INTEGER NOT NULL DEFAULT 1 /* so many priors */;
ALTER TABLE comparisons ADD COLUMN views TEXT NOT NULL DEFAULT '[]' /* groups of views that may be compared */;
ALTER TABLE comparisons ADD COLUMN tried TEXT NOT NULL DEFAULT '{}' /* study that was asked for -> what came of it */;
ALTER TABLE comparisons ADD COLUMN spent INTEGER NOT NULL DEFAULT 0 /* 1: the archive is not to be asked any more */;
ALTER TABLE comparisons ADD COLUMN passed TEXT NOT NULL DEFAULT '[]' /* why others are no priors, the newest first */;
UPDATE comparisons SET spent = 1 WHERE asked != '' AND fetching = '';
""",
    18: """
ALTER TABLE fetches ADD COLUMN tries INTEGER NOT NULL DEFAULT 1 /* in a row, of which none but the last brought all */;
ALTER TABLE fetches ADD COLUMN unsent TEXT NOT NULL DEFAULT '[]' /* SOP Instance UIDs that could not be sent */;
""",
    19: """
CREATE TABLE absences ( -- what an archive that is followed announced, and then did not have
  input TEXT NOT NULL,
  resource TEXT NOT NULL, -- path of it there
  study_instance_uid TEXT NOT NULL, -- empty: the archive does not say
  tries INTEGER NOT NULL,
  first_at REAL NOT NULL,
  again_at REAL, -- NULL: it is asked for no more
  PRIMARY KEY (input, resource)
) WITHOUT ROWID;
CREATE INDEX absences_by_study ON absences (study_instance_uid);
CREATE INDEX absences_due ON absences (input, again_at) WHERE again_at IS NOT NULL;
""",
    20: REPORTS,
    21: """
ALTER TABLE studies ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 0 /* 1: its other rows are gone */;
CREATE INDEX studies_to_forget ON studies (last_at)
  WHERE purged = 1 AND forgotten = 0 AND state IN ('CLOSED', 'IGNORED');
CREATE TABLE forgotten ( -- what must be known of them (forgotten.py)
  study_instance_uid TEXT PRIMARY KEY REFERENCES studies,
  instances BLOB NOT NULL,
  results BLOB NOT NULL
);
CREATE INDEX reviews_by_analysis ON reviews (analysis_id);
CREATE INDEX documents_by_study ON documents (study_instance_uid);
CREATE INDEX evaluations_by_event ON evaluations (event);
DROP TRIGGER events_stay;
CREATE TRIGGER events_stay BEFORE DELETE ON events
  WHEN OLD.id > coalesce((SELECT CAST(value AS INTEGER) FROM facts WHERE name = 'trail shortened up to'), 0)
  BEGIN SELECT RAISE(ABORT, 'the trail is append-only'); END;
""",
    22: """
CREATE TABLE removed_lines ( -- of the trail
  event INTEGER PRIMARY KEY, -- that says so, with the digest of what is here
  digests BLOB NOT NULL -- the first bytes of theirs, in their order (chain.py)
);
""",
    23: DOCUMENTS_DUE,
    24: """
ALTER TABLE workitems ADD COLUMN cancel TEXT NOT NULL DEFAULT '' /* who asks to cancel it; empty: nobody */;
""",
    25: ADDENDA,
    26: MOMENTS,
    27: VERSIONS,
    28: """
CREATE TABLE inputs ( -- studies that a workitem is about, in the order in which it names them
  workitem_uid TEXT NOT NULL,
  number INTEGER NOT NULL,
  study_instance_uid TEXT NOT NULL,
  sources TEXT NOT NULL, -- AE titles, and addresses for WADO-RS
  instances TEXT NOT NULL, -- SOP Instance UIDs that it names of the study; none: all
  has_come INTEGER NOT NULL DEFAULT 0, -- 1: what was to come for the workitem
  PRIMARY KEY (workitem_uid, number)
) WITHOUT ROWID;
CREATE INDEX inputs_by_study ON inputs (study_instance_uid);
INSERT INTO inputs (workitem_uid, number, study_instance_uid, sources, instances)
  SELECT workitem_uid, 0, study_instance_uid, sources, '[]' FROM workitems WHERE study_instance_uid != '';
DROP INDEX workitems_by_study;
ALTER TABLE workitems DROP COLUMN study_instance_uid;
ALTER TABLE workitems DROP COLUMN sources;
""",
    29: PURGED_FILES,
}

#: Raised with every step; `database.py` refuses a ledger that is newer than the program.
VERSION = max(STEPS)
