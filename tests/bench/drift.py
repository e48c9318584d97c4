"""`retraind drift` beside the COPY of the same rows, on one stream and two, cold and with all but the newest rows counted."""

import json
import os

from measure import Spread, run_once, side_by_side
from sandbox import RETRAIND

FEATURES = [f"x{i}" for i in range(1, 11)] + ["c1", "c2"]
COLUMNS = ", ".join(["ts", *FEATURES, "y"])
MIB = 2**20

TABLE = """
CREATE TABLE events (ts timestamptz NOT NULL, {numbers}, c1 text, c2 text, y integer);
CREATE INDEX ON events (ts);
""".format(numbers=", ".join(f"x{i} double precision" for i in range(1, 11)))

# Rows number :from to :to, one a second; every number a draw of its own.
INSERT = """
INSERT INTO events
SELECT timestamptz '2025-01-01 00:00+00' + i * interval '1 s', x, {numbers},
       (ARRAY['red', 'green', 'blue', 'white', 'black', 'yellow', 'brown', 'grey'])[1 + floor(random() * 8)],
       'shop ' || floor(random() * 50), ((x > 0.5) <> (random() < 0.1))::integer
  FROM (SELECT i, random() AS x FROM generate_series(:from, :to) AS i) AS drawn;
""".format(numbers=", ".join("random()" for _ in range(9)))

MODEL = """
[model.m]
source = "data"
query = '''SELECT {columns} FROM {table}'''
time_column = "ts"
label = "y"
late_rows = "0s"

[model.m.training]
sample_rows = 100000
rounds = 10
threads = 2

[model.m.validation]
shadow = "0s"
bake = "0s"

[[model.m.trigger]]
name = "columns"
on = "drift"
every = "30d"
window = "all"
score = false

[[model.m.trigger]]
name = "columns_and_score"
on = "drift"
every = "30d"
window = "all"
"""


def run(sandbox, report, options):
    reference, fresh = (200_000, 500_000) if options.quick else (10_000_000, 5_000_000)
    print(f"  making {reference} reference rows, training on a sample of them, then making {fresh} fresh rows", flush=True)
    sandbox.sql(TABLE, "source")
    add_rows(sandbox, 1, reference)
    config = sandbox.configure(MODEL.format(columns=COLUMNS, table="events"), name="drift")
    promote(sandbox, config)
    trained_to = sandbox.sql("SELECT trained_to FROM retraind.production WHERE model = 'm'")
    add_rows(sandbox, reference + 1, reference + fresh)

    copy = copy_of(sandbox, f"SELECT {COLUMNS} FROM events WHERE ts > '{trained_to}'")
    check = drift_of(sandbox, config, "columns")
    rows = int(sandbox.sql(f"SELECT count(*) FROM events WHERE ts > '{trained_to}'", "source"))

    def cold(*more):
        def once():
            forget(sandbox)
            return drift_of(sandbox, config, "columns", *more)()
        return once

    one = side_by_side(cold(), copy, options.runs)
    expect_counted(sandbox, rows)
    ratio = one.ratio()
    limit = f"COPY itself: {rows / one.of_theirs().median / 1e6:.2f} million rows a second"
    report.at_most("drift", f"check of {rows} fresh rows × 12 features, one stream / COPY", ratio.median, 1.10, str(ratio), limit=limit)
    report.add("drift", "… its own processor time / that of psql",  str(one.ratio("cpu")))
    report.at_most("drift", "… memory of the process", one.of_ours("memory").median / MIB, 64, unit=" MiB")
    two = side_by_side(cold("--streams", "2"), copy, options.runs)
    expect_counted(sandbox, rows)
    report.at_most("drift", "check of the same rows, two streams / COPY on one", two.ratio().median, 0.75, str(two.ratio()),
                   limit=f"{os.cpu_count()} cores for two servers and two readers")
    report.at_most("drift", "… memory of the process", two.of_ours("memory").median / MIB, 64, unit=" MiB")
    scored = side_by_side(lambda: (forget(sandbox), drift_of(sandbox, config, "columns_and_score")())[1], copy,
                          min(options.runs, 3))
    report.add("drift", "check of the same rows and of production's scores of them / COPY", str(scored.ratio()),
               limit="XGBoost's prediction")

    inside = side_by_side(counting_inside(sandbox, trained_to), copy, min(options.runs, 3))
    report.add("drift", "the same counts made by PostgreSQL itself, in parallel / COPY", str(inside.ratio()),
               limit="a search in an array for each number, a hash for each group; worth it below 1")

    forget(sandbox)
    check()
    incremental(sandbox, report, options, config, reference + fresh)
    if not options.quick:
        largest(sandbox, report)


