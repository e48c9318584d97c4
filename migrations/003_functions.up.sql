-- What changes state on behalf of daemons and people alike, so that psql and the daemon walk one path. Those that people
-- call are SECURITY DEFINER with a pinned search_path, and are granted to retraind_operator in 005.
-- Locks are taken in one order everywhere: the model's row, then the run's.

CREATE FUNCTION retraind.event_instant(axis text, value double precision) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
RETURN CASE WHEN axis = 'instant' THEN timestamptz 'epoch' + value * interval '1 microsecond' END;
COMMENT ON FUNCTION retraind.event_instant(text, double precision) IS 'An event time as a timestamp; NULL where the time column is a number.';

CREATE FUNCTION retraind.model_named(p_model text) RETURNS retraind.model
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found_model retraind.model;
BEGIN
  SELECT * INTO found_model FROM retraind.model WHERE name = p_model FOR UPDATE;
  IF found_model.model_id IS NULL THEN
    RAISE EXCEPTION 'there is no model "%"', p_model
      USING ERRCODE = 'RT001',
            HINT = coalesce('Known models: ' || (SELECT string_agg(name, ', ' ORDER BY name) FROM retraind.model), 'No model was ever loaded.');
  END IF;
  RETURN found_model;
END $$;
COMMENT ON FUNCTION retraind.model_named(text) IS 'Finds and locks a model, or says that there is none.';

