-- The tables of retraind. Each numbered invariant is a constraint here and is cited by a test:
--   (1) at most one production version of a model at any instant            promotion_one_production
--   (2) a run promotes at most once                                         promotion_once_a_run
--   (3) a schedule slot fires at most once, and is never silently lost      firing_slot_once
--   (4) a version and its artifact never change                             trigger refuse_change (002)
--   (5) nothing enters the registry under an expired lease                  lease_term in every write of core/runs
--   (6) history is append-only                                              trigger refuse_change (002)
--   (7) at most one open run a model                                        run_one_open

CREATE TABLE retraind.model (
  model_id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name                 text NOT NULL UNIQUE CHECK (name ~ '^[a-z][a-z0-9_]{0,62}$'),
  source               text NOT NULL,
  configuration_sha256 text,
  last_version         integer NOT NULL DEFAULT 0 CHECK (last_version >= 0),
  created_at           timestamptz NOT NULL,
  paused_at            timestamptz,
  paused_by            text,
  pause_reason         text,
  removed_at           timestamptz,
  CHECK ((paused_at IS NULL) = (paused_by IS NULL) AND (paused_at IS NULL) = (pause_reason IS NULL))
);

CREATE TABLE retraind.configuration (
  model_id        bigint NOT NULL REFERENCES retraind.model,
  sha256          text NOT NULL,
  pipeline_sha256 text NOT NULL CHECK (pipeline_sha256 ~ '^[0-9a-f]{64}$'),
  settings        json NOT NULL,
  first_loaded_at timestamptz NOT NULL,
  PRIMARY KEY (model_id, sha256),
  CONSTRAINT configuration_is_what_it_says CHECK (sha256 = encode(sha256(convert_to(settings::text, 'UTF8')), 'hex'))
);
ALTER TABLE retraind.model ADD CONSTRAINT model_configuration
  FOREIGN KEY (model_id, configuration_sha256) REFERENCES retraind.configuration (model_id, sha256) DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE retraind.configuration_load (
  load_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  model_id  bigint NOT NULL,
  sha256    text NOT NULL,
  loaded_at timestamptz NOT NULL,
  daemon_id uuid NOT NULL,
  instance  text NOT NULL,
  FOREIGN KEY (model_id, sha256) REFERENCES retraind.configuration (model_id, sha256)
);
CREATE INDEX configuration_load_by_model ON retraind.configuration_load (model_id, load_id DESC);

CREATE TABLE retraind.daemon (
  daemon_id    uuid PRIMARY KEY,
  instance     text NOT NULL,
  version      text NOT NULL,
  pid          integer NOT NULL,
  started_at   timestamptz NOT NULL,
  last_seen_at timestamptz NOT NULL,
  stopped_at   timestamptz
);
CREATE INDEX daemon_by_seen ON retraind.daemon (last_seen_at DESC);

CREATE SEQUENCE retraind.lease_term AS bigint;

CREATE TABLE retraind.monitor (
  monitor_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  model_id          bigint NOT NULL REFERENCES retraind.model,
  trigger           text NOT NULL CHECK (trigger ~ '^[a-z][a-z0-9_]{0,62}$'),
  kind              text NOT NULL CHECK (kind IN ('schedule', 'new_rows', 'drift', 'performance', 'signal', 'query', 'prometheus', 'pipeline_change')),
  source            text NOT NULL,
  rule              json NOT NULL,
  enabled           boolean NOT NULL DEFAULT true,
  next_due_at       timestamptz,
  phase             text NOT NULL DEFAULT 'inactive' CHECK (phase IN ('inactive', 'pending', 'firing')),
  state             json NOT NULL DEFAULT '{}',
  last_evaluated_at timestamptz,
  last_sentence     text,
  lease_term        bigint,
  lease_holder      uuid,
  lease_expires_at  timestamptz,
  UNIQUE (model_id, trigger),
  CHECK ((lease_term IS NULL) = (lease_holder IS NULL) AND (lease_term IS NULL) = (lease_expires_at IS NULL))
);
CREATE INDEX monitor_due ON retraind.monitor (next_due_at) WHERE enabled AND next_due_at IS NOT NULL;

CREATE TABLE retraind.firing (
  firing_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  model_id     bigint NOT NULL REFERENCES retraind.model,
  trigger      text NOT NULL,
  kind         text NOT NULL CHECK (kind IN ('schedule', 'new_rows', 'drift', 'performance', 'signal', 'query', 'prometheus', 'manual', 'pipeline_change')),
  evaluated_at timestamptz NOT NULL,
  slot         timestamptz,
  decision     text NOT NULL CHECK (decision IN ('fired', 'pending', 'suppressed', 'insufficient_data', 'error')),
  reason       text NOT NULL,
  evidence     jsonb NOT NULL DEFAULT '{}',
  actor        text NOT NULL,
  CHECK (slot IS NULL OR kind = 'schedule')
);
CREATE UNIQUE INDEX firing_slot_once ON retraind.firing (model_id, trigger, slot) WHERE slot IS NOT NULL;
CREATE INDEX firing_by_model ON retraind.firing (model_id, firing_id DESC);

