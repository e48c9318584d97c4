-- Upkeep: what is kept for how long, the one narrow door through which old rows leave, the bytes of versions that can
-- never come into production, and what the migrations have made, so that somebody can say what has changed since.
--  (12) history leaves only when it is old, superseded and needed by nothing   triggers kept (010), remove_expired
--  (13) a version that was in production, or may come there, keeps its bytes   trigger kept on artifact_chunk, move_production

-- Policy --------------------------------------------------------------------------------------------------------------
CREATE FUNCTION retraind.retention_floor() RETURNS interval
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
RETURN interval '7 days';
COMMENT ON FUNCTION retraind.retention_floor() IS 'Nothing younger is ever removed, whatever a daemon asks for.';

CREATE TABLE retraind.retention_policy (
  instance text NOT NULL CHECK (instance <> ''),
  kind     text NOT NULL CHECK (kind IN ('drift_checks', 'performance_checks', 'trigger_decisions', 'run_logs', 'signals', 'unused_artifacts')),
  keep     interval NOT NULL,
  set_at   timestamptz NOT NULL,
  PRIMARY KEY (instance, kind),
  CONSTRAINT retention_policy_keeps_a_week CHECK (keep = interval '0' OR keep >= retraind.retention_floor())
);
COMMENT ON TABLE retraind.retention_policy IS 'How long each daemon wants what nobody decides by any more to be kept ([retention]). The longest of those that were seen within a week counts.';
COMMENT ON COLUMN retraind.retention_policy.instance IS 'The daemon''s instance.';
COMMENT ON COLUMN retraind.retention_policy.kind IS 'What is kept: a key of [retention].';
COMMENT ON COLUMN retraind.retention_policy.keep IS 'How long; 0: for ever.';
COMMENT ON COLUMN retraind.retention_policy.set_at IS 'When the daemon said so.';

CREATE TABLE retraind.retention_pass (
  pass_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind       text NOT NULL CHECK (kind IN ('drift_checks', 'performance_checks', 'trigger_decisions', 'run_logs', 'signals', 'unused_artifacts')),
  older_than timestamptz NOT NULL,
  removed    bigint NOT NULL CHECK (removed > 0),
  bytes      bigint CHECK (bytes >= 0),
  began_at   timestamptz NOT NULL,
  ended_at   timestamptz NOT NULL CHECK (ended_at >= began_at),
  instance   text NOT NULL,
  daemon_id  uuid NOT NULL,
  login      text NOT NULL,
  CONSTRAINT retention_pass_bytes_are_of_artifacts CHECK ((bytes IS NULL) = (kind <> 'unused_artifacts'))
);
COMMENT ON TABLE retraind.retention_pass IS 'Append-only but for the count of a pass that goes on: what was removed. Written by remove_expired alone. Read it as retraind.retention_history.';
COMMENT ON COLUMN retraind.retention_pass.pass_id IS 'Grows with time.';
COMMENT ON COLUMN retraind.retention_pass.kind IS 'What was removed: a key of [retention].';
COMMENT ON COLUMN retraind.retention_pass.older_than IS 'Everything that was removed is older than this.';
COMMENT ON COLUMN retraind.retention_pass.removed IS 'How many: checks, decisions, logs, values, or artifacts.';
COMMENT ON COLUMN retraind.retention_pass.bytes IS 'Artifacts: their size, uncompressed; NULL for all else.';
COMMENT ON COLUMN retraind.retention_pass.began_at IS 'When the first of them went.';
COMMENT ON COLUMN retraind.retention_pass.ended_at IS 'When the last of them went.';
COMMENT ON COLUMN retraind.retention_pass.instance IS 'The daemon''s instance, as it signs.';
COMMENT ON COLUMN retraind.retention_pass.daemon_id IS 'The start of that daemon.';
COMMENT ON COLUMN retraind.retention_pass.login IS 'The database login that removed them.';

CREATE FUNCTION retraind.count_on() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF to_jsonb(NEW) - ARRAY['removed', 'bytes', 'ended_at'] IS DISTINCT FROM to_jsonb(OLD) - ARRAY['removed', 'bytes', 'ended_at']
     OR NEW.removed <= OLD.removed OR NEW.bytes < OLD.bytes OR NEW.ended_at < OLD.ended_at THEN
    RAISE EXCEPTION 'retraind.retention_pass is append-only: a pass only counts on' USING ERRCODE = 'RT006';
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION retraind.count_on() IS 'Trigger: what a pass has removed is never taken back from its row.';
CREATE TRIGGER count_on BEFORE UPDATE ON retraind.retention_pass FOR EACH ROW EXECUTE FUNCTION retraind.count_on();
CREATE TRIGGER never_deleted BEFORE DELETE ON retraind.retention_pass FOR EACH ROW EXECUTE FUNCTION retraind.refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON retraind.retention_pass FOR EACH STATEMENT EXECUTE FUNCTION retraind.refuse_change();

