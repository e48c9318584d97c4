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

DROP INDEX retraind.model_removed, retraind.monitor_next, retraind.monitor_leased, retraind.monitor_alerting, retraind.trial_leased, retraind.scoring_leased,
  retraind.run_judged, retraind.run_event_approved, retraind.run_by_time, retraind.firing_by_time, retraind.promotion_by_time, retraind.release_by_model,
  retraind.quarantine_by_model;
