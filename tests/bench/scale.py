"""A registry with 10,000 models of three triggers each and a million rows of history, and one daemon or two on it."""

import re
import socket
import subprocess
import time
import urllib.request

from measure import Spread, percentile, run_once
from sandbox import RETRAIND, ROOT

MIB = 2**20

# Else what is older than its time would be removed while the rest is measured, and a second daemon might wish otherwise.
KEEP_ALL = "[retention]\n" + "".join(f'{kind} = "0s"\n' for kind in (
    "drift_checks", "performance_checks", "trigger_decisions", "run_logs", "signals", "unused_artifacts"))

# As people ask, of a model with much history.
VIEWS = {
    "status, all models": "SELECT * FROM retraind.status ORDER BY model",
    "status of one model": "SELECT * FROM retraind.status WHERE model = 'model_00001'",
    "production, all models": "SELECT * FROM retraind.production",
    "promotion_history of a model": "SELECT * FROM retraind.promotion_history WHERE model = 'model_00001' ORDER BY promotion_id DESC",
    "run_history, the newest 50": "SELECT * FROM retraind.run_history ORDER BY run_id DESC LIMIT 50",
    "run_history of a model": "SELECT * FROM retraind.run_history WHERE model = 'model_00001' ORDER BY run_id DESC LIMIT 50",
    "run_history that awaits approval": "SELECT * FROM retraind.run_history WHERE state = 'awaiting_approval'",
    "trigger_history of a model": "SELECT * FROM retraind.trigger_history WHERE model = 'model_00001' ORDER BY firing_id DESC LIMIT 50",
    "drift_history, the last check of a model": "SELECT * FROM retraind.drift_history WHERE model = 'model_00001' AND check_id = "
        "(SELECT max(check_id) FROM retraind.drift_history WHERE model = 'model_00001')",
    "gate_result of a run": "SELECT * FROM retraind.gate_result WHERE run_id = (SELECT max(run_id) FROM retraind.run_history)",
    "step_history of a run": "SELECT * FROM retraind.step_history WHERE run_id = (SELECT max(run_id) FROM retraind.run_history)",
    "release_history of a model": "SELECT * FROM retraind.release_history WHERE model = 'model_00001' ORDER BY release_id DESC LIMIT 50",
}


def run(sandbox, report, options):
    models, history = (200, 20_000) if options.quick else (10_000, 1_000_000)
    made = sandbox.folder / "models"
    subprocess.run([ROOT / "tests/bench/many_models", str(models), made], check=True)
    port, other = free_port(), free_port()
    config = sandbox.configure(KEEP_ALL, name="scale", include=f"{made}/*.toml", port=port)
    sandbox.sql("CREATE TABLE nothing ()", "source")
    sandbox.retraind(config, "migrate")

    daemon = sandbox.start(config)
    report.add("scale", f"start with {models} new models, to ready", f"{daemon.until_ready(port):.1f} s")
    # There is nothing to train on; what is measured is what triggers cost that start nothing.
    sandbox.sql("SELECT retraind.pause(name, 'a benchmark') FROM retraind.model")
    until_quiet(sandbox, models)
    report.add("scale", "… until each of their triggers was evaluated once", f"{time.monotonic() - daemon.started:.0f} s")
    daemon.stop()
    print(f"  filling the registry with {history} rows", flush=True)
    sandbox.sql((ROOT / "tests/bench/registry_fill.sql").read_text(), variables={"models": models, "history": history})
    sandbox.sql("VACUUM ANALYZE")

    starts = []
    for _ in range(options.runs):
        daemon = sandbox.start(config)
        starts.append(daemon.until_ready(port))
        if len(starts) < options.runs:
            daemon.stop()
    report.add("scale", "start with the same models once more, to ready", f"{Spread(starts)} s",
               limit="reading and checking a file for each model")
    until_quiet(sandbox, models)
    idle(sandbox, report, daemon, 10 if options.quick else 60)
    status = Spread([run_once([str(RETRAIND), "--config", str(config), "status"], sandbox.environment).wall * 1000
                     for _ in range(options.runs)])
    report.add("scale", "`retraind status`, whole process", f"{status} ms", limit="printing a line a model")
    for name, query in VIEWS.items():
        took = Spread([milliseconds(sandbox, query) for _ in range(options.runs)])
        report.at_most("scale", name, took.median, 100, f"{took} ms", " ms")

    count = 100 if options.quick else 1000
    late = lateness(sandbox, count)
    report.add("scale", f"due to evaluated, {count} triggers within 30 s: median; p99",
               f"{percentile(late, 0.5):.0f} ms; {percentile(late, 0.99):.0f} ms")

    second = sandbox.start(sandbox.configure(KEEP_ALL, name="second", include=f"{made}/*.toml", port=other))
    second.until_ready(other)
    until_quiet(sandbox, models)
    before = evaluations(port), evaluations(other)
    lateness(sandbox, count)
    shares = [after - b for after, b in zip((evaluations(port), evaluations(other)), before)]
    report.add("scale", f"two daemons: triggers of {count} evaluated by each", f"{shares[0]:.0f}; {shares[1]:.0f}", "about half",
               min(shares) >= 0.3 * count)


