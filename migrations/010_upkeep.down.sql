-- Back to 009, under which nothing is removed. What has been removed stays away, and no table says so any more: of a
-- version whose bytes are gone the older binary says that they are damaged.

-- A view cannot lose a column: it is made anew. Its columns keep what was said of them.
CREATE TEMPORARY TABLE kept_comment ON COMMIT DROP AS
SELECT a.attname AS "column", col_description(a.attrelid, a.attnum) AS meaning
  FROM pg_attribute a
 WHERE a.attrelid = 'retraind.version_history'::regclass AND a.attnum > 0 AND a.attname NOT IN ('artifact_removed_at', 'kept_data_removed_at')
UNION ALL
SELECT NULL, obj_description('retraind.version_history'::regclass, 'pg_class');
DROP VIEW retraind.version_history, retraind.retention_history;

DROP FUNCTION retraind.list_objects();
DROP TABLE retraind.schema_object;
ALTER TABLE retraind.daemon DROP COLUMN configuration_sha256;
DROP FUNCTION retraind.remove_expired(text, bigint, integer, text, uuid, bigint);

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
  'The one place where production moves: closes the old range, opens the new one, ends trials but p_trial_id (the cause, if it is one), fills the outbox, notifies. NULL, and nothing done, when production is not p_expected; refused for a quarantined version.';

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['firing', 'drift_check', 'performance_check', 'drift_result', 'artifact_chunk'] LOOP
    EXECUTE format('DROP TRIGGER kept ON retraind.%I', name);
    EXECUTE format('DROP TRIGGER append_only ON retraind.%I', name);
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON retraind.%I FOR EACH ROW EXECUTE FUNCTION retraind.refuse_change()', name);
  END LOOP;
END $$;
DROP TRIGGER append_only ON retraind.artifact;
CREATE TRIGGER append_only BEFORE UPDATE ON retraind.artifact FOR EACH ROW EXECUTE FUNCTION retraind.refuse_change();
DROP FUNCTION retraind.refuse_removed(bigint, integer), retraind.mark_artifact(), retraind.keep_bytes(), retraind.artifact_use(text, timestamptz),
  retraind.keep_decision(), retraind.keep_drift_result(), retraind.keep_check(), retraind.refuse_delete(text, text), retraind.retention_cutoff(text);
REVOKE UPDATE (removed_at) ON retraind.artifact FROM retraind_daemon;
GRANT DELETE ON retraind.signal TO retraind_daemon;
ALTER TABLE retraind.artifact DROP COLUMN removed_at;

DROP INDEX retraind.drift_check_by_trigger, retraind.performance_check_by_trigger, retraind.firing_by_decision, retraind.firing_without_a_run,
  retraind.signal_by_time, retraind.promotion_by_version, retraind.promotion_by_previous_version, retraind.model_version_by_artifact,
  retraind.model_version_by_kept_data;
DROP TABLE retraind.retention_pass, retraind.retention_policy;
DROP FUNCTION retraind.count_on(), retraind.retention_floor();

CREATE VIEW retraind.version_history AS
SELECT m.name AS model, v.version, v.created_at AS made_at, v.run_id, v.trainer, v.metric, v.value,
       retraind.event_instant(v.axis, v.trained_from) AS trained_from,
       retraind.event_instant(v.axis, v.trained_to) AS trained_to,
       CASE WHEN v.axis = 'number' THEN v.trained_from END AS trained_from_number,
       CASE WHEN v.axis = 'number' THEN v.trained_to END AS trained_to_number,
       v.train_rows, v.data_sha256, v.configuration_sha256 AS config_sha256, v.artifact_sha256, a.size_bytes AS artifact_bytes,
       v.kept_data_sha256, k.size_bytes AS kept_data_bytes, (v.lineage #>> '{parent,version}')::integer AS parent_version,
       v.entity, v.lineage::jsonb AS lineage
  FROM retraind.model_version v
  JOIN retraind.model m USING (model_id)
  JOIN retraind.artifact a ON a.sha256 = v.artifact_sha256
  LEFT JOIN retraind.artifact k ON k.sha256 = v.kept_data_sha256;
DO $$
DECLARE
  item record;
BEGIN
  FOR item IN SELECT * FROM kept_comment LOOP
    IF item."column" IS NULL THEN
      EXECUTE format('COMMENT ON VIEW retraind.version_history IS %L', item.meaning);
    ELSE
      EXECUTE format('COMMENT ON COLUMN retraind.version_history.%I IS %L', item."column", item.meaning);
    END IF;
  END LOOP;
END $$;
DROP TABLE kept_comment;
GRANT SELECT ON retraind.version_history TO retraind_reader, retraind_operator, retraind_daemon;
