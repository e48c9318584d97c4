CREATE OR REPLACE FUNCTION retraind.event_instant(axis text, value double precision) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
RETURN CASE WHEN axis = 'instant' THEN timestamptz 'epoch' + value * interval '1 microsecond' END;

-- Those that wait for a resume would wait for a day.
UPDATE retraind.monitor t SET next_due_at = least(t.next_due_at, clock_timestamp())
 WHERE t.kind = 'pipeline_change' AND t.enabled AND t.next_due_at IS NOT NULL;

CREATE OR REPLACE FUNCTION retraind.resume(model text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  target retraind.model := retraind.model_named(resume.model);
BEGIN
  UPDATE retraind.model m SET paused_at = NULL, paused_by = NULL, pause_reason = NULL WHERE m.model_id = target.model_id;
  PERFORM pg_notify('retraind_wake', 'monitor');
END $$;
