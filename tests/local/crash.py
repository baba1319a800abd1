"""Kills `iguazu up` at random moments under load, reshards and its own starts included, and proves after each round what
the lake holds.

    crash.py <folder of the programs> <folder to work in> [--rounds N] [--seed S]

The moments are drawn by the seed; what they hit is up to the machine. A test in which no shard was split or none merged
has shown nothing of reshards: where the rounds that were asked for came to that, a few more follow, and then it fails.
"""

import argparse
import json
import pathlib
import random
import shutil
import subprocess
import time

from pipeline import Failed, Pipeline, Programs, Stopwatch, main, results

# Due for so long that several splits and merges are tried in each round.
EVENTS = 24_000
RATE = 4_000
# The share of the kills after which the next start is killed too.
STARTS_HIT = 1 / 3
START_SECONDS_MAX = 0.3
MORE_ROUNDS_MAX = 10


def crash(pipeline, draw):
    """Kills the pipeline and starts it again, now and then after starts that are killed too; returns how many kills."""
    pipeline.kill()
    kills = 1
    while draw.random() < STARTS_HIT:
        pipeline.begin()
        time.sleep(draw.uniform(0.0, START_SECONDS_MAX))
        pipeline.kill()
        kills += 1
    pipeline.start()
    return kills


def reshards(run):
    """How many shards were split and how many pairs merged while a load went on; what failed begins with other words."""
    done = [reshard["what"].split()[0] for reshard in json.loads((run / "run.json").read_text())["reshards"]]
    return done.count("split"), done.count("merged")


def one_round(programs, folder, number, draw):
    """One round in a folder of its own; returns what was found, in words."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    contracts = folder / "contracts"
    programs.call(programs.loadgen, "contracts", contracts)
    # Small batches, small files and no pause between compactions: the more goes on, the more there is to interrupt.
    pipeline = Pipeline(
        programs, folder / "data", "--contracts", contracts, "--shards", 2, "--batch-window", "50ms",
        "--batch-records", 500, "--compact-every", "100ms", "--sweep-every", "500ms", "--buckets", draw.choice((1, 2, 4)),
    )
    command = [
        programs.loadgen, "run", "--endpoint", pipeline.endpoint, "--out", folder / "run", "--seed", number + 1,
        "--events", EVENTS, "--rate", RATE, "--again", "0.05", "--revised", "0.05", "--malformed", "0.01", "--reshard", 1,
    ]
    with pipeline:
        with open(folder / "loadgen.log", "w") as log:
            loading = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log)
        kills = 0
        try:
            while loading.poll() is None:
                time.sleep(draw.uniform(0.05, 1.5))
                kills += crash(pipeline, draw)
        finally:
            if loading.poll() is None:
                loading.kill()
        if loading.returncode != 0:
            raise Failed(f"the load ended with {loading.returncode}: see {folder / 'loadgen.log'}")
        # Once more while the lake catches up.
        time.sleep(draw.uniform(0.0, 0.5))
        kills += crash(pipeline, draw)
        proven, proof = programs.ask(programs.loadgen, "verify", "--data", folder / "data", "--run", folder / "run")
        pipeline.stop()
    sound, audit = programs.ask(programs.iguazu, "verify", "--data", folder / "data")
    found = results(proof, "loadgen")
    holds = proven and sound and found["loss"] == found["duplicates"] == "0" and found["sums_equal"] == "true"
    (folder / "proof.txt").write_text(proof + audit)
    return holds, kills, reshards(folder / "run"), found


def run():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    programs, draw, watch = Programs(arguments.programs), random.Random(arguments.seed), Stopwatch()
    number, failures, kills, splits, merges, deliveries = 0, 0, 0, 0, 0, 0
    while number < arguments.rounds or (0 in (splits, merges) and number < arguments.rounds + MORE_ROUNDS_MAX):
        folder = arguments.folder / f"round-{number}"
        holds, killed, (split, merged), found = one_round(programs, folder, number, draw)
        number += 1
        kills += killed
        splits += split
        merges += merged
        deliveries += int(found["deliveries"])
        told = f"round {number} of {arguments.rounds}: {killed} kills, {split} splits, {merged} merges, "
        told += f"{found['deliveries']} deliveries, "
        told += f"loss {found['loss']}, duplicates {found['duplicates']}, sums equal: {found['sums_equal']}"
        print(told if holds else f"{told}: FAILED, see {folder}", flush=True)
        if holds:
            shutil.rmtree(folder)
        else:
            failures += 1
    print(
        f"RESULT crash rounds={number} failures={failures} kills={kills} splits={splits} merges={merges} "
        f"deliveries={deliveries} seconds={watch.seconds():.0f}"
    )
    if 0 in (splits, merges):
        raise Failed("no shard was split, or none merged, so that nothing was shown of reshards")
    return 0 if failures == 0 else 1


main(run)
