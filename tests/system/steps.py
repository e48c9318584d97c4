"""What happens to the machine, step by step. Each step waits for what it wants, with a deadline, and raises where it does
not come; what it returns is a word for the log."""

import gzip
import json
import pathlib
import re
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
CONFIG = "/etc/retraind/retraind.toml"
EXAMPLES = "/usr/share/doc/retraind/examples/trainer_python"
# Exposure by `systemd-analyze security`, in tenths.
EXPOSURE = 20


def packages(deb):
    """What the root holds: what boots, PostgreSQL, a JIT, and what the package depends on."""
    field = subprocess.run(["dpkg-deb", "-f", str(deb), "Depends"], capture_output=True, text=True, check=True).stdout
    needed = {re.split(r"[ (|]", alternative.strip())[0] for alternative in field.split(",")}
    return sorted(needed | {"systemd", "systemd-sysv", "dbus", "postgresql", "postgresql-client", "python3", "luajit"})


class Scene:
    def __init__(self, machine, deb, folder, say):
        self.machine = machine
        self.deb = deb
        self.folder = folder
        self.say = say
        self.outputs = {}  # of the commands in getting_started.md, by their text

    def sql(self, text, database="retraind"):
        done = self.machine.run("runuser", "-u", "postgres", "--", "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database,
                                "-c", text)
        return done.stdout.strip()

    def until_sql(self, what, text, seconds=120):
        """Waits until the query says t."""
        return self.machine.until(f"{what} ({text})", lambda: self.sql(text) == "t", seconds)

    def property(self, name, unit="retraind"):
        return self.machine.run("systemctl", "show", "--value", "-p", name, unit).stdout.strip()

    def until_active(self, unit="retraind", seconds=60):
        self.machine.until(f"{unit} is active", lambda: self.property("ActiveState", unit) == "active", seconds)

    def journal(self, lines):
        try:
            return self.machine.run("journalctl", "--no-pager", "-n", lines, "-u", "retraind*", check=False).stdout
        except Exception as error:  # the machine may be what is broken
            return f"no journal: {error}"

    def processes(self, unit="retraind.service"):
        """Numbers of all processes in the unit's control groups."""
        found = self.machine.shell(
            f"cat /sys/fs/cgroup/system.slice/{unit}/cgroup.procs /sys/fs/cgroup/system.slice/{unit}/*/cgroup.procs "
            "2>/dev/null || true").stdout
        return found.split()

    def configure(self, text):
        self.machine.path(CONFIG).write_text(text)

    def configuration(self):
        return self.machine.path(CONFIG).read_text()

    def run_of(self, model, state):
        """The newest run of a model in that state, or nothing."""
        return self.sql(f"SELECT run_id FROM retraind.run_history WHERE model = '{model}' AND state = '{state}' "
                        "ORDER BY run_id DESC LIMIT 1")


def expect(fact, words):
    if not fact:
        raise AssertionError(words)


def boots(scene):
    """the machine boots, and PostgreSQL answers"""
    scene.machine.until("PostgreSQL answers", lambda: scene.machine.run(
        "runuser", "-u", "postgres", "--", "pg_isready", check=False).returncode == 0, 60)
    return scene.machine.run("systemctl", "--version").stdout.split("\n")[0]


def installs(scene):
    """the package installs, and starts nothing"""
    shutil.copy(scene.deb, scene.machine.path("/root"))
    scene.machine.run("dpkg", "-i", f"/root/{scene.deb.name}", timeout=300)
    expect(scene.property("ActiveState") == "inactive", "the service runs after the installation")
    expect(scene.property("UnitFileState") == "disabled", "the service is enabled after the installation")
    failed = scene.machine.run("systemctl", "--failed", "--plain", "--no-legend").stdout
    expect("retraind" not in failed, failed)
    rights = scene.machine.run("stat", "-c", "%n %a %U:%G", "/etc/retraind", CONFIG, "/var/lib/retraind").stdout.split("\n")
    expect(rights[:3] == ["/etc/retraind 750 root:retraind", f"{CONFIG} 640 root:retraind",
                          "/var/lib/retraind 750 retraind:retraind"], rights)
    scene.machine.run("retraind", "check")
    for page in ("man1/retraind.1.gz", "man5/retraind.toml.5.gz", "man8/retraind.8.gz"):
        expect(scene.machine.path(f"/usr/share/man/{page}").exists(), f"no {page}")
    return scene.machine.run("retraind", "--version").stdout.strip()


