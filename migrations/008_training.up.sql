-- Training anything: what a run found in its rows, what a search over parameters tried, what a model's rows are expected
-- to look like, how far the live step has come, and the rows that a version was made from.

-- Findings ------------------------------------------------------------------------------------------------------------
CREATE TABLE retraind.data_finding (
  finding_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run_id     bigint NOT NULL REFERENCES retraind.run,
  attempt    integer NOT NULL CHECK (attempt >= 1),
  found_at   timestamptz NOT NULL,
  kind       text NOT NULL CHECK (kind IN ('schema', 'value', 'warning')),
  "check"    text NOT NULL CHECK ("check" <> ''),
  "column"   text CHECK ("column" <> ''),
  rows       bigint CHECK (rows >= 0),
  observed   double precision,
  threshold  double precision,
  stops      boolean NOT NULL,
  sentence   text NOT NULL CHECK (sentence <> ''),
  query      text CHECK (query <> ''),
  CONSTRAINT data_finding_warnings_stop_nothing CHECK (kind <> 'warning' OR NOT stops)
);
CREATE INDEX data_finding_by_run ON retraind.data_finding (run_id, attempt);
CREATE INDEX data_finding_that_stopped ON retraind.data_finding (run_id DESC, attempt DESC) WHERE stops;
COMMENT ON TABLE retraind.data_finding IS 'Append-only: what was wrong with, or strange about, the rows of a run''s window. Read it as retraind.data_finding_history.';
COMMENT ON COLUMN retraind.data_finding.finding_id IS 'Grows with time.';
COMMENT ON COLUMN retraind.data_finding.run_id IS 'The run that read the rows.';
COMMENT ON COLUMN retraind.data_finding.attempt IS 'Its attempt.';
COMMENT ON COLUMN retraind.data_finding.found_at IS 'When it was recorded.';
COMMENT ON COLUMN retraind.data_finding.kind IS 'schema: a column is missing or of another type; value: rows that are not as expected; warning: worth a look, and nothing else.';
COMMENT ON COLUMN retraind.data_finding."check" IS 'What was looked at: column_missing, type, null_share, range, allowed, unique…';
COMMENT ON COLUMN retraind.data_finding."column" IS 'The column; NULL where the rows as a whole are meant.';
COMMENT ON COLUMN retraind.data_finding.rows IS 'How many rows are meant; NULL where none are.';
COMMENT ON COLUMN retraind.data_finding.observed IS 'What was measured; NULL where nothing was.';
COMMENT ON COLUMN retraind.data_finding.threshold IS 'The bound it was held against; NULL where there is none.';
COMMENT ON COLUMN retraind.data_finding.stops IS 'Whether the run ended because of it.';
COMMENT ON COLUMN retraind.data_finding.sentence IS 'The same for people, with values.';
COMMENT ON COLUMN retraind.data_finding.query IS 'SQL that shows the rows meant, to be run at the source; NULL where there is nothing to show.';

