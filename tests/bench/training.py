"""A run from table to verdict beside the COPY of its rows, and beside the script one would write in Python."""

import json
import os
import pathlib
import subprocess
import sys

from drift import copy_of
from measure import Spread, run_once

MIB = 2**20
FEATURES = [f"x{i}" for i in range(1, 11)]
COLUMNS = ", ".join(["ts", *FEATURES, "y"])

MODEL = """
[model.t]
source = "data"
query = "SELECT {columns} FROM rows"
time_column = "ts"
label = "y"

[model.t.training]
rounds = 100
threads = 2
params = {{ max_depth = 6 }}
min_rows = 1000

[model.t.validation]
metric = "auc"
shadow = "0s"
bake = "0s"
"""


def run(sandbox, report, options):
    rows = 100_000 if options.quick else 1_000_000
    print(f"  making {rows} rows", flush=True)
    sandbox.sql("CREATE TABLE rows (ts timestamptz NOT NULL, " + ", ".join(f"{x} double precision" for x in FEATURES) +
                ", y integer); CREATE INDEX ON rows (ts);", "source")
    sandbox.sql("INSERT INTO rows SELECT timestamptz '2025-01-01 00:00+00' + i * interval '1 s', a, b, " +
                ", ".join("random()" for _ in FEATURES[2:]) +
                ", ((a + b * b + random() * 0.5) > 1)::integer FROM (SELECT i, random() AS a, random() AS b FROM "
                f"generate_series(1, {rows}) AS i) AS drawn; ANALYZE rows", "source")
    copy = copy_of(sandbox, f"SELECT {COLUMNS} FROM rows")
    model = MODEL.format(columns=COLUMNS)
    sandbox.retraind(sandbox.configure(model, name="training"), "migrate")
    one, memory = runs_of(sandbox, options, copy, model)
    two, _ = runs_of(sandbox, options, copy, "streams = 2\n" + model)

    ratio = Spread([taken["own"] / taken["copy"] for taken in one])
    report.at_most("training", f"run on {rows} rows × 10 features, less XGBoost's calls / COPY", ratio.median, 1.15, str(ratio),
                   limit="COPY; then digest, validation, derivatives, verdict, reference, each a pass over the rows")
    report.add("training", "… the same with the rows read by two streams", str(Spread([t["own"] / t["copy"] for t in two])))
    own = Spread([taken["own"] for taken in one])
    report.add("training", "… XGBoost's own calls; all else", f"{Spread([taken['xgboost'] for taken in one])} s; {own} s")
    report.add("training", "… its steps, median", ", ".join(
        f"{name} {Spread([taken['steps'][name] for taken in one]).median:.2f} s" for name in one[0]["steps"]))
    matrix = rows * len(FEATURES) * 4
    report.at_most("training", "memory of the worker / matrix of 4-byte floats", memory / matrix, 2.5,
                   f"{memory / matrix:.2f} ({memory / MIB:.0f} MiB)")
    peer(sandbox, report, options, own, memory)


def runs_of(sandbox, options, copy, model):
    """What each of some runs took, with the COPY after it; and the most memory of any process."""
    config = sandbox.configure(model, name="training", daemon='poll_interval = "500ms"')
    copy()
    daemon = sandbox.start(config)
    sandbox.wait_until("SELECT count(*) > 0 FROM retraind.model WHERE name = 't'")
    out = []
    # The first run has no opponent to be judged against, or is the first of its daemon, and is not counted.
    for number in range(options.runs + 1):
        sandbox.sql("SELECT retraind.request_run('t', 'benchmark')")
        sandbox.wait_until("SELECT bool_and(finished_at IS NOT NULL) FROM retraind.run_history WHERE model = 't'", 1800)
        copied = copy().wall
        if number > 0:
            taken = of_last_run(sandbox)
            out.append({"copy": copied, "own": taken["whole"] - taken["xgboost"], **taken})
    failed = sandbox.sql("SELECT string_agg(reason, '; ') FROM retraind.run_history WHERE model = 't' AND (verdict IS NULL OR state = 'failed')")
    if failed:
        raise RuntimeError(f"a run did not reach a verdict: {failed}")
    daemon.process.terminate()
    _, _, usage = os.wait4(daemon.process.pid, 0)  # of the largest process: the worker
    daemon.process.returncode = 0
    daemon.stop()
    return out, usage.ru_maxrss * 1024


def of_last_run(sandbox):
    """Seconds of the last run's steps, and of XGBoost's calls in them."""
    steps = {}
    xgboost = 0.0
    for line in sandbox.sql("SELECT step, extract(epoch FROM finished_at - started_at), detail FROM retraind.step_history WHERE "
                            "run_id = (SELECT max(run_id) FROM retraind.run) AND finished_at IS NOT NULL "
                            "ORDER BY started_at").splitlines():
        step, seconds, detail = line.split("|", 2)
        steps[step] = float(seconds)
        detail = json.loads(detail)
        xgboost += (detail.get("xgboost_ms", 0) + detail.get("predict_ms", 0)) / 1000
    whole = float(sandbox.sql("SELECT extract(epoch FROM finished_at - started_at) FROM retraind.run_history ORDER BY run_id DESC LIMIT 1"))
    if not xgboost:
        raise RuntimeError("no step says how long XGBoost took")
    return {"whole": whole, "xgboost": xgboost, "steps": steps}


def peer(sandbox, report, options, own, memory):
    script = pathlib.Path(__file__).parent / "peer_training.py"
    # Debian's own Python has Debian's packages; another one may come first in the path.
    python = next((each for each in (sys.executable, "/usr/bin/python3") if subprocess.run(
        [each, "-c", "import pandas, psycopg2, sqlalchemy"], capture_output=True).returncode == 0), None)
    if python is None:
        report.skip("training", "the script in Python: pandas, psycopg2 and sqlalchemy are not all installed")
        return
    command = [python, str(script), f"SELECT {COLUMNS} FROM rows", "100"]
    taken = [run_once(command, sandbox.environment, keep_output=True) for _ in range(min(3, options.runs))]
    outside = Spread([t.wall - json.loads(t.output)["xgboost"] for t in taken])
    report.add("training", "the same in Python outside XGBoost / ours", f"{outside.median / own.median:.1f} ({outside} s)",
               "at least 3", outside.median / own.median >= 3)
    most = max(t.memory for t in taken)
    report.add("training", "memory of the same in Python / ours", f"{most / memory:.1f} ({most / MIB:.0f} MiB)", "at least 3",
               most / memory >= 3)
