-- Monitoring: what is counted of the rows since a version was made, what drift and performance checks came to, alerts
-- that start nothing, and signals that wake the triggers which wait for them.

-- The words that may stand in a column. The constraints of 001 have no name of their own, so each is found as the one
-- CHECK on that column alone, and keeps the name it was given.
DO $$
DECLARE
  item record;
  found_name name;
BEGIN
  FOR item IN
    SELECT * FROM (VALUES
      ('monitor', 'kind', $words$('schedule', 'new_rows', 'drift', 'performance', 'signal', 'query', 'prometheus', 'freshness', 'pipeline_change')$words$),
      ('firing', 'kind', $words$('schedule', 'new_rows', 'drift', 'performance', 'signal', 'query', 'prometheus', 'freshness', 'manual', 'pipeline_change')$words$),
      ('firing', 'decision', $words$('fired', 'pending', 'suppressed', 'insufficient_data', 'error', 'alert', 'resolved')$words$)
    ) AS change ("table", "column", words)
  LOOP
    SELECT c.conname INTO STRICT found_name
      FROM pg_constraint c
      JOIN pg_attribute a ON a.attrelid = c.conrelid AND c.conkey = ARRAY[a.attnum]
     WHERE c.conrelid = format('retraind.%I', item."table")::regclass AND c.contype = 'c' AND a.attname = item."column";
    EXECUTE format('ALTER TABLE retraind.%I DROP CONSTRAINT %I, ADD CONSTRAINT %I CHECK (%I IN %s)',
                   item."table", found_name, found_name, item."column", item.words);
  END LOOP;
END $$;
COMMENT ON COLUMN retraind.firing.decision IS 'fired, pending, suppressed, insufficient_data, error, alert or resolved; alert and resolved tell a person and start nothing.';

-- A signal that comes while its trigger is being evaluated may be too late for that evaluation and must not be lost: the
-- outcome, which knows nothing of it, would overwrite its due time.
ALTER TABLE retraind.monitor ADD COLUMN woken boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN retraind.monitor.woken IS 'A signal came since its last claim: due again as soon as that evaluation ends.';
CREATE INDEX monitor_by_signal ON retraind.monitor ((rule ->> 'signal')) WHERE kind = 'signal';

ALTER TABLE retraind.version_profile
  ADD COLUMN role text NOT NULL DEFAULT 'feature' CHECK (role IN ('feature', 'score', 'label', 'time')),
  ADD COLUMN importance double precision CHECK (importance BETWEEN 0 AND 1);
COMMENT ON COLUMN retraind.version_profile.role IS 'What the column is to the model: feature, score (what it predicts), label or time.';
COMMENT ON COLUMN retraind.version_profile.importance IS 'Features: share of the model''s importance; NULL where the trainer cannot tell.';