-- Searches ------------------------------------------------------------------------------------------------------------
CREATE TABLE retraind.search_trial (
  run_id     bigint NOT NULL REFERENCES retraind.run,
  attempt    integer NOT NULL CHECK (attempt >= 1),
  trial      integer NOT NULL CHECK (trial >= 1),
  params     jsonb NOT NULL CHECK (jsonb_typeof(params) = 'object'),
  metric     text NOT NULL,
  value      double precision,
  fault      text CHECK (fault <> ''),
  train_rows bigint NOT NULL CHECK (train_rows >= 0),
  rows       bigint NOT NULL CHECK (rows >= 0),
  seconds    double precision NOT NULL CHECK (seconds >= 0 AND seconds < 'Infinity'),
  chosen     boolean NOT NULL,
  PRIMARY KEY (run_id, attempt, trial),
  CONSTRAINT search_trial_says_why CHECK (value IS NOT NULL OR fault IS NOT NULL),
  CONSTRAINT search_trial_chosen_has_a_value CHECK (value IS NOT NULL OR NOT chosen)
);
CREATE UNIQUE INDEX search_trial_one_chosen ON retraind.search_trial (run_id, attempt) WHERE chosen;
COMMENT ON TABLE retraind.search_trial IS 'Append-only: each combination of parameters that a run tried before it trained its candidate. Read it as retraind.search_history.';
COMMENT ON COLUMN retraind.search_trial.run_id IS 'The run that searched.';
COMMENT ON COLUMN retraind.search_trial.attempt IS 'Its attempt.';
COMMENT ON COLUMN retraind.search_trial.trial IS 'Counts from 1, in the order in which they were made.';
COMMENT ON COLUMN retraind.search_trial.params IS 'The parameters that were varied.';
COMMENT ON COLUMN retraind.search_trial.metric IS 'The metric that chooses.';
COMMENT ON COLUMN retraind.search_trial.value IS 'Its value on the newer part of the training rows; NULL when the trial failed.';
COMMENT ON COLUMN retraind.search_trial.fault IS 'Why it failed; NULL when it did not.';
COMMENT ON COLUMN retraind.search_trial.train_rows IS 'Rows it was trained on.';
COMMENT ON COLUMN retraind.search_trial.rows IS 'Rows it was measured on; none of them is in the holdout.';
COMMENT ON COLUMN retraind.search_trial.seconds IS 'How long its training took.';
COMMENT ON COLUMN retraind.search_trial.chosen IS 'Whether the candidate was trained with these.';

-- Expectations --------------------------------------------------------------------------------------------------------
CREATE TABLE retraind.expectation (
  model_id   bigint NOT NULL REFERENCES retraind.model,
  key        text NOT NULL CHECK (key ~ '^[0-9a-f]{64}$'),
  version    integer NOT NULL,
  columns    jsonb NOT NULL,
  anew       boolean NOT NULL,
  learned_at timestamptz NOT NULL,
  PRIMARY KEY (model_id, version),
  FOREIGN KEY (model_id, version) REFERENCES retraind.model_version
);
CREATE INDEX expectation_by_key ON retraind.expectation (model_id, key);
COMMENT ON TABLE retraind.expectation IS 'Append-only: what the rows looked like that each version was made from; of the versions under one query the one that was promoted first counts. Read it as retraind.expectation_history.';
COMMENT ON COLUMN retraind.expectation.model_id IS 'The model.';
COMMENT ON COLUMN retraind.expectation.key IS 'SHA-256 of the query and of what its columns are for: when that changes, it is learned anew.';
COMMENT ON COLUMN retraind.expectation.version IS 'The version whose rows taught it.';
COMMENT ON COLUMN retraind.expectation.columns IS 'An object whose member columns lists them with their types and shares of NULL.';
COMMENT ON COLUMN retraind.expectation.anew IS 'Whether the version was made under data.schema = any: what was learned before it is forgotten with its promotion.';
COMMENT ON COLUMN retraind.expectation.learned_at IS 'When it was learned.';

-- Versions ------------------------------------------------------------------------------------------------------------
ALTER TABLE retraind.model_version
  ADD COLUMN kept_data_sha256 text REFERENCES retraind.artifact,
  -- One lineage that cannot be read would make version_history unreadable.
  ADD CONSTRAINT model_version_lineage_is_readable CHECK (lineage::jsonb IS NOT NULL);
COMMENT ON COLUMN retraind.model_version.kept_data_sha256 IS 'SHA-256 of the artifact that holds the rows it was made from (training.keep_data); NULL: they were not kept.';

-- The live step -------------------------------------------------------------------------------------------------------
ALTER TABLE retraind.run
  ADD COLUMN step_started_at timestamptz,
  ADD COLUMN progress_done   bigint CHECK (progress_done >= 0),
  ADD COLUMN progress_total  bigint CHECK (progress_total > 0),
  ADD COLUMN progress_unit   text CHECK (progress_unit IN ('rows', 'rounds', 'steps')),
  ADD COLUMN progress_since  timestamptz,
  ADD COLUMN progress_at     timestamptz,
  ADD CONSTRAINT run_step_is_live CHECK (state = 'running' OR step_started_at IS NULL),
  ADD CONSTRAINT run_progress_is_whole CHECK (
    (progress_at IS NULL) = (progress_done IS NULL) AND (progress_at IS NULL) = (progress_unit IS NULL)
    AND (progress_at IS NULL) = (progress_since IS NULL) AND (progress_at IS NOT NULL OR progress_total IS NULL)
    AND (progress_at IS NULL OR coalesce(step_started_at <= progress_since AND progress_since <= progress_at, false)));
