-- Back to 006, which knows no shadows, no trials, no quarantine and no outbox: those go with their tables, and what was
-- promoted by them stays in promotion_history. Shadows end as inconclusive, and candidates that wait to be judged again as
-- cancelled. Of a candidate that was judged more than once, the last judging stays; a gate that was undecided did not pass.

SELECT set_config('retraind.actor', 'migration to 006', true), set_config('retraind.now', '', true);
UPDATE retraind.run SET state = 'inconclusive', finished_at = clock_timestamp(), reason = 'the schema went back to one without shadows'
 WHERE state = 'shadowing';
UPDATE retraind.run SET state = 'cancelled', finished_at = clock_timestamp(), lease_term = NULL, lease_holder = NULL, lease_expires_at = NULL,
       heartbeat_at = NULL, worker_pid = NULL, reason = 'the schema went back to one that judges no candidate again'
 WHERE state IN ('queued', 'running') AND version IS NOT NULL;
SELECT set_config('retraind.actor', '', true);
-- Rows of runs that were just written must have been checked before their table can change.
SET CONSTRAINTS ALL IMMEDIATE;

-- A view cannot lose a column: each is made anew. Their columns keep what was said of them.
CREATE TEMPORARY TABLE kept_comment ON COMMIT DROP AS
SELECT v.relname AS view, a.attname AS "column", col_description(v.oid, a.attnum) AS meaning
  FROM pg_class v JOIN pg_attribute a ON a.attrelid = v.oid
 WHERE v.oid IN ('retraind.promotion_history'::regclass, 'retraind.run_history'::regclass, 'retraind.gate_result'::regclass,
                 'retraind.metric_history'::regclass, 'retraind.status'::regclass) AND a.attnum > 0
   AND a.attname NOT IN ('trial_id', 'holdout_from', 'holdout_to', 'holdout_from_number', 'holdout_to_number', 'holdout_reuse',
                         'detectable', 'rows_needed', 'stand_in', 'shadowing_since', 'earlier_opponents', 'outcome',
                         'shadow_version', 'shadow_until', 'baking_against', 'baking_until', 'releases_waiting')
   AND NOT (v.relname IN ('gate_result', 'metric_history') AND a.attname = 'attempt')
UNION ALL
SELECT v.relname, NULL, obj_description(v.oid, 'pg_class')
  FROM pg_class v WHERE v.oid IN ('retraind.promotion_history'::regclass, 'retraind.run_history'::regclass, 'retraind.gate_result'::regclass,
                                  'retraind.metric_history'::regclass, 'retraind.status'::regclass);
DROP VIEW retraind.status, retraind.release_attempt_history, retraind.release_history, retraind.quarantine_history,
  retraind.trial_cluster_history, retraind.trial_history, retraind.metric_history, retraind.gate_result, retraind.run_history,
  retraind.promotion_history;

