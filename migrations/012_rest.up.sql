-- For thousands of models that rest: a paused model is not asked each minute whether it is still paused, and lists of all
-- models do not begin a function for each time that they show.

-- The trigger for a changed pipeline waits for this, however long the pause lasts. Whoever records an outcome locks the
-- model's row first, as this does: either it sees that the pause is over, or what it has recorded is made due here.
CREATE OR REPLACE FUNCTION retraind.resume(model text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  target retraind.model := retraind.model_named(resume.model);
BEGIN
  UPDATE retraind.model m SET paused_at = NULL, paused_by = NULL, pause_reason = NULL WHERE m.model_id = target.model_id;
  UPDATE retraind.monitor t SET next_due_at = least(t.next_due_at, clock_timestamp())
   WHERE t.model_id = target.model_id AND t.kind = 'pipeline_change' AND t.enabled AND target.paused_at IS NOT NULL
     AND t.next_due_at IS NOT NULL;
  PERFORM pg_notify('retraind_wake', 'monitor');
END $$;

-- With a setting of its own it could not become a part of the views that call it, and took 4 µs a call. It needs none:
-- what its body names was looked up when it was made.
CREATE OR REPLACE FUNCTION retraind.event_instant(axis text, value double precision) RETURNS timestamptz
LANGUAGE sql STABLE
RETURN CASE WHEN axis = 'instant' THEN timestamptz 'epoch' + value * interval '1 microsecond' END;