CREATE FUNCTION retraind.require_reason(p_reason text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF coalesce(btrim(p_reason), '') = '' THEN
    RAISE EXCEPTION 'a reason is needed: it is kept in the history' USING ERRCODE = 'RT001';
  END IF;
END $$;
COMMENT ON FUNCTION retraind.require_reason(text) IS 'Refuses to act without a reason.';

CREATE FUNCTION retraind.act_in_person() RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  -- A person cannot sign as a daemon, nor choose the time: follow_run (002) then takes the login and the clock.
  SELECT set_config('retraind.actor', '', true), set_config('retraind.now', '', true);
END;
COMMENT ON FUNCTION retraind.act_in_person() IS 'Makes the triggers of the schema sign with the login, whatever the session has set.';

CREATE FUNCTION retraind.fire(
  p_model_id bigint, p_trigger text, p_kind text, p_slot timestamptz, p_reason text, p_evidence jsonb, p_actor text,
  p_now timestamptz, p_quiet boolean,
  OUT firing_id bigint, OUT run_id bigint, OUT decision text, OUT reason text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  target retraind.model;
  settings json;
  open_run retraind.run;
  -- A condition is looked at again when the open run has ended, against what that run has read; what happened once (a slot,
  -- a request, a new configuration) must not be lost.
  lasting boolean := p_kind IN ('new_rows', 'drift', 'performance', 'signal', 'query', 'prometheus');
  becomes_successor boolean := false;
BEGIN
  SELECT * INTO STRICT target FROM retraind.model m WHERE m.model_id = p_model_id FOR UPDATE;
  SELECT c.settings INTO STRICT settings FROM retraind.configuration c
   WHERE c.model_id = p_model_id AND c.sha256 = target.configuration_sha256;
  SELECT * INTO open_run FROM retraind.run r
   WHERE r.model_id = p_model_id AND r.state IN ('queued', 'running', 'awaiting_approval') FOR UPDATE;
  decision := 'fired';
  reason := p_reason;
  IF open_run.run_id IS NOT NULL THEN
    run_id := open_run.run_id;
    -- A changed pipeline only wants to be judged, and a run that carries it will do that.
    IF p_kind = 'pipeline_change' THEN
      lasting := (SELECT count(DISTINCT c.pipeline_sha256) = 1 FROM retraind.configuration c
                   WHERE c.model_id = p_model_id AND c.sha256 IN (open_run.configuration_sha256, target.configuration_sha256));
    END IF;
    IF open_run.state = 'queued' THEN
      decision := 'suppressed';
      reason := format('%s; run %s is already queued and will read the same rows', p_reason, open_run.run_id);
      -- A run that has not begun carries the configuration in force, not an outdated one.
      IF open_run.configuration_sha256 <> target.configuration_sha256 THEN
        UPDATE retraind.run r SET configuration_sha256 = target.configuration_sha256, source = target.source
         WHERE r.run_id = open_run.run_id;
      END IF;
    ELSIF lasting THEN
      decision := 'suppressed';
      reason := format('%s; run %s is %s, so this is looked at again when it has ended', p_reason, open_run.run_id, replace(open_run.state, '_', ' '));
    ELSIF open_run.successor_firing_id IS NOT NULL THEN
      decision := 'suppressed';
      reason := format('%s; run %s is %s and has a successor waiting already', p_reason, open_run.run_id, replace(open_run.state, '_', ' '));
    ELSE
      becomes_successor := true;
      reason := format('%s; run %s is %s, so a run follows when it has ended', p_reason, open_run.run_id, replace(open_run.state, '_', ' '));
    END IF;
  END IF;
  IF decision = 'suppressed' AND p_quiet THEN
    RETURN;
  END IF;
  INSERT INTO retraind.firing (model_id, trigger, kind, evaluated_at, slot, decision, reason, evidence, actor)
  VALUES (p_model_id, p_trigger, p_kind, p_now, p_slot, decision, reason, p_evidence, p_actor)
  RETURNING retraind.firing.firing_id INTO firing_id;
  IF becomes_successor THEN
    UPDATE retraind.run r SET successor_firing_id = fire.firing_id WHERE r.run_id = open_run.run_id;
  ELSIF decision = 'fired' THEN
    INSERT INTO retraind.run AS r (model_id, firing_id, trigger, source, configuration_sha256, max_attempts, queued_at, not_before, reason)
    VALUES (p_model_id, fire.firing_id, p_trigger, target.source, target.configuration_sha256,
            (settings #>> '{training,max_attempts}')::integer, p_now, p_now, p_reason)
    RETURNING r.run_id INTO run_id;
    PERFORM pg_notify('retraind_wake', 'run');
  END IF;
END $$;
COMMENT ON FUNCTION retraind.fire(bigint, text, text, timestamptz, text, jsonb, text, timestamptz, boolean) IS
  'Records a firing and queues its run, or says why none is queued: one open run a model. With p_quiet a suppression leaves no row.';

CREATE FUNCTION retraind.move_production(
  p_model_id bigint, p_version integer, p_kind text, p_expected integer, p_actor text, p_trigger text, p_run_id bigint,
  p_reason text, p_now timestamptz) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  model_name text;
  current retraind.promotion;
  since timestamptz := p_now;
  new_id bigint;
BEGIN
  SELECT name INTO STRICT model_name FROM retraind.model WHERE model_id = p_model_id FOR UPDATE;
  SELECT * INTO current FROM retraind.promotion WHERE model_id = p_model_id AND upper_inf(during);
  IF current.version IS DISTINCT FROM p_expected THEN
    RETURN NULL;
  END IF;
  IF current.promotion_id IS NOT NULL THEN
    -- Transactions can reach this line in another order than their clocks say; ranges must touch all the same.
    since := greatest(p_now, lower(current.during) + interval '1 microsecond');
    UPDATE retraind.promotion SET during = tstzrange(lower(during), since) WHERE promotion_id = current.promotion_id;
  END IF;
  INSERT INTO retraind.promotion (model_id, version, previous_version, kind, during, actor, trigger, run_id, reason)
  VALUES (p_model_id, p_version, current.version, p_kind, tstzrange(since, NULL), p_actor, p_trigger, p_run_id, p_reason)
  RETURNING promotion_id INTO new_id;
  PERFORM pg_notify('retraind_promotion', json_build_object('model', model_name, 'version', p_version,
    'previous_version', current.version, 'kind', p_kind, 'run_id', p_run_id)::text);
  RETURN new_id;
END $$;
COMMENT ON FUNCTION retraind.move_production(bigint, integer, text, integer, text, text, bigint, text, timestamptz) IS
  'The one place where production moves: closes the old range, opens the new one, notifies. NULL, and nothing done, when production is not p_expected.';

CREATE FUNCTION retraind.request_run(model text, reason text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  target retraind.model := retraind.model_named(request_run.model);
  outcome record;
BEGIN
  PERFORM retraind.act_in_person();
  PERFORM retraind.require_reason(request_run.reason);
  IF target.removed_at IS NOT NULL THEN
    RAISE EXCEPTION 'model "%" was removed from the configuration at %', target.name, target.removed_at USING ERRCODE = 'RT001';
  END IF;
  SELECT * INTO outcome FROM retraind.fire(target.model_id, 'manual', 'manual', NULL, request_run.reason, '{}', session_user, clock_timestamp(), false);
  IF outcome.reason <> request_run.reason THEN
    RAISE NOTICE '%', outcome.reason;
  END IF;
  RETURN outcome.run_id;
END $$;
COMMENT ON FUNCTION retraind.request_run(text, text) IS
  'Asks for a run of a model now. Returns its id; when a run is open already, the id of that one, and a notice says what happens.';

CREATE FUNCTION retraind.open_run_of(p_run_id bigint, p_needed text) RETURNS retraind.run
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  target retraind.run;
BEGIN
  SELECT * INTO target FROM retraind.run WHERE run_id = p_run_id;
  IF target.run_id IS NULL THEN
    RAISE EXCEPTION 'there is no run %', p_run_id USING ERRCODE = 'RT001';
  END IF;
  PERFORM 1 FROM retraind.model WHERE model_id = target.model_id FOR UPDATE;
  SELECT * INTO target FROM retraind.run WHERE run_id = p_run_id FOR UPDATE;
  IF p_needed <> '' AND target.state <> p_needed THEN
    RAISE EXCEPTION 'run % is %, not %', p_run_id, replace(target.state, '_', ' '), replace(p_needed, '_', ' ')
      USING ERRCODE = 'RT001', HINT = coalesce(target.reason, '');
  END IF;
  RETURN target;
END $$;
COMMENT ON FUNCTION retraind.open_run_of(bigint, text) IS 'Locks a run and its model in the right order, and checks its state.';

CREATE FUNCTION retraind.approve(run_id bigint, reason text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  target retraind.run := retraind.open_run_of(run_id, 'awaiting_approval');
  promoted bigint;
  current integer;
  outcome record;
BEGIN
  PERFORM retraind.require_reason(approve.reason);
  PERFORM retraind.act_in_person();
  promoted := retraind.move_production(target.model_id, target.version, 'promotion', target.judged_against, session_user,
                                       target.trigger, target.run_id, approve.reason, clock_timestamp());
  IF promoted IS NOT NULL THEN
    UPDATE retraind.run r SET state = 'promoted', finished_at = clock_timestamp(), reason = format('approved by %s: %s', session_user, approve.reason)
     WHERE r.run_id = target.run_id;
    RETURN promoted;
  END IF;
  -- What was judged is no longer the question: the candidate beat a version that is not in production any more.
  SELECT p.version INTO current FROM retraind.promotion p WHERE p.model_id = target.model_id AND upper_inf(p.during);
  UPDATE retraind.run r SET state = 'inconclusive', finished_at = clock_timestamp(),
         reason = format('approval refused: judged against version %s, but production is version %s now; a new run judges again',
                         coalesce(target.judged_against::text, 'none'), coalesce(current::text, 'none'))
   WHERE r.run_id = target.run_id;
  SELECT * INTO outcome FROM retraind.fire(target.model_id, 'manual', 'manual', NULL,
    format('approval of run %s came after production had changed', target.run_id), '{}', session_user, clock_timestamp(), false);
  RAISE NOTICE 'not promoted: run % was judged against version %, but production is version % now; run % judges again',
    target.run_id, coalesce(target.judged_against::text, 'none'), coalesce(current::text, 'none'), outcome.run_id;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION retraind.approve(bigint, text) IS
  'Promotes the candidate of a run that awaits approval; returns the promotion. NULL when production has changed since it was judged: a new run then judges again.';

CREATE FUNCTION retraind.reject(run_id bigint, reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  target retraind.run := retraind.open_run_of(run_id, 'awaiting_approval');
BEGIN
  PERFORM retraind.require_reason(reject.reason);
  PERFORM retraind.act_in_person();
  UPDATE retraind.run r SET state = 'rejected', finished_at = clock_timestamp(), reason = format('rejected by %s: %s', session_user, reject.reason)
   WHERE r.run_id = target.run_id;
END $$;
COMMENT ON FUNCTION retraind.reject(bigint, text) IS 'Turns down the candidate of a run that awaits approval.';

CREATE FUNCTION retraind.cancel(run_id bigint, reason text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  target retraind.run := retraind.open_run_of(run_id, '');
BEGIN
  PERFORM retraind.require_reason(cancel.reason);
  PERFORM retraind.act_in_person();
  IF target.finished_at IS NOT NULL THEN
    RAISE EXCEPTION 'run % has ended already: %', run_id, target.state USING ERRCODE = 'RT001';
  END IF;
  IF target.state = 'running' THEN
    UPDATE retraind.run r SET cancel_requested_by = format('%s: %s', session_user, cancel.reason) WHERE r.run_id = target.run_id;
    RETURN 'requested: its daemon stops the worker at the next heartbeat';
  END IF;
  UPDATE retraind.run r SET state = 'cancelled', finished_at = clock_timestamp(), reason = format('cancelled by %s: %s', session_user, cancel.reason)
   WHERE r.run_id = target.run_id;
  RETURN 'cancelled';
END $$;
COMMENT ON FUNCTION retraind.cancel(bigint, text) IS 'Cancels an open run; one that is running ends at its daemon''s next heartbeat.';

CREATE FUNCTION retraind.rollback(model text, reason text, to_version integer DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  target retraind.model := retraind.model_named(model);
  current integer;
  goal integer := to_version;
BEGIN
  PERFORM retraind.require_reason(rollback.reason);
  SELECT p.version INTO current FROM retraind.promotion p WHERE p.model_id = target.model_id AND upper_inf(p.during);
  IF current IS NULL THEN
    RAISE EXCEPTION 'model "%" has nothing in production to roll back from', model USING ERRCODE = 'RT001';
  END IF;
  IF goal IS NULL THEN
    -- The newest version that was in production before and was never itself rolled back from: two rollbacks in a row go
    -- two steps back instead of to and fro.
    SELECT p.version INTO goal FROM retraind.promotion p
     WHERE p.model_id = target.model_id AND p.version <> current
       AND NOT EXISTS (SELECT FROM retraind.promotion left_by
                        WHERE left_by.model_id = p.model_id AND left_by.kind = 'rollback' AND left_by.previous_version = p.version)
       AND p.promotion_id < (SELECT min(first_time.promotion_id) FROM retraind.promotion first_time
                              WHERE first_time.model_id = p.model_id AND first_time.version = current)
     ORDER BY p.promotion_id DESC LIMIT 1;
    IF goal IS NULL THEN
      RAISE EXCEPTION 'model "%" has no earlier version that was not rolled back from', model
        USING ERRCODE = 'RT001', HINT = 'Name a version: retraind.rollback(model, reason, to_version).';
    END IF;
  ELSIF goal = current THEN
    RAISE EXCEPTION 'version % of model "%" is in production already', goal, model USING ERRCODE = 'RT001';
  ELSIF NOT EXISTS (SELECT FROM retraind.promotion p WHERE p.model_id = target.model_id AND p.version = goal) THEN
    RAISE EXCEPTION 'version % of model "%" was never in production', goal, model USING ERRCODE = 'RT001';
  END IF;
  RETURN retraind.move_production(target.model_id, goal, 'rollback', current, session_user, 'manual', NULL, rollback.reason, clock_timestamp());
END $$;
COMMENT ON FUNCTION retraind.rollback(text, text, integer) IS
  'Puts an earlier version back into production: the named one, or the newest that was not itself rolled back from. Returns the new row of promotion_history.';

CREATE FUNCTION retraind.pause(model text, reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  target retraind.model := retraind.model_named(pause.model);
BEGIN
  PERFORM retraind.require_reason(pause.reason);
  UPDATE retraind.model m SET paused_at = clock_timestamp(), paused_by = session_user, pause_reason = pause.reason
   WHERE m.model_id = target.model_id;
END $$;
COMMENT ON FUNCTION retraind.pause(text, text) IS 'No trigger of the model starts a run until resume; requests by people still do, and an open run goes on.';

CREATE FUNCTION retraind.resume(model text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  target retraind.model := retraind.model_named(resume.model);
BEGIN
  UPDATE retraind.model m SET paused_at = NULL, paused_by = NULL, pause_reason = NULL WHERE m.model_id = target.model_id;
  PERFORM pg_notify('retraind_wake', 'monitor');
END $$;
COMMENT ON FUNCTION retraind.resume(text) IS 'Ends a pause.';

CREATE FUNCTION retraind.record_signal(name text, value double precision, at timestamptz DEFAULT now()) RETURNS void
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

CREATE FUNCTION retraind.production_at(model text, at timestamptz)
RETURNS TABLE (version integer, since timestamptz, until timestamptz, promotion_id bigint, run_id bigint, artifact_sha256 text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT p.version, lower(p.during), upper(p.during), p.promotion_id, v.run_id, v.artifact_sha256
    FROM retraind.promotion p
    JOIN retraind.model m USING (model_id)
    JOIN retraind.model_version v ON v.model_id = p.model_id AND v.version = p.version
   WHERE m.name = production_at.model AND p.during @> production_at.at;
END;
COMMENT ON FUNCTION retraind.production_at(text, timestamptz) IS 'Which version of a model was in production at an instant; no row when none was.';

-- Functions are open to everybody by default; 005 grants what each role needs.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA retraind FROM PUBLIC;
