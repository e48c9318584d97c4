"""The hot loops of a verdict and of a check, each beside something plain over the same memory (tests/bench/*_bench.cc)."""

import json
import subprocess

from measure import Spread
from sandbox import ROOT


def run(_, report, options):
    million = 1_000_000
    many = million if options.quick else 10 * million
    for kind, name in ((0, "floats"), (1, "doubles")):
        took, ratio = measured(options, f"area_under_curve/rows:{many}/scores:{kind}")
        report.add("verdict", f"AUC of {many} rows, scores that are {name}", f"{Spread(took)} s")
        report.add("verdict", "… / sorting the scores", str(Spread(ratio)), limit="memory: the order is read and written")
        took, ratio = measured(options, f"delongs_difference/rows:{many}/scores:{kind}")
        median = Spread(took).median
        report.at_most("verdict", f"difference of two AUCs of {many} rows by DeLong, {name}", median, 2, f"{Spread(took)} s", " s")
        report.add("verdict", "… / sorting the scores of one", str(Spread(ratio)))
    for clusters in (1000, million):
        took, ratio = measured(options, f"replicate_of_five_metrics/rows:{million}/clusters:{clusters}")
        report.at_most("verdict", f"replicate of five metrics, {million} rows in {clusters} clusters / one pass of the five",
                       Spread(ratio).median, 3, str(Spread(ratio)),
                       limit="sums by cluster" if clusters == 1000 else "memory: a weight for each row, in the order of scores")
        report.add("verdict", "… a thousand replicates would take", f"{1000 * Spread(took).median:.1f} s of one core")
    took, ratio = measured(options, f"numbers_into_cells/rows:{million}/kind:0/nulls:0")
    report.at_most("verdict", "a number into its cell", 1e9 * Spread(took).median / million, 10, unit=" ns")
    took, ratio = measured(options, f"texts_into_levels/rows:{million}/levels:5/length:1")
    report.at_most("verdict", "a text of 15 bytes into its level, of 5", 1e9 * Spread(took).median / million, 15, unit=" ns")
    took, ratio = measured(options, f"texts_into_levels/rows:{million}/levels:1000/length:1")
    report.add("verdict", "a text of 15 bytes into its level, of 1000", f"{1e9 * Spread(took).median / million:.1f} ns")


def measured(options, name):
    """Seconds of each repetition, and how many times as long as the plain one it was."""
    command = [str(ROOT / "build/release/tests/bench/bench_stats"), f"--benchmark_filter=^{name}/", "--benchmark_format=json",
               f"--benchmark_repetitions={options.runs}", "--benchmark_min_time=0.2"]
    out = json.loads(subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)
    rows = int(name.split("rows:")[1].split("/")[0])
    runs = [each for each in out["benchmarks"] if each["run_type"] == "iteration"]
    if not runs:
        raise RuntimeError(f"there is no benchmark {name}")
    return [each["ns_a_row"] * rows / 1e9 for each in runs], [each["of_plain"] for each in runs]
