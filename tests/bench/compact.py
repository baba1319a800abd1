"""The other side of `bench-compact`: what a competent engineer has DuckDB do, and the tools around both sides.

    measure <program> <argument>...   runs a process, and says what it took: wall, CPU time, the most memory
    compact <raw> <out> <threads>     DuckDB: one copy of each event, sorted by time, and the sums by hour
    check <ours> <theirs>             says what is in both results, and that it is the same; ours is a list of files
"""

import json
import os
import sys
import time

# One copy of each event by the rule `latest`: the greatest event time, then the earliest arrival, then the delivery.
# Finding the rows to keep by their ids alone and joining them was tried, and took about as much time and memory.
COMPACT = """
COPY (
    SELECT * FROM read_parquet('{raw}/**/*.parquet', hive_partitioning = false)
    QUALIFY row_number() OVER (
        PARTITION BY event_id
        ORDER BY event_time DESC, arrival_time, stream, shard, length(sequence), sequence, sub
    ) = 1
    ORDER BY event_time
) TO '{out}/events.parquet' (FORMAT parquet, COMPRESSION zstd)
"""

SUMS = """
COPY (
    SELECT date_trunc('hour', event_time) AS window_start, user_country, event_type,
           count(*) AS count, sum(amount) AS sum_amount, sum(quantity)::DECIMAL(38, 0) AS sum_quantity
    FROM read_parquet('{out}/events.parquet')
    GROUP BY ALL
    ORDER BY ALL
) TO '{out}/hourly.parquet' (FORMAT parquet, COMPRESSION zstd)
"""

ROWS = """
SELECT count(*), count(DISTINCT event_id), sum(amount)::VARCHAR, sum(quantity)::VARCHAR,
       sum(hash(event_id, event_type, event_time, arrival_time, stream, shard, sequence, sub, user_id, url, amount,
                session_id, ip)::HUGEINT)::VARCHAR
FROM read_parquet({files}, hive_partitioning = false)
"""

GROUPS = """
SELECT epoch_us(window_start), user_country, event_type, sum(count)::BIGINT, sum(sum_amount)::VARCHAR,
       sum(sum_quantity)::VARCHAR
FROM read_parquet({files}, hive_partitioning = false) GROUP BY ALL ORDER BY ALL
"""


def measure(command):
    """Runs a process. What it says on its last line, if that is JSON, is added to what it took."""
    begun = time.monotonic()
    reader, writer = os.pipe()
    child = os.posix_spawn(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, writer, 1)])
    os.close(writer)
    with os.fdopen(reader) as out:
        said = out.read().splitlines()
    _, status, usage = os.wait4(child, 0)
    took = {
        "wall_s": time.monotonic() - begun,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_bytes": usage.ru_maxrss * 1024,
        "said": json.loads(said[-1]) if said else {},
    }
    if status != 0:
        sys.exit(f"{command[0]} failed")
    print(json.dumps(took))


def connect(threads):
    """DuckDB, in the time zone of the files."""
    import duckdb

    connection = duckdb.connect()
    connection.execute(f"SET threads = {threads}; SET TimeZone = 'UTC'; SET preserve_insertion_order = true")
    return connection


def compact(raw, out, threads):
    """DuckDB's compaction."""
    connection = connect(threads)
    connection.execute(COMPACT.format(raw=raw, out=out))
    connection.execute(SUMS.format(out=out))
    print(json.dumps({"bytes": os.path.getsize(f"{out}/events.parquet")}))


def check(ours, theirs):
    """What is in both results."""
    connection = connect(2)
    results = []
    with open(ours) as text:
        live = json.load(text)
    written = {"events": [f"{theirs}/events.parquet"], "hourly": [f"{theirs}/hourly.parquet"]}
    for files in (live, written):
        rows = connection.execute(ROWS.format(files=files["events"])).fetchall()
        groups = connection.execute(GROUPS.format(files=files["hourly"])).fetchall()
        results.append((rows, groups))
    if results[0] != results[1]:
        (ours, our_groups), (theirs, their_groups) = results
        sys.exit(f"the results differ: {ours} and {theirs}, {len(our_groups)} and {len(their_groups)} groups")
    count, distinct = results[0][0][0][:2]
    print(json.dumps({"rows": count, "distinct": distinct, "groups": len(results[0][1])}))


match sys.argv[1:]:
    case ["measure", *command]:
        measure(command)
    case ["compact", raw, out, threads]:
        compact(raw, out, threads)
    case ["check", ours, theirs]:
        check(ours, theirs)
    case _:
        sys.exit(__doc__)