CREATE TABLE retraind.run (
  run_id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  model_id             bigint NOT NULL REFERENCES retraind.model,
  firing_id            bigint NOT NULL UNIQUE REFERENCES retraind.firing,
  trigger              text NOT NULL,
  source               text NOT NULL,
  configuration_sha256 text NOT NULL,
  state                text NOT NULL DEFAULT 'queued' CHECK (state IN
                         ('queued', 'running', 'awaiting_approval', 'promoted', 'rejected', 'inconclusive', 'failed', 'cancelled')),
  verdict              text CHECK (verdict IN ('promote', 'reject', 'inconclusive')),
  reason               text,
  attempt              integer NOT NULL DEFAULT 1 CHECK (attempt >= 1),
  max_attempts         integer NOT NULL CHECK (max_attempts >= 1),
  queued_at            timestamptz NOT NULL,
  not_before           timestamptz NOT NULL,
  started_at           timestamptz,
  finished_at          timestamptz,
  cancel_requested_by  text,
  successor_firing_id  bigint UNIQUE REFERENCES retraind.firing,
  -- lease
  lease_term           bigint,
  lease_holder         uuid,
  instance             text,
  heartbeat_at         timestamptz,
  lease_expires_at     timestamptz,
  worker_pid           integer,
  step                 text CHECK (step IN ('extract', 'validate_data', 'train', 'evaluate', 'release')),
  -- what was read
  data_sha256          text CHECK (data_sha256 ~ '^[0-9a-f]{64}$'),
  data_rows            bigint,
  train_rows           bigint,
  holdout_rows         bigint,
  window_from          timestamptz,
  window_to            timestamptz,
  window_from_number   double precision,
  window_to_number     double precision,
  -- how it was judged
  opponent             text CHECK (opponent IN ('production', 'baseline')),
  judged_against       integer,
  metric               text,
  candidate_value      double precision,
  production_value     double precision,
  difference           double precision,
  ci_low               double precision,
  ci_high              double precision,
  confidence           double precision,
  clusters             integer,
  inflation            double precision,
  version              integer,
  FOREIGN KEY (model_id, configuration_sha256) REFERENCES retraind.configuration (model_id, sha256),
  CONSTRAINT run_lease_is_whole CHECK (
    (state = 'running') = (lease_term IS NOT NULL AND lease_holder IS NOT NULL AND lease_expires_at IS NOT NULL AND heartbeat_at IS NOT NULL)),
  CONSTRAINT run_ends_once CHECK (
    (state IN ('promoted', 'rejected', 'inconclusive', 'failed', 'cancelled')) = (finished_at IS NOT NULL)),
  CONSTRAINT run_says_why CHECK (finished_at IS NULL OR reason IS NOT NULL),
  CONSTRAINT run_version_is_released CHECK (state NOT IN ('promoted', 'awaiting_approval') OR version IS NOT NULL),
  CONSTRAINT run_production_has_version CHECK (opponent IS DISTINCT FROM 'production' OR judged_against IS NOT NULL)
);
CREATE UNIQUE INDEX run_one_open ON retraind.run (model_id) WHERE state IN ('queued', 'running', 'awaiting_approval');
CREATE INDEX run_queue ON retraind.run (not_before, run_id) WHERE state = 'queued';
CREATE INDEX run_leases ON retraind.run (lease_expires_at) WHERE state = 'running';
CREATE INDEX run_by_model ON retraind.run (model_id, run_id DESC);
CREATE INDEX run_by_trigger ON retraind.run (model_id, trigger, run_id DESC);

CREATE TABLE retraind.run_event (
  event_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run_id     bigint NOT NULL REFERENCES retraind.run,
  attempt    integer NOT NULL,
  at         timestamptz NOT NULL,
  from_state text,
  to_state   text NOT NULL,
  lease_term bigint,
  actor      text NOT NULL,
  reason     text NOT NULL
);
CREATE INDEX run_event_by_run ON retraind.run_event (run_id, event_id);

CREATE TABLE retraind.step (
  step_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run_id      bigint NOT NULL REFERENCES retraind.run,
  attempt     integer NOT NULL,
  step        text NOT NULL CHECK (step IN ('extract', 'validate_data', 'train', 'evaluate', 'release')),
  started_at  timestamptz NOT NULL,
  finished_at timestamptz NOT NULL CHECK (finished_at >= started_at),
  rows        bigint,
  detail      jsonb NOT NULL DEFAULT '{}',
  UNIQUE (run_id, attempt, step)
);

