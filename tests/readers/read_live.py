"""Reads a table while it is compacted, and compares every read with what the table must hold.

    read_live.py <folder> <command that writes the table to the folder>

The command is the example `live_table` of iguazu-delta. While it runs, and once after, this reads over and over

- the snapshot: states, partition objects, files; by pyarrow, DuckDB and Polars, with the roll-up
- the Delta logs of the table and of its roll-up: by delta-rs with pyarrow, by DuckDB with the files that delta-rs
  finds in the log, and by Polars
- the symlink manifests, whose files DuckDB reads, as Athena does

Each bucket of a read must be what oracle/<bucket>/<round>.json says of one round, and never of an earlier one than
before. Manifests promise that for a partition and a bucket. A shop begins with the bucket that its event belongs to, so
that a reader which knows nothing of buckets can be checked by them.

Needs the packages of tests/requirements-readers.txt.
"""

import json
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path

import duckdb
import polars
import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import DeltaTable

BUCKETS = range(2)
READS_MIN = 3
HOUR = 3_600_000_000
EVENTS = ["event_id", "event_time", "amount", "shop"]
HOURLY = ["window_start", "shop", "count", "sum_amount"]


def by_pyarrow(files, columns):
    return ds.dataset(files, format="parquet").to_table(columns=columns)


def by_duckdb(files, columns):
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        query = f"SELECT {', '.join(columns)} FROM read_parquet($files, hive_partitioning = false)"
        return connection.sql(query, params={"files": files}).to_arrow_table()


def by_polars(files, columns):
    return polars.read_parquet(files, columns=columns, hive_partitioning=False).to_arrow()


ENGINES = {"pyarrow": by_pyarrow, "DuckDB": by_duckdb, "Polars": by_polars}


def of_delta(read):
    def by_log(path, columns):
        return read(sorted(uri.removeprefix("file://") for uri in DeltaTable(path).file_uris()), columns)

    return by_log


DELTA = {
    "delta-rs with pyarrow": lambda path, columns: DeltaTable(path).to_pyarrow_dataset().to_table(columns=columns),
    "DuckDB": of_delta(by_duckdb),
    "Polars": lambda path, columns: polars.scan_delta(path).select(columns).collect().to_arrow(),
}


def column(table, name):
    values = table.column(name)
    if pa.types.is_timestamp(values.type):
        return values.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_pylist()
    if pa.types.is_decimal(values.type):
        return [int(value.scaleb(2)) for value in values.to_pylist()]
    return values.to_pylist()


def events_of(table):
    """What each bucket holds, as the oracle has it."""
    found = {bucket: {"rows": 0, "ids": 0, "cents": 0, "hours": {}} for bucket in BUCKETS}
    ids = column(table, "event_id")
    if len(set(ids)) != len(ids):
        raise AssertionError(f"{len(ids) - len(set(ids))} events are there twice")
    for name, at, cents, shop in zip(ids, column(table, "event_time"), column(table, "amount"), column(table, "shop")):
        of = found[int(shop.split("-")[0])]
        of["rows"] += 1
        of["ids"] += int(name[-12:], 16)
        of["cents"] += cents
        add(of["hours"], at, 1, cents)
    return found


def hours_of(table):
    found = {bucket: {} for bucket in BUCKETS}
    for values in zip(*(column(table, name) for name in HOURLY)):
        at, shop, count, cents = values
        add(found[int(shop.split("-")[0])], at, count, cents)
    return {bucket: {"hours": hours} for bucket, hours in found.items()}


