"""From a recorded signal, and from a request, to the started run; on an idle machine and on one whose cores are all busy."""

import os
import subprocess
import sys

from measure import percentile

MODEL = """
[model.l]
source = "data"
query = "SELECT ts, x, y FROM little"
time_column = "ts"
label = "y"

[model.l.training]
rounds = 5
min_rows = 100

[model.l.validation]
shadow = "0s"
bake = "0s"

[[model.l.trigger]]
on = "signal"
signal = "go"
above = 0.5
backoff = "0s"
"""

ENDED = "SELECT bool_and(finished_at IS NOT NULL) FROM retraind.run_history WHERE model = 'l'"


def run(sandbox, report, options):
    sandbox.sql("CREATE TABLE little AS SELECT timestamptz '2025-01-01 00:00+00' + i * interval '1 min' AS ts, x, "
                "((x > 0.5) <> (random() < 0.1))::integer AS y FROM (SELECT i, random() AS x FROM generate_series(1, 2000) AS i) AS r",
                "source")
    config = sandbox.configure(MODEL, name="latency")
    sandbox.retraind(config, "migrate")
    daemon = sandbox.start(config)
    sandbox.wait_until("SELECT count(*) > 0 FROM retraind.model WHERE name = 'l'")
    sandbox.sql("SELECT retraind.request_run('l', 'the first')")
    sandbox.wait_until(ENDED)
    count = 20 if options.quick else 100
    for machine, hogs in (("idle", 0), ("busy", os.cpu_count())):
        busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(hogs)]
        try:
            for what, begin in (("record_signal", signal), ("request_run", request)):
                taken = [1000 * begin(sandbox) for _ in range(count)]
                text = f"{percentile(taken, 0.5):.0f} ms; {percentile(taken, 0.99):.0f} ms (n = {count})"
                if machine == "idle":
                    report.at_most("latency", f"{what} to run started, {machine} machine: median; p99", percentile(taken, 0.5), 100,
                                   text, " ms", limit="two transactions and a NOTIFY")
                else:
                    report.add("latency", f"{what} to run started, every core taken: median; p99", text)
        finally:
            for hog in busy:
                hog.kill()
                hog.wait()
    daemon.stop()


def signal(sandbox):
    begun = sandbox.sql("SELECT clock_timestamp() FROM (SELECT retraind.record_signal('go', 1)) AS x")
    sandbox.wait_until(f"SELECT count(*) = 1 FROM retraind.run_history WHERE model = 'l' AND trigger = 'signal' AND started_at >= '{begun}'")
    took = since(sandbox, begun)
    sandbox.wait_until(ENDED)
    sandbox.sql("SELECT retraind.record_signal('go', 0)")
    sandbox.wait_until("SELECT (SELECT phase FROM retraind.monitor JOIN retraind.model USING (model_id) WHERE name = 'l' AND "
                       "trigger = 'signal') = 'inactive'")
    return took


def request(sandbox):
    begun = sandbox.sql("SELECT clock_timestamp() FROM (SELECT retraind.request_run('l', 'benchmark')) AS x")
    sandbox.wait_until(f"SELECT count(*) = 1 FROM retraind.run_history WHERE model = 'l' AND trigger = 'manual' AND started_at >= '{begun}'")
    took = since(sandbox, begun)
    sandbox.wait_until(ENDED)
    return took


def since(sandbox, begun):
    return float(sandbox.sql(f"SELECT extract(epoch FROM started_at - '{begun}') FROM retraind.run_history WHERE model = 'l' "
                             "ORDER BY run_id DESC LIMIT 1"))
