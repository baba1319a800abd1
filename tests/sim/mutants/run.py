"""Compiles every negative control and mutant into a copy of the source, and shows the first seed that catches each.

Usage: python3 tests/sim/mutants/run.py [--seeds N]     (from the root of the repository; `make sim-controls`)
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from mutants import CONTROLS, MUTANTS

ROOT = Path(__file__).resolve().parents[3]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
COPY = TARGET / "controls" / "source"
SWITCH = '''//! Which change of the protocol is selected. In this copy of the source only.

static SELECTED: std::sync::LazyLock<Option<String>> = std::sync::LazyLock::new(|| std::env::var("IGUAZU_MUTANT").ok());

/// Whether the change of this name is the selected one.
pub fn on(name: &str) -> bool {
    SELECTED.as_deref() == Some(name)
}
'''
CRATES = ["iguazu-lake", "iguazu-transform", "iguazu-ingest", "iguazu-compact", "iguazu-sim"]


def changed_sources():
    """The sources with every change in them, each switched off."""
    texts = {}
    for change in CONTROLS + MUTANTS:
        for file, before, after in ((change.file, change.before, change.after), *((change.file, *also)[-3:] for also in change.also)):
            text = texts.get(file) or (ROOT / file).read_text()
            path = "crate" if file.startswith("lake/") else "iguazu_lake"
            if text.count(before) != 1:
                sys.exit(f"{change.name}: its text stands {text.count(before)} times in {file}, expected once")
            after = re.sub(r"\bON\b", f'{path}::mutants::on("{change.name}")', after)
            texts[file] = text.replace(before, after)
    library = "lake/src/lib.rs"
    texts[library] = (texts.get(library) or (ROOT / library).read_text()) + "\npub mod mutants;\n"
    texts["lake/src/mutants.rs"] = SWITCH
    return texts


def copy_sources():
    """Writes the copy; a file that did not change keeps its time, so that nothing is compiled in vain."""
    tracked = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True)
    changed = changed_sources()
    wanted = set(changed) | {name for name in tracked.stdout.splitlines() if (ROOT / name).is_file()}
    for name in sorted(wanted):
        text = changed[name].encode() if name in changed else (ROOT / name).read_bytes()
        place = COPY / name
        if not place.exists() or place.read_bytes() != text:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(text)
    for place in COPY.rglob("*.rs"):
        if str(place.relative_to(COPY)) not in wanted:
            place.unlink()


def build():
    # Another number of codegen units gives our crates other artifacts, beside those of the real source; all
    # dependencies are shared.
    units = [f"--config=profile.dev.package.{crate}.codegen-units=9" for crate in CRATES]
    environment = os.environ | {"CARGO_TARGET_DIR": str(TARGET), "RUSTFLAGS": os.environ.get("RUSTFLAGS", "")}
    subprocess.run(["cargo", "build", "--quiet", "--locked", "-p", "iguazu-sim", *units], cwd=COPY, env=environment, check=True)
    binary = TARGET / "controls" / "iguazu-sim"
    shutil.copy2(TARGET / "debug" / "iguazu-sim", binary)
    return binary


def run(binary, change, seeds):
    """The first seed that catches the change, and what it saw."""
    environment = os.environ | {"IGUAZU_MUTANT": change.name}
    command = [str(binary), "run", "--brief", "--seeds", str(seeds)]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True).stdout
    found = re.search(r"^seed (\d+): (.*)$", printed, re.MULTILINE)
    return (int(found.group(1)), found.group(2)) if found else None


def main():
    parser = argparse.ArgumentParser(description="Shows the first seed that catches each negative control and mutant.")
    parser.add_argument("--seeds", type=int, default=50_000, help="how many seeds a change may survive at most (default: 50000)")
    parser.add_argument("--only", help="runs this change alone")
    arguments = parser.parse_args()
    seeds = arguments.seeds
    copy_sources()
    binary = build()
    healthy = subprocess.run([str(binary), "run", "--brief", "--seeds", "2000"], capture_output=True, text=True)
    if healthy.returncode != 0:
        sys.exit(f"with no change selected the simulation fails:\n{healthy.stdout}")
    caught = {}
    for kind, changes in (("control", CONTROLS), ("mutant", MUTANTS)):
        for change in changes:
            if arguments.only not in (None, change.name):
                continue
            result = run(binary, change, seeds)
            caught[change.name] = result is not None
            seed, seen = result or ("-", f"NOT CAUGHT in {seeds} seeds")
            print(f"{kind:<8} {change.name:<28} seed {seed:<6} {seen[:110]}", flush=True)
    count = lambda changes: sum(caught.get(change.name, False) for change in changes)
    print(
        f"RESULT sim-controls controls={len(CONTROLS)} caught={count(CONTROLS)} "
        f"mutants={len(MUTANTS)} killed={count(MUTANTS)}"
    )
    sys.exit(0 if all(caught.values()) else 1)


if __name__ == "__main__":
    main()
