"""Prints what took longest in the last `cargo build --timings`: the crates, and the whole.

    build_times.py <folder of the target>
"""

import json
import pathlib
import re
import sys

SHOWN = 8


def run(target):
    page = target / "cargo-timings" / "cargo-timing.html"
    found = re.search(r"UNIT_DATA = (\[.*?\]);", page.read_text(), re.DOTALL) if page.exists() else None
    if found is None:
        return 0
    units = json.loads(found.group(1))
    if not units:
        return 0
    took = max(unit["start"] + unit["duration"] for unit in units)
    if took < 5:
        return 0
    print(f"built {len(units)} units in {took:.0f} s; what took longest:")
    for unit in sorted(units, key=lambda unit: -unit["duration"])[:SHOWN]:
        target = unit.get("target") or ""
        print(f"  {unit['duration']:6.1f} s  {unit['name']} {unit['version']}{target}")
    return 0


sys.exit(run(pathlib.Path(sys.argv[1])))