def incremental(sandbox, report, options, config, last):
    """Everything but 10,000 rows is counted already."""
    state = {"last": last, "since": None}

    def add():
        state["since"] = sandbox.sql("SELECT max(ts) FROM events", "source")
        add_rows(sandbox, state["last"] + 1, state["last"] + 10_000, analyze=False)
        state["last"] += 10_000

    def copy():
        add()
        return copy_of(sandbox, f"SELECT {COLUMNS} FROM events WHERE ts > '{state['since']}'")()

    # COPY first: it finds the new rows as cold as they are.
    pair = side_by_side(copy, drift_of(sandbox, config, "columns"), options.runs)
    copies, checks = pair.ours, pair.theirs
    over = Spread([1000 * (check.wall - 1.5 * copied.wall) for copied, check in zip(copies, checks)])
    report.at_most("drift", "10,000 new rows with all before them counted, less 1.5 × their COPY", over.median, 20, f"{over} ms",
                   " ms", limit="start of a process, two connections")
    report.add("drift", "… the whole check; their COPY",
               f"{1000 * pair.of_theirs().median:.0f} ms; {1000 * pair.of_ours().median:.0f} ms")


def largest(sandbox, report):
    """Fifty million rows that no table holds: only for what the check needs of memory."""
    rows = 50_000_000
    trained_to = sandbox.sql("SELECT trained_to FROM retraind.production WHERE model = 'm'")
    numbers = ", ".join(f"(i * {7 + k} % 1000) / 1000.0::double precision AS x{k}" for k in range(1, 11))
    sandbox.sql(f"""ALTER TABLE events RENAME TO some_events;
CREATE VIEW events AS SELECT timestamptz '{trained_to}' + i * interval '1 s' AS ts, {numbers},
  (ARRAY['red', 'green', 'blue'])[1 + i % 3] AS c1, 'shop ' || i % 50 AS c2, (i % 2)::integer AS y
  FROM generate_series(1, {rows}) AS i""", "source")
    forget(sandbox)
    config = sandbox.folder / "drift.toml"
    taken = drift_of(sandbox, config, "columns")()
    expect_counted(sandbox, rows)
    report.at_most("drift", f"memory of a check of {rows} rows", taken.memory / MIB, 64, unit=" MiB")


def add_rows(sandbox, first, last, analyze=True):
    sandbox.sql(INSERT + ("ANALYZE events;" if analyze else ""), "source", {"from": first, "to": last})
    if analyze:
        sandbox.sql("VACUUM events", "source")
        sandbox.sql("CHECKPOINT", "source")


def promote(sandbox, config):
    sandbox.retraind(config, "migrate")
    daemon = sandbox.start(config)
    sandbox.wait_until("SELECT count(*) > 0 FROM retraind.model")
    sandbox.sql("SELECT retraind.request_run('m', 'benchmark')")
    sandbox.wait_until("SELECT count(*) = 1 FROM retraind.production", 1800)
    daemon.stop()


def copy_of(sandbox, query):
    command = ["psql", "-Xq", "-d", "source", "-c", f"COPY ({query}) TO STDOUT (FORMAT binary)"]
    return lambda: run_once(command, sandbox.environment)


def drift_of(sandbox, config, trigger, *more):
    command = [str(RETRAIND), "--config", str(config), "drift", "m", "--trigger", trigger, "--json", *more]

    def once():
        taken = run_once(command, sandbox.environment, keep_output=True)
        json.loads(taken.output)
        return taken
    return once


def counting_inside(sandbox, trained_to):
    """The cells of each column by blocks of a day, a parallel scan for each column: what a push-down would have to send."""
    edges = "ARRAY[" + ", ".join(f"{i / 100}::double precision" for i in range(1, 100)) + "]"
    cells = [f"width_bucket({name}, {edges})" if name.startswith("x") else name for name in FEATURES]
    statements = [f"SELECT floor(extract(epoch FROM ts) / 86400), {cell}, count(*) FROM events WHERE ts > '{trained_to}' GROUP BY 1, 2"
                  for cell in cells]
    command = ["psql", "-Xq", "-d", "source", "-c", "SET max_parallel_workers_per_gather = 2",
               *[word for statement in statements for word in ("-c", statement)]]
    return lambda: run_once(command, sandbox.environment)


def forget(sandbox):
    """The next check counts everything again."""
    sandbox.sql("DELETE FROM retraind.fresh_block; DELETE FROM retraind.watch; VACUUM retraind.fresh_block")


def expect_counted(sandbox, rows):
    counted = int(sandbox.sql("SELECT coalesce(sum(rows), 0) FROM retraind.fresh_block WHERE stream = 'features'"))
    if counted != rows:
        raise RuntimeError(f"the check counted {counted} rows of {rows}: its time says nothing")
