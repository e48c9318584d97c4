-- For registries of thousands of models and years of history: indexes for what is asked all the time, and a status that
-- looks at each model in few steps, however much has happened to it.

-- Triggers --------------------------------------------------------------------------------------------------------------
-- Most triggers are neither being evaluated nor alerting, so the last two are small.
CREATE INDEX monitor_next ON retraind.monitor (model_id, next_due_at) WHERE enabled AND next_due_at IS NOT NULL;
CREATE INDEX monitor_leased ON retraind.monitor (lease_expires_at) WHERE lease_term IS NOT NULL;
CREATE INDEX monitor_alerting ON retraind.monitor (model_id, trigger) WHERE enabled AND (state ->> 'alerting') = 'true';

-- Whatever is due is so only while its model is configured; few are removed.
CREATE INDEX model_removed ON retraind.model (model_id) WHERE removed_at IS NOT NULL;

-- The other queues ------------------------------------------------------------------------------------------------------
CREATE INDEX trial_leased ON retraind.trial (lease_expires_at) WHERE lease_term IS NOT NULL;
CREATE INDEX scoring_leased ON retraind.scoring (lease_expires_at) WHERE lease_term IS NOT NULL;

-- History ---------------------------------------------------------------------------------------------------------------
CREATE INDEX run_judged ON retraind.run (model_id, run_id DESC) WHERE verdict IS NOT NULL;
CREATE INDEX run_by_time ON retraind.run (queued_at);
-- An approval is the one change of state that is looked for by itself: what was approved may need a bake.
CREATE INDEX run_event_approved ON retraind.run_event (run_id) WHERE from_state = 'awaiting_approval' AND to_state = 'promoted';
CREATE INDEX firing_by_time ON retraind.firing (evaluated_at);
CREATE INDEX promotion_by_time ON retraind.promotion (lower(during));
CREATE INDEX release_by_model ON retraind.release (model_id, release_id DESC);
CREATE INDEX quarantine_by_model ON retraind.quarantine (model_id, quarantine_id DESC);

-- Views -----------------------------------------------------------------------------------------------------------------
CREATE OR REPLACE VIEW retraind.status AS
SELECT m.name AS model,
       CASE WHEN m.removed_at IS NOT NULL THEN 'removed' WHEN m.paused_at IS NOT NULL THEN 'paused' ELSE 'active' END AS state,
       p.version, lower(p.during) AS since, v.metric, v.value,
       o.run_id AS open_run_id, o.state AS open_run_state, o.step AS open_run_step,
       l.run_id AS last_run_id, l.state AS last_run_state, l.reason AS last_run_reason, l.finished_at AS last_run_at,
       (SELECT min(t.next_due_at) FROM retraind.monitor t WHERE t.model_id = m.model_id AND t.enabled) AS next_due_at,
       m.pause_reason,
       -- Few models alert, and few wait for an announcement: who is among them is known from one look for all.
       CASE WHEN m.removed_at IS NULL
                 AND m.model_id IN (SELECT t.model_id FROM retraind.monitor t WHERE t.enabled AND t.state ->> 'alerting' = 'true') THEN
         ARRAY(SELECT concat_ws(': ', t.trigger, a.reason) FROM retraind.monitor t
                 LEFT JOIN LATERAL (SELECT f.reason FROM retraind.firing f
                                     WHERE f.model_id = t.model_id AND f.trigger = t.trigger AND f.decision = 'alert'
                                     ORDER BY f.firing_id DESC LIMIT 1) a ON true
                WHERE t.model_id = m.model_id AND t.enabled AND t.state ->> 'alerting' = 'true'
                ORDER BY t.trigger)
            ELSE '{}' END AS alerts,
       s.version AS shadow_version, s.deadline AS shadow_until, b.against AS baking_against, b.deadline AS baking_until,
       CASE WHEN m.model_id IN (SELECT x.model_id FROM retraind.release x WHERE x.state = 'waiting') THEN
         (SELECT count(*) FROM retraind.release x WHERE x.model_id = m.model_id AND x.state = 'waiting')
            ELSE 0 END AS releases_waiting,
       h.done AS open_run_done, h.total AS open_run_total, h.unit AS open_run_unit, h.time_left AS open_run_time_left,
       -- Rows that stopped a run are a problem until the rows of a later one, or of a later attempt, passed. Those of a run
       -- that was judged had passed, so for most models there is nothing to look for, and never before the last such run.
       CASE WHEN m.removed_at IS NULL AND (l.verdict IS NULL OR o.run_id > l.run_id) THEN
         (SELECT (SELECT (array_agg(f.sentence ORDER BY f.finding_id))[1]
                         || CASE WHEN count(*) > 1 THEN format(' (and %s more)', count(*) - 1) ELSE '' END
                    FROM retraind.data_finding f WHERE f.run_id = w.run_id AND f.attempt = w.attempt AND f.stops)
            FROM (SELECT r.run_id, f.attempt FROM retraind.run r JOIN retraind.data_finding f ON f.run_id = r.run_id AND f.stops
                   WHERE r.model_id = m.model_id
                     AND r.run_id >= coalesce((SELECT max(j.run_id) FROM retraind.run j WHERE j.model_id = m.model_id AND j.verdict IS NOT NULL), 0)
                   ORDER BY r.run_id DESC, f.attempt DESC LIMIT 1) w
           WHERE NOT EXISTS (SELECT FROM retraind.run r
                              WHERE r.model_id = m.model_id AND r.run_id > w.run_id
                                AND (r.verdict IS NOT NULL OR EXISTS (
                                  SELECT FROM retraind.step c WHERE c.run_id = r.run_id AND c.step = 'validate_data')))
             AND NOT EXISTS (SELECT FROM retraind.step c
                              WHERE c.run_id = w.run_id AND c.attempt > w.attempt AND c.step = 'validate_data'))
       END AS data_problem
  FROM retraind.model m
  LEFT JOIN retraind.promotion p ON p.model_id = m.model_id AND upper_inf(p.during)
  LEFT JOIN retraind.model_version v ON v.model_id = p.model_id AND v.version = p.version
  LEFT JOIN retraind.run o ON o.model_id = m.model_id AND o.state IN ('queued', 'running', 'awaiting_approval')
  LEFT JOIN LATERAL (SELECT r.run_id, r.state, r.reason, r.finished_at, r.verdict FROM retraind.run r
                      WHERE r.model_id = m.model_id AND r.finished_at IS NOT NULL ORDER BY r.run_id DESC LIMIT 1) l ON true
  LEFT JOIN retraind.trial s ON s.model_id = m.model_id AND s.kind = 'shadow' AND s.outcome IS NULL
  LEFT JOIN retraind.trial b ON b.model_id = m.model_id AND b.kind = 'bake' AND b.outcome IS NULL
  LEFT JOIN retraind.step_history h ON h.run_id = o.run_id AND h.finished_at IS NULL;
