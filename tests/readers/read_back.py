"""Reads Parquet files back by other engines, and compares every value with what was written.

    read_back.py <folder> <expected.ndjson> [--spark]

Each engine (pyarrow, DuckDB, Polars, and Spark on request) reads every .parquet file under the folder, in the order of
their paths. Together they must give exactly the lines of the expected file: the same columns in the same order, the
same rows in the same order, every value by its one spelling:

- a string is itself; a whole number is its digits; a boolean is true or false
- a decimal has all the digits of its scale; a double is what float.hex() writes
- a timestamp is its microseconds since 1970 in UTC, a date is YYYY-MM-DD
- null is null, a list is an array, a struct is an object

Values are compared as Arrow arrays of what the engine read, because Python's own dates begin with the year 1 and its
floats would hide that a decimal was read as one. A timestamp without a time zone is a difference: the lake's are in
UTC.

Needs the packages of tests/requirements-readers.txt; --spark those of tests/requirements-spark.txt too, and a Java of
version 17, as that file says.
"""

import argparse
import json
import sys
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa

DIFFERENCES_SHOWN = 5
MICROS = {"s": 1_000_000, "ms": 1_000, "us": 1}


def read_pyarrow(path):
    import pyarrow.parquet as pq

    return pq.ParquetFile(path).read()


def read_duckdb(path):
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        query = "SELECT * FROM read_parquet($path, hive_partitioning = false)"
        return connection.sql(query, params={"path": str(path)}).to_arrow_table()


def read_polars(path):
    import polars

    return polars.read_parquet(path, hive_partitioning=False, use_pyarrow=False).to_arrow()


class Spark:
    """A session, because one takes seconds to begin."""

    def __init__(self):
        from pyspark.sql import SparkSession

        builder = SparkSession.builder.master("local[1]").appName("read_back")
        for key, value in {
            "spark.ui.enabled": "false",
            "spark.sql.session.timeZone": "UTC",
            "spark.sql.execution.arrow.maxRecordsPerBatch": "1000",
            # One partition to a file, so that rows stay in its order.
            "spark.sql.files.maxPartitionBytes": "1g",
            "spark.log.level": "ERROR",
        }.items():
            builder = builder.config(key, value)
        self.session = builder.getOrCreate()

    def __call__(self, path):
        return self.session.read.parquet(str(path)).toArrow()


def spelled(scalar):
    """A value of an Arrow array as the expected file has it."""
    if not scalar.is_valid:
        return None
    kind = scalar.type
    if pa.types.is_struct(kind):
        return {field.name: spelled(scalar[at]) for at, field in enumerate(kind)}
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return [spelled(element) for element in scalar.values]
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return scalar.as_py()
    if pa.types.is_boolean(kind):
        return "true" if scalar.as_py() else "false"
    if pa.types.is_signed_integer(kind):
        return str(scalar.as_py())
    if pa.types.is_float64(kind):
        return scalar.as_py().hex()
    if pa.types.is_decimal(kind):
        return spelled_decimal(scalar.as_py(), kind.scale)
    if pa.types.is_date32(kind):
        return spelled_date(scalar.value)
    if pa.types.is_timestamp(kind) and kind.tz == "UTC" and kind.unit in MICROS:
        return str(scalar.value * MICROS[kind.unit])
    return f"a value of type {kind}"


def spelled_decimal(value, scale):
    sign, digits, exponent = value.as_tuple()
    digits = "".join(map(str, digits)) + "0" * (exponent + scale)
    digits = digits.rjust(scale + 1, "0")
    minus = "-" if sign and value else ""
    return minus + (f"{digits[:-scale]}.{digits[-scale:]}" if scale else digits)


def spelled_date(days):
    # The calendar repeats every 400 years; Python's begins with the year 1.
    days_of_400_years = 146_097
    shifted = date(1970, 1, 1) + timedelta(days=days % days_of_400_years)
    year = shifted.year + 400 * (days // days_of_400_years)
    return f"{year:04}-{shifted.month:02}-{shifted.day:02}"


def rows_of(tables):
    for path, table in tables:
        columns = [table.column(at).combine_chunks() for at in range(table.num_columns)]
        for row in range(table.num_rows):
            yield path, row, {name: spelled(column[row]) for name, column in zip(table.column_names, columns)}


def differences(tables, expected):
    found = list(rows_of(tables))
    if len(found) != len(expected):
        yield f"{len(found)} rows, expected {len(expected)}"
    for (path, row, values), wanted in zip(found, expected):
        if list(values) != list(wanted):
            yield f"{path.name}: columns {list(values)}, expected {list(wanted)}"
            return
        for name, value in values.items():
            if value != wanted[name]:
                yield f"{path.name}, row {row}, {name}: {value!r:.200}, expected {wanted[name]!r:.200}"


def main():
    parser = argparse.ArgumentParser(description="Reads Parquet files back by other engines.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("expected", type=Path)
    parser.add_argument("--spark", action="store_true", help="reads by Spark as well")
    arguments = parser.parse_args()

    paths = sorted(arguments.folder.rglob("*.parquet"))
    # Not splitlines(), which also splits at separators within strings.
    lines = arguments.expected.read_text(encoding="utf-8").split("\n")
    expected = [json.loads(line) for line in lines if line]
    if not paths or not expected:
        sys.exit("nothing to read: expected Parquet files and lines")
    engines = {"pyarrow": read_pyarrow, "DuckDB": read_duckdb, "Polars": read_polars}
    if arguments.spark:
        engines["Spark"] = Spark()

    failed = False
    for engine, read in engines.items():
        found = list(differences([(path, read(path)) for path in paths], expected))
        if found:
            failed = True
            print(f"{engine}: {len(found)} differences")
            for difference in found[:DIFFERENCES_SHOWN]:
                print(f"  {difference}")
        else:
            print(f"{engine}: {len(expected)} rows of {len(paths)} files are as written")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