CREATE FUNCTION retraind.retention_cutoff(p_kind text) RETURNS timestamptz
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  -- A daemon that is stopped for a while still has a say; one that is gone for good has none after a week.
  SELECT CASE WHEN bool_and(p.keep > interval '0') THEN clock_timestamp() - greatest(max(p.keep), retraind.retention_floor()) END
    FROM retraind.retention_policy p
   WHERE p.kind = p_kind
     AND EXISTS (SELECT FROM retraind.daemon d WHERE d.instance = p.instance AND d.last_seen_at > clock_timestamp() - interval '7 days');
END;
COMMENT ON FUNCTION retraind.retention_cutoff(text) IS 'What is older than this may go, by the longest of the daemons'' wishes; NULL: nothing, somebody keeps it for ever, or nobody has said.';

-- What may go ---------------------------------------------------------------------------------------------------------
CREATE INDEX drift_check_by_trigger ON retraind.drift_check (model_id, trigger, check_id);
CREATE INDEX performance_check_by_trigger ON retraind.performance_check (model_id, trigger, check_id);
CREATE INDEX firing_by_decision ON retraind.firing (model_id, trigger, decision, firing_id);
CREATE INDEX firing_without_a_run ON retraind.firing (firing_id) WHERE decision <> 'fired';
CREATE INDEX signal_by_time ON retraind.signal (at);
CREATE INDEX promotion_by_version ON retraind.promotion (model_id, version);
CREATE INDEX promotion_by_previous_version ON retraind.promotion (model_id, previous_version);
CREATE INDEX model_version_by_artifact ON retraind.model_version (artifact_sha256);
CREATE INDEX model_version_by_kept_data ON retraind.model_version (kept_data_sha256) WHERE kept_data_sha256 IS NOT NULL;

