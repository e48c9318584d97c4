-- Fills a migrated registry as years of work would, for measuring and for looking at plans: :models models of three
-- triggers, and about :history rows of history over a year. Models that are there already, loaded by a daemon, keep their
-- configuration and triggers and get history as well; the others are made here, with names as tests/bench/many_models
-- gives them.
--
--   psql -X -v ON_ERROR_STOP=1 -v models=10000 -v history=1000000 -d REGISTRY -f tests/bench/registry_fill.sql
--
-- For a superuser, once a registry: the guards and references of the schema are passed by, since what they would check
-- is true by construction. Everything follows from numbers and the clock at the beginning, so two fills differ in their
-- instants alone. A few models have most of the history, as they do.
BEGIN;
SET LOCAL session_replication_role = replica;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL TimeZone = 'UTC';

-- From 0 to 1, by a number and what it is for.
CREATE FUNCTION pg_temp.noise(n bigint, salt bigint) RETURNS double precision LANGUAGE sql IMMUTABLE
RETURN (hashint8extended(n, salt) & 1073741823) / 1073741824.0;
CREATE FUNCTION pg_temp.digest_of(word text, n bigint) RETURNS text LANGUAGE sql IMMUTABLE
RETURN encode(sha256(convert_to(word || n, 'UTF8')), 'hex');
CREATE FUNCTION pg_temp.microseconds(at timestamptz) RETURNS double precision LANGUAGE sql IMMUTABLE
RETURN extract(epoch FROM at) * 1000000;

-- Models -----------------------------------------------------------------------------------------------------------------
INSERT INTO retraind.model (name, source, created_at)
SELECT 'model_' || lpad(n::text, 5, '0'), 'data', now() - interval '366 days' FROM generate_series(1, :models) n
ON CONFLICT (name) DO NOTHING;

WITH plain AS (
  SELECT m.model_id, format('{"data":{"schema":"stable"},"name":"%s","query":"SELECT ts, a, b, y FROM rows_of_%s","release":{"directory":"/srv/models/%s"},"source":"data","training":{"max_attempts":3},"validation":{"bake":"7d","confidence":0.95},"with":[%s]}',
                            m.name, m.name, m.name, array_to_string(array_fill('"a word of many"'::text, '{200}'), ','))::json AS settings
    FROM retraind.model m WHERE m.configuration_sha256 IS NULL), loaded AS (
  INSERT INTO retraind.configuration (model_id, sha256, pipeline_sha256, settings, first_loaded_at)
  SELECT p.model_id, encode(sha256(convert_to(p.settings::text, 'UTF8')), 'hex'), pg_temp.digest_of('pipeline', p.model_id), p.settings, now() - interval '366 days'
    FROM plain p
  RETURNING model_id, sha256), in_force AS (
  UPDATE retraind.model m SET configuration_sha256 = l.sha256 FROM loaded l WHERE l.model_id = m.model_id)
INSERT INTO retraind.configuration_load (model_id, sha256, loaded_at, daemon_id, instance)
SELECT l.model_id, l.sha256, now() - interval '366 days', '00000000-0000-4000-8000-000000000001', 'filled' FROM loaded l;

INSERT INTO retraind.monitor (model_id, trigger, kind, source, rule, next_due_at, state, phase, last_evaluated_at, last_sentence)
SELECT m.model_id, t.name, t.kind, m.source, t.rule::json, t.due, t.state::json, 'inactive', now() - interval '1 hour', 'all is quiet'
  FROM retraind.model m
 CROSS JOIN LATERAL (VALUES
   ('nightly', 'schedule', '{"cron":"0 3 * * *","kind":"schedule","name":"nightly","timezone":"UTC"}', now() + pg_temp.noise(m.model_id, 1) * interval '24 hours', '{}'),
   ('told', 'signal', format('{"above":10,"kind":"signal","name":"told","signal":"load_%s"}', m.model_id % 100), now() + pg_temp.noise(m.model_id, 15) * interval '300 days',
    CASE WHEN pg_temp.noise(m.model_id, 2) < 0.01 THEN '{"alerting":true}' ELSE '{"phase":"inactive"}' END),
   ('drifted', 'drift', '{"every":"24h","kind":"drift","name":"drifted"}', now() + pg_temp.noise(m.model_id, 3) * interval '24 hours', '{"phase":"inactive","recent":"0000"}')) t (name, kind, rule, due, state)
 WHERE NOT EXISTS (SELECT FROM retraind.monitor d WHERE d.model_id = m.model_id);