DROP FUNCTION retraind.retry_release(bigint);
DROP FUNCTION retraind.skip_release(bigint, text);
DROP FUNCTION retraind.waiting_release(bigint);
DROP FUNCTION retraind.lift_quarantine(text, integer, text);
DROP FUNCTION retraind.move_production(bigint, integer, text, integer, text, text, bigint, text, timestamptz, bigint);
DROP FUNCTION retraind.refuse_quarantined(bigint, integer);
DROP FUNCTION retraind.put_in_quarantine(bigint, integer, text, text, timestamptz);
DROP FUNCTION retraind.release_targets(json);

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
REVOKE ALL ON FUNCTION retraind.move_production(bigint, integer, text, integer, text, text, bigint, text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION retraind.move_production(bigint, integer, text, integer, text, text, bigint, text, timestamptz) TO retraind_daemon;

CREATE OR REPLACE FUNCTION retraind.fire(
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

CREATE OR REPLACE FUNCTION retraind.approve(run_id bigint, reason text) RETURNS bigint
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

CREATE OR REPLACE FUNCTION retraind.cancel(run_id bigint, reason text) RETURNS text
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

CREATE OR REPLACE FUNCTION retraind.rollback(model text, reason text, to_version integer DEFAULT NULL) RETURNS bigint
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

CREATE OR REPLACE FUNCTION retraind.close_promotion_once() RETURNS trigger
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

CREATE OR REPLACE FUNCTION retraind.follow_run() RETURNS trigger
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

ALTER TABLE retraind.promotion DROP COLUMN trial_id;
DROP TABLE retraind.release_attempt, retraind.release, retraind.quarantine, retraind.trial_cluster, retraind.trial;
DROP FUNCTION retraind.end_once();

ALTER TABLE retraind.model_version DROP COLUMN anchor, DROP COLUMN entity;

ALTER TABLE retraind.metric_result DISABLE TRIGGER append_only;
DELETE FROM retraind.metric_result x USING retraind.metric_result later WHERE later.run_id = x.run_id AND later.attempt > x.attempt;
ALTER TABLE retraind.metric_result
  DROP CONSTRAINT metric_result_pkey,
  DROP COLUMN attempt,
  ADD CONSTRAINT metric_result_pkey PRIMARY KEY (run_id, role, metric);
ALTER TABLE retraind.metric_result ENABLE TRIGGER append_only;

ALTER TABLE retraind.gate DISABLE TRIGGER append_only;
DELETE FROM retraind.gate g USING retraind.gate later WHERE later.run_id = g.run_id AND later.attempt > g.attempt;
ALTER TABLE retraind.gate
  DROP CONSTRAINT gate_once_a_judging,
  DROP COLUMN attempt,
  DROP COLUMN outcome,
  ADD CONSTRAINT gate_run_id_gate_slice_key UNIQUE (run_id, gate, slice);
ALTER TABLE retraind.gate ENABLE TRIGGER append_only;

DROP INDEX retraind.run_shadowing;
ALTER TABLE retraind.run
  DROP CONSTRAINT run_shadowing_since,
  DROP CONSTRAINT run_version_is_released,
  ADD CONSTRAINT run_version_is_released CHECK (state NOT IN ('promoted', 'awaiting_approval') OR version IS NOT NULL),
  DROP COLUMN holdout_from, DROP COLUMN holdout_to, DROP COLUMN holdout_from_number, DROP COLUMN holdout_to_number,
  DROP COLUMN holdout_reuse, DROP COLUMN detectable, DROP COLUMN rows_needed, DROP COLUMN stand_in,
  DROP COLUMN shadowing_since, DROP COLUMN earlier_opponents, DROP COLUMN anchor;
DO $$
DECLARE
  found_name name;
BEGIN
  SELECT c.conname INTO STRICT found_name
    FROM pg_constraint c
    JOIN pg_attribute a ON a.attrelid = c.conrelid AND c.conkey = ARRAY[a.attnum]
   WHERE c.conrelid = 'retraind.run'::regclass AND c.contype = 'c' AND a.attname = 'state';
  EXECUTE format($sql$ALTER TABLE retraind.run DROP CONSTRAINT %1$I, ADD CONSTRAINT %1$I CHECK (state IN
    ('queued', 'running', 'awaiting_approval', 'promoted', 'rejected', 'inconclusive', 'failed', 'cancelled'))$sql$, found_name);
END $$;

-- status knows every column of a run: it is made once those of 007 are gone.
CREATE VIEW retraind.promotion_history AS
SELECT p.promotion_id, m.name AS model, p.version, p.previous_version, p.kind, lower(p.during) AS promoted_at,
       upper(p.during) AS valid_to, p.actor, p.trigger, v.run_id, v.metric, r.candidate_value, r.production_value,
       r.difference, r.ci_low, r.ci_high, r.holdout_rows, p.reason, v.artifact_sha256
  FROM retraind.promotion p
  JOIN retraind.model m USING (model_id)
  JOIN retraind.model_version v ON v.model_id = p.model_id AND v.version = p.version
  JOIN retraind.run r ON r.run_id = v.run_id;

CREATE VIEW retraind.run_history AS
SELECT r.run_id, m.name AS model, r.trigger, r.state, r.verdict, r.reason, r.attempt, r.instance, r.queued_at, r.started_at,
       r.finished_at, r.version, r.metric, r.candidate_value, r.production_value, r.ci_low, r.ci_high, r.train_rows,
       r.holdout_rows, r.window_from, r.window_to, r.data_sha256, r.configuration_sha256 AS config_sha256,
       r.difference, r.confidence, r.opponent, r.judged_against, r.clusters, r.inflation, r.step,
       r.window_from_number, r.window_to_number
  FROM retraind.run r
  JOIN retraind.model m USING (model_id);

CREATE VIEW retraind.gate_result AS
SELECT g.run_id, g.gate, g.slice, g.metric, g.observed, g.ci_low, g.ci_high, g.threshold, g.passed, g.sentence
  FROM retraind.gate g;

CREATE VIEW retraind.metric_history AS
SELECT x.run_id, m.name AS model, x.role, x.metric, x.value
  FROM retraind.metric_result x
  JOIN retraind.run r USING (run_id)
  JOIN retraind.model m USING (model_id);

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
              ORDER BY t.trigger) AS alerts
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
DROP TABLE kept_comment;
GRANT SELECT ON retraind.promotion_history, retraind.run_history, retraind.gate_result, retraind.metric_history, retraind.status
  TO retraind_reader, retraind_operator, retraind_daemon;

COMMENT ON COLUMN retraind.run.state IS 'queued, running, awaiting_approval (open); promoted, rejected, inconclusive, failed, cancelled (ended).';
COMMENT ON COLUMN retraind.run_history.state IS 'queued, running, awaiting_approval (open); promoted, rejected, inconclusive, failed, cancelled (ended).';
COMMENT ON COLUMN retraind.run.finished_at IS 'When it ended; NULL while it is open.';
COMMENT ON COLUMN retraind.run_history.finished_at IS 'When it ended; NULL while it is open.';
COMMENT ON COLUMN retraind.run.attempt IS 'Counts from 1; a crash, a lost lease or a lost connection starts the next one.';
COMMENT ON COLUMN retraind.run_history.attempt IS 'Counts from 1; a crash, a lost lease or a lost connection starts the next one.';
COMMENT ON COLUMN retraind.run.version IS 'The version this run released, or offers for approval; NULL otherwise.';
COMMENT ON COLUMN retraind.run_history.version IS 'The version this run released, or offers for approval; NULL otherwise.';
COMMENT ON COLUMN retraind.gate.passed IS 'Whether it passed.';
COMMENT ON COLUMN retraind.gate_result.passed IS 'Whether it passed.';
COMMENT ON COLUMN retraind.metric_result.metric IS 'Name of the metric.';
COMMENT ON COLUMN retraind.metric_history.metric IS 'Name of the metric.';
COMMENT ON COLUMN retraind.promotion.trigger IS 'Name of the trigger behind it; manual for a rollback by a person.';
COMMENT ON COLUMN retraind.promotion_history.trigger IS 'Name of the trigger behind it; manual for a rollback by a person.';
COMMENT ON TABLE retraind.model_version IS 'Immutable: every version that was released or offered for approval, with its lineage.';
