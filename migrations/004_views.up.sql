-- What readers ask. Column names and order are a promise: later migrations add columns at the end and never take one away.

CREATE VIEW retraind.production AS
SELECT m.name AS model, p.version, lower(p.during) AS since, v.run_id, v.metric, v.value, v.artifact_sha256,
       retraind.event_instant(v.axis, v.trained_from) AS trained_from,
       retraind.event_instant(v.axis, v.trained_to) AS trained_to,
       CASE WHEN v.axis = 'number' THEN v.trained_from END AS trained_from_number,
       CASE WHEN v.axis = 'number' THEN v.trained_to END AS trained_to_number
  FROM retraind.promotion p
  JOIN retraind.model m USING (model_id)
  JOIN retraind.model_version v ON v.model_id = p.model_id AND v.version = p.version
 WHERE upper_inf(p.during);
COMMENT ON VIEW retraind.production IS 'The version of each model that is in production now.';

CREATE VIEW retraind.promotion_history AS
SELECT p.promotion_id, m.name AS model, p.version, p.previous_version, p.kind, lower(p.during) AS promoted_at,
       upper(p.during) AS valid_to, p.actor, p.trigger, v.run_id, v.metric, r.candidate_value, r.production_value,
       r.difference, r.ci_low, r.ci_high, r.holdout_rows, p.reason, v.artifact_sha256
  FROM retraind.promotion p
  JOIN retraind.model m USING (model_id)
  JOIN retraind.model_version v ON v.model_id = p.model_id AND v.version = p.version
  JOIN retraind.run r ON r.run_id = v.run_id;
COMMENT ON VIEW retraind.promotion_history IS 'Every move of production, oldest range first by promotion_id; append-only.';

CREATE VIEW retraind.run_history AS
SELECT r.run_id, m.name AS model, r.trigger, r.state, r.verdict, r.reason, r.attempt, r.instance, r.queued_at, r.started_at,
       r.finished_at, r.version, r.metric, r.candidate_value, r.production_value, r.ci_low, r.ci_high, r.train_rows,
       r.holdout_rows, r.window_from, r.window_to, r.data_sha256, r.configuration_sha256 AS config_sha256,
       r.difference, r.confidence, r.opponent, r.judged_against, r.clusters, r.inflation, r.step,
       r.window_from_number, r.window_to_number
  FROM retraind.run r
  JOIN retraind.model m USING (model_id);
COMMENT ON VIEW retraind.run_history IS 'Every run, also the rejected, failed and inconclusive ones.';

CREATE VIEW retraind.gate_result AS
SELECT g.run_id, g.gate, g.slice, g.metric, g.observed, g.ci_low, g.ci_high, g.threshold, g.passed, g.sentence
  FROM retraind.gate g;
COMMENT ON VIEW retraind.gate_result IS 'Each condition a candidate had to meet, with what was measured and how it went.';

CREATE VIEW retraind.trigger_history AS
SELECT f.firing_id, m.name AS model, f.trigger, f.kind, f.evaluated_at, f.decision, f.reason, f.evidence, r.run_id, f.slot, f.actor
  FROM retraind.firing f
  JOIN retraind.model m USING (model_id)
  LEFT JOIN retraind.run r USING (firing_id);
COMMENT ON VIEW retraind.trigger_history IS 'Each decision of a trigger that is worth keeping, fired or not, with the run it started.';

CREATE VIEW retraind.drift_history AS
SELECT d.check_id, m.name AS model, d.checked_at, d.window_from, d.window_to, d.rows, x."column", x.method, x.effect,
       x.statistic, x.p_value, x.threshold, CASE x.verdict WHEN 'drifted' THEN true WHEN 'ok' THEN false END AS drifted,
       x.sentence, x.verdict, d.version, d.trigger, d.window_from_number, d.window_to_number
  FROM retraind.drift_check d
  JOIN retraind.model m USING (model_id)
  JOIN retraind.drift_result x USING (check_id);
COMMENT ON VIEW retraind.drift_history IS 'Each column of each drift check; drifted is NULL where there was too little data to say.';

CREATE VIEW retraind.step_history AS
SELECT s.run_id, s.attempt, s.step, s.started_at, s.finished_at, s.rows, s.detail FROM retraind.step s;
COMMENT ON VIEW retraind.step_history IS 'The steps of each attempt of a run, with their times and figures.';

CREATE VIEW retraind.metric_history AS
SELECT x.run_id, m.name AS model, x.role, x.metric, x.value
  FROM retraind.metric_result x
  JOIN retraind.run r USING (run_id)
  JOIN retraind.model m USING (model_id);
COMMENT ON VIEW retraind.metric_history IS 'Every metric of candidate and opponent on the holdout of each run.';

