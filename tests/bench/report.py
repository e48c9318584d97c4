"""Figures with the bounds they are held against, as a table for people and as JSON."""

import dataclasses
import json
import os
import platform


@dataclasses.dataclass
class Figure:
    part: str
    what: str
    value: str  # with its unit and spread
    bound: str = ""  # what it should be; empty: none was set
    held: bool | None = None
    limit: str = ""  # what bounds it from below


class Report:
    def __init__(self):
        self.figures = []
        self.skipped = []

    def add(self, part, what, value, bound="", held=None, limit=""):
        figure = Figure(part, what, value, bound, held, limit)
        self.figures.append(figure)
        mark = {True: "held", False: "MISSED", None: ""}[held]
        print(f"  {what:<66} {value:<30} {bound:<16} {mark}", flush=True)

    def at_most(self, part, what, number, most, text=None, unit="", limit=""):
        self.add(part, what, text or f"{number:.3g}{unit}", f"at most {most:g}{unit}", number <= most, limit)

    def skip(self, part, why):
        self.skipped.append((part, why))
        print(f"  skipped: {why}", flush=True)

    def write_json(self, path, conditions):
        with open(path, "w") as file:
            json.dump({"conditions": conditions, "figures": [dataclasses.asdict(f) for f in self.figures],
                       "skipped": self.skipped}, file, indent=1)

    def write_markdown(self, path, conditions):
        """Replaces the tables of the parts that were measured, which stand between two comments each; the rest stays."""
        text = open(path).read()
        for part in dict.fromkeys(f.part for f in self.figures):
            begin, end = f"<!-- figures: {part} -->\n", f"<!-- end: {part} -->"
            if begin not in text or end not in text:
                raise RuntimeError(f"{path} has no place for the figures of {part}")
            head, rest = text.split(begin, 1)
            tail = rest.split(end, 1)[1]
            text = head + begin + self._table(part, conditions) + end + tail
        open(path, "w").write(text)

    def _table(self, part, conditions):
        lines = ["", "| what | measured | should be | | bounded by |", "|---|---|---|---|---|"]
        for f in self.figures:
            if f.part == part:
                mark = {True: "held", False: "**missed**", None: ""}[f.held]
                lines.append(f"| {f.what} | {f.value} | {f.bound} | {mark} | {f.limit} |")
        return "\n".join(lines) + f"\n\n{conditions}\n\n"


def conditions(server_version, runs):
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
                 platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} virtual cores ({model}), {memory:.0f} GiB, PostgreSQL {server_version}, median of {runs} " \
           "(smallest to largest)"