COMMENT ON COLUMN retraind.run.step_started_at IS 'When the step it is in began; NULL when it is not running.';
COMMENT ON COLUMN retraind.run.progress_done IS 'How far that step has come; NULL while it is not known.';
COMMENT ON COLUMN retraind.run.progress_total IS 'Where the step ends; NULL while it is not known.';
COMMENT ON COLUMN retraind.run.progress_unit IS 'What both are counted in: rows, rounds or steps.';
COMMENT ON COLUMN retraind.run.progress_since IS 'Since when it has been counted so: a step may count one thing after another.';
COMMENT ON COLUMN retraind.run.progress_at IS 'When that was noted.';

CREATE FUNCTION retraind.leave_step() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  NEW.step_started_at := NULL;
  NEW.progress_done := NULL;
  NEW.progress_total := NULL;
  NEW.progress_unit := NULL;
  NEW.progress_since := NULL;
  NEW.progress_at := NULL;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION retraind.leave_step() IS 'Trigger: a run that is not running has no live step, whoever ended it.';
REVOKE ALL ON FUNCTION retraind.leave_step() FROM PUBLIC;
CREATE TRIGGER leave_step BEFORE UPDATE ON retraind.run FOR EACH ROW
  WHEN (NEW.state <> 'running' AND NEW.step_started_at IS NOT NULL) EXECUTE FUNCTION retraind.leave_step();

-- Guards --------------------------------------------------------------------------------------------------------------
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['data_finding', 'search_trial', 'expectation'] LOOP
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON retraind.%I FOR EACH ROW EXECUTE FUNCTION retraind.refuse_change()', name);
    EXECUTE format('CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON retraind.%I FOR EACH STATEMENT EXECUTE FUNCTION retraind.refuse_change()', name);
  END LOOP;
END $$;

-- Views ---------------------------------------------------------------------------------------------------------------
CREATE VIEW retraind.data_finding_history AS
SELECT f.finding_id, f.run_id, m.name AS model, f.attempt, f.found_at, f.kind, f."check", f."column", f.rows, f.observed,
       f.threshold, f.stops, f.sentence, f.query
  FROM retraind.data_finding f
  JOIN retraind.run r USING (run_id)
  JOIN retraind.model m USING (model_id);
COMMENT ON VIEW retraind.data_finding_history IS 'What was wrong with, or strange about, the rows of each run, with the SQL that shows them.';

CREATE VIEW retraind.search_history AS
SELECT t.run_id, m.name AS model, t.attempt, t.trial, t.params, t.metric, t.value, t.fault, t.train_rows, t.rows, t.seconds,
       t.chosen
  FROM retraind.search_trial t
  JOIN retraind.run r USING (run_id)
  JOIN retraind.model m USING (model_id);
COMMENT ON VIEW retraind.search_history IS 'Each combination of parameters that a run tried before it trained its candidate.';

CREATE VIEW retraind.expectation_history AS
SELECT DISTINCT ON (m.name, e.key) m.name AS model, e.version, e.learned_at, e.columns -> 'columns' AS columns, e.key
  FROM retraind.expectation e
  JOIN retraind.model m USING (model_id)
  JOIN retraind.promotion p ON p.model_id = e.model_id AND p.version = e.version
 WHERE NOT EXISTS (SELECT FROM retraind.expectation later JOIN retraind.promotion l ON l.model_id = later.model_id AND l.version = later.version
                    WHERE later.model_id = e.model_id AND later.key = e.key AND later.anew AND l.promotion_id > p.promotion_id)
 ORDER BY m.name, e.key, p.promotion_id;
COMMENT ON VIEW retraind.expectation_history IS 'What each model''s rows looked like when it was first promoted under a query; later rows are held against the one of the present query.';

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
COMMENT ON VIEW retraind.version_history IS 'Every version that was made, released or not, and all that it takes to make it again.';

