-- Verdicts and releases: candidates that wait as shadows, trials of two versions on the same new rows, versions that are
-- quarantined because they did harm, and the outbox of what a promotion must be announced to.
-- More invariants, each a constraint here and cited by a test:
--   (8) at most one open trial of a kind a model, which ends once            trial_one_open, trigger end_once
--   (9) no version comes into production while it is quarantined             quarantine_one_open, move_production
--  (10) one announcement for each move and target                            release_once

-- Words ---------------------------------------------------------------------------------------------------------------
-- The CHECK of 001 on the state alone has no name of its own; it keeps the one it was given.
DO $$
DECLARE
  found_name name;
BEGIN
  SELECT c.conname INTO STRICT found_name
    FROM pg_constraint c
    JOIN pg_attribute a ON a.attrelid = c.conrelid AND c.conkey = ARRAY[a.attnum]
   WHERE c.conrelid = 'retraind.run'::regclass AND c.contype = 'c' AND a.attname = 'state';
  EXECUTE format($sql$ALTER TABLE retraind.run DROP CONSTRAINT %1$I, ADD CONSTRAINT %1$I CHECK (state IN
    ('queued', 'running', 'awaiting_approval', 'shadowing', 'promoted', 'rejected', 'inconclusive', 'failed', 'cancelled'))$sql$, found_name);
END $$;

-- Runs ----------------------------------------------------------------------------------------------------------------
ALTER TABLE retraind.run
  DROP CONSTRAINT run_version_is_released,
  ADD CONSTRAINT run_version_is_released CHECK (state NOT IN ('promoted', 'awaiting_approval', 'shadowing') OR version IS NOT NULL),
  ADD COLUMN holdout_from        timestamptz,
  ADD COLUMN holdout_to          timestamptz,
  ADD COLUMN holdout_from_number double precision,
  ADD COLUMN holdout_to_number   double precision,
  ADD COLUMN holdout_reuse       bigint CHECK (holdout_reuse >= 0),
  ADD COLUMN detectable          double precision,
  ADD COLUMN rows_needed         bigint CHECK (rows_needed >= 0),
  ADD COLUMN stand_in            integer,
  ADD COLUMN shadowing_since     timestamptz,
  ADD COLUMN earlier_opponents   integer[] NOT NULL DEFAULT '{}',
  ADD COLUMN anchor              integer,
  ADD CONSTRAINT run_shadowing_since CHECK (state <> 'shadowing' OR shadowing_since IS NOT NULL),
  ADD CONSTRAINT run_stand_in FOREIGN KEY (model_id, stand_in) REFERENCES retraind.model_version (model_id, version),
  ADD CONSTRAINT run_anchor FOREIGN KEY (model_id, anchor) REFERENCES retraind.model_version (model_id, version);
CREATE INDEX run_shadowing ON retraind.run (model_id) WHERE state = 'shadowing';
COMMENT ON COLUMN retraind.run.state IS 'queued, running, awaiting_approval (open); shadowing (neither: its candidate is scored on rows that come); promoted, rejected, inconclusive, failed, cancelled (ended).';
COMMENT ON COLUMN retraind.run.finished_at IS 'When it ended; NULL while it is open or shadowing.';
COMMENT ON COLUMN retraind.run.attempt IS 'Counts from 1; a crash, a lost lease, a lost connection or a candidate that must be judged again starts the next one.';
COMMENT ON COLUMN retraind.run.version IS 'The version this run made: released, offered for approval, or on trial; NULL when its candidate was not kept. A queued run that has one judges it again instead of training.';
COMMENT ON COLUMN retraind.run.holdout_from IS 'Event time of the oldest row judged on (time columns that are timestamps or dates).';
COMMENT ON COLUMN retraind.run.holdout_to IS 'Event time of the newest row judged on (likewise).';
COMMENT ON COLUMN retraind.run.holdout_from_number IS 'The same where the time column is a number.';
COMMENT ON COLUMN retraind.run.holdout_to_number IS 'The same where the time column is a number.';
COMMENT ON COLUMN retraind.run.holdout_reuse IS 'How many earlier candidates had been judged on some of the same rows against the same production version.';
COMMENT ON COLUMN retraind.run.detectable IS 'The smallest difference that so many rows would show four times in five, in units of the metric.';
COMMENT ON COLUMN retraind.run.rows_needed IS 'How many rows it would take to see the difference asked for (validation.detect); NULL where none is, or no number of rows would do.';
COMMENT ON COLUMN retraind.run.stand_in IS 'The version that was the opponent because the artifact of the production version could not be loaded; NULL: production itself.';
COMMENT ON COLUMN retraind.run.shadowing_since IS 'Since when its candidate has been scored on rows that come; kept when the run ends.';
COMMENT ON COLUMN retraind.run.earlier_opponents IS 'Production versions its candidate was judged against before it had to be judged again; NULL for the baseline. Alpha was spent on each.';
COMMENT ON COLUMN retraind.run.anchor IS 'Of a candidate that was judged again: the best version so far by then, which counts instead of model_version.anchor.';

-- A candidate that is judged again has gates and metrics of each judging.
ALTER TABLE retraind.gate DISABLE TRIGGER append_only;
ALTER TABLE retraind.gate
  ADD COLUMN outcome text CHECK (outcome IN ('passed', 'failed', 'undecided')),
  ADD COLUMN attempt integer,
  ADD CONSTRAINT gate_passed_is_its_outcome CHECK (outcome IS NULL OR passed = (outcome = 'passed'));
UPDATE retraind.gate g SET attempt = r.attempt FROM retraind.run r WHERE r.run_id = g.run_id;
ALTER TABLE retraind.gate
  ALTER COLUMN attempt SET NOT NULL,
  ALTER COLUMN attempt SET DEFAULT 1,
  DROP CONSTRAINT gate_run_id_gate_slice_key,
  ADD CONSTRAINT gate_once_a_judging UNIQUE (run_id, attempt, gate, slice);
ALTER TABLE retraind.gate ENABLE TRIGGER append_only;
COMMENT ON COLUMN retraind.gate.passed IS 'Whether it passed; false also where it could not be decided.';
COMMENT ON COLUMN retraind.gate.outcome IS 'passed, failed, or undecided: what it needed was missing or is not enough to tell. NULL for gates older than this column, which passed or failed.';
COMMENT ON COLUMN retraind.gate.attempt IS 'The attempt of the run that was judged.';

ALTER TABLE retraind.metric_result DISABLE TRIGGER append_only;
ALTER TABLE retraind.metric_result ADD COLUMN attempt integer;
UPDATE retraind.metric_result x SET attempt = r.attempt FROM retraind.run r WHERE r.run_id = x.run_id;
ALTER TABLE retraind.metric_result
  ALTER COLUMN attempt SET NOT NULL,
  ALTER COLUMN attempt SET DEFAULT 1,
  DROP CONSTRAINT metric_result_pkey,
  ADD CONSTRAINT metric_result_pkey PRIMARY KEY (run_id, attempt, role, metric);
