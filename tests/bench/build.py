"""How long a build takes without a compiler cache, and which files are to blame."""

import os
import shutil
import subprocess
import time

from sandbox import ROOT

FOLDER = ROOT / "build/bench-build"


def run(_, report, options):
    if options.quick:
        report.skip("build", "a clean build takes many minutes; leave --quick out")
        return
    shutil.rmtree(FOLDER, ignore_errors=True)
    environment = dict(os.environ, CCACHE_DISABLE="1")
    subprocess.run(["cmake", "-S", ROOT, "-B", FOLDER, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DRETRAIND_SANITIZE=",
                    "-DRETRAIND_TESTS=OFF"], check=True, stdout=subprocess.DEVNULL)

    def build():
        begun = time.monotonic()
        subprocess.run(["cmake", "--build", FOLDER, "--parallel", str(os.cpu_count()), "--target", "retraind"], check=True,
                       stdout=subprocess.DEVNULL, env=environment)
        return time.monotonic() - begun

    report.add("build", "clean build of the release", f"{build():.0f} s")
    for name, seconds in slowest(FOLDER / ".ninja_log", 8):
        report.add("build", f"… slowest: {name}", f"{seconds:.1f} s")
    for path in ("core/stats/block.cc", "core/stats/block.h", "core/base/time.h"):
        os.utime(ROOT / path)
        report.add("build", f"build again after a change of {path}", f"{build():.0f} s")
    shutil.rmtree(FOLDER, ignore_errors=True)


def slowest(log, count):
    took = {}
    for line in log.read_text().splitlines()[1:]:
        begin, end, _, output, _ = line.split("\t")
        if output.endswith(".o"):
            took[output.replace("CMakeFiles/", "").split(".dir/")[-1].removesuffix(".o")] = (int(end) - int(begin)) / 1000
    return sorted(took.items(), key=lambda item: -item[1])[:count]
