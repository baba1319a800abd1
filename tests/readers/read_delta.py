"""Reads a table and its roll-up by their Delta logs, and compares them with what was published.

    read_delta.py <folder>

The folder is what the example `published` of iguazu-delta has written. delta-rs, DuckDB and Polars must find exactly the
files, the rows and the sums of expected.json, also where they skip files by partition or by time.

DuckDB reads Delta by an extension that it installs from the internet. Where that is not to be had, it is handed the
files that delta-rs finds in the log, and says so.

Needs the packages of tests/requirements-readers.txt.
"""

import json
import sys
from datetime import datetime, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

LATE_DAY, LATE_FROM = "year=2026/month=11/day=23", datetime(2026, 11, 23, tzinfo=timezone.utc)
COLUMNS = ["event_time", "amount", "year", "month", "day"]


def by_delta_rs(path):
    table = DeltaTable(path)
    dataset = table.to_pyarrow_dataset()
    late = dataset.to_table(columns=COLUMNS[:1], filter=pc.field("event_time") >= pa.scalar(LATE_FROM))
    one = dataset.to_table(columns=COLUMNS[:1], filter=pc.field("day") == 23)
    return dataset.to_table(), late.num_rows, one.num_rows, len(table.file_uris())


def count(connection, source, condition):
    return connection.execute(f"SELECT count(*) FROM {source} WHERE {condition}").fetchall()[0][0]


def by_duckdb(path):
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        try:
            connection.execute("INSTALL delta")
            connection.execute("LOAD delta")
            source, files = f"delta_scan('{path}')", None
        except duckdb.Error:
            print("DuckDB: its extension for Delta is not to be had; it reads the files that delta-rs names")
            uris = ", ".join(f"'{uri}'" for uri in DeltaTable(path).file_uris())
            source, files = f"read_parquet([{uris}], hive_partitioning = false)", uris.count(",") + 1
        whole = connection.sql(f"SELECT * FROM {source}").to_arrow_table()
        one = None
        late = count(connection, source, f"event_time >= TIMESTAMPTZ '{LATE_FROM}'")
        if "day" in whole.column_names:
            one = count(connection, source, "day = 23")
        return whole, late, one, files


def by_polars(path):
    import polars

    def scan():
        return polars.scan_delta(path)

    late = scan().filter(polars.col("event_time") >= LATE_FROM).select(polars.len()).collect().item()
    one = scan().filter(polars.col("day") == 23).select(polars.len()).collect().item()
    return scan().collect().to_arrow(), late, one, None


def cents(column):
    return int(pc.sum(column.cast(pa.decimal128(38, 2))).as_py().scaleb(2))


def micros(scalar):
    return scalar.cast(pa.timestamp("us", "UTC")).value


def events_of(read, path):
    table, late, one, files = read(path)
    times = table.column("event_time")
    found = {
        "rows": table.num_rows,
        "cents": cents(table.column("amount")),
        "first": micros(pc.min(times)),
        "last": micros(pc.max(times)),
        "late": late,
    }
    if one is not None:
        found["one"] = one
        days = table.select(COLUMNS[2:]).to_pylist()
        names = ["year={year:04}/month={month:02}/day={day:02}".format(**row) for row in days]
        found["days"] = {name: names.count(name) for name in set(names)}
    if files is not None:
        found["files"] = files
    return found


def daily_of(path):
    table = DeltaTable(path).to_pyarrow_table()
    return {
        "files": len(DeltaTable(path).file_uris()),
        "rows": table.num_rows,
        "count": pc.sum(table.column("count")).as_py(),
        "cents": cents(table.column("sum_amount")),
    }


def main():
    folder = Path(sys.argv[1])
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    events = expected["events"]
    events["one"] = events["late"] = events["days"][LATE_DAY]
    path = str(folder / "data" / "orders")
    failed = False
    for engine, read in {"delta-rs": by_delta_rs, "DuckDB": by_duckdb, "Polars": by_polars}.items():
        found = events_of(read, path)
        wrong = {name: (value, events[name]) for name, value in found.items() if value != events[name]}
        failed |= bool(wrong)
        print(f"{engine}: found and expected {wrong}" if wrong else f"{engine}: {found['rows']} rows are as published")
    daily = daily_of(str(folder / "rollups" / "orders" / "daily"))
    failed |= daily != expected["daily"]
    print(f"roll-up: found {daily}, expected {expected['daily']}" if daily != expected["daily"] else "roll-up: as published")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