CREATE OR REPLACE VIEW retraind.step_history AS
SELECT s.run_id, s.attempt, s.step, s.started_at, s.finished_at, s.rows, s.detail,
       NULL::bigint AS done, NULL::bigint AS total, NULL::text AS unit, NULL::timestamptz AS noted_at, NULL::interval AS time_left
  FROM retraind.step s
UNION ALL
-- Time that passes without news counts as well: an estimate that is too good does not stay.
SELECT r.run_id, r.attempt, r.step, r.step_started_at, NULL, CASE WHEN r.progress_unit = 'rows' THEN r.progress_done END, '{}',
       r.progress_done, r.progress_total, r.progress_unit, r.progress_at,
       CASE WHEN r.progress_done > 0 AND r.progress_done >= 0.02 * r.progress_total
            THEN (greatest(now(), r.progress_at) - r.progress_since)
                 * (greatest(r.progress_total - r.progress_done, 0)::double precision / r.progress_done) END
  FROM retraind.run r
 WHERE r.state = 'running' AND r.step_started_at IS NOT NULL
   AND NOT EXISTS (SELECT FROM retraind.step s WHERE s.run_id = r.run_id AND s.attempt = r.attempt AND s.step = r.step);
COMMENT ON VIEW retraind.step_history IS 'The steps of each attempt of a run, with their times and figures; the one that is going on has no finished_at yet.';

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
       (SELECT count(*) FROM retraind.release x WHERE x.model_id = m.model_id AND x.state = 'waiting') AS releases_waiting,
       h.done AS open_run_done, h.total AS open_run_total, h.unit AS open_run_unit, h.time_left AS open_run_time_left,
       -- Rows that stopped a run are a problem until the rows of a later one, or of a later attempt, passed.
       CASE WHEN m.removed_at IS NULL
                 AND NOT EXISTS (SELECT FROM retraind.run r
                                  WHERE r.model_id = m.model_id AND r.run_id > w.run_id
                                    AND (r.verdict IS NOT NULL OR EXISTS (
                                      SELECT FROM retraind.step c WHERE c.run_id = r.run_id AND c.step = 'validate_data')))
                 AND NOT EXISTS (SELECT FROM retraind.step c
                                  WHERE c.run_id = w.run_id AND c.attempt > w.attempt AND c.step = 'validate_data')
            THEN (SELECT (array_agg(f.sentence ORDER BY f.finding_id))[1]
                         || CASE WHEN count(*) > 1 THEN format(' (and %s more)', count(*) - 1) ELSE '' END
                    FROM retraind.data_finding f WHERE f.run_id = w.run_id AND f.attempt = w.attempt AND f.stops)
       END AS data_problem
  FROM retraind.model m
  LEFT JOIN retraind.promotion p ON p.model_id = m.model_id AND upper_inf(p.during)
  LEFT JOIN retraind.model_version v ON v.model_id = p.model_id AND v.version = p.version
  LEFT JOIN retraind.run o ON o.model_id = m.model_id AND o.state IN ('queued', 'running', 'awaiting_approval')
  LEFT JOIN LATERAL (SELECT * FROM retraind.run r WHERE r.model_id = m.model_id AND r.finished_at IS NOT NULL
                      ORDER BY r.run_id DESC LIMIT 1) l ON true
  LEFT JOIN retraind.trial s ON s.model_id = m.model_id AND s.kind = 'shadow' AND s.outcome IS NULL
  LEFT JOIN retraind.trial b ON b.model_id = m.model_id AND b.kind = 'bake' AND b.outcome IS NULL
  LEFT JOIN retraind.step_history h ON h.run_id = o.run_id AND h.finished_at IS NULL
  LEFT JOIN LATERAL (SELECT f.run_id, f.attempt FROM retraind.data_finding f JOIN retraind.run r USING (run_id)
                      WHERE f.stops AND r.model_id = m.model_id ORDER BY f.run_id DESC, f.attempt DESC LIMIT 1) w ON true;

-- A view's column means what the table's column of that name means.
DO $$
DECLARE
  item record;
