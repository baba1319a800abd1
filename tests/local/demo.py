"""The main job, end to end on this machine: events in, a crash in the middle, a lake out, and the proof.

    demo.py <folder of the programs> <folder to work in> <duckdb program>
"""

import argparse
import concurrent.futures
import json
import pathlib
import shutil
import subprocess
import time

from pipeline import Failed, Pipeline, Programs, Stopwatch, main, results

EVENTS = 200_000
SECONDS = 12
# A part of the way through, while everything is busy.
CRASH_AFTER_SECONDS = 5


def title(text):
    print(f"\n── {text}", flush=True)


def say(text):
    print(f"   {text}", flush=True)


def show(text):
    print("\n".join(f"   {line}" for line in text.rstrip().splitlines()), flush=True)


def load(programs, pipeline, folder):
    """Loads the stream, and kills the pipeline once in the middle."""
    # 3.5% are sent again as they were, 1.5% with a later time and other values: 5% duplicates.
    command = [
        programs.loadgen, "run", "--endpoint", pipeline.endpoint, "--out", folder / "run", "--events", EVENTS,
        "--rate", EVENTS // SECONDS, "--again", "0.035", "--revised", "0.015", "--late", "0.02", "--malformed", "0.01",
    ]
    loading = subprocess.Popen([str(part) for part in command])
    time.sleep(CRASH_AFTER_SECONDS)
    if loading.poll() is not None:
        raise Failed(f"the load ended with {loading.returncode} before the crash")
    pipeline.kill()
    say("kill -9: the pipeline is gone, and the producer keeps trying")
    time.sleep(1)
    pipeline.start()
    say("started again over the same folder")
    if loading.wait() != 0:
        raise Failed(f"the load ended with {loading.returncode}")


def an_event(programs, data, duckdb):
    """An event that came more than once."""
    sql = "SELECT event_id FROM orders_raw GROUP BY event_id HAVING count(*) > 1 ORDER BY event_id LIMIT 1"
    rows = json.loads(programs.call(programs.iguazu, "query", "--data", data, "--duckdb", duckdb, "--json", sql))
    if not rows:
        raise Failed("no event came more than once, although some were sent twice")
    return rows[0]["event_id"]


def look_around(programs, data, duckdb):
    title("A roll-up, and a query")
    for sql in (
        "SELECT window_start, sum(count) AS orders, sum(sum_amount) AS amount FROM orders_hourly GROUP BY ALL ORDER BY ALL DESC LIMIT 5",
        "SELECT reason, count(*) AS documents FROM quarantine GROUP BY reason ORDER BY documents DESC LIMIT 5",
    ):
        say(sql)
        show(programs.call(programs.iguazu, "query", "--data", data, "--duckdb", duckdb, sql))
    title("One event that came more than once, from its deliveries to the roll-ups that count it")
    show(programs.call(programs.iguazu, "trace", "--data", data, an_event(programs, data, duckdb)))


def run():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("duckdb", type=pathlib.Path)
    arguments = parser.parse_args()
    programs, folder, duckdb = Programs(arguments.programs), arguments.folder, arguments.duckdb.absolute()
    watch = Stopwatch()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    data, contracts = folder / "data", folder / "contracts"

    title("Iguazu on this machine: a Kinesis endpoint, ingest, compaction, and a lake in a folder")
    programs.call(programs.loadgen, "contracts", contracts)
    pipeline = Pipeline(programs, data, "--contracts", contracts, "--shards", 2, "--compact-every", "2s")
    with pipeline:
        say(f"endpoint {pipeline.endpoint}, tables {', '.join(sorted(path.stem for path in contracts.glob('*.toml')))}")
        title(f"{EVENTS:,} events in {SECONDS} seconds: 5% duplicates, late ones, malformed ones, KPL aggregates, gzip, zstd")
        load(programs, pipeline, folder)
        title("Is everything there, once, and do the sums add up?")
        proven, proof = programs.ask(programs.loadgen, "verify", "--data", data, "--run", folder / "run")
        show(proof)
        found = results(proof, "loadgen")
        pipeline.stop()
    # It takes some seconds of one core, and what follows reads the same lake meanwhile.
    with concurrent.futures.ThreadPoolExecutor(1) as aside:
        audit = aside.submit(programs.ask, programs.iguazu, "verify", "--data", data)
        look_around(programs, data, duckdb)
        sound, text = audit.result()
    title("Is it right? The same question as before, answered from the raw files alone")
    show(text)
    title("Look around")
    say(f"report   {folder / 'run' / 'report.html'}")
    say(f"lake     {data / 'lake'}")
    say(f"more     {programs.iguazu} --data {data} status")
    say("         the next demo, or `make clean`, removes all of it")
    holds = proven and sound and found["loss"] == found["duplicates"] == "0" and found["sums_equal"] == "true"
    print(
        f"\nRESULT demo loss={found['loss']} duplicates={found['duplicates']} sums_equal={found['sums_equal']} "
        f"seconds={watch.seconds():.1f}"
    )
    return 0 if holds else 1


main(run)