def is_hardened(scene):
    """systemd finds nothing wrong with the units, and little exposed"""
    words = []
    for unit in ("retraind.service", "retraind@a.service"):
        verified = scene.machine.run("systemd-analyze", "verify", "--man=no", unit)
        expect(verified.stdout.strip() == "", verified.stdout)
        done = scene.machine.run("systemd-analyze", "security", f"--threshold={EXPOSURE}", unit)
        words.append(re.search(r"Overall exposure level for (\S+: \S+)", done.stdout)[1])
    return ", ".join(words)


def gets_started(scene):
    """docs/getting_started.md: a database, a configuration, a first model in production"""
    page = (PROJECT / "docs" / "getting_started.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    expect(blocks[0].startswith("apt install"), "the page does not begin with the installation")
    for block in blocks[1:]:
        if "retraind history" in block:
            scene.until_sql("the first model is in production",
                            "SELECT count(*) = 1 FROM retraind.production WHERE model = 'buyers'", 180)
        scene.outputs[block] = scene.machine.shell(block, timeout=180).stdout
        expect("ERROR" not in scene.outputs[block], f"{block}{scene.outputs[block]}")
    (scene.folder / "getting_started.log").write_text(
        "".join(f"$ {block}{output}\n" for block, output in scene.outputs.items()))
    scene.until_active()
    return scene.sql("SELECT format('version %s, %s %s', version, metric, round(value::numeric, 4)) FROM retraind.production")


def learns_real_data(scene):
    """a second model, of real data, comes by `systemctl reload`; another of the rows that came is promoted"""
    real = PROJECT.parent / "shared" / "data" / "elec2.csv.gz"
    target = scene.machine.path("/srv/power.csv")
    if real.exists():
        target.write_bytes(gzip.decompress(real.read_bytes()))
        kind = "elec2"
    else:
        scene.machine.run("chown", "postgres", "/srv")
        scene.machine.run("runuser", "-u", "postgres", "--", "psql", "-Xq", "-c",
                          "COPY (SELECT '1996-05-07'::timestamp + i * interval '30 min' AS ts, 0 AS date_norm, 1 + i / 48 % 7 "
                          "AS day, i % 48 / 48.0 AS period, random() AS nswprice, random() AS nswdemand, random() AS vicprice,"
                          "random() AS vicdemand, random() AS transfer, (random() + i % 48 / 48.0 > 1)::int AS up "
                          "FROM generate_series(1, 20000) AS i) TO '/srv/power.csv' (FORMAT csv, HEADER)")
        kind = "generated rows"
    scene.machine.run("chmod", "0644", "/srv/power.csv")
    scene.sql("CREATE TABLE power_all (ts timestamp, date_norm float, day int, period float, nswprice float, nswdemand float,"
              "vicprice float, vicdemand float, transfer float, up int)", "shop")
    scene.sql("COPY power_all FROM '/srv/power.csv' (FORMAT csv, HEADER)", "shop")
    scene.sql("CREATE TABLE power AS SELECT * FROM power_all ORDER BY ts LIMIT 4000", "shop")
    scene.sql("GRANT SELECT ON power TO retraind", "shop")
    scene.configure(scene.configuration() + """
[daemon]
drain_timeout = "2s"
poll_interval = "500ms"

[model.power]
source = "shop"
query = "SELECT ts, day, period, nswprice, nswdemand, transfer, up FROM power"
time_column = "ts"
label = "up"
[model.power.training]
window = "6000 rows"
[model.power.validation]
rule = "non_inferior"
margin = 0.5
[[model.power.trigger]]
on = "new_rows"
rows = 3000
every = "1s"
backoff = "0s"
""")
    pid = scene.property("MainPID")
    scene.machine.run("systemctl", "reload", "retraind")
    scene.until_sql("version 1 of power is in production",
                    "SELECT count(*) = 1 FROM retraind.production WHERE model = 'power'", 180)
    scene.sql("INSERT INTO power SELECT * FROM power_all ORDER BY ts OFFSET 4000 LIMIT 4000", "shop")
    scene.until_sql("a later version of power is in production",
                    "SELECT coalesce(max(version) > 1, false) FROM retraind.production WHERE model = 'power'", 180)
    expect(scene.property("MainPID") == pid, "the daemon was started anew")
    return kind + ", " + scene.sql("SELECT string_agg(format('version %s by %s', version, trigger), ', ' ORDER BY "
                                   "promotion_id) FROM retraind.promotion_history WHERE model = 'power'")


def refuses_a_bad_file(scene):
    """`systemctl reload` with a bad file fails, says why, and changes nothing"""
    good, pid = scene.configuration(), scene.property("MainPID")
    scene.configure(good.replace('rule = "non_inferior"', 'rule = "inferior"'))
    try:
        done = scene.machine.run("systemctl", "reload", "retraind", check=False)
        expect(done.returncode != 0, "the reload succeeded")
        scene.machine.until("the log says why", lambda: "inferior" in scene.journal(20), 10)
        # Also one that reaches the daemon changes nothing.
        scene.machine.run("systemctl", "kill", "--kill-whom=main", "--signal=HUP", "retraind")
        status = scene.machine.until("the daemon complains", lambda: re.search(
            r".*last reload failed.*", scene.property("StatusText")), 20)
    finally:
        scene.configure(good)
    expect(scene.property("MainPID") == pid and scene.property("ActiveState") == "active", "the daemon is not what it was")
    scene.machine.run("systemctl", "reload", "retraind")
    return status[0][:150]


def add_command_model(scene, name, train, more=""):
    scene.configure(scene.configuration() + f"""
[model.{name}]
source = "shop"
query = "SELECT ts, day, period, nswprice, nswdemand, transfer, up FROM power"
time_column = "ts"
label = "up"
[model.{name}.training]
trainer = "command"
train = {json.dumps(train)}
predict = ["{EXAMPLES}/predict.py"]
window = "2000 rows"
memory_limit = "1GiB"
{more}
""")
    scene.machine.run("systemctl", "reload", "retraind")


def install_trainer(scene, name, text):
    path = scene.machine.path(f"/opt/trainers/{name}")
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return f"/opt/trainers/{name}"


def log_of(scene, model):
    return scene.sql(f"SELECT string_agg(l.text, '') FROM retraind.run_log l JOIN retraind.run_history r USING (run_id) "
                     f"WHERE r.model = '{model}'")


def runs_python_trainers(scene):
    """a trainer in Python runs under the hardened unit, in a control group of its own"""
    trainer = install_trainer(scene, "telling.py", f"""#!/usr/bin/env python3
import os, sys
print("GROUP", open("/proc/self/cgroup").read().strip())
status = open("/proc/self/status").read()
print("STATUS", *[line for line in status.splitlines() if line.split(":")[0] in ("NoNewPrivs", "Seccomp", "CapBnd")])
try:
    open("/etc/retraind-was-here", "w")
except OSError as error:
    print("ETC", error.strerror)
sys.stdout.flush()
os.execv("{EXAMPLES}/train.py", ["train.py"])
""")
    add_command_model(scene, "script", [trainer])
    scene.until_sql("the trainer's model is in production",
                    "SELECT count(*) = 1 FROM retraind.production WHERE model = 'script'", 180)
    log = log_of(scene, "script")
    expect(re.search(r"0::\S*/retraind-cage-", log), f"the trainer was in no group of its own: {log}")
    own = scene.machine.run("cat", f"/proc/{scene.property('MainPID')}/cgroup").stdout
    expect("/system.slice/retraind.service/daemon" in own, f"the daemon is in {own}")
    expect("NoNewPrivs:\t1" in log and "Seccomp:\t2" in log and "CapBnd:\t0000000000000000" in log, log)
    expect("ETC Read-only file system" in log or "ETC Permission denied" in log, log)
    return re.search(r"/\S*retraind-cage-\S+", log)[0]


def runs_a_jit(scene):
    """a trainer with a just-in-time compiler runs under the hardened unit"""
    trainer = install_trainer(scene, "jit.py", f"""#!/usr/bin/env python3
import os, subprocess, sys
hot = "local s = 0; for i = 1, 1e6 do s = s + i % 7 end; local t = require('jit.util').traceinfo(1); " \\
      "print('TRACES', t and t.nexit and 'compiled' or 'none', jit.status())"
print(subprocess.run(["/usr/bin/luajit", "-e", hot], capture_output=True, text=True, check=True).stdout)
sys.stdout.flush()
os.execv("{EXAMPLES}/train.py", ["train.py"])
""")
    add_command_model(scene, "jit", [trainer])
    scene.until_sql("its model is in production",
                    "SELECT count(*) = 1 FROM retraind.production WHERE model = 'jit'", 180)
    log = log_of(scene, "jit")
    expect("TRACES\tcompiled\ttrue" in log, log)
    return "LuaJIT compiled its loop"


def recovers_from_kill(scene):
    """kill -9: systemd starts the daemon again, which goes on working"""
    pid, restarts = scene.property("MainPID"), int(scene.property("NRestarts"))
    scene.machine.run("kill", "-KILL", pid)
    scene.machine.until("systemd restarts it", lambda: int(scene.property("NRestarts")) > restarts, 60)
    scene.until_active()
    expect(scene.property("MainPID") not in ("0", pid), "it is the same process")
    run = scene.sql("SELECT retraind.request_run('power', 'after the kill')")
    scene.until_sql("a run that was asked for ends",
                    "SELECT count(*) = 1 FROM retraind.run_history WHERE model = 'power' AND trigger = 'manual' "
                    "AND finished_at IS NOT NULL", 180)
    return f"run {run or 'asked for'} ended after it"


def recovers_from_a_hang(scene):
    """a daemon that hangs is ended by the watchdog, and started again"""
    drop_in = scene.machine.path("/etc/systemd/system/retraind.service.d/hang.conf")
    drop_in.parent.mkdir(exist_ok=True)
    drop_in.write_text("[Service]\nWatchdogSec=10s\nTimeoutAbortSec=2s\nRestartSec=1s\n")
    try:
        scene.machine.run("systemctl", "daemon-reload")
        scene.machine.run("systemctl", "restart", "retraind")
        scene.until_active()
        pid, restarts = scene.property("MainPID"), int(scene.property("NRestarts"))
        scene.machine.run("kill", "-STOP", pid)
        scene.machine.until("systemd restarts it", lambda: int(scene.property("NRestarts")) > restarts, 90)
        scene.until_active()
        expect("Watchdog timeout" in scene.journal(40), "the log does not say why")
    finally:
        drop_in.unlink()
        scene.machine.run("systemctl", "daemon-reload")
        scene.machine.run("systemctl", "restart", "retraind")
    scene.until_active()
    return "stopped by SIGSTOP, restarted"


GATE = "/opt/trainers/gate"


def wait_for_training(scene):
    """A run of the slow model is at its trainer; its number."""
    scene.until_sql("a run of slow is running", "SELECT count(*) = 1 FROM retraind.run_history WHERE model = 'slow' AND "
                    "state = 'running'", 120)
    run = scene.run_of("slow", "running")
    scene.machine.until("its trainer runs", lambda: "waiting.py" in scene.machine.shell(
        "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' || true").stdout, 120)
    return run


def stops_in_mid_training(scene):
    """stopped in mid-training, the run goes back to the queue; started again, it is finished"""
    trainer = install_trainer(scene, "waiting.py", f"""#!/usr/bin/env python3
import os, time
while not os.path.exists("{GATE}"):
    time.sleep(0.1)
os.execv("{EXAMPLES}/train.py", ["train.py"])
""")
    add_command_model(scene, "slow", [trainer])
    run = wait_for_training(scene)
    scene.machine.run("systemctl", "stop", "retraind", timeout=120)
    expect(scene.property("Result") == "success", f"it ended with {scene.property('Result')}")
    expect(scene.processes() == [], "processes are left")
    state = scene.sql(f"SELECT state FROM retraind.run_history WHERE run_id = {run}")
    expect(state == "queued", f"run {run} is {state}")
    scene.machine.path(GATE).write_text("")
    scene.machine.run("systemctl", "start", "retraind")
    scene.until_sql(f"run {run} is finished", f"SELECT state = 'promoted' FROM retraind.run_history WHERE run_id = {run}", 180)
    return scene.sql(f"SELECT format('run %s promoted at attempt %s', run_id, attempt) FROM retraind.run_history WHERE run_id = {run}")


def later_package(scene):
    """The same files as a package of a higher version, each a new file on the disk once it is installed."""
    tree = scene.folder / "later"
    if tree.exists():
        shutil.rmtree(tree)
    subprocess.run(["dpkg-deb", "-R", str(scene.deb), str(tree)], check=True)
    control = tree / "DEBIAN" / "control"
    version = re.search(r"^Version: (.*)$", control.read_text(), re.MULTILINE)[1] + "+later"
    control.write_text(re.sub(r"^Version: .*$", f"Version: {version}", control.read_text(), flags=re.MULTILINE))
    out = scene.machine.path("/root/later.deb")
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b", str(tree), str(out)], check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)
    return version


def upgrades_in_mid_training(scene):
    """upgraded in mid-training, the run is finished by the new daemon; until then workers are the old one's own file"""
    version = later_package(scene)
    scene.machine.path(GATE).unlink()
    pid = scene.property("MainPID")
    scene.machine.run("dpkg", "--unpack", "/root/later.deb", timeout=120)
    expect(scene.property("MainPID") == pid, "unpacking restarted the daemon")
    scene.sql("SELECT retraind.request_run('slow', 'before the upgrade')")
    run = wait_for_training(scene)
    for one in (pid, *scene.machine.run("pgrep", "-x", "-P", pid, "retraind").stdout.split()):
        file = scene.machine.run("readlink", f"/proc/{one}/exe").stdout.strip()
        expect(file == "/usr/bin/retraind (deleted)", f"process {one} is {file}, with the daemon's own file replaced")
    scene.machine.run("dpkg", "--configure", "retraind", timeout=180)
    scene.until_active()
    expect(scene.property("MainPID") != pid, "it is still the old daemon")
    installed = scene.machine.run("dpkg-query", "-W", "-f", "${Version}", "retraind").stdout
    expect(installed == version, installed)
    scene.machine.path(GATE).write_text("")
    scene.until_sql(f"run {run} is finished", f"SELECT finished_at IS NOT NULL AND state <> 'failed' FROM "
                    f"retraind.run_history WHERE run_id = {run}", 180)
    return scene.sql(f"SELECT format('run %s %s at attempt %s', run_id, state, attempt) FROM retraind.run_history "
                     f"WHERE run_id = {run}") + f", {version}"


def several_instances(scene):
    """an instance of the template runs beside it, under a name of its own"""
    scene.machine.path("/etc/retraind/second.toml").write_text("""[registry]
conninfo = "dbname=retraind"
[http]
listen = ""
[source.shop]
conninfo = "dbname=shop"
[model.second]
source = "shop"
query = "SELECT at, minutes, pages, regular, bought FROM visit"
time_column = "at"
label = "bought"
""")
    scene.machine.run("chgrp", "retraind", "/etc/retraind/second.toml")
    scene.machine.run("systemctl", "start", "retraind@second")
    scene.until_active("retraind@second")
    scene.until_sql("its model is in production", "SELECT count(*) = 1 FROM retraind.production WHERE model = 'second'", 180)
    # Either may have done the run: both know the source.
    names = scene.sql("SELECT string_agg(instance, ', ' ORDER BY instance) FROM retraind.daemon")
    expect("debian-second" in names.split(", "), f"the daemons are {names}")
    scene.machine.run("systemctl", "stop", "retraind@second")
    # The first one has taken nothing for its own, nor lost anything.
    expect(scene.sql("SELECT count(*) >= 4 FROM retraind.status WHERE model <> 'second'") == "t", "models are gone")
    return names


def keeps_a_journal(scene):
    """the journal has an entry an event, with the model and the run as fields"""
    found = scene.machine.run("journalctl", "-u", "retraind", "-o", "json", "--no-pager").stdout
    entries = [json.loads(line) for line in found.splitlines() if line.startswith("{")]
    ours = [entry for entry in entries if "RETRAIND_MODEL" in entry and "RETRAIND_RUN" in entry]
    expect(len(ours) > 5, f"of {len(entries)} entries {len(ours)} have RETRAIND_MODEL and RETRAIND_RUN")
    expect(all(entry["_SYSTEMD_UNIT"] == "retraind.service" for entry in ours), "entries of another unit")
    worst = sorted({entry["PRIORITY"] for entry in ours})
    return f"{len(ours)} entries with fields, priorities {', '.join(worst)}"


def refuses_an_older_schema(scene):
    """with a schema of another version it does not start, says what to do, and is not restarted for ever"""
    scene.machine.run("systemctl", "stop", "retraind")
    newest = int(scene.sql("SELECT max(version) FROM retraind.schema_version"))
    owner = ("runuser", "-u", "postgres", "--", "retraind", "--config", "/tmp/owner.toml", "migrate")
    scene.machine.run(*owner, "--to", newest - 1)
    done = scene.machine.run("systemctl", "start", "retraind", check=False)
    scene.machine.until("it has failed", lambda: scene.property("ActiveState") == "failed", 60)
    expect(scene.property("NRestarts") == "0", f"it was restarted {scene.property('NRestarts')} times")
    sentence = re.search(r"the registry's schema has version.*", scene.journal(30))
    expect(sentence, done.stdout)
    scene.machine.run(*owner)
    scene.machine.run("systemctl", "start", "retraind")
    scene.until_active()
    return sentence[0]


def removes(scene):
    """removed, it leaves configuration and state; purged, neither; the databases and the user stay"""
    extra = scene.machine.path("/etc/retraind/second.toml")
    scene.machine.run("dpkg", "--remove", "retraind", timeout=180)
    expect(scene.property("ActiveState") == "inactive" and scene.processes() == [], "it still runs")
    expect(not scene.machine.path("/usr/bin/retraind").exists(), "the binary is still there")
    expect(scene.machine.path(CONFIG).exists() and scene.machine.path("/var/lib/retraind").exists(), "a removal took too much")
    scene.machine.run("dpkg", "-i", f"/root/{scene.deb.name}", timeout=180)
    expect(scene.property("UnitFileState") == "enabled", "installed again, it is not enabled as it was")
    extra.unlink()
    scene.machine.run("dpkg", "--purge", "retraind", timeout=180)
    for path in ("/etc/retraind", "/var/lib/retraind", "/usr/share/doc/retraind", "/lib/systemd/system/retraind.service",
                 "/etc/systemd/system/multi-user.target.wants/retraind.service",
                 "/etc/systemd/system/retraind.service"):
        there = scene.machine.run("test", "-e", path, "-o", "-L", path, check=False).returncode == 0
        expect(not there, f"{path} is still there")
    scene.machine.run("getent", "passwd", "retraind")
    versions = scene.sql("SELECT count(*) FROM retraind.promotion_history")
    return f"{versions} promotions are still in the registry"


STEPS = [boots, installs, is_hardened, gets_started, learns_real_data, refuses_a_bad_file, runs_python_trainers, runs_a_jit,
         recovers_from_kill, recovers_from_a_hang, stops_in_mid_training, upgrades_in_mid_training, several_instances,
         keeps_a_journal, refuses_an_older_schema, removes]
# Without these nothing that follows can tell anything.
NEEDED = [boots, installs, gets_started]