CREATE FUNCTION retraind.refuse_delete(p_table text, p_why text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'retraind.% is append-only: delete refused: %', p_table, p_why
    USING ERRCODE = 'RT006', HINT = 'What is old and needed by nothing is removed by the daemons, as [retention] says.';
END $$;
COMMENT ON FUNCTION retraind.refuse_delete(text, text) IS 'Says why a row of history stays.';

-- The law itself, for whoever deletes, with whatever rights: a row that is young, the newest of its kind, or needed stays.
CREATE FUNCTION retraind.keep_check() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  superseded boolean;
BEGIN
  IF OLD.checked_at >= clock_timestamp() - retraind.retention_floor() THEN
    PERFORM retraind.refuse_delete(TG_TABLE_NAME, format('check %s is younger than a week', OLD.check_id));
  END IF;
  IF TG_TABLE_NAME = 'drift_check' THEN
    superseded := EXISTS (SELECT FROM retraind.drift_check n
                           WHERE n.model_id = OLD.model_id AND n.trigger = OLD.trigger AND n.check_id > OLD.check_id);
  ELSE
    superseded := EXISTS (SELECT FROM retraind.performance_check n
                           WHERE n.model_id = OLD.model_id AND n.trigger = OLD.trigger AND n.check_id > OLD.check_id);
  END IF;
  IF NOT superseded THEN
    PERFORM retraind.refuse_delete(TG_TABLE_NAME, format('check %s is the newest of its model and trigger', OLD.check_id));
  END IF;
  RETURN OLD;
END $$;
COMMENT ON FUNCTION retraind.keep_check() IS 'Trigger: a check stays for a week at least, and the newest of each model and trigger for ever (invariant 12).';

CREATE FUNCTION retraind.keep_drift_result() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  of_check retraind.drift_check;
BEGIN
  SELECT * INTO of_check FROM retraind.drift_check c WHERE c.check_id = OLD.check_id;
  IF of_check.checked_at >= clock_timestamp() - retraind.retention_floor() THEN
    PERFORM retraind.refuse_delete(TG_TABLE_NAME, format('check %s is younger than a week', OLD.check_id));
  END IF;
  IF NOT EXISTS (SELECT FROM retraind.drift_check n
                  WHERE n.model_id = of_check.model_id AND n.trigger = of_check.trigger AND n.check_id > of_check.check_id) THEN
    PERFORM retraind.refuse_delete(TG_TABLE_NAME, format('check %s is the newest of its model and trigger', OLD.check_id));
  END IF;
  RETURN OLD;
END $$;
COMMENT ON FUNCTION retraind.keep_drift_result() IS 'Trigger: a column of a drift check stays as long as its check must (invariant 12).';

CREATE FUNCTION retraind.keep_decision() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF OLD.decision = 'fired' THEN
    PERFORM retraind.refuse_delete(TG_TABLE_NAME, format('firing %s started a run', OLD.firing_id));
  END IF;
  IF OLD.evaluated_at >= clock_timestamp() - retraind.retention_floor() THEN
    PERFORM retraind.refuse_delete(TG_TABLE_NAME, format('firing %s is younger than a week', OLD.firing_id));
  END IF;
  -- The last alert is what an open alert says, the last decided slot what keeps it from being decided twice.
  IF NOT EXISTS (SELECT FROM retraind.firing n WHERE n.model_id = OLD.model_id AND n.trigger = OLD.trigger
                    AND n.decision = OLD.decision AND n.firing_id > OLD.firing_id) THEN
    PERFORM retraind.refuse_delete(TG_TABLE_NAME, format('firing %s is the newest %s of its trigger', OLD.firing_id, OLD.decision));
  END IF;
  RETURN OLD;
END $$;
COMMENT ON FUNCTION retraind.keep_decision() IS 'Trigger: what started a run stays for ever, and so does the newest decision of each kind of a trigger; all else for a week at least (invariant 12).';

-- Bytes ---------------------------------------------------------------------------------------------------------------
ALTER TABLE retraind.artifact ADD COLUMN removed_at timestamptz;
COMMENT ON COLUMN retraind.artifact.removed_at IS 'When its bytes were removed, because no version that needs them was ever in production or can come there; NULL: they are there.';

CREATE FUNCTION retraind.artifact_use(p_sha256 text, p_idle_since timestamptz) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v record;
  named text;
BEGIN
  FOR v IN
    SELECT x.model_id, x.version, m.name, x.run_id, r.state, r.finished_at
      FROM retraind.model_version x
      JOIN retraind.model m USING (model_id)
      JOIN retraind.run r ON r.run_id = x.run_id
     WHERE x.artifact_sha256 = p_sha256 OR x.kept_data_sha256 = p_sha256
     ORDER BY x.model_id, x.version
  LOOP
    named := format('version %s of model "%s"', v.version, v.name);
    IF EXISTS (SELECT FROM retraind.promotion p WHERE p.model_id = v.model_id AND p.version = v.version)
       OR EXISTS (SELECT FROM retraind.promotion p WHERE p.model_id = v.model_id AND p.previous_version = v.version) THEN
      RETURN named || ' was in production';
    ELSIF v.finished_at IS NULL THEN
      RETURN format('%s is the candidate of run %s, which is %s', named, v.run_id, replace(v.state, '_', ' '));
    ELSIF EXISTS (SELECT FROM retraind.trial t WHERE t.model_id = v.model_id AND v.version IN (t.version, t.against) AND t.outcome IS NULL) THEN
      RETURN named || ' is on trial';
    ELSIF EXISTS (SELECT FROM retraind.run r WHERE r.model_id = v.model_id AND v.version IN (r.judged_against, r.stand_in, r.anchor))
          OR EXISTS (SELECT FROM retraind.model_version o WHERE o.model_id = v.model_id AND o.anchor = v.version) THEN
      RETURN 'another candidate was held against ' || named;
    ELSIF EXISTS (SELECT FROM retraind.model_version o WHERE o.model_id = v.model_id AND o.version <> v.version
                     AND (o.lineage #>> '{parent,version}')::integer = v.version) THEN
      RETURN 'another version went on from ' || named;
    ELSIF v.finished_at >= p_idle_since THEN
      RETURN format('run %s, which made %s, ended at %s only', v.run_id, named, v.finished_at);
    END IF;
  END LOOP;
  IF named IS NULL THEN
    -- Nobody's: what is being written right now has no version yet.
    RETURN (SELECT 'it has no version yet' FROM retraind.artifact a WHERE a.sha256 = p_sha256 AND a.created_at >= p_idle_since);
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION retraind.artifact_use(text, timestamptz) IS
  'Who needs the bytes of an artifact, in words; NULL: nobody, and nobody can any more. What became idle since the instant counts as needed.';

CREATE FUNCTION retraind.keep_bytes() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  used text;
BEGIN
  -- Whatever moves production locks the model's row first, whatever stores the same bytes again the artifact's: both
  -- wait for this, or this waits for them and then sees what they did.
  PERFORM 1 FROM retraind.model m
    WHERE m.model_id IN (SELECT v.model_id FROM retraind.model_version v WHERE v.artifact_sha256 = OLD.sha256 OR v.kept_data_sha256 = OLD.sha256)
    ORDER BY m.model_id FOR UPDATE;
  PERFORM 1 FROM retraind.artifact a WHERE a.sha256 = OLD.sha256 FOR UPDATE;
  used := retraind.artifact_use(OLD.sha256, clock_timestamp() - retraind.retention_floor());
  IF used IS NOT NULL THEN
    PERFORM retraind.refuse_delete(TG_TABLE_NAME, used);
  END IF;
  -- An artifact that has lost a chunk says so, whoever took it.
  UPDATE retraind.artifact a SET removed_at = clock_timestamp() WHERE a.sha256 = OLD.sha256 AND a.removed_at IS NULL;
  RETURN OLD;
END $$;
COMMENT ON FUNCTION retraind.keep_bytes() IS 'Trigger: bytes stay as long as a version needs them, and an artifact that loses some is marked (invariant 13).';

CREATE FUNCTION retraind.mark_artifact() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  used text;
BEGIN
  IF to_jsonb(NEW) - 'removed_at' IS DISTINCT FROM to_jsonb(OLD) - 'removed_at' OR (NEW.removed_at IS NULL) = (OLD.removed_at IS NULL) THEN
    RAISE EXCEPTION 'retraind.artifact is append-only: only whether its bytes are there changes' USING ERRCODE = 'RT006';
  END IF;
  IF NEW.removed_at IS NOT NULL THEN
    used := retraind.artifact_use(NEW.sha256, clock_timestamp() - retraind.retention_floor());
    IF used IS NOT NULL THEN
      RAISE EXCEPTION 'retraind.artifact is append-only: its bytes are needed: %', used USING ERRCODE = 'RT006';
    END IF;
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION retraind.mark_artifact() IS 'Trigger: of an artifact only this changes, that its bytes are removed, or stored again (invariants 4 and 13).';

CREATE FUNCTION retraind.refuse_removed(p_model_id bigint, p_version integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  gone record;
BEGIN
  SELECT m.name, a.removed_at INTO gone
    FROM retraind.model_version v JOIN retraind.artifact a ON a.sha256 = v.artifact_sha256 JOIN retraind.model m USING (model_id)
   WHERE v.model_id = p_model_id AND v.version = p_version AND a.removed_at IS NOT NULL;
  IF FOUND THEN
    RAISE EXCEPTION 'version % of model "%" cannot come into production: its bytes were removed at %, since it never was there and its run had ended',
      p_version, gone.name, gone.removed_at
      USING ERRCODE = 'RT001', HINT = 'A new run makes a new candidate: retraind.request_run(model, reason).';
  END IF;
END $$;
COMMENT ON FUNCTION retraind.refuse_removed(bigint, integer) IS 'Says that the bytes of a version are gone, if they are (invariant 13).';

-- Guards --------------------------------------------------------------------------------------------------------------
DO $$
DECLARE
  item record;
BEGIN
  FOR item IN
    SELECT * FROM (VALUES ('firing', 'keep_decision'), ('drift_check', 'keep_check'), ('performance_check', 'keep_check'),
                          ('drift_result', 'keep_drift_result'), ('artifact_chunk', 'keep_bytes')) AS law ("table", "function")
  LOOP
    EXECUTE format('DROP TRIGGER append_only ON retraind.%I', item."table");
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE ON retraind.%I FOR EACH ROW EXECUTE FUNCTION retraind.refuse_change()', item."table");
    EXECUTE format('CREATE TRIGGER kept BEFORE DELETE ON retraind.%I FOR EACH ROW EXECUTE FUNCTION retraind.%I()', item."table", item."function");
  END LOOP;
END $$;
DROP TRIGGER append_only ON retraind.artifact;
CREATE TRIGGER append_only BEFORE UPDATE ON retraind.artifact FOR EACH ROW EXECUTE FUNCTION retraind.mark_artifact();

CREATE OR REPLACE FUNCTION retraind.move_production(
  p_model_id bigint, p_version integer, p_kind text, p_expected integer, p_actor text, p_trigger text, p_run_id bigint,
  p_reason text, p_now timestamptz, p_trial_id bigint DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  target retraind.model;
  current retraind.promotion;
  since timestamptz := p_now;
  cause bigint;
  new_id bigint;
BEGIN
  SELECT * INTO STRICT target FROM retraind.model WHERE model_id = p_model_id FOR UPDATE;
  SELECT * INTO current FROM retraind.promotion WHERE model_id = p_model_id AND upper_inf(during);
  IF current.version IS DISTINCT FROM p_expected THEN
    RETURN NULL;
  END IF;
  PERFORM retraind.refuse_quarantined(p_model_id, p_version);
  PERFORM retraind.refuse_removed(p_model_id, p_version);
  IF current.promotion_id IS NOT NULL THEN
    -- Transactions can reach this line in another order than their clocks say; ranges must touch all the same.
    since := greatest(p_now, lower(current.during) + interval '1 microsecond');
    UPDATE retraind.promotion SET during = tstzrange(lower(during), since) WHERE promotion_id = current.promotion_id;
  END IF;
  -- The shadow of the run that is promoted is its cause, whether it has been ended already or is about to be.
  cause := coalesce(p_trial_id, (
    SELECT t.trial_id FROM retraind.trial t
     WHERE t.run_id = p_run_id AND t.kind = 'shadow' AND t.against = p_expected
       AND coalesce(t.outcome, 'promoted') IN ('promoted', 'awaiting_approval')
     ORDER BY t.trial_id DESC LIMIT 1));
  INSERT INTO retraind.promotion (model_id, version, previous_version, kind, during, actor, trigger, run_id, reason, trial_id)
  VALUES (p_model_id, p_version, current.version, p_kind, tstzrange(since, NULL), p_actor, p_trigger, p_run_id, p_reason, cause)
  RETURNING promotion_id INTO new_id;
  -- What other trials ask is no question any more: one of their two versions has left production.
  UPDATE retraind.trial t
     SET outcome = 'overtaken', ended_at = p_now, next_due_at = NULL, lease_term = NULL, lease_holder = NULL, lease_expires_at = NULL,
         sentence = concat_ws('; ', format('production moved from version %s to version %s', current.version, p_version), t.sentence)
   WHERE t.model_id = p_model_id AND t.outcome IS NULL AND t.trial_id IS DISTINCT FROM cause;
  UPDATE retraind.run r
     SET state = 'inconclusive', finished_at = p_now,
         reason = format('production moved from version %s to version %s before new rows had settled the difference', current.version, p_version)
   WHERE r.model_id = p_model_id AND r.state = 'shadowing' AND r.run_id IS DISTINCT FROM p_run_id;
  INSERT INTO retraind.release (promotion_id, model_id, target, created_at, next_due_at)
  SELECT new_id, p_model_id, t.name, p_now, p_now
    FROM retraind.configuration c, unnest(retraind.release_targets(c.settings)) WITH ORDINALITY AS t (name, place)
   WHERE c.model_id = p_model_id AND c.sha256 = target.configuration_sha256 ORDER BY t.place;
  IF FOUND THEN
    PERFORM pg_notify('retraind_wake', 'release');
  END IF;
  PERFORM pg_notify('retraind_promotion', json_build_object('model', target.name, 'version', p_version,
    'previous_version', current.version, 'kind', p_kind, 'run_id', p_run_id)::text);
  RETURN new_id;
END $$;
COMMENT ON FUNCTION retraind.move_production(bigint, integer, text, integer, text, text, bigint, text, timestamptz, bigint) IS
  'The one place where production moves: closes the old range, opens the new one, ends trials but p_trial_id (the cause, if it is one), fills the outbox, notifies. NULL, and nothing done, when production is not p_expected; refused for a version that is quarantined, and for one whose bytes are gone.';

-- The door ------------------------------------------------------------------------------------------------------------
-- The daemons' group has no DELETE on history: this function has, and is the only way. It takes no instant from its
-- caller, removes only what the policies allow, and counts it in the same transaction. Each call looks at p_limit rows at
-- most, in the order of a key that grows with time, and says where to go on; of several daemons one works at a kind, and
-- the others are told at once that there is nothing for them to do.
CREATE FUNCTION retraind.remove_expired(
  p_kind text, p_after bigint, p_limit integer, p_instance text, p_daemon_id uuid, p_pass_id bigint,
  OUT removed bigint, OUT bytes bigint, OUT last bigint, OUT more boolean, OUT pass_id bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  at timestamptz := clock_timestamp();
  cutoff timestamptz := retraind.retention_cutoff(p_kind);
  batch integer := least(greatest(coalesce(p_limit, 1), 1), 10000);
  after bigint := coalesce(p_after, 0);
  after_at timestamptz := coalesce(timestamptz 'epoch' + p_after * interval '1 microsecond', '-infinity');
  upto bigint;
  upto_at timestamptz;
  ids bigint[];
  item record;
  models bigint[];
  chunks integer := 0;
BEGIN
  removed := 0;
  bytes := CASE WHEN p_kind = 'unused_artifacts' THEN 0 END;
  last := p_after;
  more := false;
  pass_id := p_pass_id;
  IF p_kind <> ALL (ARRAY['drift_checks', 'performance_checks', 'trigger_decisions', 'run_logs', 'signals', 'unused_artifacts']) THEN
    RAISE EXCEPTION 'there is nothing called "%" to remove', p_kind USING ERRCODE = 'RT001';
  END IF;
  IF cutoff IS NULL OR NOT pg_try_advisory_xact_lock(x'72657472'::integer, hashtext(p_kind)) THEN
    RETURN;
  END IF;

  IF p_kind = 'drift_checks' THEN
    SELECT max(x.check_id) INTO upto FROM (SELECT c.check_id FROM retraind.drift_check c WHERE c.check_id > after ORDER BY c.check_id LIMIT batch) x;
    SELECT least(upto, max(x.check_id)) INTO upto FROM (SELECT r.check_id FROM retraind.drift_result r WHERE r.check_id > after ORDER BY r.check_id LIMIT batch) x;
    SELECT count(*) > 0,
           array_agg(c.check_id) FILTER (WHERE EXISTS (SELECT FROM retraind.drift_check n
             WHERE n.model_id = c.model_id AND n.trigger = c.trigger AND n.check_id > c.check_id))
      INTO more, ids FROM retraind.drift_check c WHERE c.check_id > after AND c.check_id <= upto AND c.checked_at < cutoff;
    DELETE FROM retraind.drift_result r WHERE r.check_id = ANY (ids);
    DELETE FROM retraind.drift_check c WHERE c.check_id = ANY (ids);
    GET DIAGNOSTICS removed = ROW_COUNT;
    last := upto;
  ELSIF p_kind = 'performance_checks' THEN
    SELECT max(x.check_id) INTO upto FROM (SELECT c.check_id FROM retraind.performance_check c WHERE c.check_id > after ORDER BY c.check_id LIMIT batch) x;
    SELECT count(*) > 0,
           array_agg(c.check_id) FILTER (WHERE EXISTS (SELECT FROM retraind.performance_check n
             WHERE n.model_id = c.model_id AND n.trigger = c.trigger AND n.check_id > c.check_id))
      INTO more, ids FROM retraind.performance_check c WHERE c.check_id > after AND c.check_id <= upto AND c.checked_at < cutoff;
    DELETE FROM retraind.performance_check c WHERE c.check_id = ANY (ids);
    GET DIAGNOSTICS removed = ROW_COUNT;
    last := upto;
  ELSIF p_kind = 'trigger_decisions' THEN
    SELECT max(x.firing_id) INTO upto FROM (
      SELECT f.firing_id FROM retraind.firing f WHERE f.firing_id > after AND f.decision <> 'fired' ORDER BY f.firing_id LIMIT batch) x;
    SELECT count(*) > 0,
           array_agg(f.firing_id) FILTER (WHERE EXISTS (SELECT FROM retraind.firing n
             WHERE n.model_id = f.model_id AND n.trigger = f.trigger AND n.decision = f.decision AND n.firing_id > f.firing_id))
      INTO more, ids FROM retraind.firing f WHERE f.firing_id > after AND f.firing_id <= upto AND f.decision <> 'fired' AND f.evaluated_at < cutoff;
    DELETE FROM retraind.firing f WHERE f.firing_id = ANY (ids);
    GET DIAGNOSTICS removed = ROW_COUNT;
    last := upto;
  ELSIF p_kind = 'run_logs' THEN
    -- Up to 64 KiB each.
    SELECT max(x.run_id) INTO upto FROM (SELECT l.run_id FROM retraind.run_log l WHERE l.run_id > after ORDER BY l.run_id, l.attempt LIMIT least(batch, 200)) x;
    DELETE FROM retraind.run_log l USING retraind.run r
     WHERE l.run_id > after AND l.run_id <= upto AND r.run_id = l.run_id AND r.finished_at < cutoff;
    GET DIAGNOSTICS removed = ROW_COUNT;
    more := EXISTS (SELECT FROM retraind.run r WHERE r.run_id = upto AND r.queued_at < cutoff);
    last := upto;
  ELSIF p_kind = 'signals' THEN
    SELECT max(x.at) INTO upto_at FROM (SELECT s.at FROM retraind.signal s WHERE s.at > after_at AND s.at < cutoff ORDER BY s.at LIMIT batch) x;
    -- The newest value that a trigger can see stays, however old.
    DELETE FROM retraind.signal s
     WHERE s.at > after_at AND s.at <= upto_at
       AND EXISTS (SELECT FROM retraind.signal n WHERE n.name = s.name AND n.at > s.at AND n.at <= clock_timestamp()
                      AND n.value > '-Infinity' AND n.value < 'Infinity');
    GET DIAGNOSTICS removed = ROW_COUNT;
    more := upto_at IS NOT NULL;
    last := coalesce((extract(epoch FROM upto_at) * 1000000)::bigint, p_after);
  ELSIF p_kind = 'unused_artifacts' THEN
    FOR item IN
      SELECT a.sha256, a.created_at, a.size_bytes, a.chunks FROM retraind.artifact a
       WHERE a.removed_at IS NULL AND a.created_at > after_at AND a.created_at < cutoff ORDER BY a.created_at LIMIT least(batch, 500)
    LOOP
      last := (extract(epoch FROM item.created_at) * 1000000)::bigint;
      more := true;
      CONTINUE WHEN retraind.artifact_use(item.sha256, cutoff) IS NOT NULL;
      -- A model that is being worked on right now keeps its bytes until the next pass: nobody waits for this, nor this for
      -- anybody.
      SELECT array_agg(DISTINCT v.model_id) INTO models FROM retraind.model_version v
       WHERE v.artifact_sha256 = item.sha256 OR v.kept_data_sha256 = item.sha256;
      PERFORM 1 FROM retraind.model m WHERE m.model_id = ANY (models) ORDER BY m.model_id FOR UPDATE SKIP LOCKED;
      GET DIAGNOSTICS upto = ROW_COUNT;
      CONTINUE WHEN upto <> coalesce(cardinality(models), 0);
      PERFORM 1 FROM retraind.artifact a WHERE a.sha256 = item.sha256 FOR UPDATE SKIP LOCKED;
      CONTINUE WHEN NOT FOUND OR retraind.artifact_use(item.sha256, cutoff) IS NOT NULL;
      DELETE FROM retraind.artifact_chunk c WHERE c.sha256 = item.sha256;
      removed := removed + 1;
      bytes := bytes + item.size_bytes;
      chunks := chunks + item.chunks;
      EXIT WHEN chunks >= 32;
    END LOOP;
  END IF;

  IF removed > 0 THEN
    UPDATE retraind.retention_pass p
       SET removed = p.removed + remove_expired.removed, bytes = p.bytes + remove_expired.bytes, ended_at = greatest(p.ended_at, clock_timestamp())
     WHERE p.pass_id = p_pass_id AND p.kind = p_kind AND p.daemon_id = p_daemon_id AND p.login = session_user;
    IF NOT FOUND THEN
      INSERT INTO retraind.retention_pass AS p (kind, older_than, removed, bytes, began_at, ended_at, instance, daemon_id, login)
      VALUES (p_kind, cutoff, remove_expired.removed, remove_expired.bytes, at, clock_timestamp(), p_instance, p_daemon_id, session_user)
      RETURNING p.pass_id INTO pass_id;
    END IF;
  END IF;
END $$;
COMMENT ON FUNCTION retraind.remove_expired(text, bigint, integer, text, uuid, bigint) IS
  'Removes a batch of what the policies no longer keep, and records it: how many went, where to go on, whether there may be more, and the pass they are counted in.';

-- What the migrations have made ---------------------------------------------------------------------------------------
CREATE TABLE retraind.schema_object (
  kind       text NOT NULL,
  name       text NOT NULL,
  definition text NOT NULL,
  PRIMARY KEY (kind, name)
);
COMMENT ON TABLE retraind.schema_object IS 'Every object of this schema as the last `retraind migrate` left it; `retraind doctor` says what has changed since.';
COMMENT ON COLUMN retraind.schema_object.kind IS 'column, index, constraint, trigger, function or view.';
COMMENT ON COLUMN retraind.schema_object.name IS 'Its name, with the table''s where it belongs to one.';
COMMENT ON COLUMN retraind.schema_object.definition IS 'MD5 of its definition, behind the version of the PostgreSQL that wrote it.';

CREATE FUNCTION retraind.list_objects(OUT kind text, OUT name text, OUT definition text) RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT o.kind, o.name, format('%s %s', current_setting('server_version_num')::integer / 10000, md5(o.text)) FROM (
    SELECT 'column' AS kind, format('%s.%s', c.relname, a.attname) AS name,
           format('%s %s %s', format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)) AS text
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
     WHERE c.relnamespace = 'retraind'::regnamespace AND c.relkind = 'r'
    UNION ALL
    SELECT 'index', c.relname, pg_get_indexdef(c.oid) FROM pg_class c
     WHERE c.relnamespace = 'retraind'::regnamespace AND c.relkind = 'i'
    UNION ALL
    SELECT 'constraint', format('%s.%s', t.relname, c.conname), pg_get_constraintdef(c.oid)
      FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid WHERE c.connamespace = 'retraind'::regnamespace AND c.contype <> 't'
    UNION ALL
    SELECT 'trigger', format('%s.%s', t.relname, g.tgname), pg_get_triggerdef(g.oid)
      FROM pg_trigger g JOIN pg_class t ON t.oid = g.tgrelid WHERE t.relnamespace = 'retraind'::regnamespace AND NOT g.tgisinternal
    UNION ALL
    SELECT 'function', format('%s(%s)', p.proname, pg_get_function_identity_arguments(p.oid)), pg_get_functiondef(p.oid)
      FROM pg_proc p WHERE p.pronamespace = 'retraind'::regnamespace AND p.prokind = 'f'
    UNION ALL
    SELECT 'view', c.relname, pg_get_viewdef(c.oid) FROM pg_class c
     WHERE c.relnamespace = 'retraind'::regnamespace AND c.relkind = 'v') o;
END;
COMMENT ON FUNCTION retraind.list_objects() IS 'Every object of this schema as it is now, in the form of retraind.schema_object.';

ALTER TABLE retraind.daemon ADD COLUMN configuration_sha256 text CHECK (configuration_sha256 ~ '^[0-9a-f]{64}$');
COMMENT ON COLUMN retraind.daemon.configuration_sha256 IS 'SHA-256 of the models that its files name and of their settings; NULL before it has loaded them.';

-- Views ---------------------------------------------------------------------------------------------------------------
CREATE VIEW retraind.retention_history AS
SELECT p.pass_id, p.kind, p.removed, p.bytes, p.older_than, p.began_at, p.ended_at, p.instance, p.daemon_id, p.login
  FROM retraind.retention_pass p;
COMMENT ON VIEW retraind.retention_history IS 'What was removed because nobody decides by it any more, and by whom; one row for each kind and pass that removed anything.';

CREATE OR REPLACE VIEW retraind.version_history AS
SELECT m.name AS model, v.version, v.created_at AS made_at, v.run_id, v.trainer, v.metric, v.value,
       retraind.event_instant(v.axis, v.trained_from) AS trained_from,
       retraind.event_instant(v.axis, v.trained_to) AS trained_to,
       CASE WHEN v.axis = 'number' THEN v.trained_from END AS trained_from_number,
       CASE WHEN v.axis = 'number' THEN v.trained_to END AS trained_to_number,
       v.train_rows, v.data_sha256, v.configuration_sha256 AS config_sha256, v.artifact_sha256, a.size_bytes AS artifact_bytes,
       v.kept_data_sha256, k.size_bytes AS kept_data_bytes, (v.lineage #>> '{parent,version}')::integer AS parent_version,
       v.entity, v.lineage::jsonb AS lineage, a.removed_at AS artifact_removed_at, k.removed_at AS kept_data_removed_at
  FROM retraind.model_version v
  JOIN retraind.model m USING (model_id)
  JOIN retraind.artifact a ON a.sha256 = v.artifact_sha256
  LEFT JOIN retraind.artifact k ON k.sha256 = v.kept_data_sha256;
COMMENT ON COLUMN retraind.version_history.artifact_removed_at IS 'When the bytes of its artifact were removed, since it never was in production and cannot come there; NULL: they are there.';
COMMENT ON COLUMN retraind.version_history.kept_data_removed_at IS 'When the rows that were kept with it were removed, likewise; NULL: they are there, or never were kept.';

-- A view's column means what the table's column of that name means.
DO $$
DECLARE
  item record;
BEGIN
  FOR item IN
    SELECT a.attname AS "column", col_description(b.attrelid, b.attnum) AS meaning
      FROM pg_attribute a JOIN pg_attribute b ON b.attrelid = 'retraind.retention_pass'::regclass AND b.attname = a.attname
     WHERE a.attrelid = 'retraind.retention_history'::regclass AND a.attnum > 0
  LOOP
    EXECUTE format('COMMENT ON COLUMN retraind.retention_history.%I IS %L', item."column", item.meaning);
  END LOOP;
END $$;

-- Rights --------------------------------------------------------------------------------------------------------------
REVOKE ALL ON FUNCTION retraind.retention_floor(), retraind.count_on(), retraind.retention_cutoff(text), retraind.refuse_delete(text, text),
  retraind.keep_check(), retraind.keep_drift_result(), retraind.keep_decision(), retraind.artifact_use(text, timestamptz), retraind.keep_bytes(),
  retraind.mark_artifact(), retraind.refuse_removed(bigint, integer),
  retraind.remove_expired(text, bigint, integer, text, uuid, bigint), retraind.list_objects() FROM PUBLIC;
GRANT SELECT ON retraind.retention_history TO retraind_reader, retraind_operator, retraind_daemon;
GRANT SELECT, INSERT, UPDATE ON retraind.retention_policy TO retraind_daemon;
GRANT SELECT ON retraind.retention_pass, retraind.schema_object TO retraind_daemon;
GRANT UPDATE (removed_at) ON retraind.artifact TO retraind_daemon;
-- Values of signals leave through remove_expired as well.
REVOKE DELETE ON retraind.signal FROM retraind_daemon;
GRANT EXECUTE ON FUNCTION retraind.retention_floor(), retraind.retention_cutoff(text), retraind.artifact_use(text, timestamptz),
  retraind.refuse_removed(bigint, integer), retraind.remove_expired(text, bigint, integer, text, uuid, bigint), retraind.list_objects()
  TO retraind_daemon;
