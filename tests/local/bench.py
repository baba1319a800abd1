"""Loads the pipeline on this machine at a rate for a while, and says what each stage takes of the processor.

    bench.py <folder of the programs> <folder to work in> [--seconds N] [--rate N]

Every stage has threads under its own name, so the kernel knows what each one took. Needs Linux.
"""

import argparse
import json
import os
import pathlib
import resource
import shutil
import subprocess
import time

from pipeline import PATIENCE_SECONDS, Failed, Pipeline, Programs, Stopwatch, main, results

# What does what the service does on AWS, and what is ours there too.
ENDPOINT = ("endpoint", "stream-writer")
OWN = ("ingest", "compact")


def stages(process):
    """Seconds of the processor that the threads of each name have taken so far."""
    tick = os.sysconf("SC_CLK_TCK")
    taken = {}
    for task in pathlib.Path(f"/proc/{process}/task").iterdir():
        try:
            name = (task / "comm").read_text().strip()
            fields = (task / "stat").read_text().rsplit(")", 1)[1].split()
        except FileNotFoundError:
            continue
        taken[name] = taken.get(name, 0) + (int(fields[11]) + int(fields[12])) / tick
    return taken


def run():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=int, default=30_000)
    arguments = parser.parse_args()
    programs, folder = Programs(arguments.programs), arguments.folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    programs.call(programs.loadgen, "contracts", folder / "contracts")
    events = arguments.seconds * arguments.rate
    with Pipeline(programs, folder / "data", "--contracts", folder / "contracts", "--compact-every", "5s") as pipeline:
        print(f"{events:,} events of 590 bytes at {arguments.rate:,} a second", flush=True)
        command = [
            programs.loadgen, "run", "--endpoint", pipeline.endpoint, "--out", folder / "run", "--events", events,
            "--rate", arguments.rate, "--kpl", "0", "--gzip", "0", "--zstd", "0", "--lines", "0", "--again", "0.01",
            "--revised", "0", "--malformed", "0",
        ]
        watch = Stopwatch()
        if subprocess.run([str(part) for part in command]).returncode != 0:
            raise Failed("the load failed")
        loaded = watch.seconds()
        load = resource.getrusage(resource.RUSAGE_CHILDREN)
        loading = load.ru_utime + load.ru_stime
        wait_until_drained(programs, folder / "data", events)
        drained_after = watch.seconds()
        taken = stages(pipeline.process.pid)
        proven, proof = programs.ask(programs.loadgen, "verify", "--data", folder / "data", "--run", folder / "run")
        proof = results(proof, "loadgen")
        pipeline.stop()
    rows = [("loadgen", loading)] + [(name, taken.get(name, 0.0)) for name in ENDPOINT + OWN]
    whole = sum(seconds for _, seconds in rows)
    print(f"\n{'stage':<16}{'CPU seconds':>12}{'share':>8}{'events per CPU second':>24}")
    for name, seconds in rows:
        rate = events / seconds if seconds > 0 else 0
        print(f"{name:<16}{seconds:>12.1f}{seconds / whole:>8.0%}{rate:>24,.0f}")
    own = sum(taken.get(name, 0.0) for name in OWN)
    # Both of ours in one core, one behind the other, as on a machine with a core for them.
    slowest = max(OWN, key=lambda name: taken.get(name, 0.0))
    limit = max(rows, key=lambda row: row[1])[0]
    print(f"\nsent in {loaded:.1f} s, in the tables after {drained_after:.1f} s; {os.cpu_count()} cores")
    print(f"all of it takes {whole / drained_after:.2f} cores, and most of them {limit}")
    print(
        f"RESULT bench-local events_per_s={events / drained_after:.0f} limit={limit} "
        f"ingest_per_core={events / taken['ingest']:.0f} compact_per_core={events / taken['compact']:.0f} "
        f"own_per_core={events / own:.0f} slowest_own={slowest} drained_after_s={drained_after - loaded:.1f} "
        f"loss={proof['loss']} duplicates={proof['duplicates']} sums_equal={proof['sums_equal']}"
    )
    return 0 if proven else 1


def wait_until_drained(programs, data, events):
    """However long it takes, as long as it goes on."""
    seen, moved = None, Stopwatch()
    while True:
        # Threads are told apart by name, and this question is asked of the files: it takes nothing of theirs.
        _, status = programs.ask(programs.iguazu, "status", "--data", data, "--json")
        found = json.loads(status)
        behind = sum(shard["behind_records"] for shard in found["mapping"] or [])
        live = sum(table["live"] for table in found["tables"])
        pending = sum(table["pending"] for table in found["tables"])
        if behind == 0 and pending == 0 and live >= events:
            return
        if seen != (behind, live, pending):
            seen, moved = (behind, live, pending), Stopwatch()
        elif moved.seconds() > PATIENCE_SECONDS:
            raise Failed(
                f"nothing has moved for {PATIENCE_SECONDS} s: {behind:,} records behind, {pending:,} rows pending, "
                f"{live:,} of {events:,} events in the tables: see {data / 'iguazu.log'}"
            )
        time.sleep(0.2)


main(run)
