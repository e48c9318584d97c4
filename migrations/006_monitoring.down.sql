-- Back to 005. Its CHECKs have no word for alerts and none for freshness: firings of kind freshness and those that say
-- alert or resolved are deleted, and so are freshness triggers; none of them ever starts a run. Blocks, marks,
-- performance checks, and what drift results and profiles gained, go with their tables and columns.

ALTER TABLE retraind.firing DISABLE TRIGGER append_only;
DELETE FROM retraind.firing WHERE kind = 'freshness' OR decision IN ('alert', 'resolved');
ALTER TABLE retraind.firing ENABLE TRIGGER append_only;
DELETE FROM retraind.monitor WHERE kind = 'freshness';

DO $$
DECLARE
  item record;
  found_name name;
BEGIN
  FOR item IN
    SELECT * FROM (VALUES
      ('monitor', 'kind', $words$('schedule', 'new_rows', 'drift', 'performance', 'signal', 'query', 'prometheus', 'pipeline_change')$words$),
      ('firing', 'kind', $words$('schedule', 'new_rows', 'drift', 'performance', 'signal', 'query', 'prometheus', 'manual', 'pipeline_change')$words$),
      ('firing', 'decision', $words$('fired', 'pending', 'suppressed', 'insufficient_data', 'error')$words$)
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
COMMENT ON COLUMN retraind.firing.decision IS 'fired, pending, suppressed, insufficient_data or error.';
COMMENT ON COLUMN retraind.trigger_history.decision IS 'fired, pending, suppressed, insufficient_data or error.';

CREATE OR REPLACE FUNCTION retraind.record_signal(name text, value double precision, at timestamptz DEFAULT now()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF record_signal.value IS NULL OR record_signal.value = 'NaN' THEN
    RAISE EXCEPTION 'a signal needs a value; "%" was given %', record_signal.name, coalesce(record_signal.value::text, 'NULL') USING ERRCODE = 'RT001';
  END IF;
  INSERT INTO retraind.signal AS s (name, at, value) VALUES (record_signal.name, record_signal.at, record_signal.value)
  ON CONFLICT ON CONSTRAINT signal_pkey DO UPDATE SET value = excluded.value;
  PERFORM pg_notify('retraind_wake', 'monitor');
END $$;
COMMENT ON FUNCTION retraind.record_signal(text, double precision, timestamptz) IS 'Stores one value of an outside signal; the same name and time again replaces it.';

-- A view cannot lose a column: both are made anew. Their columns keep what was said of them.
CREATE TEMPORARY TABLE kept_comment ON COMMIT DROP AS
SELECT v.relname AS view, a.attname AS "column", col_description(v.oid, a.attnum) AS meaning
  FROM pg_class v JOIN pg_attribute a ON a.attrelid = v.oid
 WHERE v.oid IN ('retraind.drift_history'::regclass, 'retraind.status'::regclass) AND a.attnum > 0
   AND a.attname NOT IN ('role', 'importance', 'effect_low', 'effect_high', 'degrees', 'log_p', 'calibration', 'calibration_sentence', 'alerts')
UNION ALL
SELECT v.relname, NULL, obj_description(v.oid, 'pg_class')
  FROM pg_class v WHERE v.oid IN ('retraind.drift_history'::regclass, 'retraind.status'::regclass);
DROP VIEW retraind.drift_history, retraind.status, retraind.performance_history, retraind.signal_history;

CREATE VIEW retraind.drift_history AS
SELECT d.check_id, m.name AS model, d.checked_at, d.window_from, d.window_to, d.rows, x."column", x.method, x.effect,
       x.statistic, x.p_value, x.threshold, CASE x.verdict WHEN 'drifted' THEN true WHEN 'ok' THEN false END AS drifted,
       x.sentence, x.verdict, d.version, d.trigger, d.window_from_number, d.window_to_number
  FROM retraind.drift_check d
  JOIN retraind.model m USING (model_id)
  JOIN retraind.drift_result x USING (check_id);

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
COMMENT ON COLUMN retraind.drift_history.threshold IS 'The smallest effect that matters.';
DROP TABLE kept_comment;
GRANT SELECT ON retraind.drift_history, retraind.status TO retraind_reader, retraind_operator, retraind_daemon;

DROP TABLE retraind.performance_check, retraind.fresh_block, retraind.watch, retraind.reference_block;
ALTER TABLE retraind.drift_result
  DROP COLUMN role, DROP COLUMN importance, DROP COLUMN effect_low, DROP COLUMN effect_high, DROP COLUMN degrees,
  DROP COLUMN log_p, DROP COLUMN calibration;
COMMENT ON COLUMN retraind.drift_result.threshold IS 'The smallest effect that matters.';
ALTER TABLE retraind.drift_check DROP COLUMN calibration;
ALTER TABLE retraind.version_profile DROP COLUMN role, DROP COLUMN importance;
DROP INDEX retraind.monitor_by_signal;
ALTER TABLE retraind.monitor DROP COLUMN woken;