CREATE VIEW retraind.status AS
SELECT m.name AS model,
       CASE WHEN m.removed_at IS NOT NULL THEN 'removed' WHEN m.paused_at IS NOT NULL THEN 'paused' ELSE 'active' END AS state,
       p.version, lower(p.during) AS since, v.metric, v.value,
       o.run_id AS open_run_id, o.state AS open_run_state, o.step AS open_run_step,
       l.run_id AS last_run_id, l.state AS last_run_state, l.reason AS last_run_reason, l.finished_at AS last_run_at,
       (SELECT min(t.next_due_at) FROM retraind.monitor t WHERE t.model_id = m.model_id AND t.enabled) AS next_due_at,
       m.pause_reason
  FROM retraind.model m
  LEFT JOIN retraind.promotion p ON p.model_id = m.model_id AND upper_inf(p.during)
  LEFT JOIN retraind.model_version v ON v.model_id = p.model_id AND v.version = p.version
  LEFT JOIN retraind.run o ON o.model_id = m.model_id AND o.state IN ('queued', 'running', 'awaiting_approval')
  LEFT JOIN LATERAL (SELECT * FROM retraind.run r WHERE r.model_id = m.model_id AND r.finished_at IS NOT NULL
                      ORDER BY r.run_id DESC LIMIT 1) l ON true;
COMMENT ON VIEW retraind.status IS 'One line a model: what is in production, what is going on, what happened last, what is due next.';

-- A view's column means what the table's column of that name means; say it there as well, so that \d+ teaches.
DO $$
DECLARE
  item record;
BEGIN
  FOR item IN
    SELECT v.relname AS view, a.attname AS "column",
           coalesce(
             (SELECT col_description(t.oid, b.attnum) FROM pg_class t JOIN pg_attribute b ON b.attrelid = t.oid
               WHERE t.oid = CASE v.relname
                               WHEN 'production' THEN 'retraind.model_version' WHEN 'promotion_history' THEN 'retraind.promotion'
                               WHEN 'run_history' THEN 'retraind.run' WHEN 'gate_result' THEN 'retraind.gate'
                               WHEN 'trigger_history' THEN 'retraind.firing' WHEN 'drift_history' THEN 'retraind.drift_check'
                               WHEN 'step_history' THEN 'retraind.step' WHEN 'metric_history' THEN 'retraind.metric_result'
                               WHEN 'status' THEN 'retraind.model' END::regclass
                 AND b.attname = a.attname),
             (SELECT col_description(t.oid, b.attnum) FROM pg_class t JOIN pg_attribute b ON b.attrelid = t.oid
               WHERE t.oid IN ('retraind.drift_result'::regclass, 'retraind.run'::regclass, 'retraind.model_version'::regclass, 'retraind.model'::regclass)
                 AND b.attname = a.attname
               ORDER BY array_position(ARRAY['retraind.drift_result', 'retraind.run', 'retraind.model_version', 'retraind.model']::text[], t.oid::regclass::text) LIMIT 1)) AS meaning
      FROM pg_class v JOIN pg_attribute a ON a.attrelid = v.oid
     WHERE v.relnamespace = 'retraind'::regnamespace AND v.relkind = 'v' AND a.attnum > 0
  LOOP
    IF item.meaning IS NOT NULL THEN
      EXECUTE format('COMMENT ON COLUMN retraind.%I.%I IS %L', item.view, item."column", item.meaning);
    END IF;
  END LOOP;
END $$;
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['production', 'promotion_history', 'run_history', 'trigger_history', 'drift_history', 'metric_history', 'status'] LOOP
    EXECUTE format('COMMENT ON COLUMN retraind.%I.model IS %L', name, 'Name of the model.');
  END LOOP;
END $$;
COMMENT ON COLUMN retraind.production.since IS 'Since when it is in production.';
COMMENT ON COLUMN retraind.production.trained_from IS 'Event time of the oldest row it was trained on (time columns that are timestamps or dates).';
COMMENT ON COLUMN retraind.production.trained_to IS 'Event time of the newest row it was trained on (likewise).';
COMMENT ON COLUMN retraind.production.trained_from_number IS 'The same where the time column is a number.';
COMMENT ON COLUMN retraind.production.trained_to_number IS 'The same where the time column is a number.';
COMMENT ON COLUMN retraind.promotion_history.promoted_at IS 'When it came into production.';
COMMENT ON COLUMN retraind.promotion_history.valid_to IS 'When it left production; NULL while it is there.';
COMMENT ON COLUMN retraind.promotion_history.run_id IS 'The run that made the version.';
COMMENT ON COLUMN retraind.run_history.config_sha256 IS 'The configuration it carried.';
COMMENT ON COLUMN retraind.trigger_history.run_id IS 'The run that came of it; NULL when none did, or not yet.';
COMMENT ON COLUMN retraind.drift_history.drifted IS 'Whether the column drifted; NULL where there was too little data to say.';
COMMENT ON COLUMN retraind.status.state IS 'active, paused or removed.';
COMMENT ON COLUMN retraind.status.version IS 'The version in production; NULL when there is none yet.';
COMMENT ON COLUMN retraind.status.since IS 'Since when it is in production.';
COMMENT ON COLUMN retraind.status.open_run_id IS 'The run that is queued, running or awaiting approval, if any.';
COMMENT ON COLUMN retraind.status.open_run_state IS 'Its state.';
COMMENT ON COLUMN retraind.status.open_run_step IS 'The step it is in.';
COMMENT ON COLUMN retraind.status.last_run_id IS 'The last run that ended.';
COMMENT ON COLUMN retraind.status.last_run_state IS 'How it ended.';
COMMENT ON COLUMN retraind.status.last_run_reason IS 'Why.';
COMMENT ON COLUMN retraind.status.last_run_at IS 'When.';
COMMENT ON COLUMN retraind.status.next_due_at IS 'When the next trigger of the model is evaluated.';
