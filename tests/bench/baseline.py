"""The usual Python Lambda: base64, json and pyarrow, written as a competent engineer writes it.

It is fed through its standard input, one request a line, and answers each with a line of JSON:

    load <file>             reads an invocation; its number is how many were loaded before
    run <number> <layout>   transforms it, and says how much CPU time that took, and what came out
    write <number> <layout> <folder>   the same, and stores the files in the folder

Starting Python and importing pyarrow are not measured: a warm function has done both.
"""

import base64
import json
import os
import sys
import time
from collections import defaultdict
from datetime import datetime, timedelta, timezone
from decimal import Decimal

# One core is measured. pyarrow reads these once, when it is imported.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["ARROW_NUM_THREADS"] = "1"
os.environ["ARROW_IO_THREADS"] = "1"

import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402

pa.set_cpu_count(1)
pa.set_io_thread_count(1)

# A function learns when its stream was created once, when it starts.
STREAM_CREATED_MS = 1_767_225_600_000
CONTRACT_VERSION = 1
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

TIME = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [
        pa.field("event_id", pa.string(), nullable=False),
        pa.field("event_type", pa.string(), nullable=False),
        pa.field("event_time", TIME, nullable=False),
        pa.field("arrival_time", TIME, nullable=False),
        pa.field("stream", pa.string(), nullable=False),
        pa.field("shard", pa.string(), nullable=False),
        pa.field("sequence", pa.string(), nullable=False),
        pa.field("sub", pa.int32(), nullable=False),
        pa.field("contract_version", pa.int32(), nullable=False),
        pa.field("source", pa.string()),
        pa.field("user_id", pa.string()),
        pa.field("user_country", pa.string()),
        pa.field("user_tier", pa.string()),
        pa.field("ip", pa.string()),
        pa.field("session_id", pa.string()),
        pa.field("device_os", pa.string()),
        pa.field("device_model", pa.string()),
        pa.field("locale", pa.string()),
        pa.field("url", pa.string()),
        pa.field("amount", pa.decimal128(18, 2)),
        pa.field("currency", pa.string()),
        pa.field("quantity", pa.int64()),
        pa.field("properties", pa.string()),
    ]
)


def row(record):
    """The row of a record, in the order of the schema."""
    kinesis = record["kinesis"]
    # An amount must not become a float.
    event = json.loads(base64.b64decode(kinesis["data"]), parse_float=Decimal)
    user = event.get("user", {})
    context = event.get("context", {})
    device = context.get("device", {})
    stream = record["eventSourceARN"].split(":stream/")[1]
    shard = record["eventID"].split(":")[0]
    properties = event.get("properties")
    return (
        event["id"],
        event["type"],
        datetime.fromisoformat(event["time"]),
        # Milliseconds, which came as a fraction of seconds.
        EPOCH + timedelta(milliseconds=round(kinesis["approximateArrivalTimestamp"] * 1000)),
        f"{stream}.{STREAM_CREATED_MS}",
        shard,
        kinesis["sequenceNumber"],
        0,
        CONTRACT_VERSION,
        event.get("source"),
        user.get("id"),
        user.get("country"),
        user.get("tier"),
        context.get("ip"),
        context.get("session"),
        device.get("os"),
        device.get("model"),
        context.get("locale"),
        context.get("url"),
        event.get("amount"),
        event.get("currency"),
        event.get("quantity"),
        None if properties is None else json.dumps(properties, separators=(",", ":"), ensure_ascii=False),
    )


def parquet(rows):
    """The bytes of a file of rows."""
    columns = [pa.array(values, type=field.type) for values, field in zip(zip(*rows), SCHEMA)]
    table = pa.Table.from_arrays(columns, schema=SCHEMA)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def transform(payload, layout):
    """The files of an invocation."""
    event = json.loads(payload)
    rows = [row(record) for record in event["Records"]]
    if layout == "same":
        return [parquet(rows)]
    partitions = defaultdict(list)
    for values in rows:
        partitions[values[1], values[2].date()].append(values)
    return [parquet(rows) for rows in partitions.values()]


def answer(invocations, request):
    """What a request is answered with."""
    match request:
        case ["load", path]:
            with open(path, "rb") as file:
                invocations.append(file.read())
            return {}
        case ["run" | "write", number, layout, *folder]:
            begun = time.process_time()
            files = transform(invocations[int(number)], layout)
            seconds = time.process_time() - begun
            for index, file in enumerate(files if folder else []):
                with open(os.path.join(folder[0], f"{index:03}.parquet"), "wb") as out:
                    out.write(file)
            return {"cpu_seconds": seconds, "files": len(files), "bytes": sum(file.size for file in files)}
    raise ValueError(f"no such request: {request}")


def main():
    """Answers requests until there are no more."""
    invocations = []
    for line in sys.stdin:
        print(json.dumps(answer(invocations, line.split())), flush=True)


if __name__ == "__main__":
    main()