def idle(sandbox, report, daemon, seconds):
    database = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = 'registry'"
    begin, cpu, begun = int(sandbox.sql(database, "postgres")), daemon.cpu_seconds(), time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - begun
    report.at_most("scale", "idle: processor", 100 * (daemon.cpu_seconds() - cpu) / took, 2, unit=" %")
    report.at_most("scale", "idle: transactions a second", (int(sandbox.sql(database, "postgres")) - begin) / took, 5)
    report.at_most("scale", "idle: memory", daemon.memory() / MIB, 100, unit=" MiB")


def until_quiet(sandbox, models):
    """Every model is loaded, and nothing is being done or due: also of what the filled history left to be done."""
    sandbox.wait_until(f"""(SELECT count(*) FROM retraind.model WHERE removed_at IS NULL) >= {models}
AND NOT EXISTS (SELECT FROM retraind.monitor WHERE enabled AND (next_due_at < clock_timestamp() OR lease_term IS NOT NULL))
AND NOT EXISTS (SELECT FROM retraind.run WHERE state = 'queued' OR (state = 'running' AND lease_expires_at < clock_timestamp()))
AND NOT EXISTS (SELECT FROM retraind.trial WHERE outcome IS NULL AND (next_due_at < clock_timestamp() OR lease_term IS NOT NULL))
""", seconds=3600, pause=1)


def lateness(sandbox, count):
    """Milliseconds from due to evaluated, of triggers that become due at random within 30 s."""
    sandbox.sql(f"""CREATE TABLE IF NOT EXISTS public.planned (monitor_id bigint PRIMARY KEY, at timestamptz);
TRUNCATE public.planned;
INSERT INTO public.planned SELECT monitor_id, clock_timestamp() + interval '10 s' + random() * interval '30 s' FROM (
  SELECT monitor_id FROM retraind.monitor JOIN retraind.model USING (model_id)
   WHERE trigger = 'told' AND removed_at IS NULL ORDER BY md5(monitor_id::text) LIMIT {count}) chosen;
UPDATE retraind.monitor m SET next_due_at = p.at FROM public.planned p WHERE p.monitor_id = m.monitor_id;
ANALYZE public.planned""")
    # Looking on takes a part of the machine too: it begins when the last is due.
    sandbox.wait_until("SELECT clock_timestamp() > max(at) FROM public.planned", pause=1)
    sandbox.wait_until("SELECT bool_and(m.last_evaluated_at >= p.at) FROM public.planned p JOIN retraind.monitor m USING (monitor_id)")
    return [float(line) for line in sandbox.sql(
        "SELECT 1000 * extract(epoch FROM m.last_evaluated_at - p.at) FROM public.planned p JOIN retraind.monitor m "
        "USING (monitor_id)").splitlines()]


def milliseconds(sandbox, query):
    printed = sandbox.sql(f"\\timing on\n\\o /dev/null\n{query};\n")
    return float(re.findall(r"Time: ([0-9.]+) ms", printed)[-1])


def evaluations(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith("retraind_trigger_evaluations_total{"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
