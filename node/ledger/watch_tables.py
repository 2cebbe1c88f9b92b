"""The tables of those who watch the models. Time is in seconds since the epoch, UTC."""

WATCH_TABLES = """
CREATE TABLE observations ( -- an answer for a series, as far as watching the model needs it
  analysis_id INTEGER NOT NULL REFERENCES analyses,
  series INTEGER NOT NULL, -- number of the answer in its analysis
  plugin TEXT NOT NULL,
  plugin_version TEXT NOT NULL,
  at REAL NOT NULL,
  sender TEXT NOT NULL,
  maker TEXT NOT NULL,
  model TEXT NOT NULL,
  view TEXT NOT NULL,
  sex TEXT NOT NULL,
  age_band TEXT NOT NULL,
  abstained INTEGER NOT NULL,
  seconds REAL NOT NULL,
  findings TEXT NOT NULL, -- name -> [probability, outcome]
  inputs TEXT NOT NULL, -- statistic -> value
  embedding BLOB NOT NULL, -- projected, float16
  PRIMARY KEY (analysis_id, series)
);
CREATE INDEX observations_by_plugin ON observations (plugin, at);

CREATE TABLE measures ( -- of each look at a model
  plugin TEXT NOT NULL,
  at REAL NOT NULL,
  place INTEGER NOT NULL,
  plugin_version TEXT NOT NULL,
  kind TEXT NOT NULL,
  metric TEXT NOT NULL,
  subject TEXT NOT NULL,
  reference TEXT NOT NULL,
  reference_answers INTEGER NOT NULL,
  answers INTEGER NOT NULL,
  value REAL,
  threshold REAL,
  verdict TEXT NOT NULL,
  PRIMARY KEY (plugin, at, place)
) WITHOUT ROWID;

CREATE TABLE baselines ( -- what a model answered at this site at first
  plugin TEXT PRIMARY KEY,
  plugin_version TEXT NOT NULL,
  until REAL NOT NULL,
  answers TEXT NOT NULL
);
"""