CREATE TABLE retraind.run_log (
  run_id  bigint NOT NULL REFERENCES retraind.run,
  attempt integer NOT NULL,
  text    text NOT NULL,
  PRIMARY KEY (run_id, attempt)
);

CREATE TABLE retraind.metric_result (
  run_id bigint NOT NULL REFERENCES retraind.run,
  role   text NOT NULL CHECK (role IN ('candidate', 'production', 'baseline')),
  metric text NOT NULL,
  value  double precision NOT NULL,
  PRIMARY KEY (run_id, role, metric)
);

CREATE TABLE retraind.gate (
  gate_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run_id    bigint NOT NULL REFERENCES retraind.run,
  gate      text NOT NULL,
  slice     text NOT NULL DEFAULT '',
  metric    text NOT NULL,
  observed  double precision,
  ci_low    double precision,
  ci_high   double precision,
  threshold double precision,
  passed    boolean NOT NULL,
  sentence  text NOT NULL,
  UNIQUE (run_id, gate, slice)
);

CREATE TABLE retraind.artifact (
  sha256     text PRIMARY KEY CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  size_bytes bigint NOT NULL CHECK (size_bytes >= 0),
  chunks     integer NOT NULL CHECK (chunks >= 1),
  created_at timestamptz NOT NULL
);

CREATE TABLE retraind.artifact_chunk (
  sha256 text NOT NULL REFERENCES retraind.artifact ON DELETE CASCADE,
  chunk  integer NOT NULL CHECK (chunk >= 0),
  zstd   bytea NOT NULL,
  PRIMARY KEY (sha256, chunk)
);
-- Already compressed by zstd: PostgreSQL need not try again.
ALTER TABLE retraind.artifact_chunk ALTER COLUMN zstd SET STORAGE EXTERNAL;

CREATE TABLE retraind.model_version (
  model_id            bigint NOT NULL REFERENCES retraind.model,
  version             integer NOT NULL CHECK (version >= 1),
  run_id              bigint NOT NULL UNIQUE REFERENCES retraind.run,
  artifact_sha256     text NOT NULL REFERENCES retraind.artifact,
  configuration_sha256 text NOT NULL,
  created_at          timestamptz NOT NULL,
  trainer             text NOT NULL,
  axis                text NOT NULL CHECK (axis IN ('instant', 'number')),
  trained_from        double precision NOT NULL,
  trained_to          double precision NOT NULL CHECK (trained_to >= trained_from),
  train_rows          bigint NOT NULL CHECK (train_rows > 0),
  data_sha256         text NOT NULL CHECK (data_sha256 ~ '^[0-9a-f]{64}$'),
  metric              text NOT NULL,
  value               double precision NOT NULL,
  lineage             json NOT NULL,
  PRIMARY KEY (model_id, version),
  FOREIGN KEY (model_id, configuration_sha256) REFERENCES retraind.configuration (model_id, sha256)
);
ALTER TABLE retraind.run ADD CONSTRAINT run_version
  FOREIGN KEY (model_id, version) REFERENCES retraind.model_version (model_id, version) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE retraind.run ADD CONSTRAINT run_judged_against
  FOREIGN KEY (model_id, judged_against) REFERENCES retraind.model_version (model_id, version);

CREATE TABLE retraind.version_profile (
  model_id bigint NOT NULL,
  version  integer NOT NULL,
  position integer NOT NULL CHECK (position >= 0),
  "column" text NOT NULL,
  profile  json NOT NULL,
  PRIMARY KEY (model_id, version, position),
  FOREIGN KEY (model_id, version) REFERENCES retraind.model_version
);

CREATE TABLE retraind.promotion (
  promotion_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  model_id         bigint NOT NULL,
  version          integer NOT NULL,
  previous_version integer,
  kind             text NOT NULL CHECK (kind IN ('promotion', 'rollback')),
  during           tstzrange NOT NULL CHECK (NOT isempty(during) AND lower_inc(during) AND NOT upper_inc(during) AND NOT lower_inf(during)),
  actor            text NOT NULL,
  trigger          text NOT NULL,
  run_id           bigint REFERENCES retraind.run,
  reason           text NOT NULL,
  FOREIGN KEY (model_id, version) REFERENCES retraind.model_version,
  FOREIGN KEY (model_id, previous_version) REFERENCES retraind.model_version (model_id, version),
  CHECK (version IS DISTINCT FROM previous_version),
  CHECK (kind <> 'promotion' OR run_id IS NOT NULL),
  -- An integer range of one element stands for equality, so that no extension is needed for the exclusion.
  CONSTRAINT promotion_one_production EXCLUDE USING gist (int8range(model_id, model_id, '[]') WITH &&, during WITH &&)
);
CREATE UNIQUE INDEX promotion_once_a_run ON retraind.promotion (run_id) WHERE kind = 'promotion';
CREATE UNIQUE INDEX promotion_current ON retraind.promotion (model_id) WHERE upper_inf(during);
CREATE INDEX promotion_by_model ON retraind.promotion (model_id, promotion_id DESC);

