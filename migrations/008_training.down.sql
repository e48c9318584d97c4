-- Back to 007: findings, searches, expectations and live progress go with their tables and columns. Rows that were kept
-- with a version stay in retraind.artifact, but no version names them any more.

-- A view cannot lose a column: both are made anew. Their columns keep what was said of them.
CREATE TEMPORARY TABLE kept_comment ON COMMIT DROP AS
SELECT v.relname AS view, a.attname AS "column", col_description(v.oid, a.attnum) AS meaning
  FROM pg_class v JOIN pg_attribute a ON a.attrelid = v.oid
 WHERE v.oid IN ('retraind.step_history'::regclass, 'retraind.status'::regclass) AND a.attnum > 0
   AND a.attname NOT IN ('done', 'total', 'unit', 'noted_at', 'time_left', 'open_run_done', 'open_run_total', 'open_run_unit',
                         'open_run_time_left', 'data_problem')
UNION ALL
SELECT v.relname, NULL, obj_description(v.oid, 'pg_class')
  FROM pg_class v WHERE v.oid IN ('retraind.step_history'::regclass, 'retraind.status'::regclass);
DROP VIEW retraind.status, retraind.step_history, retraind.version_history, retraind.expectation_history,
  retraind.search_history, retraind.data_finding_history;

DROP TRIGGER leave_step ON retraind.run;
DROP FUNCTION retraind.leave_step();
ALTER TABLE retraind.run
  DROP CONSTRAINT run_step_is_live,
  DROP CONSTRAINT run_progress_is_whole,
  DROP COLUMN step_started_at,
  DROP COLUMN progress_done,
  DROP COLUMN progress_total,
  DROP COLUMN progress_unit,
  DROP COLUMN progress_since,
  DROP COLUMN progress_at;
ALTER TABLE retraind.model_version
  DROP CONSTRAINT model_version_lineage_is_readable,
  DROP COLUMN kept_data_sha256;
DROP TABLE retraind.expectation, retraind.search_trial, retraind.data_finding;

CREATE VIEW retraind.step_history AS
SELECT s.run_id, s.attempt, s.step, s.started_at, s.finished_at, s.rows, s.detail FROM retraind.step s;

CREATE VIEW retraind.status AS
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
              ORDER BY t.trigger) AS alerts,
       s.version AS shadow_version, s.deadline AS shadow_until, b.against AS baking_against, b.deadline AS baking_until,
       (SELECT count(*) FROM retraind.release x WHERE x.model_id = m.model_id AND x.state = 'waiting') AS releases_waiting
  FROM retraind.model m
  LEFT JOIN retraind.promotion p ON p.model_id = m.model_id AND upper_inf(p.during)
  LEFT JOIN retraind.model_version v ON v.model_id = p.model_id AND v.version = p.version
  LEFT JOIN retraind.run o ON o.model_id = m.model_id AND o.state IN ('queued', 'running', 'awaiting_approval')
  LEFT JOIN LATERAL (SELECT * FROM retraind.run r WHERE r.model_id = m.model_id AND r.finished_at IS NOT NULL
                      ORDER BY r.run_id DESC LIMIT 1) l ON true
  LEFT JOIN retraind.trial s ON s.model_id = m.model_id AND s.kind = 'shadow' AND s.outcome IS NULL
  LEFT JOIN retraind.trial b ON b.model_id = m.model_id AND b.kind = 'bake' AND b.outcome IS NULL;

DO $$
DECLARE
  item record;
BEGIN
  FOR item IN SELECT * FROM kept_comment LOOP
    IF item."column" IS NULL THEN
      EXECUTE format('COMMENT ON VIEW retraind.%I IS %L', item.view, item.meaning);
    ELSE
      EXECUTE format('COMMENT ON COLUMN retraind.%I.%I IS %L', item.view, item."column", item.meaning);
    END IF;
  END LOOP;
END $$;
DROP TABLE kept_comment;
COMMENT ON VIEW retraind.step_history IS 'The steps of each attempt of a run, with their times and figures.';
COMMENT ON COLUMN retraind.step_history.started_at IS 'When the step began.';
COMMENT ON COLUMN retraind.step_history.finished_at IS 'When it ended.';
COMMENT ON COLUMN retraind.step_history.rows IS 'Rows it dealt with.';
GRANT SELECT ON retraind.step_history, retraind.status TO retraind_reader, retraind_operator, retraind_daemon;
