"""A minimal Debian 12 that boots its own systemd below this one, as root, with systemd-nspawn.

The root is made once by debootstrap, from the mirrors this machine's apt uses, and kept as an archive; each container
unpacks it anew. Nothing of this machine's apt configuration stays in it.
"""

import os
import pathlib
import shutil
import subprocess
import time

SUITE = "bookworm"


class Cannot(Exception):
    """The machine cannot run this test; the words say why."""


def run(*words, **more):
    more.setdefault("check", True)
    return subprocess.run([str(word) for word in words], text=True, **more)


def look_whether_possible():
    """Raises Cannot, with a word that says what is missing."""
    if os.geteuid() != 0:
        raise Cannot("it has to run as root")
    for program in ("debootstrap", "systemd-nspawn", "nsenter", "dpkg-deb"):
        if shutil.which(program) is None:
            raise Cannot(f"{program} is not installed (scripts/install_packages --system)")
    try:
        run("unshare", "--mount", "--pid", "--uts", "--ipc", "--cgroup", "--fork", "true", capture_output=True)
    except subprocess.CalledProcessError as error:
        raise Cannot(f"namespaces are not allowed here: {error.stderr.strip()}") from None
    if not sources():
        raise Cannot(f"apt here knows no mirror of Debian {SUITE}")


def sources():
    """Lines of a sources.list: what this machine's apt has of the suite."""
    asked = run("apt-get", "indextargets", "--format", "$(SITE)|$(RELEASE)|$(CODENAME)|$(COMPONENT)",
                "Identifier: Packages", capture_output=True, check=False)
    lines = []
    for line in asked.stdout.splitlines():
        site, release, codename, component = line.split("|")
        if component == "main" and codename in (SUITE, f"{SUITE}-updates", f"{SUITE}-security"):
            lines.append(f"deb {site} {release} main")
    return list(dict.fromkeys(lines))


def apt_options():
    """How this machine's apt reaches its mirrors: proxies, and whether old lists are good."""
    dump = run("apt-config", "dump", capture_output=True).stdout
    wanted = ("Acquire::http::", "Acquire::https::", "Acquire::Check-")
    return "".join(line + "\n" for line in dump.splitlines() if line.startswith(wanted) and line.endswith('";'))


def make_archive(archive, packages, say):
    """The archive of a root with these packages: made, or completed, or as it is."""
    listed = archive.with_suffix(".packages")  # written last: what it names is in the archive
    there = set(listed.read_text().split()) if archive.exists() and listed.exists() else set()
    if there >= {SUITE, *packages}:
        return
    say(f"making {archive}; the log is {archive.parent / 'debootstrap.log'}")
    root = archive.parent / "root.making"
    if root.exists():
        shutil.rmtree(root)
    lines = sources()
    first = next(line for line in lines if line.split()[2] == SUITE)
    with open(archive.parent / "debootstrap.log", "w", encoding="utf-8") as out:
        if SUITE in there:
            root.mkdir()
            unpack(archive, root)
        else:
            run("debootstrap", "--variant=minbase", "--include=ca-certificates", SUITE, root, first.split()[1],
                stdout=out, stderr=subprocess.STDOUT)
        (root / "etc/apt/sources.list").write_text("".join(line + "\n" for line in lines))
        (root / "etc/apt/apt.conf.d/99host").write_text(apt_options())
        shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
        policy = root / "usr/sbin/policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n")  # nothing starts while it is being made
        policy.chmod(0o755)
        environment = {"DEBIAN_FRONTEND": "noninteractive", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
        for words in (("update",), ("install", "-y", "--no-install-recommends", *packages), ("clean",)):
            run("chroot", root, "apt-get", *words, env=environment, stdout=out, stderr=subprocess.STDOUT)
        policy.unlink()
    for name in ("etc/apt/sources.list", "etc/apt/apt.conf.d/99host", "etc/resolv.conf"):
        (root / name).unlink()
    shutil.rmtree(root / "var/lib/apt/lists")
    (root / "etc/machine-id").write_text("")
    (root / "etc/hostname").write_text("debian\n")
    listed.unlink(missing_ok=True)
    run("tar", "--numeric-owner", "--xattrs", "-C", root, "-cf", archive, ".")
    shutil.rmtree(root)
    listed.write_text("\n".join(sorted({SUITE, *packages})) + "\n")


def unpack(archive, root):
    run("tar", "--numeric-owner", "--xattrs", "-C", root, "-xf", archive)


class Container:
    """One booted root. To be used with `with`; at the end it is stopped, and removed."""

    def __init__(self, folder, archive):
        self.root = folder / "root"
        self.console = folder / "console.log"
        if self.root.exists():
            shutil.rmtree(self.root)
        self.root.mkdir(parents=True)
        unpack(archive, self.root)
        self.process = None
        self.leader = None

    def __enter__(self):
        # One hierarchy of control groups, as on a Debian that booted by itself, whatever this machine has.
        environment = {**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
        self.process = subprocess.Popen(
            ["systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--settings=no", "--private-network",
             "--link-journal=no", "--console=pipe", f"--machine=retraind-{os.getpid()}", f"--directory={self.root}"],
            stdin=subprocess.DEVNULL, stdout=open(self.console, "wb"), stderr=subprocess.STDOUT, env=environment)
        self.leader = self.until("it boots", self._find_leader, 30)
        self.until("its systemd answers", lambda: self.run("systemctl", "is-system-running", check=False).stdout.strip()
                   in ("running", "degraded"), 120)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.root, ignore_errors=True)

    def _find_leader(self):
        if self.process.poll() is not None:
            raise Cannot(f"systemd-nspawn does not boot here: {self.console.read_text(errors='replace').strip()[-500:]}")
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for pid in children:
            if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "systemd":
                return pid
        return None

    def run(self, *words, check=True, timeout=120, stdin=None):
        """Runs a program in there as root; its standard output and error are in the result."""
        command = ["nsenter", "--target", self.leader, "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup",
                   "--root", "--wd", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "HOME=/root",
                   "DEBIAN_FRONTEND=noninteractive", "SYSTEMD_PAGER=", *map(str, words)]
        done = subprocess.run(command, input=stdin, stdin=subprocess.DEVNULL if stdin is None else None,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, words))}: exit code {done.returncode}\n{done.stdout.strip()}")
        return done

    def shell(self, script, check=True, timeout=120):
        return self.run("bash", "-euo", "pipefail", "-s", stdin=script, check=check, timeout=timeout)

    def until(self, what, fact, seconds):
        """Waits until fact() is true, and returns it. AssertionError when it is not in time."""
        end = time.monotonic() + seconds
        while True:
            value = fact()
            if value:
                return value
            if time.monotonic() > end:
                raise AssertionError(f"after {seconds} s this is still not so: {what}")
            time.sleep(0.2)

    def path(self, name):
        """A file in there, as seen from here."""
        return self.root / str(name).lstrip("/")