CREATE TABLE retraind.reference_block (
  model_id bigint NOT NULL,
  version  integer NOT NULL,
  stream   text NOT NULL CHECK (stream IN ('features', 'scores', 'losses')),
  index    bigint NOT NULL,
  rows     bigint NOT NULL CHECK (rows >= 0),
  packed   bytea NOT NULL,
  PRIMARY KEY (model_id, version, stream, index),
  FOREIGN KEY (model_id, version) REFERENCES retraind.model_version
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON retraind.reference_block FOR EACH ROW EXECUTE FUNCTION retraind.refuse_change();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON retraind.reference_block FOR EACH STATEMENT EXECUTE FUNCTION retraind.refuse_change();
COMMENT ON TABLE retraind.reference_block IS 'Immutable: the rows a version was trained and judged on, counted by blocks of event time; how the blocks differ is what drift checks are calibrated with.';
COMMENT ON COLUMN retraind.reference_block.model_id IS 'The model.';
COMMENT ON COLUMN retraind.reference_block.version IS 'The version.';
COMMENT ON COLUMN retraind.reference_block.stream IS 'features: counts of the columns; scores: counts of what the version predicts; losses: sums of how it fares where the label is known.';
COMMENT ON COLUMN retraind.reference_block.index IS 'Number of the block: its event times divided by the length of a block, rounded down.';
COMMENT ON COLUMN retraind.reference_block.rows IS 'Rows in it.';
COMMENT ON COLUMN retraind.reference_block.packed IS 'Its counts or sums, packed; retraind alone reads them.';

CREATE TABLE retraind.watch (
  model_id bigint NOT NULL,
  version  integer NOT NULL,
  stream   text NOT NULL CHECK (stream IN ('features', 'scores', 'losses')),
  first    bigint NOT NULL,
  open     bigint NOT NULL,
  read_at  timestamptz NOT NULL,
  basis    text NOT NULL,
  PRIMARY KEY (model_id, version, stream),
  FOREIGN KEY (model_id, version) REFERENCES retraind.model_version
);
COMMENT ON TABLE retraind.watch IS 'How far the rows since a version was made have been read into retraind.fresh_block.';
COMMENT ON COLUMN retraind.watch.model_id IS 'The model.';
COMMENT ON COLUMN retraind.watch.version IS 'The version.';
COMMENT ON COLUMN retraind.watch.stream IS 'features, scores or losses.';
COMMENT ON COLUMN retraind.watch.first IS 'The first block that is there, if it holds any row.';
COMMENT ON COLUMN retraind.watch.open IS 'The first block that is read again: rows or labels that come for earlier ones come too late.';
COMMENT ON COLUMN retraind.watch.read_at IS 'When the source was read; an older reading changes nothing.';
COMMENT ON COLUMN retraind.watch.basis IS 'sha256 of the source, query and columns the blocks were counted with; blocks of another basis are removed before new ones are put.';

CREATE TABLE retraind.fresh_block (
  model_id bigint NOT NULL,
  version  integer NOT NULL,
  stream   text NOT NULL CHECK (stream IN ('features', 'scores', 'losses')),
  index    bigint NOT NULL,
  rows     bigint NOT NULL CHECK (rows >= 0),
  packed   bytea NOT NULL,
  PRIMARY KEY (model_id, version, stream, index),
  FOREIGN KEY (model_id, version) REFERENCES retraind.model_version
);
COMMENT ON TABLE retraind.fresh_block IS 'The rows since a version was made, counted by blocks of event time. Replaced while rows may come late; removed a month after the version has left production.';
COMMENT ON COLUMN retraind.fresh_block.model_id IS 'The model.';
COMMENT ON COLUMN retraind.fresh_block.version IS 'The version whose cells the rows are counted in.';
COMMENT ON COLUMN retraind.fresh_block.stream IS 'features, scores or losses, as in retraind.reference_block.';
COMMENT ON COLUMN retraind.fresh_block.index IS 'Number of the block, as in retraind.reference_block.';
COMMENT ON COLUMN retraind.fresh_block.rows IS 'Rows in it; with known labels, for losses.';
COMMENT ON COLUMN retraind.fresh_block.packed IS 'Its counts or sums, packed; retraind alone reads them.';

ALTER TABLE retraind.drift_check ADD COLUMN calibration text;
COMMENT ON COLUMN retraind.drift_check.calibration IS 'Where its thresholds come from, in a sentence; NULL for checks made before there was one.';

ALTER TABLE retraind.drift_result
  ADD COLUMN role text CHECK (role IN ('feature', 'score', 'label', 'time')),
  ADD COLUMN importance double precision,
  ADD COLUMN effect_low double precision,
  ADD COLUMN effect_high double precision,
  ADD COLUMN degrees double precision,
  ADD COLUMN log_p double precision,
  ADD COLUMN calibration text CHECK (calibration IN ('blocks', 'design_effect', 'uncalibrated'));
COMMENT ON COLUMN retraind.drift_result.threshold IS 'The effect it had to exceed: the smallest that matters, or more where the reference itself moves so far.';
COMMENT ON COLUMN retraind.drift_result.role IS 'What the column is to the model: feature, score, label or time.';
COMMENT ON COLUMN retraind.drift_result.importance IS 'Features: share of the production model''s importance.';
COMMENT ON COLUMN retraind.drift_result.effect_low IS 'Lower end of the effect''s 95 % interval.';
COMMENT ON COLUMN retraind.drift_result.effect_high IS 'Upper end of it.';
COMMENT ON COLUMN retraind.drift_result.degrees IS 'Degrees of freedom of the test; 0 where it has none.';
COMMENT ON COLUMN retraind.drift_result.log_p IS 'Natural logarithm of the p-value, which says how small it is where p_value is 0.';
COMMENT ON COLUMN retraind.drift_result.calibration IS 'blocks: the threshold comes from how blocks of the reference differ; design_effect: too few blocks, their spread widens the test; uncalibrated: neither.';

CREATE TABLE retraind.performance_check (
  check_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  model_id    bigint NOT NULL REFERENCES retraind.model,
  version     integer NOT NULL,
  trigger     text NOT NULL,
  checked_at  timestamptz NOT NULL,
  window_from timestamptz,
  window_to   timestamptz,
  window_from_number double precision,
  window_to_number   double precision,
  rows        bigint NOT NULL CHECK (rows >= 0),
  metric      text NOT NULL,
  value       double precision,
  ci_low      double precision,
  ci_high     double precision,
  level       double precision,
  threshold   double precision,
  inflation   double precision,
  parts       integer,
  sentence    text NOT NULL,
  FOREIGN KEY (model_id, version) REFERENCES retraind.model_version,
  CHECK ((value IS NULL) = (ci_low IS NULL) AND (value IS NULL) = (ci_high IS NULL))
);
CREATE INDEX performance_check_by_model ON retraind.performance_check (model_id, check_id DESC);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON retraind.performance_check FOR EACH ROW EXECUTE FUNCTION retraind.refuse_change();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON retraind.performance_check FOR EACH STATEMENT EXECUTE FUNCTION retraind.refuse_change();
COMMENT ON TABLE retraind.performance_check IS 'Append-only: each look at how the production version fares once labels are there. Read it as retraind.performance_history.';
COMMENT ON COLUMN retraind.performance_check.check_id IS 'Grows with time.';
COMMENT ON COLUMN retraind.performance_check.model_id IS 'The model.';
COMMENT ON COLUMN retraind.performance_check.version IS 'The production version that was looked at.';
COMMENT ON COLUMN retraind.performance_check.trigger IS 'The performance trigger that looked.';
COMMENT ON COLUMN retraind.performance_check.checked_at IS 'When.';
COMMENT ON COLUMN retraind.performance_check.window_from IS 'Start of the window looked at (exclusive); time columns that are timestamps or dates.';
COMMENT ON COLUMN retraind.performance_check.window_to IS 'End of the window (inclusive), likewise.';
COMMENT ON COLUMN retraind.performance_check.window_from_number IS 'The same where the time column is a number.';
COMMENT ON COLUMN retraind.performance_check.window_to_number IS 'The same where the time column is a number.';
COMMENT ON COLUMN retraind.performance_check.rows IS 'Labelled rows in the window.';
COMMENT ON COLUMN retraind.performance_check.metric IS 'The metric.';
COMMENT ON COLUMN retraind.performance_check.value IS 'Its value over the window; NULL when it could not be measured.';
COMMENT ON COLUMN retraind.performance_check.ci_low IS 'Lower one-sided bound of it.';
COMMENT ON COLUMN retraind.performance_check.ci_high IS 'Upper one-sided bound of it.';
COMMENT ON COLUMN retraind.performance_check.level IS 'The metric at promotion; NULL when it is not known.';
COMMENT ON COLUMN retraind.performance_check.threshold IS 'What the interval was held against; NULL where a change detector decides.';
COMMENT ON COLUMN retraind.performance_check.inflation IS 'Standard error by blocks divided by the one for independent rows.';
COMMENT ON COLUMN retraind.performance_check.parts IS 'Blocks of rows that the interval rests on.';
COMMENT ON COLUMN retraind.performance_check.sentence IS 'The same in a sentence.';

CREATE OR REPLACE FUNCTION retraind.record_signal(name text, value double precision, at timestamptz DEFAULT now()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  due timestamptz := greatest(record_signal.at, now());
BEGIN
  IF record_signal.value IS NULL OR record_signal.value IN ('NaN', 'Infinity', '-Infinity') THEN
    RAISE EXCEPTION 'a signal needs a finite value; "%" was given %', record_signal.name, coalesce(record_signal.value::text, 'NULL') USING ERRCODE = 'RT001';
  END IF;
  IF record_signal.at IS NULL OR NOT isfinite(record_signal.at) THEN
    RAISE EXCEPTION 'a signal needs a finite time; "%" was given %', record_signal.name, coalesce(record_signal.at::text, 'NULL') USING ERRCODE = 'RT001';
  END IF;
  INSERT INTO retraind.signal AS s (name, at, value) VALUES (record_signal.name, record_signal.at, record_signal.value)
  ON CONFLICT ON CONSTRAINT signal_pkey DO UPDATE SET value = excluded.value;
  -- Locked in one order, so that two signals at a time cannot wait for each other; and locked before they are looked at,
  -- so that a daemon that is claiming one right now is waited for. Those that know already are left alone.
  PERFORM 1 FROM retraind.monitor m WHERE m.kind = 'signal' AND m.rule ->> 'signal' = record_signal.name AND m.enabled
    ORDER BY m.monitor_id FOR NO KEY UPDATE;
  UPDATE retraind.monitor m SET next_due_at = least(m.next_due_at, due), woken = m.woken OR due <= now()
   WHERE m.kind = 'signal' AND m.rule ->> 'signal' = record_signal.name AND m.enabled
     AND (m.next_due_at IS NULL OR m.next_due_at > due OR (NOT m.woken AND due <= now()));
  PERFORM pg_notify('retraind_wake', 'monitor');
END $$;
COMMENT ON FUNCTION retraind.record_signal(text, double precision, timestamptz) IS
  'Stores one value of an outside signal, and has the triggers that watch it look at once, or when its time comes; the same name and time again replaces it.';

CREATE OR REPLACE VIEW retraind.drift_history AS
SELECT d.check_id, m.name AS model, d.checked_at, d.window_from, d.window_to, d.rows, x."column", x.method, x.effect,
       x.statistic, x.p_value, x.threshold, CASE x.verdict WHEN 'drifted' THEN true WHEN 'ok' THEN false END AS drifted,
       x.sentence, x.verdict, d.version, d.trigger, d.window_from_number, d.window_to_number,
       x.role, x.importance, x.effect_low, x.effect_high, x.degrees, x.log_p, x.calibration,
       d.calibration AS calibration_sentence
  FROM retraind.drift_check d
  JOIN retraind.model m USING (model_id)
  JOIN retraind.drift_result x USING (check_id);

CREATE VIEW retraind.performance_history AS
SELECT c.check_id, m.name AS model, c.version, c.trigger, c.checked_at, c.window_from, c.window_to, c.rows, c.metric,
       c.value, c.ci_low, c.ci_high, c.level, c.threshold, c.sentence, c.window_from_number, c.window_to_number,
       c.inflation, c.parts
  FROM retraind.performance_check c
  JOIN retraind.model m USING (model_id);
COMMENT ON VIEW retraind.performance_history IS 'Each look at how the production version of a model fares, with its interval and what it was held against.';

CREATE VIEW retraind.signal_history AS
SELECT s.name, s.at, s.value FROM retraind.signal s;
COMMENT ON VIEW retraind.signal_history IS 'Every value of every outside signal.';

CREATE OR REPLACE VIEW retraind.status AS
SELECT m.name AS model,
       CASE WHEN m.removed_at IS NOT NULL THEN 'removed' WHEN m.paused_at IS NOT NULL THEN 'paused' ELSE 'active' END AS state,
       p.version, lower(p.during) AS since, v.metric, v.value,
       o.run_id AS open_run_id, o.state AS open_run_state, o.step AS open_run_step,
       l.run_id AS last_run_id, l.state AS last_run_state, l.reason AS last_run_reason, l.finished_at AS last_run_at,
       (SELECT min(t.next_due_at) FROM retraind.monitor t WHERE t.model_id = m.model_id AND t.enabled) AS next_due_at,
       m.pause_reason,
       ARRAY(SELECT concat_ws(': ', t.trigger, a.reason) FROM retraind.monitor t
               LEFT JOIN LATERAL (SELECT f.reason FROM retraind.firing f
                                   WHERE f.model_id = t.model_id AND f.trigger = t.trigger AND f.decision = 'alert'
                                   ORDER BY f.firing_id DESC LIMIT 1) a ON true
              WHERE t.model_id = m.model_id AND t.enabled AND t.state ->> 'alerting' = 'true' AND m.removed_at IS NULL
              ORDER BY t.trigger) AS alerts
  FROM retraind.model m
  LEFT JOIN retraind.promotion p ON p.model_id = m.model_id AND upper_inf(p.during)
  LEFT JOIN retraind.model_version v ON v.model_id = p.model_id AND v.version = p.version
  LEFT JOIN retraind.run o ON o.model_id = m.model_id AND o.state IN ('queued', 'running', 'awaiting_approval')
  LEFT JOIN LATERAL (SELECT * FROM retraind.run r WHERE r.model_id = m.model_id AND r.finished_at IS NOT NULL
                      ORDER BY r.run_id DESC LIMIT 1) l ON true;

-- A view's column means what the table's column of that name means.
DO $$
DECLARE
  item record;
BEGIN
  FOR item IN
    SELECT v.view, a.attname AS "column", coalesce(col_description(v.first_table, b.attnum), col_description(v.second_table, c.attnum)) AS meaning
      FROM (VALUES ('retraind.drift_history'::regclass, 'retraind.drift_result'::regclass, 'retraind.drift_check'::regclass),
                   ('retraind.performance_history', 'retraind.performance_check', NULL),
                   ('retraind.signal_history', 'retraind.signal', NULL),
                   ('retraind.trigger_history', 'retraind.firing', NULL)) v (view, first_table, second_table)
      JOIN pg_attribute a ON a.attrelid = v.view AND a.attnum > 0
      LEFT JOIN pg_attribute b ON b.attrelid = v.first_table AND b.attname = a.attname
      LEFT JOIN pg_attribute c ON c.attrelid = v.second_table AND c.attname = a.attname
     WHERE v.view <> 'retraind.trigger_history'::regclass OR a.attname = 'decision'
  LOOP
    IF item.meaning IS NOT NULL AND item."column" NOT IN ('check_id', 'model') THEN
      EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', item.view, item."column", item.meaning);
    END IF;
  END LOOP;
END $$;
COMMENT ON COLUMN retraind.drift_history.calibration_sentence IS 'Where the thresholds of the check come from, in a sentence.';
COMMENT ON COLUMN retraind.performance_history.check_id IS 'Grows with time.';
COMMENT ON COLUMN retraind.performance_history.model IS 'Name of the model.';
COMMENT ON COLUMN retraind.status.alerts IS 'Open alerts as "trigger: reason", in the words in which each was raised: no new rows for too long, or a number that a trigger watches is missing. Empty when all is well.';

GRANT SELECT ON retraind.performance_history, retraind.signal_history TO retraind_reader, retraind_operator, retraind_daemon;
GRANT SELECT, INSERT ON retraind.reference_block, retraind.performance_check TO retraind_daemon;
GRANT SELECT, INSERT, DELETE ON retraind.fresh_block TO retraind_daemon;
GRANT SELECT, INSERT, UPDATE, DELETE ON retraind.watch TO retraind_daemon;