ALTER TABLE retraind.metric_result ENABLE TRIGGER append_only;
COMMENT ON COLUMN retraind.metric_result.metric IS 'Name of the metric; with a class, as in recall[spam].';
COMMENT ON COLUMN retraind.metric_result.attempt IS 'The attempt of the run that was judged.';

ALTER TABLE retraind.model_version
  ADD COLUMN anchor integer,
  ADD COLUMN entity text,
  ADD CONSTRAINT model_version_anchor FOREIGN KEY (model_id, anchor) REFERENCES retraind.model_version (model_id, version);
COMMENT ON TABLE retraind.model_version IS 'Immutable: every version that was released, offered for approval or put on trial, with its lineage.';
COMMENT ON COLUMN retraind.model_version.anchor IS 'The best version so far when it was made, which candidates that need not be better are held against; NULL: itself. run.anchor counts instead once it was judged again.';
COMMENT ON COLUMN retraind.model_version.entity IS 'The column whose entities were held out as a whole; NULL: the newest rows were.';

-- Trials --------------------------------------------------------------------------------------------------------------
CREATE TABLE retraind.trial (
  trial_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  model_id         bigint NOT NULL REFERENCES retraind.model,
  run_id           bigint NOT NULL REFERENCES retraind.run,
  kind             text NOT NULL CHECK (kind IN ('shadow', 'bake')),
  version          integer NOT NULL,
  against          integer NOT NULL,
  metric           text NOT NULL,
  bar              double precision NOT NULL CHECK (bar > '-Infinity' AND bar < 'Infinity'),
  alpha            double precision NOT NULL CHECK (alpha > 0 AND alpha < 1),
  axis             text NOT NULL CHECK (axis IN ('instant', 'number')),
  after            double precision NOT NULL CHECK (after > '-Infinity' AND after < 'Infinity'),
  until            double precision CHECK (until >= after AND until < 'Infinity'),
  deadline         timestamptz NOT NULL,
  every            interval NOT NULL CHECK (every > interval '0'),
  opened_at        timestamptz NOT NULL,
  -- what is known so far
  rows             bigint NOT NULL DEFAULT 0 CHECK (rows >= 0),
  clusters         integer NOT NULL DEFAULT 0 CHECK (clusters >= 0),
  difference       double precision,
  ci_low           double precision,
  ci_high          double precision,
  counted_to       double precision CHECK (counted_to > '-Infinity' AND counted_to < 'Infinity'),
  looked_at        timestamptz,
  sentence         text,
  outcome          text,
  ended_at         timestamptz,
  -- the queue
  next_due_at      timestamptz,
  lease_term       bigint,
  lease_holder     uuid,
  lease_expires_at timestamptz,
  FOREIGN KEY (model_id, version) REFERENCES retraind.model_version (model_id, version),
  FOREIGN KEY (model_id, against) REFERENCES retraind.model_version (model_id, version),
  CHECK (version <> against),
  CONSTRAINT trial_outcome CHECK (CASE kind
    WHEN 'shadow' THEN outcome IN ('promoted', 'awaiting_approval', 'rejected', 'expired', 'overtaken', 'failed', 'cancelled')
    ELSE outcome IN ('kept', 'rolled_back', 'overtaken', 'failed') END),
  CONSTRAINT trial_ends_once CHECK ((outcome IS NULL) = (ended_at IS NULL) AND (outcome IS NULL) = (next_due_at IS NOT NULL)),
  CONSTRAINT trial_says_why CHECK (outcome IS NULL OR sentence IS NOT NULL),
  CONSTRAINT trial_lease_is_whole CHECK ((lease_term IS NULL) = (lease_holder IS NULL) AND (lease_term IS NULL) = (lease_expires_at IS NULL)
    AND (lease_term IS NULL OR outcome IS NULL))
);
CREATE UNIQUE INDEX trial_one_open ON retraind.trial (model_id, kind) WHERE outcome IS NULL;
CREATE INDEX trial_due ON retraind.trial (next_due_at) WHERE outcome IS NULL;
CREATE INDEX trial_by_model ON retraind.trial (model_id, trial_id DESC);
CREATE INDEX trial_by_run ON retraind.trial (run_id);
COMMENT ON TABLE retraind.trial IS 'Two versions of a model that are scored on the same new rows until those decide. Daemons claim due rows under a lease. Read it as retraind.trial_history.';
COMMENT ON COLUMN retraind.trial.trial_id IS 'Grows with time.';
COMMENT ON COLUMN retraind.trial.model_id IS 'The model.';
COMMENT ON COLUMN retraind.trial.run_id IS 'The run whose candidate is on trial.';
COMMENT ON COLUMN retraind.trial.kind IS 'shadow: a candidate that was not settled, against production; bake: production, against the version it replaced.';
COMMENT ON COLUMN retraind.trial.version IS 'The version on trial.';
COMMENT ON COLUMN retraind.trial.against IS 'The version it is held against.';
COMMENT ON COLUMN retraind.trial.metric IS 'The metric that decides.';
COMMENT ON COLUMN retraind.trial.bar IS 'shadow: it must surely be better by more than this; bake: it must not surely be worse than this (a negative number tolerates so much). In units of the metric, positive is better.';
COMMENT ON COLUMN retraind.trial.alpha IS 'Probability of a wrong decision over all looks together.';
COMMENT ON COLUMN retraind.trial.axis IS 'instant: event times are microseconds since 1970 UTC; number: values of the time column.';
COMMENT ON COLUMN retraind.trial.after IS 'Rows up to this event time are no evidence: a model was trained or judged on them.';
COMMENT ON COLUMN retraind.trial.until IS 'Event time where its window ends; NULL where the deadline alone ends it.';
COMMENT ON COLUMN retraind.trial.deadline IS 'It ends at the latest then.';
COMMENT ON COLUMN retraind.trial.every IS 'How often it is looked at.';
COMMENT ON COLUMN retraind.trial.opened_at IS 'When it began.';
COMMENT ON COLUMN retraind.trial.rows IS 'New labelled rows both versions were scored on so far.';
COMMENT ON COLUMN retraind.trial.clusters IS 'Independent groups of them.';
COMMENT ON COLUMN retraind.trial.difference IS 'How much better the version on trial is, in units of the metric; positive is better, also for losses.';
COMMENT ON COLUMN retraind.trial.ci_low IS 'Lower bound of the difference, which holds for all looks together; NULL while there is none.';
COMMENT ON COLUMN retraind.trial.ci_high IS 'Upper bound of it, likewise.';
COMMENT ON COLUMN retraind.trial.counted_to IS 'Rows up to this event time have been counted; NULL before the first.';
COMMENT ON COLUMN retraind.trial.looked_at IS 'When it was looked at last.';
COMMENT ON COLUMN retraind.trial.sentence IS 'What the last look found, or why it ended.';
COMMENT ON COLUMN retraind.trial.outcome IS 'shadow: promoted, awaiting_approval, rejected, expired or cancelled; bake: kept or rolled_back; either: overtaken (production moved meanwhile) or failed. NULL while it goes on.';
COMMENT ON COLUMN retraind.trial.ended_at IS 'When it ended; NULL while it goes on.';
COMMENT ON COLUMN retraind.trial.next_due_at IS 'When it is looked at next; NULL once it has ended.';
COMMENT ON COLUMN retraind.trial.lease_term IS 'Term of the daemon that is looking; NULL: nobody is.';
COMMENT ON COLUMN retraind.trial.lease_holder IS 'That daemon.';
COMMENT ON COLUMN retraind.trial.lease_expires_at IS 'When any other daemon may take it over.';

