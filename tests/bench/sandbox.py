"""A throw-away PostgreSQL and retraind beside it, for the benchmarks.

The server holds two databases, `source` and `registry`. It keeps its data in memory as far as it can (shared_buffers),
does not wait for its disk (fsync off: what is measured is work, not a disk), and never compiles queries (jit off, so that
a figure does not depend on whether a plan was just dear enough).
"""

import glob
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
RETRAIND = pathlib.Path(os.environ.get("RETRAIND_BINARY", ROOT / "build/release/daemon/retraind"))


class Sandbox:
    """Started by `with`, gone after it, whatever happens in between."""

    def __enter__(self):
        programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
        if not programs:
            raise SystemExit("bench: PostgreSQL's server is not installed; scripts/install_packages does that")
        self.programs = pathlib.Path(programs[-1])
        # The server will not run as root, and its socket's path must be short.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="retraind-bench-"))
        self.as_server = []
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
            self.as_server = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "env", "HOME=/tmp"]
        self.daemons = []
        self._server("initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "-D", self.folder / "data")
        options = f"-k {self.folder} -c listen_addresses='' -c fsync=off -c shared_buffers=2GB -c jit=off " \
                  "-c max_wal_size=8GB -c work_mem=64MB -c maintenance_work_mem=512MB -c max_connections=100"
        self._server("pg_ctl", "-D", self.folder / "data", "-l", self.folder / "log", "-s", "-w", "-o", options, "start")
        self.environment = dict(os.environ, PGHOST=str(self.folder), PGUSER="postgres", PGTZ="UTC")
        self.sql("CREATE DATABASE source", database="postgres")
        self.sql("CREATE DATABASE registry", database="postgres")
        self.server_version = self.sql("SHOW server_version", database="postgres").split()[0]
        return self

    def __exit__(self, *_):
        for daemon in list(self.daemons):
            daemon.stop()
        self._server("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "-s", "stop", check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _server(self, program, *arguments, check=True):
        command = [*self.as_server, str(self.programs / program), *map(str, arguments)]
        subprocess.run(command, check=check, stdout=subprocess.DEVNULL, cwd="/tmp")

    def sql(self, text, database="registry", variables=None):
        """What psql prints of it, unaligned and without headers."""
        command = ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database]
        for name, value in (variables or {}).items():
            command += ["-v", f"{name}={value}"]
        done = subprocess.run(command, input=text, text=True, env=self.environment, capture_output=True)
        if done.returncode != 0:
            raise RuntimeError(f"psql failed: {done.stderr.strip()}\n{text[:500]}")
        return done.stdout.strip()

    def configure(self, models, name="retraind", daemon="", include=None, port=0):
        """Writes a configuration; returns its path."""
        path = self.folder / f"{name}.toml"
        conninfo = f"host={self.folder} user=postgres dbname="
        lines = [f'include = ["{include}"]'] if include else []
        lines += ["[daemon]", f'instance = "{name}"', f'state_dir = "{self.folder}/{name}.state"', daemon,
                  "[http]", f'listen = "{f"127.0.0.1:{port}" if port else ""}"',
                  "[registry]", f'conninfo = "{conninfo}registry"',
                  "[source.data]", f'conninfo = "{conninfo}source"', 'statement_timeout = "1h"', models]
        path.write_text("\n".join(lines) + "\n")
        return path

    def retraind(self, config, *arguments):
        """Runs a command to its end; returns what it printed."""
        command = [str(RETRAIND), "--config", str(config), *arguments]
        done = subprocess.run(command, text=True, env=self.environment, capture_output=True)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
        return done.stdout

    def start(self, config):
        """Starts `retraind run`."""
        daemon = Daemon(self, config)
        self.daemons.append(daemon)
        return daemon

    def wait_until(self, fact, seconds=600, pause=0.1):
        """Waits for a boolean of SQL at the registry, that is asked every `pause` seconds."""
        end = time.monotonic() + seconds
        while self.sql(f"SELECT coalesce(({fact}), false)") != "t":
            for daemon in self.daemons:
                daemon.must_live()
            if time.monotonic() > end:
                raise RuntimeError(f"after {seconds} s this is still not so: {fact}")
            time.sleep(pause)


class Daemon:
    def __init__(self, sandbox, config):
        self.sandbox = sandbox
        self.log_path = config.with_suffix(".log")
        self.log = open(self.log_path, "ab")
        self.started = time.monotonic()
        self.process = subprocess.Popen([str(RETRAIND), "--config", str(config), "run"], env=sandbox.environment,
                                        stdout=self.log, stderr=self.log)
        self.pid = self.process.pid

    def must_live(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"the daemon has ended: {self.log_path.read_text()[-2000:]}")

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        self.sandbox.daemons.remove(self)

    def until_ready(self, port, seconds=600):
        """Seconds from its start until /readyz says 200."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.must_live()
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
                    if answer.status == 200:
                        return time.monotonic() - self.started
            except (urllib.error.URLError, OSError):
                pass
            time.sleep(0.02)
        raise RuntimeError(f"the daemon was not ready after {seconds} s: {self.log_path.read_text()[-2000:]}")

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self, what="VmRSS"):
        """Bytes; VmHWM is the largest so far."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(what + ":"):
                return int(line.split()[1]) * 1024
        return 0