CREATE TABLE retraind.drift_check (
  check_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  model_id    bigint NOT NULL REFERENCES retraind.model,
  version     integer NOT NULL,
  trigger     text NOT NULL,
  checked_at  timestamptz NOT NULL,
  window_from timestamptz,
  window_to   timestamptz,
  window_from_number double precision,
  window_to_number   double precision,
  rows        bigint NOT NULL CHECK (rows >= 0),
  FOREIGN KEY (model_id, version) REFERENCES retraind.model_version
);
CREATE INDEX drift_check_by_model ON retraind.drift_check (model_id, check_id DESC);

CREATE TABLE retraind.drift_result (
  check_id  bigint NOT NULL REFERENCES retraind.drift_check,
  "column"  text NOT NULL,
  method    text NOT NULL,
  effect    double precision,
  statistic double precision,
  p_value   double precision CHECK (p_value BETWEEN 0 AND 1),
  threshold double precision NOT NULL,
  verdict   text NOT NULL CHECK (verdict IN ('ok', 'drifted', 'insufficient_data')),
  sentence  text NOT NULL,
  PRIMARY KEY (check_id, "column", method)
);

CREATE TABLE retraind.signal (
  name  text NOT NULL CHECK (name <> ''),
  at    timestamptz NOT NULL,
  value double precision NOT NULL,
  PRIMARY KEY (name, at)
);

