-- Batch scoring: what production says of new rows, written to a table of the source. The scores themselves are there and
-- nowhere else; here stands who looks for new rows next, and how far it has come.
--   (11) a row is scored once by a version                                    the unique key of the user's own table

CREATE TABLE retraind.scoring (
  model_id         bigint PRIMARY KEY REFERENCES retraind.model,
  source           text NOT NULL CHECK (source <> ''),
  target           text NOT NULL CHECK (target <> ''),
  key              text[] NOT NULL CHECK (cardinality(key) > 0),
  time_column      text NOT NULL,
  every            interval NOT NULL CHECK (every > interval '0'),
  -- what is known so far
  axis             text CHECK (axis IN ('instant', 'number')),
  begins_after     double precision CHECK (begins_after > '-Infinity' AND begins_after < 'Infinity'),
  covered_to       double precision CHECK (covered_to >= begins_after AND covered_to < 'Infinity'),
  version          integer,
  rows             bigint NOT NULL DEFAULT 0 CHECK (rows >= 0),
  scored_at        timestamptz,
  looked_at        timestamptz,
  sentence         text,
  last_error       text,
  failures         integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
  -- the queue
  next_due_at      timestamptz NOT NULL,
  lease_term       bigint,
  lease_holder     uuid,
  lease_expires_at timestamptz,
  FOREIGN KEY (model_id, version) REFERENCES retraind.model_version (model_id, version),
  CONSTRAINT scoring_axis_is_known CHECK ((axis IS NULL) = (begins_after IS NULL) AND (covered_to IS NULL OR axis IS NOT NULL)),
  CONSTRAINT scoring_says_why CHECK ((failures > 0) = (last_error IS NOT NULL)),
  CONSTRAINT scoring_lease_is_whole CHECK ((lease_term IS NULL) = (lease_holder IS NULL) AND (lease_term IS NULL) = (lease_expires_at IS NULL))
);
CREATE INDEX scoring_due ON retraind.scoring (next_due_at);
COMMENT ON TABLE retraind.scoring IS 'One row for each model whose configuration has new rows scored. Daemons claim due rows under a lease. Read it as retraind.scoring_status.';
COMMENT ON COLUMN retraind.scoring.model_id IS 'The model.';
COMMENT ON COLUMN retraind.scoring.source IS 'The source whose login reads the rows and writes their scores.';
COMMENT ON COLUMN retraind.scoring.target IS 'The table there that scores are written to (scoring.into).';
COMMENT ON COLUMN retraind.scoring.key IS 'The columns that identify a row (scoring.key).';
COMMENT ON COLUMN retraind.scoring.time_column IS 'The time column that begins_after and covered_to are of.';
COMMENT ON COLUMN retraind.scoring.every IS 'How often new rows are looked for (scoring.every).';
COMMENT ON COLUMN retraind.scoring.axis IS 'instant (microseconds since 1970 UTC) or number; NULL before the first look.';
COMMENT ON COLUMN retraind.scoring.begins_after IS 'Rows up to this event time are never scored: the first version was trained on them. NULL before the first look.';
COMMENT ON COLUMN retraind.scoring.covered_to IS 'Rows up to this event time have their scores, but for those that come late. NULL while there was none.';
COMMENT ON COLUMN retraind.scoring.version IS 'The version that wrote the newest scores.';
COMMENT ON COLUMN retraind.scoring.rows IS 'Scores written so far, by looks that came to their end.';
COMMENT ON COLUMN retraind.scoring.scored_at IS 'When such a look last wrote any.';
COMMENT ON COLUMN retraind.scoring.looked_at IS 'When new rows were last looked for.';
COMMENT ON COLUMN retraind.scoring.sentence IS 'What the last look found, or why it could not be made.';
COMMENT ON COLUMN retraind.scoring.last_error IS 'Why the last look could not be made; NULL when it could.';
COMMENT ON COLUMN retraind.scoring.failures IS 'How many looks in a row could not be made.';
COMMENT ON COLUMN retraind.scoring.next_due_at IS 'When new rows are looked for next.';
COMMENT ON COLUMN retraind.scoring.lease_term IS 'Term of the daemon that is scoring; NULL: nobody is.';
COMMENT ON COLUMN retraind.scoring.lease_holder IS 'That daemon.';
COMMENT ON COLUMN retraind.scoring.lease_expires_at IS 'When any other daemon may take it over.';

-- A new version scores the rows that wait for it at once.
CREATE FUNCTION retraind.wake_scoring() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE retraind.scoring s SET next_due_at = least(s.next_due_at, lower(NEW.during)) WHERE s.model_id = NEW.model_id;
  IF FOUND THEN
    PERFORM pg_notify('retraind_wake', 'scoring');
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION retraind.wake_scoring() IS 'Trigger: when production moves, the model''s new rows are looked for at once.';
REVOKE ALL ON FUNCTION retraind.wake_scoring() FROM PUBLIC;
CREATE TRIGGER wake_scoring AFTER INSERT ON retraind.promotion FOR EACH ROW EXECUTE FUNCTION retraind.wake_scoring();

CREATE VIEW retraind.scoring_status AS
SELECT m.name AS model, s.target, s.key, s.source, s.version, s.rows, s.scored_at,
       retraind.event_instant(s.axis, s.covered_to) AS covered_to,
       CASE WHEN s.axis = 'number' THEN s.covered_to END AS covered_to_number,
       retraind.event_instant(s.axis, s.begins_after) AS begins_after,
       CASE WHEN s.axis = 'number' THEN s.begins_after END AS begins_after_number,
       s.looked_at, s.next_due_at, s.sentence, s.last_error, s.failures
  FROM retraind.scoring s
  JOIN retraind.model m USING (model_id)
 WHERE m.removed_at IS NULL;
COMMENT ON VIEW retraind.scoring_status IS 'Each model whose new rows are scored: where the scores go, how far it has come, and what went wrong.';

-- A view's column means what the table's column of that name means.
DO $$
DECLARE
  item record;
BEGIN
  FOR item IN
    SELECT a.attname AS "column", col_description(b.attrelid, b.attnum) AS meaning
      FROM pg_attribute a JOIN pg_attribute b ON b.attrelid = 'retraind.scoring'::regclass AND b.attname = a.attname
     WHERE a.attrelid = 'retraind.scoring_status'::regclass AND a.attnum > 0
  LOOP
    EXECUTE format('COMMENT ON COLUMN retraind.scoring_status.%I IS %L', item."column", item.meaning);
  END LOOP;
END $$;
COMMENT ON COLUMN retraind.scoring_status.model IS 'Name of the model.';
COMMENT ON COLUMN retraind.scoring_status.covered_to IS 'Rows up to this event time have their scores, but for those that come late (time columns that are timestamps or dates). NULL while there was none.';
COMMENT ON COLUMN retraind.scoring_status.covered_to_number IS 'The same where the time column is a number.';
COMMENT ON COLUMN retraind.scoring_status.begins_after IS 'Rows up to this event time are never scored: the first version was trained on them (likewise). NULL before the first look.';
COMMENT ON COLUMN retraind.scoring_status.begins_after_number IS 'The same where the time column is a number.';

GRANT SELECT ON retraind.scoring_status TO retraind_reader, retraind_operator, retraind_daemon;
GRANT SELECT, INSERT, UPDATE, DELETE ON retraind.scoring TO retraind_daemon;
GRANT EXECUTE ON FUNCTION retraind.wake_scoring() TO retraind_daemon;