UPDATE retraind.model m SET paused_at = now() - interval '3 days', paused_by = 'alice', pause_reason = 'the source is moved'
 WHERE pg_temp.noise(m.model_id, 4) < 0.01;
-- Of those that are made here alone: a daemon's file would bring them back.
UPDATE retraind.model m SET removed_at = now() - interval '30 days'
 WHERE pg_temp.noise(m.model_id, 5) < 0.02
   AND 'filled' = (SELECT l.instance FROM retraind.configuration_load l WHERE l.model_id = m.model_id ORDER BY l.load_id DESC LIMIT 1);

INSERT INTO retraind.scoring (model_id, source, target, key, time_column, every, next_due_at)
SELECT m.model_id, m.source, 'scores.' || m.name, '{id}', 'ts', interval '1 hour', now() + pg_temp.noise(m.model_id, 6) * interval '1 hour'
  FROM retraind.model m WHERE pg_temp.noise(m.model_id, 7) < 0.1
ON CONFLICT (model_id) DO NOTHING;

INSERT INTO retraind.daemon (daemon_id, instance, version, pid, started_at, last_seen_at, stopped_at)
SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'filled', '1.0.0', n, now() - n * interval '3 days',
       now() - (n - 1) * interval '3 days' - interval '1 minute', now() - (n - 1) * interval '3 days' - interval '1 minute'
  FROM generate_series(1, 100) n;

ANALYZE retraind.model, retraind.monitor, retraind.configuration, retraind.configuration_load;

-- Runs: about thirty rows of history for each -------------------------------------------------------------------------------
CREATE TEMPORARY TABLE ranked ON COMMIT DROP AS
SELECT m.model_id, m.source, m.configuration_sha256, row_number() OVER (ORDER BY m.model_id) AS rank FROM retraind.model m;
CREATE TEMPORARY TABLE drawing ON COMMIT DROP AS
-- Each model has been judged once, if there is history for all, so that none waits for its first run.
SELECT n, CASE WHEN n <= c.count THEN n ELSE 1 + floor(c.count * pg_temp.noise(n, 9) * pg_temp.noise(n, 10))::bigint END AS rank
  FROM generate_series(1::bigint, :history / 30) n, (SELECT count(*) FROM ranked) c;
ANALYZE ranked, drawing;
CREATE TEMPORARY TABLE past ON COMMIT DROP AS
WITH drawn AS (
  SELECT g.n, r.model_id, r.source, r.configuration_sha256,
         now() - interval '365 days' * (1 - g.n::double precision / (:history / 30 + 1)) AS at, pg_temp.noise(g.n, 8) AS u,
         row_number() OVER (PARTITION BY r.model_id ORDER BY g.n) AS nth, row_number() OVER (PARTITION BY r.model_id ORDER BY g.n DESC) AS from_last
    FROM drawing g JOIN ranked r USING (rank)),
decided AS (
  SELECT d.*, CASE WHEN nth = 1 THEN 'promoted'
                   WHEN from_last = 1 AND u < 0.005 THEN 'queued'
                   WHEN from_last = 1 AND u < 0.006 THEN 'running'
                   WHEN from_last = 1 AND u < 0.010 THEN 'awaiting_approval'
                   WHEN from_last = 1 AND u < 0.020 THEN 'shadowing'
                   WHEN u < 0.30 THEN 'promoted' WHEN u < 0.65 THEN 'rejected' WHEN u < 0.80 THEN 'inconclusive'
                   WHEN u < 0.92 THEN 'failed' ELSE 'cancelled' END AS state
    FROM drawn d)
