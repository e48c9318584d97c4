ALTER TABLE retraind.run DROP CONSTRAINT run_version, DROP CONSTRAINT run_judged_against;
ALTER TABLE retraind.model DROP CONSTRAINT model_configuration;
DROP TABLE retraind.signal, retraind.drift_result, retraind.drift_check, retraind.promotion, retraind.version_profile,
  retraind.model_version, retraind.artifact_chunk, retraind.artifact, retraind.gate, retraind.metric_result,
  retraind.run_log, retraind.step, retraind.run_event, retraind.run, retraind.firing, retraind.monitor, retraind.daemon,
  retraind.configuration_load, retraind.configuration, retraind.model;
DROP SEQUENCE retraind.lease_term;