CREATE TABLE retraind.trial_cluster (
  trial_id       bigint NOT NULL REFERENCES retraind.trial,
  index          bigint NOT NULL,
  rows_from      double precision NOT NULL CHECK (rows_from > '-Infinity' AND rows_from < 'Infinity'),
  rows_to        double precision NOT NULL CHECK (rows_to >= rows_from AND rows_to < 'Infinity'),
  rows           bigint NOT NULL CHECK (rows > 0),
  weight         double precision NOT NULL CHECK (weight > 0 AND weight < 'Infinity'),
  difference_sum double precision NOT NULL CHECK (difference_sum > '-Infinity' AND difference_sum < 'Infinity'),
  version_value  double precision NOT NULL,
  against_value  double precision NOT NULL,
  PRIMARY KEY (trial_id, index)
);
COMMENT ON TABLE retraind.trial_cluster IS 'Append-only: the groups of new rows that a trial rests on, each counted once. Read it as retraind.trial_cluster_history.';
COMMENT ON COLUMN retraind.trial_cluster.trial_id IS 'The trial.';
COMMENT ON COLUMN retraind.trial_cluster.index IS 'Number of the cluster; grows with time.';
COMMENT ON COLUMN retraind.trial_cluster.rows_from IS 'Event time of its first row.';
COMMENT ON COLUMN retraind.trial_cluster.rows_to IS 'Event time of its last row.';
COMMENT ON COLUMN retraind.trial_cluster.rows IS 'Rows in it.';
COMMENT ON COLUMN retraind.trial_cluster.weight IS 'Weight of its rows.';
COMMENT ON COLUMN retraind.trial_cluster.difference_sum IS 'How much better the version on trial is, times the weight of its rows.';
COMMENT ON COLUMN retraind.trial_cluster.version_value IS 'The metric of the version on trial over the cluster.';
COMMENT ON COLUMN retraind.trial_cluster.against_value IS 'The metric of the other one over the same rows.';

ALTER TABLE retraind.promotion ADD COLUMN trial_id bigint REFERENCES retraind.trial;
COMMENT ON COLUMN retraind.promotion.trial_id IS 'The shadow or the bake that decided it; NULL for all others.';
COMMENT ON COLUMN retraind.promotion.trigger IS 'Name of the trigger behind it; shadow or bake where a trial decided, manual for a rollback by a person.';

-- Quarantine ----------------------------------------------------------------------------------------------------------
CREATE TABLE retraind.quarantine (
  quarantine_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  model_id      bigint NOT NULL,
  version       integer NOT NULL,
  since         timestamptz NOT NULL,
  actor         text NOT NULL,
  reason        text NOT NULL,
  lifted_at     timestamptz,
  lifted_by     text,
  lift_reason   text,
  FOREIGN KEY (model_id, version) REFERENCES retraind.model_version,
  CHECK ((lifted_at IS NULL) = (lifted_by IS NULL) AND (lifted_at IS NULL) = (lift_reason IS NULL))
);
CREATE UNIQUE INDEX quarantine_one_open ON retraind.quarantine (model_id, version) WHERE lifted_at IS NULL;
COMMENT ON TABLE retraind.quarantine IS 'Versions that were rolled back from and must not come into production again until somebody lifts it. Read it as retraind.quarantine_history.';
COMMENT ON COLUMN retraind.quarantine.quarantine_id IS 'Grows with time.';
COMMENT ON COLUMN retraind.quarantine.model_id IS 'The model.';
COMMENT ON COLUMN retraind.quarantine.version IS 'The version.';
COMMENT ON COLUMN retraind.quarantine.since IS 'Since when.';
COMMENT ON COLUMN retraind.quarantine.actor IS 'The daemon''s instance, or the person who rolled back.';
COMMENT ON COLUMN retraind.quarantine.reason IS 'Why, in a sentence.';
COMMENT ON COLUMN retraind.quarantine.lifted_at IS 'When it was lifted; NULL while it holds.';
COMMENT ON COLUMN retraind.quarantine.lifted_by IS 'Who lifted it.';
COMMENT ON COLUMN retraind.quarantine.lift_reason IS 'Why it was lifted.';

-- What was rolled back from before there was a quarantine stays where it is, as a rollback without a name always did.
INSERT INTO retraind.quarantine (model_id, version, since, actor, reason)
SELECT DISTINCT ON (p.model_id, p.previous_version) p.model_id, p.previous_version, lower(p.during), p.actor, p.reason
  FROM retraind.promotion p
 WHERE p.kind = 'rollback' AND p.previous_version > p.version
   AND NOT EXISTS (SELECT FROM retraind.promotion later
                    WHERE later.model_id = p.model_id AND later.version = p.previous_version AND later.promotion_id > p.promotion_id)
 ORDER BY p.model_id, p.previous_version, p.promotion_id DESC;

-- Outbox --------------------------------------------------------------------------------------------------------------
CREATE TABLE retraind.release (
  release_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  promotion_id     bigint NOT NULL REFERENCES retraind.promotion,
  model_id         bigint NOT NULL REFERENCES retraind.model,
  target           text NOT NULL CHECK (target IN ('directory', 'command', 'webhook')),
  state            text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'skipped')),
  created_at       timestamptz NOT NULL,
  attempts         integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  next_due_at      timestamptz,
  settled_at       timestamptz,
  skipped_by       text,
  skip_reason      text,
  lease_term       bigint,
  lease_holder     uuid,
  lease_expires_at timestamptz,
  CONSTRAINT release_once UNIQUE (promotion_id, target),
  CHECK ((state = 'waiting') = (settled_at IS NULL) AND (state = 'waiting') = (next_due_at IS NOT NULL)),
  CHECK ((state = 'skipped') = (skipped_by IS NOT NULL) AND (state = 'skipped') = (skip_reason IS NOT NULL)),
  CHECK ((lease_term IS NULL) = (lease_holder IS NULL) AND (lease_term IS NULL) = (lease_expires_at IS NULL)
    AND (lease_term IS NULL OR state = 'waiting'))
);
CREATE INDEX release_waiting ON retraind.release (model_id, target, release_id) WHERE state = 'waiting';
CREATE INDEX release_due ON retraind.release (next_due_at) WHERE state = 'waiting';
COMMENT ON TABLE retraind.release IS 'The outbox: each move of production and each target that must be told of it, written together with the move. Read it as retraind.release_history.';
COMMENT ON COLUMN retraind.release.release_id IS 'Order of delivery, for a model and target.';
COMMENT ON COLUMN retraind.release.promotion_id IS 'The move of production that is announced.';
COMMENT ON COLUMN retraind.release.model_id IS 'The model.';
COMMENT ON COLUMN retraind.release.target IS 'directory, command (on_promote) or webhook.';
COMMENT ON COLUMN retraind.release.state IS 'waiting (for its first or another attempt, or for those before it), delivered or skipped.';
COMMENT ON COLUMN retraind.release.created_at IS 'When production moved.';
COMMENT ON COLUMN retraind.release.attempts IS 'Deliveries begun so far.';
COMMENT ON COLUMN retraind.release.next_due_at IS 'When it is tried next; NULL once it is settled.';
COMMENT ON COLUMN retraind.release.settled_at IS 'When it was delivered or skipped.';
COMMENT ON COLUMN retraind.release.skipped_by IS 'Who skipped it.';
COMMENT ON COLUMN retraind.release.skip_reason IS 'Why it was skipped.';
COMMENT ON COLUMN retraind.release.lease_term IS 'Term of the daemon that is delivering it; NULL: nobody is.';
COMMENT ON COLUMN retraind.release.lease_holder IS 'That daemon.';
COMMENT ON COLUMN retraind.release.lease_expires_at IS 'When any other daemon may take it over.';