def add(hours, at, count, cents):
    before = hours.get(str(at // HOUR), [0, 0])
    hours[str(at // HOUR)] = [before[0] + count, before[1] + cents]


class Oracle:
    def __init__(self, folder):
        self.folder = folder
        self.known = {}
        # By what was read: the round that was seen last.
        self.seen = {}
        self.reads = Counter()

    def of(self, bucket, round_):
        if (bucket, round_) not in self.known:
            path = self.folder / "oracle" / str(bucket) / f"{round_}.json"
            if not path.exists():
                return None
            self.known[bucket, round_] = json.loads(path.read_text())
        return self.known[bucket, round_]

    def check(self, what, bucket, found, only=lambda hour: True):
        """The first round from the one seen last on that agrees: of a part of a bucket there can be several."""
        key = (what, bucket)
        round_ = first = self.seen.get(key, 1)
        while (of := self.of(bucket, round_)) is not None:
            expected = {name: of[name] for name in found}
            if "hours" in expected:
                expected["hours"] = {hour: sums for hour, sums in of["hours"].items() if only(int(hour))}
            if found == expected:
                self.seen[key] = round_
                return
            round_ += 1
        shown = {name: value for name, value in found.items() if name != "hours"}
        raise AssertionError(f"{what}: bucket {bucket} is of none of the rounds {first} to {round_ - 1}: {shown}")

    def check_all(self, what, found):
        for bucket, of in found.items():
            self.check(what, bucket, of)
        self.reads[what] += 1


def files_of_snapshot(folder):
    """The data files and the roll-up files that a snapshot leads to."""
    snapshot = json.loads((folder / "tables/orders/snapshot.json").read_text())
    epoch = snapshot["current"]
    events, hourly = [], []
    for bucket, version in snapshot["epochs"][str(epoch)]["versions"].items():
        chain = f"bucket.orders.{epoch}.{bucket}"
        state = json.loads((folder / f"state/orders/{chain}.{version['n']:012}.{version['attempt']}.json").read_text())
        for partition, entry in state["partitions"].items():
            for file in json.loads((folder / f"state/orders/{named(chain, entry['object'])}.json").read_text())["files"]:
                name = f"{partition}/{named(chain, file['written'])}.parquet"
                events.append(str(folder / "data/orders" / name))
                rollups = [of["rollup"] for of in file.get("rollups", [])]
                hourly.extend(str(folder / "rollups/orders" / rollup / name) for rollup in rollups)
    return events, hourly


def named(chain, written):
    return f"{chain}.{written['n']:012}.{written['attempt']}.{written['ordinal']:05}"


def read_snapshot(folder, oracle):
    for engine, read in ENGINES.items():
        events, hourly = files_of_snapshot(folder)
        oracle.check_all(f"snapshot by {engine}", events_of(read(events, EVENTS)))
        oracle.check_all(f"snapshot's roll-up by {engine}", hours_of(read(hourly, HOURLY)))
        # Both are of one snapshot.
        rounds = [[oracle.seen[f"{what} by {engine}", bucket] for bucket in BUCKETS]
                  for what in ("snapshot", "snapshot's roll-up")]
        if rounds[0] != rounds[1]:
            raise AssertionError(f"snapshot by {engine}: events of rounds {rounds[0]}, the roll-up of {rounds[1]}")


def read_delta(folder, oracle):
    for engine, read in DELTA.items():
        oracle.check_all(f"Delta by {engine}", events_of(read(str(folder / "data/orders"), EVENTS)))
        oracle.check_all(f"roll-up's Delta by {engine}", hours_of(read(str(folder / "rollups/orders/hourly"), HOURLY)))


def read_manifests(folder, oracle, versions):
    for what, columns, read_of in (("events", EVENTS, events_of), ("rollups/hourly", HOURLY, hours_of)):
        root = folder / "tables/orders" / what / "epoch=0"
        for path in sorted(root.rglob("bucket-*")):
            if not path.name.removeprefix("bucket-").isdigit():
                continue
            files = [line.removeprefix("file://") for line in path.read_text().splitlines()]
            version = max(int(Path(file).name.split(".")[4]) for file in files)
            if version < versions.get(path, 0):
                raise AssertionError(f"{path}: version {version} after {versions[path]}")
            versions[path] = version
            bucket = int(path.name.removeprefix("bucket-"))
            found = read_of(by_duckdb(files, columns))
            others = [of for other, of in found.items() if other != bucket and of["hours"]]
            if others:
                raise AssertionError(f"{path}: has rows of another bucket")
            partition = path.parent.relative_to(root)
            day = (date(*(int(part.split("=")[1]) for part in partition.parts)) - date(1970, 1, 1)).days
            hours = {"hours": found[bucket]["hours"]}
            oracle.check(f"{what} of {partition} by its manifest", bucket, hours, lambda hour: hour // 24 == day)
        oracle.reads[f"manifests of {what} by DuckDB"] += 1


def read_all(folder, oracle, versions):
    read_snapshot(folder, oracle)
    read_manifests(folder, oracle, versions)
    read_delta(folder, oracle)


def begun(folder):
    """Whether every bucket is in the snapshot and in the logs."""
    logs = [folder / log / "_delta_log" for log in ("data/orders", "rollups/orders/hourly")]
    snapshot = folder / "tables/orders/snapshot.json"
    if not snapshot.exists() or any(len(list(log.glob("*.json"))) < len(BUCKETS) for log in logs):
        return False
    return len(json.loads(snapshot.read_text())["epochs"]["0"]["versions"]) == len(BUCKETS)


def main():
    folder = Path(sys.argv[1]).absolute()
    oracle, versions, loops = Oracle(folder), {}, 0
    with subprocess.Popen(sys.argv[2:]) as writer:
        try:
            while writer.poll() is None and not (folder / "done").exists():
                if begun(folder):
                    read_all(folder, oracle, versions)
                    # A read is counted only if the writer was there until its end.
                    loops += not (folder / "done").exists()
                    (folder / "loops.new").write_text(str(loops))
                    (folder / "loops.new").rename(folder / "loops")
            if writer.wait() != 0:
                sys.exit("the writer failed")
            read_all(folder, oracle, versions)
        except AssertionError as problem:
            writer.kill()
            sys.exit(f"after {loops} loops: {problem}")
    last = int((folder / "done").read_text())
    for (what, bucket), _ in sorted(oracle.seen.items()):
        if "manifest" not in what and oracle.seen[what, bucket] != last:
            sys.exit(f"{what}: bucket {bucket} ends with round {oracle.seen[what, bucket]} of {last}")
    # Of a part of a bucket, the last round's must be what was read last, whichever round agreed first.
    oracle.seen = {(what, bucket): last for what, bucket in oracle.seen}
    try:
        read_manifests(folder, oracle, versions)
    except AssertionError as problem:
        sys.exit(f"at the end: {problem}")
    if loops < READS_MIN:
        sys.exit(f"only {loops} loops while the writer was at work: nothing is shown")
    for what, reads in sorted(oracle.reads.items()):
        print(f"{what}: {reads} reads agree")
    print(f"{loops} loops while the table was compacted, and at the end all is as of round {last}")


if __name__ == "__main__":
    main()
