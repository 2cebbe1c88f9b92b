"""The tables of the reports that come as messages, a step of the ledger. Of a patient they hold digests alone."""

REPORTS = """
ALTER TABLE studies ADD COLUMN person_key TEXT NOT NULL DEFAULT '' /* digest of Patient ID; empty: unknown */;
ALTER TABLE studies ADD COLUMN order_key TEXT NOT NULL DEFAULT '' /* of Accession Number and Patient ID */;
CREATE INDEX studies_by_order ON studies (order_key) WHERE order_key != '';
ALTER TABLE reviews ADD COLUMN source TEXT NOT NULL DEFAULT '' /* whose words rules have read; empty: a reader's */;
ALTER TABLE reviews ADD COLUMN replaced INTEGER NOT NULL DEFAULT 0 /* 1: the report that said so was corrected */;
UPDATE reviews SET source = 'SR' WHERE origin LIKE 'report text %';
CREATE INDEX reviews_by_origin ON reviews (origin);
CREATE TABLE reports ( -- signed reports that came as messages; one for each order of a message
  id INTEGER PRIMARY KEY,
  source TEXT NOT NULL, -- Sending Application and Facility (MSH-3, MSH-4)
  peer TEXT NOT NULL, -- address; empty: found in the spool
  control_id TEXT NOT NULL, -- MSH-10
  sha256 TEXT NOT NULL, -- of the message without its header
  place INTEGER NOT NULL, -- of the report in its message
  path TEXT NOT NULL, -- of the message; empty: removed
  status TEXT NOT NULL CHECK (status IN ('FINAL', 'CORRECTED', 'ASIDE')),
  report_key TEXT NOT NULL, -- digest of the order; what comes later for it replaces it
  told_at TEXT NOT NULL, -- when its status changed, as the message says
  patients TEXT NOT NULL, -- digests of Patient IDs
  study_instance_uid TEXT NOT NULL DEFAULT '', -- the study that it is of; empty: none that is here
  reason TEXT NOT NULL DEFAULT '', -- why it counts for nothing
  replaced INTEGER NOT NULL DEFAULT 0,
  due INTEGER NOT NULL DEFAULT 0, -- so often something has changed since it was looked at
  read_at REAL,
  received_at REAL NOT NULL,
  UNIQUE (source, control_id, sha256, place)
);
CREATE INDEX reports_due ON reports (id) WHERE due > 0;
CREATE INDEX reports_by_order ON reports (report_key) WHERE report_key != '';
CREATE INDEX reports_by_study ON reports (study_instance_uid);
CREATE INDEX reports_by_path ON reports (path) WHERE path != '';
CREATE INDEX reports_kept ON reports (received_at) WHERE path != '';
CREATE INDEX reports_unmatched ON reports (received_at) WHERE study_instance_uid = '';
CREATE TABLE report_names ( -- studies that a report may be of, the best first
  name TEXT NOT NULL, -- Study Instance UID, or the order_key of a study
  report INTEGER NOT NULL REFERENCES reports ON DELETE CASCADE,
  place INTEGER NOT NULL,
  PRIMARY KEY (name, report)
) WITHOUT ROWID;
CREATE INDEX report_names_by_report ON report_names (report, place);
"""

#: A later step: signed Structured Reports are looked at again, as reports in messages are.
DOCUMENTS_DUE = """
ALTER TABLE documents ADD COLUMN due INTEGER NOT NULL DEFAULT 1 /* so often has something changed since a look */;
ALTER TABLE documents ADD COLUMN signed INTEGER NOT NULL DEFAULT 0 /* 1: it is read by its words */;
ALTER TABLE documents ADD COLUMN replaced INTEGER NOT NULL DEFAULT 0 /* 1: another one has it as a predecessor */;
ALTER TABLE documents ADD COLUMN predecessors TEXT NOT NULL DEFAULT '[]' /* SOP Instance UIDs that it replaces */;
UPDATE documents SET due = 0 WHERE read = 1 AND (EXISTS (SELECT 1 FROM studies s
  WHERE s.study_instance_uid = documents.study_instance_uid AND s.state IN ('CLOSED', 'IGNORED'))
  OR EXISTS (SELECT 1 FROM reviews r WHERE r.origin = documents.sop_instance_uid));
DROP INDEX documents_unread;
CREATE INDEX documents_due ON documents (received_at) WHERE due > 0;
"""

#: A later step.
ADDENDA = """
ALTER TABLE reports ADD COLUMN adds INTEGER NOT NULL DEFAULT 0 /* 1: an addendum: it replaces nothing */;
"""

#: A later step.
MOMENTS = """
ALTER TABLE reports ADD COLUMN sent_at TEXT NOT NULL DEFAULT '' /* when its message was made (MSH-7) */;
ALTER TABLE reports ADD COLUMN takes_back INTEGER NOT NULL DEFAULT 0 /* 1: nothing counts, or no addendum */;
"""

#: A later step: all that are signed are read again, for what they are about was not kept.
VERSIONS = """
ALTER TABLE documents ADD COLUMN subject TEXT NOT NULL DEFAULT '' /* digest; alike: versions of one report */;
ALTER TABLE documents ADD COLUMN signed_at TEXT NOT NULL DEFAULT '' /* when it was verified, as it says */;
UPDATE documents SET due = due + 1 WHERE signed = 1 AND replaced = 0 AND EXISTS (SELECT 1 FROM studies s
  WHERE s.study_instance_uid = documents.study_instance_uid AND s.purged = 0);
"""