CREATE TABLE retraind.release_attempt (
  release_id bigint NOT NULL REFERENCES retraind.release,
  attempt    integer NOT NULL CHECK (attempt >= 1),
  at         timestamptz NOT NULL,
  instance   text NOT NULL,
  delivered  boolean NOT NULL,
  detail     text NOT NULL,
  PRIMARY KEY (release_id, attempt)
);
COMMENT ON TABLE retraind.release_attempt IS 'Append-only: each delivery that was tried and how it went. An attempt without a row was cut short. Read it as retraind.release_attempt_history.';
COMMENT ON COLUMN retraind.release_attempt.release_id IS 'What was delivered.';
COMMENT ON COLUMN retraind.release_attempt.attempt IS 'Counts from 1.';
COMMENT ON COLUMN retraind.release_attempt.at IS 'When it was over.';
COMMENT ON COLUMN retraind.release_attempt.instance IS 'The daemon''s instance.';
COMMENT ON COLUMN retraind.release_attempt.delivered IS 'Whether it was delivered.';
COMMENT ON COLUMN retraind.release_attempt.detail IS 'What the target answered, or what went wrong.';

-- Guards --------------------------------------------------------------------------------------------------------------
CREATE FUNCTION retraind.end_once() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  fixed text;
BEGIN
  -- TG_ARGV: the column that is set when the row has ended, then those that may change before.
  IF to_jsonb(OLD) ->> TG_ARGV[0] IS NOT NULL THEN
    RAISE EXCEPTION 'a row of retraind.% that has ended is history: update refused', TG_TABLE_NAME USING ERRCODE = 'RT006';
  END IF;
  SELECT string_agg(a.key, ', ' ORDER BY a.key) INTO fixed
    FROM jsonb_each(to_jsonb(NEW)) a JOIN jsonb_each(to_jsonb(OLD)) b USING (key)
   WHERE a.value IS DISTINCT FROM b.value AND NOT a.key = ANY (TG_ARGV);
  IF fixed IS NOT NULL THEN
    RAISE EXCEPTION 'retraind.%.% never changes: update refused', TG_TABLE_NAME, fixed USING ERRCODE = 'RT006';
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION retraind.end_once() IS 'Trigger: the terms of a row never change, and nothing of it once it has ended.';
REVOKE ALL ON FUNCTION retraind.end_once() FROM PUBLIC;

CREATE TRIGGER end_once BEFORE UPDATE ON retraind.trial FOR EACH ROW EXECUTE FUNCTION retraind.end_once(
  'ended_at', 'rows', 'clusters', 'difference', 'ci_low', 'ci_high', 'counted_to', 'looked_at', 'sentence', 'outcome',
  'next_due_at', 'lease_term', 'lease_holder', 'lease_expires_at');
CREATE TRIGGER end_once BEFORE UPDATE ON retraind.quarantine FOR EACH ROW EXECUTE FUNCTION retraind.end_once(
  'lifted_at', 'lifted_by', 'lift_reason');
CREATE TRIGGER end_once BEFORE UPDATE ON retraind.release FOR EACH ROW EXECUTE FUNCTION retraind.end_once(
  'settled_at', 'state', 'attempts', 'next_due_at', 'skipped_by', 'skip_reason', 'lease_term', 'lease_holder', 'lease_expires_at');
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['trial', 'quarantine', 'release'] LOOP
    EXECUTE format('CREATE TRIGGER never_deleted BEFORE DELETE ON retraind.%I FOR EACH ROW EXECUTE FUNCTION retraind.refuse_change()', name);
    EXECUTE format('CREATE TRIGGER never_truncated BEFORE TRUNCATE ON retraind.%I FOR EACH STATEMENT EXECUTE FUNCTION retraind.refuse_change()', name);
  END LOOP;
  FOREACH name IN ARRAY ARRAY['trial_cluster', 'release_attempt'] LOOP
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON retraind.%I FOR EACH ROW EXECUTE FUNCTION retraind.refuse_change()', name);
    EXECUTE format('CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON retraind.%I FOR EACH STATEMENT EXECUTE FUNCTION retraind.refuse_change()', name);
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION retraind.close_promotion_once() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT (upper_inf(OLD.during) AND NOT upper_inf(NEW.during) AND lower(NEW.during) = lower(OLD.during)
          AND to_jsonb(NEW) - 'during' = to_jsonb(OLD) - 'during') THEN
    RAISE EXCEPTION 'retraind.promotion is append-only: only the end of an open range may be set, once'
      USING ERRCODE = 'RT006';
  END IF;
  RETURN NEW;
END $$;