-- What each table and column is for, for people at \d+.
COMMENT ON TABLE retraind.model IS 'One row for each model that was ever configured. A removed one keeps its row and history.';
COMMENT ON COLUMN retraind.model.model_id IS 'Identity inside the registry.';
COMMENT ON COLUMN retraind.model.name IS 'Name in the configuration: [model.NAME].';
COMMENT ON COLUMN retraind.model.source IS 'Name of the source its rows come from; each daemon resolves it with its own file.';
COMMENT ON COLUMN retraind.model.configuration_sha256 IS 'The configuration in force: the newest one loaded by any daemon.';
COMMENT ON COLUMN retraind.model.last_version IS 'Highest version number given out; numbers are never reused.';
COMMENT ON COLUMN retraind.model.created_at IS 'When a daemon first loaded this model.';
COMMENT ON COLUMN retraind.model.paused_at IS 'Since when no trigger may start a run; NULL while it is not paused.';
COMMENT ON COLUMN retraind.model.paused_by IS 'Who paused it.';
COMMENT ON COLUMN retraind.model.pause_reason IS 'Why it was paused.';
COMMENT ON COLUMN retraind.model.removed_at IS 'When the last daemon that knew it loaded a configuration without it; NULL while it is configured.';
COMMENT ON TABLE retraind.configuration IS 'Every configuration a model ever had, as the canonical JSON that runs carry. Never changes.';
COMMENT ON COLUMN retraind.configuration.model_id IS 'The model.';
COMMENT ON COLUMN retraind.configuration.sha256 IS 'SHA-256 of the text in settings; checked by the database.';
COMMENT ON COLUMN retraind.configuration.pipeline_sha256 IS 'SHA-256 of the part that decides what is trained and how it is judged; a change of it starts a run.';
COMMENT ON COLUMN retraind.configuration.settings IS 'The settings, every default spelled out.';
COMMENT ON COLUMN retraind.configuration.first_loaded_at IS 'When it was first loaded.';
COMMENT ON TABLE retraind.configuration_load IS 'Each time the configuration in force of a model changed: to what, when and by which daemon.';
COMMENT ON COLUMN retraind.configuration_load.load_id IS 'Grows with time.';
COMMENT ON COLUMN retraind.configuration_load.model_id IS 'The model.';
COMMENT ON COLUMN retraind.configuration_load.sha256 IS 'The configuration that came into force.';
COMMENT ON COLUMN retraind.configuration_load.loaded_at IS 'When.';
COMMENT ON COLUMN retraind.configuration_load.daemon_id IS 'The daemon process that loaded it.';
COMMENT ON COLUMN retraind.configuration_load.instance IS 'Its instance name.';
COMMENT ON TABLE retraind.daemon IS 'One row for each start of a daemon.';
COMMENT ON COLUMN retraind.daemon.daemon_id IS 'Random identity of this start; leases name it.';
COMMENT ON COLUMN retraind.daemon.instance IS 'daemon.instance of its configuration, by default the host name.';
COMMENT ON COLUMN retraind.daemon.version IS 'Version of retraind.';
COMMENT ON COLUMN retraind.daemon.pid IS 'Process id on its host.';
COMMENT ON COLUMN retraind.daemon.started_at IS 'When it started.';
COMMENT ON COLUMN retraind.daemon.last_seen_at IS 'When it last wrote here; renewed every few seconds while it is alive.';
COMMENT ON COLUMN retraind.daemon.stopped_at IS 'When it said good-bye; NULL for one that runs or was killed.';
COMMENT ON TABLE retraind.monitor IS 'One row for each configured trigger: when it is due, and what it remembers. Daemons claim due rows under a lease.';
COMMENT ON COLUMN retraind.monitor.monitor_id IS 'Identity of the trigger.';
COMMENT ON COLUMN retraind.monitor.model_id IS 'The model.';
COMMENT ON COLUMN retraind.monitor.trigger IS 'The trigger''s name in the configuration.';
COMMENT ON COLUMN retraind.monitor.kind IS 'What it watches.';
COMMENT ON COLUMN retraind.monitor.source IS 'The source it reads; only daemons that know this name claim it.';
COMMENT ON COLUMN retraind.monitor.rule IS 'The trigger''s settings.';
COMMENT ON COLUMN retraind.monitor.enabled IS 'False: configured with enabled = false, never due.';
COMMENT ON COLUMN retraind.monitor.next_due_at IS 'When it is evaluated next; NULL: not before the configuration changes.';
COMMENT ON COLUMN retraind.monitor.phase IS 'inactive: its condition does not hold; pending: it holds, but not long enough; firing: it holds and wants a run.';
COMMENT ON COLUMN retraind.monitor.state IS 'What it remembers between evaluations.';
COMMENT ON COLUMN retraind.monitor.last_evaluated_at IS 'When it was evaluated last.';
COMMENT ON COLUMN retraind.monitor.last_sentence IS 'What the last evaluation found, also when it was too quiet for trigger_history.';
COMMENT ON COLUMN retraind.monitor.lease_term IS 'Term of the daemon that is evaluating it; NULL: nobody is.';
COMMENT ON COLUMN retraind.monitor.lease_holder IS 'That daemon.';
COMMENT ON COLUMN retraind.monitor.lease_expires_at IS 'When any other daemon may take it over.';
COMMENT ON TABLE retraind.firing IS 'Append-only: each decision of a trigger that is worth keeping, fired or not. Read it as retraind.trigger_history.';
COMMENT ON COLUMN retraind.firing.firing_id IS 'Grows with time.';
COMMENT ON COLUMN retraind.firing.model_id IS 'The model.';
COMMENT ON COLUMN retraind.firing.trigger IS 'The trigger''s name.';
COMMENT ON COLUMN retraind.firing.kind IS 'What it watches; manual for a person''s request.';
COMMENT ON COLUMN retraind.firing.evaluated_at IS 'When it was decided.';
COMMENT ON COLUMN retraind.firing.slot IS 'Schedules: the slot that was decided. At most one decision a slot.';
COMMENT ON COLUMN retraind.firing.decision IS 'fired, pending, suppressed, insufficient_data or error.';
COMMENT ON COLUMN retraind.firing.reason IS 'Why, in a sentence.';
COMMENT ON COLUMN retraind.firing.evidence IS 'The numbers that decided.';
COMMENT ON COLUMN retraind.firing.actor IS 'The daemon''s instance, or the person who asked.';
COMMENT ON TABLE retraind.run IS 'One attempt to produce and judge a candidate. Read it as retraind.run_history.';
COMMENT ON COLUMN retraind.run.run_id IS 'Grows with time.';
COMMENT ON COLUMN retraind.run.model_id IS 'The model.';
COMMENT ON COLUMN retraind.run.firing_id IS 'The firing that started it.';
COMMENT ON COLUMN retraind.run.trigger IS 'Name of the trigger that started it.';
COMMENT ON COLUMN retraind.run.source IS 'The source it reads; only daemons that know this name claim it.';
COMMENT ON COLUMN retraind.run.configuration_sha256 IS 'The configuration it carries.';
COMMENT ON COLUMN retraind.run.state IS 'queued, running, awaiting_approval (open); promoted, rejected, inconclusive, failed, cancelled (ended).';
COMMENT ON COLUMN retraind.run.verdict IS 'What the comparison said: promote, reject or inconclusive.';
COMMENT ON COLUMN retraind.run.reason IS 'Why it is in this state, in a sentence.';
COMMENT ON COLUMN retraind.run.attempt IS 'Counts from 1; a crash, a lost lease or a lost connection starts the next one.';
COMMENT ON COLUMN retraind.run.max_attempts IS 'After so many attempts it fails.';
COMMENT ON COLUMN retraind.run.queued_at IS 'When it was first queued.';
COMMENT ON COLUMN retraind.run.not_before IS 'Not claimed earlier (back-off between attempts).';
COMMENT ON COLUMN retraind.run.started_at IS 'When it was first claimed.';
COMMENT ON COLUMN retraind.run.finished_at IS 'When it ended; NULL while it is open.';
COMMENT ON COLUMN retraind.run.cancel_requested_by IS 'Who asked to cancel it while it was running.';
COMMENT ON COLUMN retraind.run.successor_firing_id IS 'A trigger fired while this run was already reading: its run is queued when this one ends.';
COMMENT ON COLUMN retraind.run.lease_term IS 'Issued at each claim; every write of the executing daemon carries it.';
COMMENT ON COLUMN retraind.run.lease_holder IS 'The daemon that executes it.';
COMMENT ON COLUMN retraind.run.instance IS 'Instance name of the daemon that executed it last.';
COMMENT ON COLUMN retraind.run.heartbeat_at IS 'When its daemon last renewed the lease.';
COMMENT ON COLUMN retraind.run.lease_expires_at IS 'When the run goes back to the queue unless the lease is renewed.';
COMMENT ON COLUMN retraind.run.worker_pid IS 'Process id of the worker on the daemon''s host.';
COMMENT ON COLUMN retraind.run.step IS 'The step it is in, or was in when it ended.';
COMMENT ON COLUMN retraind.run.data_sha256 IS 'SHA-256 of the set of rows read, whatever their order.';
COMMENT ON COLUMN retraind.run.data_rows IS 'Rows read.';
COMMENT ON COLUMN retraind.run.train_rows IS 'Rows trained on.';
COMMENT ON COLUMN retraind.run.holdout_rows IS 'Fresh labelled rows both models were judged on.';
COMMENT ON COLUMN retraind.run.window_from IS 'Event time of the oldest row read (time columns that are timestamps or dates).';
COMMENT ON COLUMN retraind.run.window_to IS 'Event time of the newest row read (likewise).';
COMMENT ON COLUMN retraind.run.window_from_number IS 'The same where the time column is a number.';
COMMENT ON COLUMN retraind.run.window_to_number IS 'The same where the time column is a number.';
COMMENT ON COLUMN retraind.run.opponent IS 'Whom the candidate was judged against: production, or the trivial baseline for a first model.';
COMMENT ON COLUMN retraind.run.judged_against IS 'The production version it was judged against; NULL for a first model.';
COMMENT ON COLUMN retraind.run.metric IS 'The metric that decided.';
COMMENT ON COLUMN retraind.run.candidate_value IS 'Its value for the candidate on the holdout.';
COMMENT ON COLUMN retraind.run.production_value IS 'Its value for the opponent on the very same rows.';
COMMENT ON COLUMN retraind.run.difference IS 'How much better the candidate is, in units of the metric; positive is better, also for losses.';
COMMENT ON COLUMN retraind.run.ci_low IS 'Lower one-sided bound of the difference.';
COMMENT ON COLUMN retraind.run.ci_high IS 'Upper one-sided bound of the difference.';
COMMENT ON COLUMN retraind.run.confidence IS 'Level of each bound, after spending alpha over attempts against the same production version.';
COMMENT ON COLUMN retraind.run.clusters IS 'Independent groups of rows (days by default) that the interval rests on.';
COMMENT ON COLUMN retraind.run.inflation IS 'Standard error by clusters divided by the one for independent rows.';
COMMENT ON COLUMN retraind.run.version IS 'The version this run released, or offers for approval; NULL otherwise.';
COMMENT ON TABLE retraind.run_event IS 'Append-only: every change of state of every run.';
COMMENT ON COLUMN retraind.run_event.event_id IS 'Grows with time.';
COMMENT ON COLUMN retraind.run_event.run_id IS 'The run.';
COMMENT ON COLUMN retraind.run_event.attempt IS 'Its attempt.';
COMMENT ON COLUMN retraind.run_event.at IS 'When.';
COMMENT ON COLUMN retraind.run_event.from_state IS 'State before; NULL at the start.';
COMMENT ON COLUMN retraind.run_event.to_state IS 'State after.';
COMMENT ON COLUMN retraind.run_event.lease_term IS 'Lease term under which it happened, if any.';
COMMENT ON COLUMN retraind.run_event.actor IS 'Daemon instance or person.';
COMMENT ON COLUMN retraind.run_event.reason IS 'Why, in a sentence.';
COMMENT ON TABLE retraind.step IS 'Append-only: the finished steps of each attempt. Read it as retraind.step_history.';
COMMENT ON COLUMN retraind.step.step_id IS 'Grows with time.';
COMMENT ON COLUMN retraind.step.run_id IS 'The run.';
COMMENT ON COLUMN retraind.step.attempt IS 'Its attempt.';
COMMENT ON COLUMN retraind.step.step IS 'extract, validate_data, train, evaluate or release.';
COMMENT ON COLUMN retraind.step.started_at IS 'When the step began.';
COMMENT ON COLUMN retraind.step.finished_at IS 'When it ended.';
COMMENT ON COLUMN retraind.step.rows IS 'Rows it dealt with.';
COMMENT ON COLUMN retraind.step.detail IS 'Its other figures.';
COMMENT ON TABLE retraind.run_log IS 'The last lines a worker wrote, for each attempt.';
COMMENT ON COLUMN retraind.run_log.run_id IS 'The run.';
COMMENT ON COLUMN retraind.run_log.attempt IS 'Its attempt.';
COMMENT ON COLUMN retraind.run_log.text IS 'At most the last 64 KiB of its standard output and error.';
COMMENT ON TABLE retraind.metric_result IS 'Append-only: every metric of candidate and opponent on the holdout of a run.';
COMMENT ON COLUMN retraind.metric_result.run_id IS 'The run.';
COMMENT ON COLUMN retraind.metric_result.role IS 'Whose metric: candidate, production or baseline.';
COMMENT ON COLUMN retraind.metric_result.metric IS 'Name of the metric.';
COMMENT ON COLUMN retraind.metric_result.value IS 'Its value.';
COMMENT ON TABLE retraind.gate IS 'Append-only: each condition a candidate had to meet, and how it went. Read it as retraind.gate_result.';
COMMENT ON COLUMN retraind.gate.gate_id IS 'Order of the gates.';
COMMENT ON COLUMN retraind.gate.run_id IS 'The run.';
COMMENT ON COLUMN retraind.gate.gate IS 'Name of the condition.';
COMMENT ON COLUMN retraind.gate.slice IS 'The part of the rows it was applied to; empty for all.';
COMMENT ON COLUMN retraind.gate.metric IS 'What was measured.';
COMMENT ON COLUMN retraind.gate.observed IS 'The value; NULL when it could not be measured, which never passes.';
COMMENT ON COLUMN retraind.gate.ci_low IS 'Lower bound of it.';
COMMENT ON COLUMN retraind.gate.ci_high IS 'Upper bound of it.';
COMMENT ON COLUMN retraind.gate.threshold IS 'What it was held against.';
COMMENT ON COLUMN retraind.gate.passed IS 'Whether it passed.';
COMMENT ON COLUMN retraind.gate.sentence IS 'The same in a sentence.';
COMMENT ON TABLE retraind.artifact IS 'The bytes of released models, by their SHA-256: a POSIX tar of manifest, preparation and model files.';
COMMENT ON COLUMN retraind.artifact.sha256 IS 'SHA-256 of the uncompressed bytes; checked at every read.';
COMMENT ON COLUMN retraind.artifact.size_bytes IS 'Size of the uncompressed bytes.';
COMMENT ON COLUMN retraind.artifact.chunks IS 'Number of chunks.';
COMMENT ON COLUMN retraind.artifact.created_at IS 'When it was stored.';
COMMENT ON TABLE retraind.artifact_chunk IS 'The chunks of an artifact, each compressed by itself.';
COMMENT ON COLUMN retraind.artifact_chunk.sha256 IS 'The artifact.';
COMMENT ON COLUMN retraind.artifact_chunk.chunk IS 'Position, from 0.';
COMMENT ON COLUMN retraind.artifact_chunk.zstd IS 'A zstd frame; the decompressed chunks in order are the artifact.';
COMMENT ON TABLE retraind.model_version IS 'Immutable: every version that was released or offered for approval, with its lineage.';
COMMENT ON COLUMN retraind.model_version.model_id IS 'The model.';
COMMENT ON COLUMN retraind.model_version.version IS '1, 2, 3… per model.';
COMMENT ON COLUMN retraind.model_version.run_id IS 'The run that made it.';
COMMENT ON COLUMN retraind.model_version.artifact_sha256 IS 'Its artifact.';
COMMENT ON COLUMN retraind.model_version.configuration_sha256 IS 'The configuration it was made with.';
COMMENT ON COLUMN retraind.model_version.created_at IS 'When it was made.';
COMMENT ON COLUMN retraind.model_version.trainer IS 'Trainer and its version.';
COMMENT ON COLUMN retraind.model_version.axis IS 'instant: trained_from and trained_to are microseconds since 1970 UTC; number: values of the time column.';
COMMENT ON COLUMN retraind.model_version.trained_from IS 'Event time of the oldest row it was trained on.';
COMMENT ON COLUMN retraind.model_version.trained_to IS 'Event time of the newest row it was trained on; rows up to here are never fresh for it.';
COMMENT ON COLUMN retraind.model_version.train_rows IS 'Rows it was trained on.';
COMMENT ON COLUMN retraind.model_version.data_sha256 IS 'SHA-256 of the set of rows its run read.';
COMMENT ON COLUMN retraind.model_version.metric IS 'The metric that decided.';
COMMENT ON COLUMN retraind.model_version.value IS 'Its value on the holdout of its run.';
COMMENT ON COLUMN retraind.model_version.lineage IS 'Query, columns, bounds, seed, versions of retraind and trainer, warnings.';
COMMENT ON TABLE retraind.version_profile IS 'Immutable: what each column looked like in the rows a version was trained on; the reference of drift checks.';
COMMENT ON COLUMN retraind.version_profile.model_id IS 'The model.';
COMMENT ON COLUMN retraind.version_profile.version IS 'The version.';
COMMENT ON COLUMN retraind.version_profile.position IS 'Order of the columns, from 0.';
COMMENT ON COLUMN retraind.version_profile."column" IS 'The column.';
COMMENT ON COLUMN retraind.version_profile.profile IS 'Edges or levels, and integer counts.';
COMMENT ON TABLE retraind.promotion IS 'Append-only: each time production moved. Only the end of the open range is ever set, once. Read it as retraind.promotion_history.';
COMMENT ON COLUMN retraind.promotion.promotion_id IS 'Grows with time.';
COMMENT ON COLUMN retraind.promotion.model_id IS 'The model.';
COMMENT ON COLUMN retraind.promotion.version IS 'The version that came into production.';
COMMENT ON COLUMN retraind.promotion.previous_version IS 'The version it replaced; NULL for the first.';
COMMENT ON COLUMN retraind.promotion.kind IS 'promotion or rollback.';
COMMENT ON COLUMN retraind.promotion.during IS 'From when (inclusive) until when (exclusive) it was in production; ranges of one model never overlap.';
COMMENT ON COLUMN retraind.promotion.actor IS 'The daemon''s instance, or the person who approved or rolled back.';
COMMENT ON COLUMN retraind.promotion.trigger IS 'Name of the trigger behind it; manual for a rollback by a person.';
COMMENT ON COLUMN retraind.promotion.run_id IS 'The run whose candidate it is; for a rollback, NULL.';
COMMENT ON COLUMN retraind.promotion.reason IS 'Why, in a sentence.';
COMMENT ON TABLE retraind.drift_check IS 'Append-only: each comparison of fresh rows with what the production version was trained on. Read it as retraind.drift_history.';
COMMENT ON COLUMN retraind.drift_check.check_id IS 'Grows with time.';
COMMENT ON COLUMN retraind.drift_check.model_id IS 'The model.';
COMMENT ON COLUMN retraind.drift_check.version IS 'The production version whose training rows were the reference.';
COMMENT ON COLUMN retraind.drift_check.trigger IS 'The drift trigger that looked.';
COMMENT ON COLUMN retraind.drift_check.checked_at IS 'When.';
COMMENT ON COLUMN retraind.drift_check.window_from IS 'Start of the window looked at (exclusive); time columns that are timestamps or dates.';
COMMENT ON COLUMN retraind.drift_check.window_to IS 'End of the window (inclusive), likewise.';
COMMENT ON COLUMN retraind.drift_check.window_from_number IS 'The same where the time column is a number.';
COMMENT ON COLUMN retraind.drift_check.window_to_number IS 'The same where the time column is a number.';
COMMENT ON COLUMN retraind.drift_check.rows IS 'Rows in the window.';
COMMENT ON TABLE retraind.drift_result IS 'Append-only: one column of a drift check.';
COMMENT ON COLUMN retraind.drift_result.check_id IS 'The check.';
COMMENT ON COLUMN retraind.drift_result."column" IS 'The column.';
COMMENT ON COLUMN retraind.drift_result.method IS 'How it was compared.';
COMMENT ON COLUMN retraind.drift_result.effect IS 'How far it moved.';
COMMENT ON COLUMN retraind.drift_result.statistic IS 'The test statistic.';
COMMENT ON COLUMN retraind.drift_result.p_value IS 'Probability of such a statistic if the column had moved by the threshold only; 0 when smaller than a double can say.';
COMMENT ON COLUMN retraind.drift_result.threshold IS 'The smallest effect that matters.';
COMMENT ON COLUMN retraind.drift_result.verdict IS 'ok, drifted or insufficient_data.';
COMMENT ON COLUMN retraind.drift_result.sentence IS 'The same in a sentence.';
COMMENT ON TABLE retraind.signal IS 'Outside numbers over time, written by retraind.record_signal.';
COMMENT ON COLUMN retraind.signal.name IS 'Name of the signal.';
COMMENT ON COLUMN retraind.signal.at IS 'When it was measured.';
COMMENT ON COLUMN retraind.signal.value IS 'Its value.';
COMMENT ON SEQUENCE retraind.lease_term IS 'Terms of leases; grows for ever.';
