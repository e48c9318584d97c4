"""Times whole processes, and makes ratios of what was measured side by side.

A machine's speed changes from minute to minute, so two commands are measured in turn, A B A B, and what is quoted is the
median of the ratios of neighbours.
"""

import dataclasses
import os
import statistics
import subprocess
import time


@dataclasses.dataclass
class Taken:
    wall: float  # seconds
    cpu: float  # seconds of this process and those it waited for
    memory: int  # bytes at most, of the largest of them
    output: str


def run_once(command, environment=None, keep_output=False):
    """Runs a command to its end; a failure is an error, not a figure."""
    begun = time.monotonic()
    process = subprocess.Popen(command, env=environment, text=True,
                               stdout=subprocess.PIPE if keep_output else subprocess.DEVNULL)
    output = process.stdout.read() if keep_output else ""
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}")
    return Taken(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, output)


@dataclasses.dataclass
class Spread:
    """Of several runs."""
    values: list

    @property
    def median(self):
        return statistics.median(self.values)

    def __str__(self):
        return f"{self.median:.3g} ({min(self.values):.3g} to {max(self.values):.3g})"


@dataclasses.dataclass
class Pair:
    """What two alternatives took, run by run."""
    ours: list
    theirs: list

    def ratio(self, of="wall"):
        return Spread([getattr(a, of) / getattr(b, of) for a, b in zip(self.ours, self.theirs)])

    def of_ours(self, of="wall"):
        return Spread([getattr(taken, of) for taken in self.ours])

    def of_theirs(self, of="wall"):
        return Spread([getattr(taken, of) for taken in self.theirs])


def side_by_side(ours, theirs, runs):
    """Both are functions that return what they took. The first of each warms caches and is not counted."""
    ours(), theirs()
    pair = Pair([], [])
    for _ in range(runs):
        pair.ours.append(ours())
        pair.theirs.append(theirs())
    return pair


def percentile(values, share):
    """The smallest value with at least so large a share at or below it."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(share * 1000 * len(ordered)) // 1000) - 1))]