-- The state diagram of a run. Every arrow is walked by the function named beside it:
--
--   (new) -> queued                     fire (007)
--   queued -> running                   claim_run (core/runs)
--   running -> queued                   requeue_run, hand_back_run, take back an expired lease (core/runs)
--   running -> awaiting_approval | shadowing | promoted | rejected | inconclusive | failed | cancelled   conclude_run (core/pipeline), end_run
--   shadowing -> awaiting_approval | promoted | rejected | inconclusive   end_shadowing_run (core/runs), move_production (007)
--   awaiting_approval -> promoted | queued   approve (007): queued again when production changed since it was judged
--   awaiting_approval -> rejected       reject (003)
--   queued | awaiting_approval | shadowing -> cancelled   cancel (007)
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
         ('running', 'queued'), ('running', 'awaiting_approval'), ('running', 'shadowing'), ('running', 'promoted'),
         ('running', 'rejected'), ('running', 'inconclusive'), ('running', 'failed'), ('running', 'cancelled'),
         ('shadowing', 'awaiting_approval'), ('shadowing', 'promoted'), ('shadowing', 'rejected'),
         ('shadowing', 'inconclusive'), ('shadowing', 'cancelled'),
         ('awaiting_approval', 'queued'), ('awaiting_approval', 'promoted'), ('awaiting_approval', 'rejected'),
         ('awaiting_approval', 'inconclusive'), ('awaiting_approval', 'cancelled')) THEN
      RAISE EXCEPTION 'run % cannot go from % to %', NEW.run_id, OLD.state, NEW.state USING ERRCODE = 'RT006';
    END IF;
  END IF;
  INSERT INTO retraind.run_event (run_id, attempt, at, from_state, to_state, lease_term, actor, reason)
  VALUES (NEW.run_id, NEW.attempt, at, CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END, NEW.state,
          CASE WHEN TG_OP = 'UPDATE' THEN coalesce(NEW.lease_term, OLD.lease_term) END, actor, coalesce(NEW.reason, ''));
  -- A trigger that fired while this run was busy gets its run now, in the same transaction: it cannot be lost.
  IF (NEW.finished_at IS NOT NULL OR NEW.state = 'shadowing') AND NEW.successor_firing_id IS NOT NULL THEN
    INSERT INTO retraind.run (model_id, firing_id, trigger, source, configuration_sha256, max_attempts, queued_at, not_before, reason)
    SELECT m.model_id, f.firing_id, f.trigger, m.source, m.configuration_sha256,
           (c.settings #>> '{training,max_attempts}')::integer, at, at, format('follows run %s', NEW.run_id)
      FROM retraind.firing f
      JOIN retraind.model m USING (model_id)
      JOIN retraind.configuration c ON c.model_id = m.model_id AND c.sha256 = m.configuration_sha256
     WHERE f.firing_id = NEW.successor_firing_id;
    -- A shadow goes on: it must neither queue the same one again when it ends, nor keep another from waiting for it.
    IF NEW.state = 'shadowing' THEN
      UPDATE retraind.run SET successor_firing_id = NULL WHERE run_id = NEW.run_id;
    END IF;
    PERFORM pg_notify('retraind_wake', 'run');
  END IF;
  RETURN NULL;
END $$;

-- Functions -----------------------------------------------------------------------------------------------------------
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
  doing text;
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
    doing := CASE WHEN open_run.state = 'queued' THEN 'waiting to be judged again' ELSE replace(open_run.state, '_', ' ') END;
    -- A changed pipeline only wants to be judged, and a run that carries it will do that.
    IF p_kind = 'pipeline_change' THEN
      lasting := (SELECT count(DISTINCT c.pipeline_sha256) = 1 FROM retraind.configuration c
                   WHERE c.model_id = p_model_id AND c.sha256 IN (open_run.configuration_sha256, target.configuration_sha256));
    END IF;
    -- A candidate that waits to be judged again reads no new rows to train on: it is no stand-in for a new run.
    IF open_run.state = 'queued' AND open_run.version IS NULL THEN
      decision := 'suppressed';
      reason := format('%s; run %s is already queued and will read the same rows', p_reason, open_run.run_id);
      -- A run that has not begun carries the configuration in force, not an outdated one.
      IF open_run.configuration_sha256 <> target.configuration_sha256 THEN
        UPDATE retraind.run r SET configuration_sha256 = target.configuration_sha256, source = target.source
         WHERE r.run_id = open_run.run_id;
      END IF;
    ELSIF lasting THEN
      decision := 'suppressed';
      reason := format('%s; run %s is %s, so this is looked at again when it has ended', p_reason, open_run.run_id, doing);
    ELSIF open_run.successor_firing_id IS NOT NULL THEN
      decision := 'suppressed';
      reason := format('%s; run %s is %s and has a successor waiting already', p_reason, open_run.run_id, doing);
    ELSE
      becomes_successor := true;
      reason := format('%s; run %s is %s, so a run follows when it has ended', p_reason, open_run.run_id, doing);
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

CREATE FUNCTION retraind.release_targets(p_settings json) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
RETURN array_remove(ARRAY[
  CASE WHEN p_settings #>> '{release,directory}' <> '' THEN 'directory' END,
  CASE WHEN p_settings #>> '{release,on_promote,0}' IS NOT NULL THEN 'command' END,
  CASE WHEN p_settings #>> '{release,webhook}' <> '' THEN 'webhook' END], NULL);
COMMENT ON FUNCTION retraind.release_targets(json) IS 'Whom a model''s settings have told of a promotion: directory, command, webhook. Empty when nobody is.';

CREATE FUNCTION retraind.put_in_quarantine(p_model_id bigint, p_version integer, p_actor text, p_reason text, p_now timestamptz) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  INSERT INTO retraind.quarantine (model_id, version, since, actor, reason) VALUES (p_model_id, p_version, p_now, p_actor, p_reason)
  ON CONFLICT (model_id, version) WHERE lifted_at IS NULL DO NOTHING;
END;
COMMENT ON FUNCTION retraind.put_in_quarantine(bigint, integer, text, text, timestamptz) IS 'Keeps a version that was rolled back from out of production until somebody lifts it; nothing when it is quarantined already.';

CREATE FUNCTION retraind.refuse_quarantined(p_model_id bigint, p_version integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  barred record;
BEGIN
  SELECT m.name, q.since, q.reason INTO barred FROM retraind.quarantine q JOIN retraind.model m USING (model_id)
   WHERE q.model_id = p_model_id AND q.version = p_version AND q.lifted_at IS NULL;
  IF FOUND THEN
    RAISE EXCEPTION 'version % of model "%" is quarantined since %: %', p_version, barred.name, barred.since, barred.reason
      USING ERRCODE = 'RT001',
            HINT = format('SELECT retraind.lift_quarantine(%L, %s, reason) allows it again.', barred.name, p_version);
  END IF;
END $$;
COMMENT ON FUNCTION retraind.refuse_quarantined(bigint, integer) IS 'Says that a version is quarantined, if it is (invariant 9).';

DROP FUNCTION retraind.move_production(bigint, integer, text, integer, text, text, bigint, text, timestamptz);
CREATE FUNCTION retraind.move_production(
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

CREATE OR REPLACE FUNCTION retraind.approve(run_id bigint, reason text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  target retraind.run := retraind.open_run_of(run_id, 'awaiting_approval');
  promoted bigint;
  current integer;
  said text;
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
  -- What was judged is no longer the question: the candidate beat a version that is not in production any more. The same
  -- candidate is judged again; as after hand_back_run (core/runs), that costs it none of its attempts.
  SELECT p.version INTO current FROM retraind.promotion p WHERE p.model_id = target.model_id AND upper_inf(p.during);
  said := format('approved by %s (%s), but it was judged against %s, and production is version %s now: the candidate is judged again',
                 session_user, approve.reason, coalesce('version ' || target.judged_against, 'no version'), current);
  UPDATE retraind.run r
     SET state = 'queued', not_before = least(r.not_before, clock_timestamp()), reason = said, attempt = r.attempt + 1, max_attempts = r.max_attempts + 1,
         earlier_opponents = r.earlier_opponents || r.judged_against, step = NULL,
         verdict = NULL, opponent = NULL, judged_against = NULL, stand_in = NULL, metric = NULL, candidate_value = NULL,
         production_value = NULL, difference = NULL, ci_low = NULL, ci_high = NULL, confidence = NULL, clusters = NULL,
         inflation = NULL, holdout_rows = NULL, holdout_reuse = NULL, detectable = NULL, rows_needed = NULL, shadowing_since = NULL
   WHERE r.run_id = target.run_id;
  PERFORM pg_notify('retraind_wake', 'run');
  RAISE NOTICE 'not promoted: run %: %', target.run_id, said;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION retraind.approve(bigint, text) IS
  'Promotes the candidate of a run that awaits approval; returns the promotion. NULL when production has changed since it was judged: the run is queued, and the same candidate is judged again.';

CREATE OR REPLACE FUNCTION retraind.cancel(run_id bigint, reason text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  target retraind.run := retraind.open_run_of(run_id, '');
  said text;
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
  said := format('cancelled by %s: %s', session_user, cancel.reason);
  UPDATE retraind.trial t
     SET outcome = 'cancelled', ended_at = clock_timestamp(), next_due_at = NULL, lease_term = NULL, lease_holder = NULL,
         lease_expires_at = NULL, sentence = concat_ws('; ', said, t.sentence)
   WHERE t.run_id = target.run_id AND t.kind = 'shadow' AND t.outcome IS NULL;
  UPDATE retraind.run r SET state = 'cancelled', finished_at = clock_timestamp(), reason = said WHERE r.run_id = target.run_id;
  RETURN 'cancelled';
END $$;
COMMENT ON FUNCTION retraind.cancel(bigint, text) IS 'Cancels an open run, or a shadow with its trial; one that is running ends at its daemon''s next heartbeat.';

CREATE OR REPLACE FUNCTION retraind.rollback(model text, reason text, to_version integer DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  target retraind.model := retraind.model_named(model);
  current integer;
  goal integer := to_version;
  moved bigint;
BEGIN
  PERFORM retraind.require_reason(rollback.reason);
  PERFORM retraind.act_in_person();
  SELECT p.version INTO current FROM retraind.promotion p WHERE p.model_id = target.model_id AND upper_inf(p.during);
  IF current IS NULL THEN
    RAISE EXCEPTION 'model "%" has nothing in production to roll back from', model USING ERRCODE = 'RT001';
  END IF;
  IF goal IS NULL THEN
    -- What is left is quarantined below, and a quarantined version is never the goal: however often it is called, it
    -- comes to a version only once, and ends.
    SELECT p.version INTO goal FROM retraind.promotion p
     WHERE p.model_id = target.model_id AND p.version <> current
       AND NOT EXISTS (SELECT FROM retraind.quarantine q
                        WHERE q.model_id = p.model_id AND q.version = p.version AND q.lifted_at IS NULL)
     ORDER BY p.promotion_id DESC LIMIT 1;
    IF goal IS NULL THEN
      RAISE EXCEPTION 'model "%" has no other version that was in production and is not quarantined', model
        USING ERRCODE = 'RT001',
              HINT = coalesce((SELECT format('Quarantined: %s. retraind.lift_quarantine(model, version, reason) allows one again.',
                                             string_agg(q.version::text, ', ' ORDER BY q.version))
                                 FROM retraind.quarantine q WHERE q.model_id = target.model_id AND q.lifted_at IS NULL),
                              format('Version %s is the only one that ever was.', current));
    END IF;
  ELSIF goal = current THEN
    RAISE EXCEPTION 'version % of model "%" is in production already', goal, model USING ERRCODE = 'RT001';
  ELSIF NOT EXISTS (SELECT FROM retraind.promotion p WHERE p.model_id = target.model_id AND p.version = goal) THEN
    RAISE EXCEPTION 'version % of model "%" was never in production', goal, model USING ERRCODE = 'RT001';
  END IF;
  moved := retraind.move_production(target.model_id, goal, 'rollback', current, session_user, 'manual', NULL, rollback.reason, clock_timestamp());
  IF to_version IS NULL OR current > goal THEN
    PERFORM retraind.put_in_quarantine(target.model_id, current, session_user, rollback.reason, clock_timestamp());
    RAISE NOTICE 'version % of model "%" is back in production; version % is quarantined', goal, model, current;
  END IF;
  RETURN moved;
END $$;
COMMENT ON FUNCTION retraind.rollback(text, text, integer) IS
  'Puts an earlier version back into production: the named one, or the one most recently there that is not quarantined. The version it leaves is quarantined, except where a later one is named. Returns the new row of promotion_history.';

CREATE FUNCTION retraind.lift_quarantine(model text, version integer, reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  target retraind.model := retraind.model_named(lift_quarantine.model);
BEGIN
  PERFORM retraind.require_reason(lift_quarantine.reason);
  UPDATE retraind.quarantine q SET lifted_at = clock_timestamp(), lifted_by = session_user, lift_reason = lift_quarantine.reason
   WHERE q.model_id = target.model_id AND q.version = lift_quarantine.version AND q.lifted_at IS NULL;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'version % of model "%" is not quarantined', lift_quarantine.version, target.name
      USING ERRCODE = 'RT001',
            HINT = coalesce((SELECT 'Quarantined: ' || string_agg(q.version::text, ', ' ORDER BY q.version)
                               FROM retraind.quarantine q WHERE q.model_id = target.model_id AND q.lifted_at IS NULL), 'No version of it is.');
  END IF;
END $$;
COMMENT ON FUNCTION retraind.lift_quarantine(text, integer, text) IS 'Lets a quarantined version come into production again; moves nothing by itself.';

CREATE FUNCTION retraind.waiting_release(p_release_id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found_state text;
BEGIN
  SELECT state INTO found_state FROM retraind.release WHERE release_id = p_release_id FOR UPDATE;
  IF found_state IS NULL THEN
    RAISE EXCEPTION 'there is no release %', p_release_id USING ERRCODE = 'RT001';
  ELSIF found_state <> 'waiting' THEN
    RAISE EXCEPTION 'release % is % already', p_release_id, found_state USING ERRCODE = 'RT001';
  END IF;
END $$;
COMMENT ON FUNCTION retraind.waiting_release(bigint) IS 'Locks a release that is still to be delivered, or says that it is none.';

CREATE FUNCTION retraind.skip_release(release_id bigint, reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM retraind.require_reason(skip_release.reason);
  PERFORM retraind.waiting_release(skip_release.release_id);
  UPDATE retraind.release x
     SET state = 'skipped', settled_at = clock_timestamp(), skipped_by = session_user, skip_reason = skip_release.reason,
         next_due_at = NULL, lease_term = NULL, lease_holder = NULL, lease_expires_at = NULL
   WHERE x.release_id = skip_release.release_id;
  PERFORM pg_notify('retraind_wake', 'release');
END $$;
COMMENT ON FUNCTION retraind.skip_release(bigint, text) IS 'Gives up a delivery, so that those behind it go on.';

CREATE FUNCTION retraind.retry_release(release_id bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM retraind.waiting_release(retry_release.release_id);
  UPDATE retraind.release x SET next_due_at = least(x.next_due_at, clock_timestamp()) WHERE x.release_id = retry_release.release_id;
  PERFORM pg_notify('retraind_wake', 'release');
END $$;
COMMENT ON FUNCTION retraind.retry_release(bigint) IS 'Has a delivery tried at once instead of after its pause; those before it still come first.';

REVOKE ALL ON FUNCTION retraind.release_targets(json), retraind.put_in_quarantine(bigint, integer, text, text, timestamptz),
  retraind.refuse_quarantined(bigint, integer),
  retraind.move_production(bigint, integer, text, integer, text, text, bigint, text, timestamptz, bigint),
  retraind.lift_quarantine(text, integer, text), retraind.waiting_release(bigint), retraind.skip_release(bigint, text),
  retraind.retry_release(bigint) FROM PUBLIC;

-- Views ---------------------------------------------------------------------------------------------------------------
CREATE OR REPLACE VIEW retraind.promotion_history AS
SELECT p.promotion_id, m.name AS model, p.version, p.previous_version, p.kind, lower(p.during) AS promoted_at,
       upper(p.during) AS valid_to, p.actor, p.trigger, v.run_id, v.metric, r.candidate_value, r.production_value,
       r.difference, r.ci_low, r.ci_high, r.holdout_rows, p.reason, v.artifact_sha256, p.trial_id
  FROM retraind.promotion p
  JOIN retraind.model m USING (model_id)
  JOIN retraind.model_version v ON v.model_id = p.model_id AND v.version = p.version
  JOIN retraind.run r ON r.run_id = v.run_id;

CREATE OR REPLACE VIEW retraind.run_history AS
SELECT r.run_id, m.name AS model, r.trigger, r.state, r.verdict, r.reason, r.attempt, r.instance, r.queued_at, r.started_at,
       r.finished_at, r.version, r.metric, r.candidate_value, r.production_value, r.ci_low, r.ci_high, r.train_rows,
       r.holdout_rows, r.window_from, r.window_to, r.data_sha256, r.configuration_sha256 AS config_sha256,
       r.difference, r.confidence, r.opponent, r.judged_against, r.clusters, r.inflation, r.step,
       r.window_from_number, r.window_to_number, r.holdout_from, r.holdout_to, r.holdout_from_number, r.holdout_to_number,
       r.holdout_reuse, r.detectable, r.rows_needed, r.stand_in, r.shadowing_since, r.earlier_opponents
  FROM retraind.run r
  JOIN retraind.model m USING (model_id);

CREATE OR REPLACE VIEW retraind.gate_result AS
SELECT g.run_id, g.gate, g.slice, g.metric, g.observed, g.ci_low, g.ci_high, g.threshold, g.passed, g.sentence,
       coalesce(g.outcome, CASE WHEN g.passed THEN 'passed' ELSE 'failed' END) AS outcome, g.attempt
  FROM retraind.gate g;

CREATE OR REPLACE VIEW retraind.metric_history AS
SELECT x.run_id, m.name AS model, x.role, x.metric, x.value, x.attempt
  FROM retraind.metric_result x
  JOIN retraind.run r USING (run_id)
  JOIN retraind.model m USING (model_id);

CREATE VIEW retraind.trial_history AS
SELECT t.trial_id, m.name AS model, t.kind, t.run_id, t.version, t.against, t.opened_at, t.ended_at, t.outcome, t.sentence,
       t.metric, t.difference, t.ci_low, t.ci_high, t.bar, t.alpha, t.rows, t.clusters, t.looked_at, t.next_due_at, t.deadline,
       retraind.event_instant(t.axis, t.after) AS after, retraind.event_instant(t.axis, t.until) AS until,
       retraind.event_instant(t.axis, t.counted_to) AS counted_to,
       CASE WHEN t.axis = 'number' THEN t.after END AS after_number,
       CASE WHEN t.axis = 'number' THEN t.until END AS until_number,
       CASE WHEN t.axis = 'number' THEN t.counted_to END AS counted_to_number, t.every
  FROM retraind.trial t
  JOIN retraind.model m USING (model_id);
COMMENT ON VIEW retraind.trial_history IS 'Every shadow and every bake: two versions scored on the same new rows, what is known so far, and how it ended.';

CREATE VIEW retraind.trial_cluster_history AS
SELECT c.trial_id, m.name AS model, c.index, retraind.event_instant(t.axis, c.rows_from) AS rows_from,
       retraind.event_instant(t.axis, c.rows_to) AS rows_to, c.rows, c.weight, c.difference_sum / c.weight AS difference,
       c.version_value, c.against_value,
       CASE WHEN t.axis = 'number' THEN c.rows_from END AS rows_from_number,
       CASE WHEN t.axis = 'number' THEN c.rows_to END AS rows_to_number
  FROM retraind.trial_cluster c
  JOIN retraind.trial t USING (trial_id)
  JOIN retraind.model m USING (model_id);
COMMENT ON VIEW retraind.trial_cluster_history IS 'The groups of new rows that each trial rests on, and how both versions did on them.';

CREATE VIEW retraind.quarantine_history AS
SELECT q.quarantine_id, m.name AS model, q.version, q.since, q.actor, q.reason, q.lifted_at, q.lifted_by, q.lift_reason
  FROM retraind.quarantine q
  JOIN retraind.model m USING (model_id);
COMMENT ON VIEW retraind.quarantine_history IS 'Every version that was kept out of production because it was rolled back from; lifted_at is NULL while that holds.';

CREATE VIEW retraind.release_history AS
SELECT x.release_id, m.name AS model, x.promotion_id, x.target, x.state, p.version, p.previous_version, p.kind, x.created_at,
       x.attempts, x.settled_at, x.next_due_at, l.at AS last_attempt_at, l.instance AS last_instance, l.detail AS last_detail,
       (SELECT f.detail FROM retraind.release_attempt f WHERE f.release_id = x.release_id AND NOT f.delivered
         ORDER BY f.attempt DESC LIMIT 1) AS last_error,
       x.skipped_by, x.skip_reason
  FROM retraind.release x
  JOIN retraind.model m USING (model_id)
  JOIN retraind.promotion p USING (promotion_id)
  LEFT JOIN LATERAL (SELECT * FROM retraind.release_attempt a WHERE a.release_id = x.release_id ORDER BY a.attempt DESC LIMIT 1) l ON true;
COMMENT ON VIEW retraind.release_history IS 'Whom each move of production was announced to, or is still to be, and how that went.';

CREATE VIEW retraind.release_attempt_history AS
SELECT a.release_id, m.name AS model, x.target, a.attempt, a.at, a.instance, a.delivered, a.detail
  FROM retraind.release_attempt a
  JOIN retraind.release x USING (release_id)
  JOIN retraind.model m USING (model_id);
COMMENT ON VIEW retraind.release_attempt_history IS 'Each delivery that was tried, and what the target answered.';

CREATE OR REPLACE VIEW retraind.status AS
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
              ORDER BY t.trigger) AS alerts,
       s.version AS shadow_version, s.deadline AS shadow_until, b.against AS baking_against, b.deadline AS baking_until,
       (SELECT count(*) FROM retraind.release x WHERE x.model_id = m.model_id AND x.state = 'waiting') AS releases_waiting
  FROM retraind.model m
  LEFT JOIN retraind.promotion p ON p.model_id = m.model_id AND upper_inf(p.during)
  LEFT JOIN retraind.model_version v ON v.model_id = p.model_id AND v.version = p.version
  LEFT JOIN retraind.run o ON o.model_id = m.model_id AND o.state IN ('queued', 'running', 'awaiting_approval')
  LEFT JOIN LATERAL (SELECT * FROM retraind.run r WHERE r.model_id = m.model_id AND r.finished_at IS NOT NULL
                      ORDER BY r.run_id DESC LIMIT 1) l ON true
  LEFT JOIN retraind.trial s ON s.model_id = m.model_id AND s.kind = 'shadow' AND s.outcome IS NULL
  LEFT JOIN retraind.trial b ON b.model_id = m.model_id AND b.kind = 'bake' AND b.outcome IS NULL;

-- A view's column means what the table's column of that name means.
DO $$
DECLARE
  item record;
BEGIN
  FOR item IN
    SELECT v.view, a.attname AS "column", col_description(v.first_table, b.attnum) AS meaning
      FROM (VALUES ('retraind.trial_history'::regclass, 'retraind.trial'::regclass),
                   ('retraind.trial_cluster_history', 'retraind.trial_cluster'),
                   ('retraind.quarantine_history', 'retraind.quarantine'),
                   ('retraind.release_history', 'retraind.release'),
                   ('retraind.release_attempt_history', 'retraind.release_attempt'),
                   ('retraind.run_history', 'retraind.run'),
                   ('retraind.gate_result', 'retraind.gate'),
                   ('retraind.metric_history', 'retraind.metric_result'),
                   ('retraind.promotion_history', 'retraind.promotion')) v (view, first_table)
      JOIN pg_attribute a ON a.attrelid = v.view AND a.attnum > 0
      JOIN pg_attribute b ON b.attrelid = v.first_table AND b.attname = a.attname
     WHERE v.view NOT IN ('retraind.promotion_history'::regclass) OR a.attname IN ('trial_id', 'trigger')
  LOOP
    EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', item.view, item."column", item.meaning);
  END LOOP;
  FOR item IN
    SELECT unnest(ARRAY['trial_history', 'trial_cluster_history', 'quarantine_history', 'release_history', 'release_attempt_history']) AS view
  LOOP
    EXECUTE format('COMMENT ON COLUMN retraind.%I.model IS %L', item.view, 'Name of the model.');
  END LOOP;
END $$;
COMMENT ON COLUMN retraind.gate_result.outcome IS 'passed, failed, or undecided: what it needed was missing or is not enough to tell.';
COMMENT ON COLUMN retraind.trial_history.after IS 'Rows up to this event time are no evidence: a model was trained or judged on them (time columns that are timestamps or dates).';
COMMENT ON COLUMN retraind.trial_history.until IS 'Event time where its window ends (likewise); NULL where the deadline alone ends it.';
COMMENT ON COLUMN retraind.trial_history.counted_to IS 'Rows up to this event time have been counted (likewise); NULL before the first.';
COMMENT ON COLUMN retraind.trial_history.after_number IS 'The same as after where the time column is a number.';
COMMENT ON COLUMN retraind.trial_history.until_number IS 'The same as until where the time column is a number.';
COMMENT ON COLUMN retraind.trial_history.counted_to_number IS 'The same as counted_to where the time column is a number.';
COMMENT ON COLUMN retraind.trial_cluster_history.rows_from IS 'Event time of its first row (time columns that are timestamps or dates).';
COMMENT ON COLUMN retraind.trial_cluster_history.rows_to IS 'Event time of its last row (likewise).';
COMMENT ON COLUMN retraind.trial_cluster_history.rows_from_number IS 'The same where the time column is a number.';
COMMENT ON COLUMN retraind.trial_cluster_history.rows_to_number IS 'The same where the time column is a number.';
COMMENT ON COLUMN retraind.trial_cluster_history.difference IS 'How much better the version on trial is over the cluster, in units of the metric; positive is better.';
COMMENT ON COLUMN retraind.release_history.version IS 'The version that came into production.';
COMMENT ON COLUMN retraind.release_history.previous_version IS 'The version it replaced; NULL for the first.';
COMMENT ON COLUMN retraind.release_history.kind IS 'promotion or rollback.';
COMMENT ON COLUMN retraind.release_history.last_attempt_at IS 'When the last attempt was over; NULL before the first.';
COMMENT ON COLUMN retraind.release_history.last_instance IS 'The daemon''s instance that made it.';
COMMENT ON COLUMN retraind.release_history.last_detail IS 'What came of it.';
COMMENT ON COLUMN retraind.release_history.last_error IS 'What went wrong the last time something did; NULL when nothing ever did.';
COMMENT ON COLUMN retraind.release_attempt_history.target IS 'directory, command (on_promote) or webhook.';
COMMENT ON COLUMN retraind.status.shadow_version IS 'The candidate that is scored on new rows beside production; NULL when none is.';
COMMENT ON COLUMN retraind.status.shadow_until IS 'When that ends at the latest.';
COMMENT ON COLUMN retraind.status.baking_against IS 'The version before, which production is still compared with on new rows; NULL when it is not.';
COMMENT ON COLUMN retraind.status.baking_until IS 'When that ends at the latest.';
COMMENT ON COLUMN retraind.status.releases_waiting IS 'Announcements of promotions that are still to be delivered.';

-- Rights --------------------------------------------------------------------------------------------------------------
GRANT SELECT ON retraind.trial_history, retraind.trial_cluster_history, retraind.quarantine_history, retraind.release_history,
  retraind.release_attempt_history TO retraind_reader, retraind_operator, retraind_daemon;
GRANT EXECUTE ON FUNCTION retraind.lift_quarantine(text, integer, text), retraind.skip_release(bigint, text),
  retraind.retry_release(bigint) TO retraind_operator, retraind_daemon;
GRANT SELECT, INSERT, UPDATE ON retraind.trial, retraind.quarantine, retraind.release TO retraind_daemon;
GRANT SELECT, INSERT ON retraind.trial_cluster, retraind.release_attempt TO retraind_daemon;
GRANT EXECUTE ON FUNCTION
  retraind.move_production(bigint, integer, text, integer, text, text, bigint, text, timestamptz, bigint),
  retraind.release_targets(json), retraind.put_in_quarantine(bigint, integer, text, text, timestamptz),
  retraind.refuse_quarantined(bigint, integer) TO retraind_daemon;