SELECT d.*, state IN ('promoted', 'rejected', 'inconclusive', 'failed', 'cancelled') AS ended,
       state IN ('promoted', 'rejected', 'inconclusive', 'awaiting_approval', 'shadowing') AS judged,
       CASE WHEN state IN ('promoted', 'awaiting_approval', 'shadowing')
            THEN (count(*) FILTER (WHERE state IN ('promoted', 'awaiting_approval', 'shadowing')) OVER (PARTITION BY model_id ORDER BY n))::integer END AS version,
       (max(n) FILTER (WHERE state = 'promoted') OVER (PARTITION BY model_id ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS against,
       (SELECT coalesce(max(r.run_id), 0) FROM retraind.run r) + n AS run_id,
       (SELECT coalesce(max(f.firing_id), 0) FROM retraind.firing f) + 2 * n AS firing_id
  FROM decided d;
CREATE UNIQUE INDEX ON past (n);
ALTER TABLE past ADD COLUMN against_version integer;
ANALYZE past;
UPDATE past p SET against_version = q.version FROM past q WHERE q.n = p.against;
ANALYZE past;

INSERT INTO retraind.firing (firing_id, model_id, trigger, kind, evaluated_at, decision, reason, evidence, actor) OVERRIDING SYSTEM VALUE
SELECT p.firing_id, p.model_id, 'told', 'signal', p.at, 'fired', 'the signal is 12, above 10', '{"value": 12}'::jsonb, 'filled' FROM past p
 UNION ALL
SELECT p.firing_id + 1, p.model_id, 'drifted', 'drift', p.at + interval '1 minute', v.word,
       'the effect of column a is 0.3, above 0.2', '{"columns": 3, "drifted": 1}'::jsonb, 'filled'
  FROM past p JOIN (VALUES (0, 'pending'), (1, 'suppressed'), (2, 'insufficient_data'), (3, 'error'), (4, 'alert'), (5, 'resolved')) v (i, word)
    ON v.i = p.n % 6
 ORDER BY 1;

INSERT INTO retraind.run (run_id, model_id, firing_id, trigger, source, configuration_sha256, state, verdict, reason, max_attempts,
  queued_at, not_before, started_at, finished_at, shadowing_since, lease_term, lease_holder, instance, heartbeat_at, lease_expires_at,
  step, data_sha256, data_rows, train_rows, holdout_rows, window_from, window_to, opponent, judged_against, metric, candidate_value,
  production_value, difference, ci_low, ci_high, confidence, clusters, inflation, version, holdout_from, holdout_to) OVERRIDING SYSTEM VALUE
SELECT p.run_id, p.model_id, p.firing_id, 'told', p.source, p.configuration_sha256, p.state,
       CASE p.state WHEN 'promoted' THEN 'promote' WHEN 'awaiting_approval' THEN 'promote' WHEN 'rejected' THEN 'reject'
                    WHEN 'inconclusive' THEN 'inconclusive' WHEN 'shadowing' THEN 'inconclusive' END,
       'the candidate is better by 0.01 (0.002 to 0.018) on 5000 rows of 30 days', 3, p.at, p.at,
       CASE WHEN p.state <> 'queued' THEN p.at + interval '1 second' END, CASE WHEN p.ended THEN p.at + interval '5 minutes' END,
       CASE WHEN p.state = 'shadowing' THEN p.at + interval '5 minutes' END,
       CASE WHEN p.state = 'running' THEN nextval('retraind.lease_term') END,
       CASE WHEN p.state = 'running' THEN '00000000-0000-4000-8000-000000000001'::uuid END, CASE WHEN p.state <> 'queued' THEN 'filled' END,
       CASE WHEN p.state = 'running' THEN now() END, CASE WHEN p.state = 'running' THEN now() + interval '1 day' END,
       CASE WHEN p.judged THEN 'release' WHEN p.state <> 'queued' THEN 'train' END,
       CASE WHEN p.judged THEN pg_temp.digest_of('data', p.n) END, CASE WHEN p.judged THEN 25000 END, CASE WHEN p.judged THEN 20000 END,
       CASE WHEN p.judged THEN 5000 END, CASE WHEN p.judged THEN p.at - interval '90 days' END, CASE WHEN p.judged THEN p.at END,
       CASE WHEN p.judged THEN CASE WHEN p.against IS NULL THEN 'baseline' ELSE 'production' END END,
       CASE WHEN p.judged THEN p.against_version END, CASE WHEN p.judged THEN 'log_loss' END, CASE WHEN p.judged THEN 0.4 + p.u / 100 END,
       CASE WHEN p.judged THEN 0.41 END, CASE WHEN p.judged THEN 0.01 END, CASE WHEN p.judged THEN 0.002 END,
       CASE WHEN p.judged THEN 0.018 END, CASE WHEN p.judged THEN 0.97 END, CASE WHEN p.judged THEN 30 END, CASE WHEN p.judged THEN 1.3 END,
       p.version, CASE WHEN p.judged THEN p.at - interval '30 days' END, CASE WHEN p.judged THEN p.at END
  FROM past p ORDER BY p.n;

INSERT INTO retraind.run_event (run_id, attempt, at, from_state, to_state, actor, reason)
SELECT p.run_id, 1, e.at, e.from_state, e.to_state, 'filled', e.reason
  FROM past p
 CROSS JOIN LATERAL (VALUES (1, p.at, NULL, 'queued', 'the signal is 12, above 10'),
                            (2, p.at + interval '1 second', 'queued', 'running', 'claimed by filled'),
                            (3, p.at + interval '4 minutes', 'running', 'awaiting_approval', 'the candidate is better by 0.01'),
                            (4, p.at + interval '5 minutes', CASE WHEN p.n % 20 = 0 AND p.state = 'promoted' THEN 'awaiting_approval' ELSE 'running' END,
                             p.state, 'the candidate is better by 0.01')) e (i, at, from_state, to_state, reason)
 WHERE i = 1 OR (i = 2 AND p.state <> 'queued') OR (i = 3 AND p.state = 'promoted' AND p.n % 20 = 0) OR (i = 4 AND p.state NOT IN ('queued', 'running'))
 ORDER BY e.at;

INSERT INTO retraind.step (run_id, attempt, step, started_at, finished_at, rows)
SELECT p.run_id, 1, s.step, p.at + s.i * interval '1 minute', p.at + (s.i + 1) * interval '1 minute', 25000
  FROM past p CROSS JOIN (VALUES (0, 'extract'), (1, 'validate_data'), (2, 'train'), (3, 'evaluate')) s (i, step)
 WHERE p.judged ORDER BY p.n, s.i;

INSERT INTO retraind.run_log (run_id, attempt, text)
SELECT p.run_id, 1, repeat('[100] train-logloss:0.41\n', 10) FROM past p WHERE p.state <> 'queued' ORDER BY p.n;

INSERT INTO retraind.metric_result (run_id, attempt, role, metric, value)
SELECT p.run_id, 1, r.role, x.metric, 0.4 + p.u / 100
  FROM past p CROSS JOIN (VALUES ('candidate'), ('production')) r (role) CROSS JOIN (VALUES ('log_loss'), ('auc'), ('accuracy')) x (metric)
 WHERE p.judged ORDER BY p.n;

INSERT INTO retraind.gate (run_id, attempt, gate, slice, metric, observed, threshold, passed, outcome, sentence)
SELECT p.run_id, 1, g.gate, '', 'log_loss', 0.01, 0, o.outcome = 'passed', o.outcome, 'better by 0.01 on 5000 rows'
  FROM past p CROSS JOIN (VALUES ('holdout_rows'), ('clusters'), ('difference'), ('worst_slice')) g (gate)
 CROSS JOIN LATERAL (SELECT CASE WHEN g.gate <> 'difference' OR p.version IS NOT NULL THEN 'passed' WHEN p.state = 'rejected' THEN 'failed' ELSE 'undecided' END AS outcome) o
 WHERE p.judged ORDER BY p.n;

INSERT INTO retraind.data_finding (run_id, attempt, found_at, kind, "check", "column", rows, observed, threshold, stops, sentence)
SELECT p.run_id, 1, p.at + interval '2 minutes', CASE WHEN p.state = 'failed' THEN 'value' ELSE 'warning' END, 'null_share', 'a', 900, 0.4, 0.1,
       p.state = 'failed', 'a: 40 % of the rows are NULL, 10 % are let pass'
  FROM past p WHERE (p.state = 'failed' AND p.n % 3 = 0) OR (p.judged AND p.n % 10 = 0) ORDER BY p.n;

INSERT INTO retraind.search_trial (run_id, attempt, trial, params, metric, value, train_rows, rows, seconds, chosen)
SELECT p.run_id, 1, t, jsonb_build_object('max_depth', t), 'log_loss', 0.4 + t / 100.0, 16000, 4000, 1.5, t = 1
  FROM past p CROSS JOIN generate_series(1, 5) t WHERE p.judged AND p.n % 10 = 1 ORDER BY p.n, t;

-- Versions and promotions ---------------------------------------------------------------------------------------------------
INSERT INTO retraind.artifact (sha256, size_bytes, chunks, created_at)
SELECT pg_temp.digest_of('artifact', p.run_id), 100000, 1, p.at FROM past p WHERE p.version IS NOT NULL ORDER BY p.n;
INSERT INTO retraind.artifact_chunk (sha256, chunk, zstd)
SELECT pg_temp.digest_of('artifact', p.run_id), 0, convert_to(repeat('b', 200), 'UTF8') FROM past p WHERE p.version IS NOT NULL ORDER BY p.n;

INSERT INTO retraind.model_version (model_id, version, run_id, artifact_sha256, configuration_sha256, created_at, trainer, axis,
  trained_from, trained_to, train_rows, data_sha256, metric, value, lineage)
SELECT p.model_id, p.version, p.run_id, pg_temp.digest_of('artifact', p.run_id), p.configuration_sha256, p.at + interval '4 minutes', 'xgboost 1.7.4',
       'instant', pg_temp.microseconds(p.at - interval '90 days'), pg_temp.microseconds(p.at), 20000, pg_temp.digest_of('data', p.n),
       'log_loss', 0.4 + p.u / 100, '{"seed":1}'
  FROM past p WHERE p.version IS NOT NULL ORDER BY p.n;
UPDATE retraind.model m SET last_version = v.last FROM (SELECT p.model_id, max(p.version) AS last FROM past p GROUP BY p.model_id) v
 WHERE v.model_id = m.model_id AND v.last IS NOT NULL;

INSERT INTO retraind.version_profile (model_id, version, position, "column", profile)
SELECT p.model_id, p.version, i, 'column_' || i, '{"cells":[1,2,3,4,5,6,7,8,9,10]}' FROM past p CROSS JOIN generate_series(0, 4) i
 WHERE p.version IS NOT NULL ORDER BY p.n, i;
INSERT INTO retraind.expectation (model_id, key, version, columns, anew, learned_at)
SELECT p.model_id, pg_temp.digest_of('query', p.model_id), p.version, '{"columns": [{"name": "a", "type": "double precision"}]}', false, p.at
  FROM past p WHERE p.version IS NOT NULL ORDER BY p.n;
INSERT INTO retraind.reference_block (model_id, version, stream, index, rows, packed)
SELECT p.model_id, p.version, 'features', i, 1000, convert_to(repeat('b', 50), 'UTF8') FROM past p CROSS JOIN generate_series(1, 4) i
 WHERE p.version IS NOT NULL ORDER BY p.n, i;

INSERT INTO retraind.promotion (model_id, version, previous_version, kind, during, actor, trigger, run_id, reason)
SELECT p.model_id, p.version, lag(p.version) OVER own, 'promotion', tstzrange(p.at + interval '5 minutes', lead(p.at + interval '5 minutes') OVER own),
       'filled', 'told', p.run_id, 'better by 0.01 on 5000 rows of 30 days'
  FROM past p WHERE p.state = 'promoted' WINDOW own AS (PARTITION BY p.model_id ORDER BY p.n) ORDER BY p.n;

INSERT INTO retraind.quarantine (model_id, version, since, actor, reason, lifted_at, lifted_by, lift_reason)
SELECT p.model_id, p.version, upper(p.during), 'filled', 'rolled back', CASE WHEN l.lifted THEN upper(p.during) + interval '1 day' END,
       CASE WHEN l.lifted THEN 'alice' END, CASE WHEN l.lifted THEN 'it was the source' END
  FROM retraind.promotion p CROSS JOIN LATERAL (SELECT p.promotion_id % 2 = 0 AS lifted) l
 WHERE NOT upper_inf(p.during) AND pg_temp.noise(p.promotion_id, 11) < 0.05 ORDER BY p.promotion_id;

INSERT INTO retraind.release (promotion_id, model_id, target, state, created_at, attempts, settled_at, next_due_at)
SELECT p.promotion_id, p.model_id, t.target, CASE WHEN w.waits THEN 'waiting' ELSE 'delivered' END, lower(p.during), 1,
       CASE WHEN NOT w.waits THEN lower(p.during) + interval '1 second' END, CASE WHEN w.waits THEN now() + interval '10 minutes' END
  FROM retraind.promotion p CROSS JOIN (VALUES ('directory'), ('webhook')) t (target)
 CROSS JOIN LATERAL (SELECT upper_inf(p.during) AND pg_temp.noise(p.promotion_id, 12) < 0.005 AS waits) w
 ORDER BY p.promotion_id;
INSERT INTO retraind.release_attempt (release_id, attempt, at, instance, delivered, detail)
SELECT r.release_id, 1, r.created_at + interval '1 second', 'filled', r.state = 'delivered', 'it answered'
  FROM retraind.release r ORDER BY r.release_id;

ANALYZE retraind.promotion, retraind.model_version, retraind.release;

-- Trials: open shadows and bakes, and bakes that ended ------------------------------------------------------------------------
INSERT INTO retraind.trial (model_id, run_id, kind, version, against, metric, bar, alpha, axis, after, deadline, every, opened_at,
  rows, clusters, sentence, outcome, ended_at, next_due_at)
SELECT p.model_id, p.run_id, k.kind, p.version, p.against_version, 'log_loss', 0, 0.05, 'instant', pg_temp.microseconds(p.at),
       p.at + interval '60 days', interval '1 hour', p.at + interval '5 minutes', 3000, 10, 'nothing is sure yet',
       CASE WHEN NOT k.open THEN 'kept' END, CASE WHEN NOT k.open THEN p.at + interval '60 days' END,
       CASE WHEN k.open THEN now() + pg_temp.noise(p.n, 13) * interval '1 hour' END
  FROM past p
 CROSS JOIN LATERAL (SELECT CASE WHEN p.state = 'shadowing' THEN 'shadow' ELSE 'bake' END AS kind,
                            p.state = 'shadowing' OR NOT EXISTS (SELECT FROM retraind.promotion l WHERE l.model_id = p.model_id AND l.version > p.version) AS open) k
 WHERE p.against_version IS NOT NULL AND (p.state = 'shadowing' OR (p.state = 'promoted' AND p.n % 10 = 0)) ORDER BY p.n;
INSERT INTO retraind.trial_cluster (trial_id, index, rows_from, rows_to, rows, weight, difference_sum, version_value, against_value)
SELECT t.trial_id, i, t.after + i * 86400e6, t.after + (i + 1) * 86400e6, 300, 300, 3, 0.40, 0.41
  FROM retraind.trial t CROSS JOIN generate_series(1, 10) i ORDER BY t.trial_id, i;

-- Checks, fresh rows, signals ---------------------------------------------------------------------------------------------------
CREATE TEMPORARY TABLE looked ON COMMIT DROP AS
SELECT p.n, p.model_id, p.at, coalesce(p.against_version, 1) AS version,
       (SELECT coalesce(max(c.check_id), 0) FROM retraind.drift_check c) + row_number() OVER (ORDER BY p.n) AS check_id
  FROM past p WHERE p.n % 2 = 0;
ANALYZE looked;
INSERT INTO retraind.drift_check (check_id, model_id, version, trigger, checked_at, window_from, window_to, rows, calibration) OVERRIDING SYSTEM VALUE
SELECT l.check_id, l.model_id, l.version, 'drifted', l.at, l.at - interval '7 days', l.at, 10000, 'calibrated by 30 blocks of the reference' FROM looked l ORDER BY 1;
INSERT INTO retraind.drift_result (check_id, "column", method, effect, statistic, p_value, threshold, verdict, sentence, role)
SELECT l.check_id, 'column_' || i, 'wasserstein', pg_temp.noise(l.check_id, i), 3, 0.01, 0.9, CASE WHEN pg_temp.noise(l.check_id, i) > 0.9 THEN 'drifted' ELSE 'ok' END,
       'column moved by 0.1 of its spread', CASE i WHEN 9 THEN 'time' WHEN 8 THEN 'label' WHEN 7 THEN 'score' ELSE 'feature' END
  FROM looked l CROSS JOIN generate_series(0, 9) i ORDER BY l.check_id, i;
INSERT INTO retraind.performance_check (model_id, version, trigger, checked_at, window_from, window_to, rows, metric, value, ci_low, ci_high, level, threshold, sentence)
SELECT l.model_id, l.version, 'worse', l.at, l.at - interval '7 days', l.at, 10000, 'log_loss', 0.4, 0.39, 0.41, 0.4, 0.45, 'log_loss is 0.4 (0.39 to 0.41)'
  FROM looked l ORDER BY l.n;

INSERT INTO retraind.watch (model_id, version, stream, first, open, read_at, basis)
SELECT p.model_id, p.version, 'features', 1, 10, now() - interval '1 hour', pg_temp.digest_of('basis', p.model_id)
  FROM retraind.promotion p WHERE upper_inf(p.during);
INSERT INTO retraind.fresh_block (model_id, version, stream, index, rows, packed)
SELECT p.model_id, p.version, 'features', i, 1000, convert_to(repeat('b', 50), 'UTF8')
  FROM retraind.promotion p CROSS JOIN generate_series(1, 5) i WHERE upper_inf(p.during) ORDER BY p.model_id, i;

INSERT INTO retraind.signal (name, at, value)
SELECT 'load_' || p.model_id % 100, p.at, 9 + pg_temp.noise(p.n, 14) FROM past p ON CONFLICT DO NOTHING;

INSERT INTO retraind.retention_pass (kind, older_than, removed, began_at, ended_at, instance, daemon_id, login)
SELECT 'signals', now() - n * interval '1 day' - interval '90 days', 100, now() - n * interval '1 day', now() - n * interval '1 day', 'filled',
       '00000000-0000-4000-8000-000000000001', session_user
  FROM generate_series(1, 200) n;

SELECT setval(pg_get_serial_sequence('retraind.run', 'run_id'), greatest(max(r.run_id), 1)) FROM retraind.run r;
SELECT setval(pg_get_serial_sequence('retraind.firing', 'firing_id'), greatest(max(f.firing_id), 1)) FROM retraind.firing f;
SELECT setval(pg_get_serial_sequence('retraind.drift_check', 'check_id'), greatest(max(c.check_id), 1)) FROM retraind.drift_check c;
COMMIT;
ANALYZE;
