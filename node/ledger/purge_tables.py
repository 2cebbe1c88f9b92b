"""The columns that say which files were purged (:mod:`node.ledger.purging`), a step of the ledger.

Of studies that an earlier version took for whole, since something came late, the trail knows that they were purged.
"""

PURGED_FILES = """
ALTER TABLE instances ADD COLUMN file TEXT NOT NULL DEFAULT '' CHECK (file IN ('', 'AGAIN', 'PURGED'));
ALTER TABLE quarantine ADD COLUMN purged INTEGER NOT NULL DEFAULT 0 /* 1: its file is gone */;
CREATE INDEX quarantine_with_files ON quarantine (received_at) WHERE purged = 0;
UPDATE instances SET file = 'PURGED', set_aside = CASE WHEN set_aside LIKE 'its file is not in the spool any more%'
  THEN '' ELSE set_aside END
  FROM (SELECT e.study_instance_uid AS uid, max(e.at) AS at FROM events e
    JOIN studies s ON s.study_instance_uid = e.study_instance_uid AND s.purged = 0
    WHERE e.action = 'files purged' GROUP BY 1) AS late
  WHERE instances.study_instance_uid = late.uid AND instances.received_at < late.at;
UPDATE studies SET (images, bytes) = (SELECT count(*), coalesce(sum(i.size), 0) FROM instances i
    WHERE i.study_instance_uid = studies.study_instance_uid AND i.set_aside = '' AND i.file = '')
  WHERE purged = 0 AND study_instance_uid IN (SELECT study_instance_uid FROM events WHERE action = 'files purged');
UPDATE instances SET file = 'AGAIN' WHERE file = '' AND study_instance_uid IN (
    SELECT s.study_instance_uid FROM studies s JOIN forgotten f ON f.study_instance_uid = s.study_instance_uid
    WHERE s.purged = 0 AND s.reason LIKE 'its rows were removed (%');
UPDATE studies SET purged = 2 WHERE purged = 0 AND reason LIKE 'its rows were removed (%'
  AND study_instance_uid IN (SELECT study_instance_uid FROM forgotten);
"""
