"""The tables as they were first; :mod:`node.ledger.steps` makes today's of them. Time: seconds since the epoch, UTC."""

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
