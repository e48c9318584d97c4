-- What tables may not do, whoever asks: change or lose history, and change state without a trace.

CREATE FUNCTION retraind.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'retraind.% is append-only: % refused', TG_TABLE_NAME, lower(TG_OP)
    USING ERRCODE = 'RT006', HINT = 'History is never rewritten; a rollback is a new row.';
END $$;
COMMENT ON FUNCTION retraind.refuse_change() IS 'Trigger: keeps history and versions as they were written (invariants 4 and 6).';

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['configuration', 'configuration_load', 'firing', 'run_event', 'step', 'metric_result',
                              'gate', 'artifact_chunk', 'model_version', 'version_profile', 'drift_check', 'drift_result'] LOOP
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON retraind.%I FOR EACH ROW EXECUTE FUNCTION retraind.refuse_change()', name);
    EXECUTE format('CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON retraind.%I FOR EACH STATEMENT EXECUTE FUNCTION retraind.refuse_change()', name);
  END LOOP;
  FOREACH name IN ARRAY ARRAY['promotion', 'run', 'artifact'] LOOP
    EXECUTE format('CREATE TRIGGER never_deleted BEFORE DELETE ON retraind.%I FOR EACH ROW EXECUTE FUNCTION retraind.refuse_change()', name);
    EXECUTE format('CREATE TRIGGER never_truncated BEFORE TRUNCATE ON retraind.%I FOR EACH STATEMENT EXECUTE FUNCTION retraind.refuse_change()', name);
  END LOOP;
END $$;
CREATE TRIGGER append_only BEFORE UPDATE ON retraind.artifact FOR EACH ROW EXECUTE FUNCTION retraind.refuse_change();

CREATE FUNCTION retraind.close_promotion_once() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT (upper_inf(OLD.during) AND NOT upper_inf(NEW.during) AND lower(NEW.during) = lower(OLD.during)
          AND (NEW.promotion_id, NEW.model_id, NEW.version, NEW.kind, NEW.actor, NEW.trigger, NEW.reason)
              = (OLD.promotion_id, OLD.model_id, OLD.version, OLD.kind, OLD.actor, OLD.trigger, OLD.reason)
          AND NEW.previous_version IS NOT DISTINCT FROM OLD.previous_version
          AND NEW.run_id IS NOT DISTINCT FROM OLD.run_id) THEN
    RAISE EXCEPTION 'retraind.promotion is append-only: only the end of an open range may be set, once'
      USING ERRCODE = 'RT006';
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION retraind.close_promotion_once() IS 'Trigger: a promotion row changes once, when its range is closed (invariant 6).';
CREATE TRIGGER close_once BEFORE UPDATE ON retraind.promotion FOR EACH ROW EXECUTE FUNCTION retraind.close_promotion_once();

-- The state diagram of a run. Every arrow is walked by the function named beside it:
--
--   (new) -> queued                     fire (003)
--   queued -> running                   claim_run (core/runs)
--   running -> queued                   requeue_run, take back an expired lease (core/runs)
--   running -> awaiting_approval | promoted | rejected | inconclusive | failed | cancelled   conclude_run (core/pipeline), fail_run
--   awaiting_approval -> promoted | rejected | inconclusive   approve, reject (003)
--   queued | awaiting_approval -> cancelled   cancel (003)
CREATE FUNCTION retraind.follow_run() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  -- A daemon says who it is and, under test, what time it is; a person is the login.
  actor text := coalesce(nullif(current_setting('retraind.actor', true), ''), session_user);
  at timestamptz := coalesce(nullif(current_setting('retraind.now', true), '')::timestamptz, clock_timestamp());
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF OLD.state = NEW.state AND OLD.attempt = NEW.attempt THEN
      IF OLD.finished_at IS NOT NULL THEN
        RAISE EXCEPTION 'run % has ended: what it says of itself is history', OLD.run_id USING ERRCODE = 'RT006';
      END IF;
      RETURN NULL;
    END IF;
    IF NOT (OLD.state, NEW.state) IN (
         ('queued', 'running'), ('queued', 'cancelled'), ('queued', 'failed'),
         ('running', 'queued'), ('running', 'awaiting_approval'), ('running', 'promoted'), ('running', 'rejected'),
         ('running', 'inconclusive'), ('running', 'failed'), ('running', 'cancelled'),
         ('awaiting_approval', 'promoted'), ('awaiting_approval', 'rejected'), ('awaiting_approval', 'inconclusive'),
         ('awaiting_approval', 'cancelled')) THEN
      RAISE EXCEPTION 'run % cannot go from % to %', NEW.run_id, OLD.state, NEW.state USING ERRCODE = 'RT006';
    END IF;
  END IF;
  INSERT INTO retraind.run_event (run_id, attempt, at, from_state, to_state, lease_term, actor, reason)
  VALUES (NEW.run_id, NEW.attempt, at, CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END, NEW.state,
          CASE WHEN TG_OP = 'UPDATE' THEN coalesce(NEW.lease_term, OLD.lease_term) END, actor, coalesce(NEW.reason, ''));
  -- A trigger that fired while this run was busy gets its run now, in the same transaction: it cannot be lost.
  IF NEW.finished_at IS NOT NULL AND NEW.successor_firing_id IS NOT NULL THEN
    INSERT INTO retraind.run (model_id, firing_id, trigger, source, configuration_sha256, max_attempts, queued_at, not_before, reason)
    SELECT m.model_id, f.firing_id, f.trigger, m.source, m.configuration_sha256,
           (c.settings #>> '{training,max_attempts}')::integer, at, at, format('follows run %s', NEW.run_id)
      FROM retraind.firing f
      JOIN retraind.model m USING (model_id)
      JOIN retraind.configuration c ON c.model_id = m.model_id AND c.sha256 = m.configuration_sha256
     WHERE f.firing_id = NEW.successor_firing_id;
    PERFORM pg_notify('retraind_wake', 'run');
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION retraind.follow_run() IS 'Trigger: allows only the transitions of the state diagram, writes run_event, and queues a successor.';
CREATE TRIGGER follow AFTER INSERT OR UPDATE ON retraind.run FOR EACH ROW EXECUTE FUNCTION retraind.follow_run();

-- Functions are open to everybody by default; trigger functions are called by nobody.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA retraind FROM PUBLIC;
