"""The tables of the stages of plugins, a step of the ledger."""

STAGES = """
CREATE TABLE stages ( -- whether the results of a plugin are delivered; no row: they are
  plugin TEXT NOT NULL,
  version TEXT NOT NULL,
  stage TEXT NOT NULL CHECK (stage IN ('SILENT', 'CANARY', 'LIVE')),
  percent REAL NOT NULL,
  senders TEXT NOT NULL,
  digest TEXT NOT NULL, -- of the model
  at REAL NOT NULL,
  operator TEXT NOT NULL,
  reason TEXT NOT NULL,
  evaluation TEXT NOT NULL, -- sha256 of the record that it went live on; empty: none
  present INTEGER NOT NULL, -- 1: it was installed when the node started last
  PRIMARY KEY (plugin, version)
) WITHOUT ROWID;
CREATE TABLE evaluations ( -- records of `radnode evaluate`
  id INTEGER PRIMARY KEY,
  plugin TEXT NOT NULL, -- its plain name, whatever version
  digest TEXT NOT NULL, -- of the model
  at REAL NOT NULL,
  operator TEXT NOT NULL,
  record TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  event INTEGER NOT NULL REFERENCES events -- that says this sha256
);
CREATE INDEX evaluations_by_plugin ON evaluations (plugin, id);
CREATE TABLE silent ( -- what is to be sent of a silent analysis, once it is released
  analysis_id INTEGER PRIMARY KEY REFERENCES analyses,
  wanted TEXT NOT NULL, -- destination -> kinds
  criticals TEXT NOT NULL
);
"""
