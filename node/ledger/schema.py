"""The tables as they were first; :mod:`node.ledger.steps` makes today's of them. Time: seconds since the epoch, UTC."""

"""The tables. Time is in seconds since the epoch, UTC."""

#: Raised with every change; `database.py` refuses a ledger that is newer than the program.
VERSION = 11

SCHEMA = """
CREATE TABLE studies (
  study_instance_uid TEXT PRIMARY KEY,
  state TEXT NOT NULL,
  revision INTEGER NOT NULL DEFAULT 1,
  reason TEXT NOT NULL DEFAULT '',
  patient_key TEXT NOT NULL DEFAULT '',
  sender TEXT NOT NULL DEFAULT '',
  expected INTEGER,
  partial INTEGER NOT NULL DEFAULT 0,
  asked INTEGER NOT NULL DEFAULT 0,
  images INTEGER NOT NULL DEFAULT 0,
  first_at REAL NOT NULL,
  last_at REAL NOT NULL,
  changed_at REAL NOT NULL,
  purged INTEGER NOT NULL DEFAULT 0 CHECK (purged IN (0, 1, 2)) -- 1: files are gone, 2: are being removed
) WITHOUT ROWID;
CREATE INDEX studies_by_state ON studies (state, changed_at);
CREATE INDEX studies_by_time ON studies (last_at);

CREATE TABLE instances (
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
) WITHOUT ROWID;
CREATE INDEX instances_by_study ON instances (study_instance_uid, series_instance_uid);

CREATE TABLE quarantine (
  id INTEGER PRIMARY KEY,
  sop_instance_uid TEXT NOT NULL,
  study_instance_uid TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  path TEXT NOT NULL,
  size INTEGER NOT NULL,
  reason TEXT NOT NULL,
  association TEXT NOT NULL,
  received_at REAL NOT NULL,
  UNIQUE (sop_instance_uid, sha256)
);
CREATE INDEX quarantine_by_study ON quarantine (study_instance_uid);

CREATE TABLE associations (
  association TEXT PRIMARY KEY,
  calling_ae TEXT NOT NULL,
  called_ae TEXT NOT NULL,
  peer TEXT NOT NULL,
  receiver INTEGER NOT NULL, -- process id
  opened_at REAL NOT NULL,
  closed_at REAL,
  ending TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX associations_open ON associations (closed_at) WHERE closed_at IS NULL;

CREATE TABLE analyses (
  id INTEGER PRIMARY KEY,
  study_instance_uid TEXT NOT NULL REFERENCES studies,
  revision INTEGER NOT NULL,
  plugin TEXT NOT NULL,
  plugin_version TEXT NOT NULL,
  route TEXT NOT NULL,
  series TEXT NOT NULL,
  destinations TEXT NOT NULL,
  state TEXT NOT NULL,
  error TEXT NOT NULL DEFAULT '',
  summary TEXT NOT NULL DEFAULT '',
  attempts INTEGER NOT NULL DEFAULT 0,
  not_before REAL NOT NULL DEFAULT 0,
  lease_owner TEXT,
  lease_until REAL,
  created_at REAL NOT NULL,
  changed_at REAL NOT NULL,
  UNIQUE (study_instance_uid, revision, plugin)
);
CREATE INDEX analyses_by_state ON analyses (state, not_before);

CREATE TABLE results (
  sop_instance_uid TEXT PRIMARY KEY,
  analysis_id INTEGER NOT NULL REFERENCES analyses,
  sop_class_uid TEXT NOT NULL,
  series_instance_uid TEXT NOT NULL,
  kind TEXT NOT NULL,
  path TEXT NOT NULL,
  created_at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX results_by_analysis ON results (analysis_id);

CREATE TABLE deliveries (
  id INTEGER PRIMARY KEY,
  analysis_id INTEGER NOT NULL REFERENCES analyses,
  sop_instance_uid TEXT NOT NULL REFERENCES results,
  destination TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'WAITING' CHECK (state IN ('WAITING', 'DONE', 'REFUSED')),
  attempts INTEGER NOT NULL DEFAULT 0,
  not_before REAL NOT NULL DEFAULT 0,
  error TEXT NOT NULL DEFAULT '',
  changed_at REAL NOT NULL,
  UNIQUE (sop_instance_uid, destination)
);
CREATE INDEX deliveries_due ON deliveries (destination, state, not_before);
CREATE INDEX deliveries_by_analysis ON deliveries (analysis_id);

CREATE TABLE events (
  id INTEGER PRIMARY KEY,
  at REAL NOT NULL,
  study_instance_uid TEXT NOT NULL DEFAULT '',
  analysis_id INTEGER,
  action TEXT NOT NULL,
  detail TEXT NOT NULL DEFAULT ''
);
CREATE INDEX events_by_study ON events (study_instance_uid, id);

CREATE TABLE facts (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL,
  at REAL NOT NULL
) WITHOUT ROWID;
"""

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
    11: """
ALTER TABLE analyses ADD COLUMN priority TEXT NOT NULL DEFAULT 'routine';
ALTER TABLE analyses ADD COLUMN priority_reason TEXT NOT NULL DEFAULT '' /* who says so; empty: nobody */;
ALTER TABLE analyses ADD COLUMN rank REAL NOT NULL DEFAULT 0 /* the lowest goes first: node/priority.py */;
UPDATE analyses SET rank = created_at;
DROP INDEX analyses_by_state;
CREATE INDEX analyses_by_state ON analyses (state, rank);
""",
}