BEGIN
  FOR item IN
    SELECT v.view, a.attname AS "column", col_description(v.first_table, b.attnum) AS meaning
      FROM (VALUES ('retraind.data_finding_history'::regclass, 'retraind.data_finding'::regclass),
                   ('retraind.search_history', 'retraind.search_trial'),
                   ('retraind.expectation_history', 'retraind.expectation'),
                   ('retraind.version_history', 'retraind.model_version')) v (view, first_table)
      JOIN pg_attribute a ON a.attrelid = v.view AND a.attnum > 0
      JOIN pg_attribute b ON b.attrelid = v.first_table AND b.attname = a.attname
  LOOP
    EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', item.view, item."column", item.meaning);
  END LOOP;
  FOR item IN
    SELECT unnest(ARRAY['data_finding_history', 'search_history', 'expectation_history', 'version_history']) AS view
  LOOP
    EXECUTE format('COMMENT ON COLUMN retraind.%I.model IS %L', item.view, 'Name of the model.');
  END LOOP;
END $$;
COMMENT ON COLUMN retraind.expectation_history.columns IS 'A list of the columns with their types and shares of NULL.';
COMMENT ON COLUMN retraind.version_history.made_at IS 'When it was added.';
COMMENT ON COLUMN retraind.version_history.trained_from IS 'Event time of the oldest row it was trained on (time columns that are timestamps or dates).';
COMMENT ON COLUMN retraind.version_history.trained_to IS 'Event time of the newest row it was trained on (likewise).';
COMMENT ON COLUMN retraind.version_history.trained_from_number IS 'The same where the time column is a number.';
COMMENT ON COLUMN retraind.version_history.trained_to_number IS 'The same where the time column is a number.';
COMMENT ON COLUMN retraind.version_history.config_sha256 IS 'The configuration its run carried.';
COMMENT ON COLUMN retraind.version_history.artifact_bytes IS 'Size of its artifact.';
COMMENT ON COLUMN retraind.version_history.kept_data_bytes IS 'Size of those rows, before they are compressed.';
COMMENT ON COLUMN retraind.version_history.parent_version IS 'The version whose model it went on from (training.warm_start); NULL: it was made from nothing.';
COMMENT ON COLUMN retraind.version_history.lineage IS 'Where it comes from: the query, its bounds and the digests of its rows, the trainer and its files, the parameters used.';
COMMENT ON COLUMN retraind.step_history.started_at IS 'When the step began.';
COMMENT ON COLUMN retraind.step_history.finished_at IS 'When it ended; NULL while it goes on.';
COMMENT ON COLUMN retraind.step_history.rows IS 'Rows it dealt with, so far.';
COMMENT ON COLUMN retraind.step_history.done IS 'How far a step that goes on has come; NULL while it is not known, and once it has ended.';
COMMENT ON COLUMN retraind.step_history.total IS 'Where it ends; NULL likewise.';
COMMENT ON COLUMN retraind.step_history.unit IS 'What both are counted in: rows, rounds or steps.';
COMMENT ON COLUMN retraind.step_history.noted_at IS 'When that was noted.';
COMMENT ON COLUMN retraind.step_history.time_left IS 'About how much longer it takes, at the speed so far; NULL before 2 % are done.';
COMMENT ON COLUMN retraind.status.open_run_done IS 'How far that step has come; NULL while it is not known.';
COMMENT ON COLUMN retraind.status.open_run_total IS 'Where the step ends; NULL while it is not known.';
COMMENT ON COLUMN retraind.status.open_run_unit IS 'What both are counted in: rows, rounds or steps.';
COMMENT ON COLUMN retraind.status.open_run_time_left IS 'About how much longer the step takes, at the speed so far; NULL before 2 % are done.';
COMMENT ON COLUMN retraind.status.data_problem IS 'Why the rows of a run were not fit to be trained on; NULL once those of a later run passed.';

-- Rights --------------------------------------------------------------------------------------------------------------
GRANT SELECT ON retraind.data_finding_history, retraind.search_history, retraind.expectation_history, retraind.version_history
  TO retraind_reader, retraind_operator, retraind_daemon;
GRANT SELECT, INSERT ON retraind.data_finding, retraind.search_trial, retraind.expectation TO retraind_daemon;
