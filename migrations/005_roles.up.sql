-- Three groups without a login, least privilege: readers see the views, operators may also steer through functions, daemons
-- write the tables. Roles belong to the whole cluster, so they may be there already, and they stay when the schema goes.

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['retraind_reader', 'retraind_operator', 'retraind_daemon'] LOOP
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
      CONTINUE;
    END IF;
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN', name);
    EXCEPTION
      -- Two databases of one cluster may be migrated at the same time.
      WHEN duplicate_object OR unique_violation THEN NULL;
      WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'role % does not exist and % may not create roles', name, session_user
          USING ERRCODE = 'RT001', HINT = 'As a superuser: CREATE ROLE retraind_reader NOLOGIN; CREATE ROLE retraind_operator NOLOGIN; CREATE ROLE retraind_daemon NOLOGIN;';
    END;
  END LOOP;
END $$;

GRANT USAGE ON SCHEMA retraind TO retraind_reader, retraind_operator, retraind_daemon;

GRANT SELECT ON retraind.production, retraind.promotion_history, retraind.run_history, retraind.gate_result,
  retraind.trigger_history, retraind.drift_history, retraind.step_history, retraind.metric_history, retraind.status
  TO retraind_reader, retraind_operator, retraind_daemon;
GRANT SELECT ON retraind.schema_version TO retraind_reader, retraind_operator, retraind_daemon;
GRANT EXECUTE ON FUNCTION retraind.production_at(text, timestamptz) TO retraind_reader, retraind_operator, retraind_daemon;
GRANT EXECUTE ON FUNCTION retraind.event_instant(text, double precision) TO retraind_reader, retraind_operator, retraind_daemon;

GRANT EXECUTE ON FUNCTION retraind.request_run(text, text), retraind.approve(bigint, text), retraind.reject(bigint, text),
  retraind.cancel(bigint, text), retraind.rollback(text, text, integer), retraind.pause(text, text), retraind.resume(text),
  retraind.record_signal(text, double precision, timestamptz)
  TO retraind_operator, retraind_daemon;

GRANT SELECT, INSERT ON retraind.configuration, retraind.configuration_load, retraind.firing, retraind.run_event, retraind.step,
  retraind.metric_result, retraind.gate, retraind.artifact, retraind.artifact_chunk, retraind.model_version,
  retraind.version_profile, retraind.drift_check, retraind.drift_result TO retraind_daemon;
GRANT SELECT, INSERT, UPDATE ON retraind.model, retraind.daemon, retraind.run, retraind.run_log, retraind.promotion TO retraind_daemon;
GRANT SELECT, INSERT, UPDATE, DELETE ON retraind.monitor, retraind.signal TO retraind_daemon;
GRANT USAGE ON SEQUENCE retraind.lease_term TO retraind_daemon;
GRANT EXECUTE ON FUNCTION
  retraind.model_named(text),
  retraind.fire(bigint, text, text, timestamptz, text, jsonb, text, timestamptz, boolean),
  retraind.move_production(bigint, integer, text, integer, text, text, bigint, text, timestamptz),
  retraind.open_run_of(bigint, text) TO retraind_daemon;
