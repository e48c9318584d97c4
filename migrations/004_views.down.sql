DROP VIEW retraind.status, retraind.metric_history, retraind.step_history, retraind.drift_history, retraind.trigger_history,
  retraind.gate_result, retraind.run_history, retraind.promotion_history, retraind.production;
