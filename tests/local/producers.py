"""Puts records as other people's producers do, by boto3, by the AWS command line, plain and as KPL aggregates, counts
their events by `iguazu query`, and reads the records back as other people's consumers do.

    producers.py <folder of the programs> <folder to work in> <duckdb program>
"""

import argparse
import datetime
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import uuid

import aws_kinesis_agg.aggregator
import boto3

from pipeline import PATIENCE_SECONDS, Failed, Pipeline, Programs, main

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": "us-east-1"}


def event(kind):
    now = datetime.datetime.now(datetime.timezone.utc)
    return json.dumps({"id": str(uuid.uuid4()), "type": kind, "time": now.isoformat().replace("+00:00", "Z"), "n": 1})


class Puts:
    """What was put: how many records, and one of them with the place that it was given."""

    def __init__(self):
        self.records = 0
        self.known = None


def by_boto3(client, puts):
    records = [{"PartitionKey": str(n), "Data": event("boto3").encode()} for n in range(300)]
    answer = client.put_records(StreamName="events", Records=records)
    if answer["FailedRecordCount"] != 0:
        raise Failed(f"boto3: {answer['FailedRecordCount']} records were not taken")
    data = event("boto3").encode()
    placed = client.put_record(StreamName="events", PartitionKey="one", Data=data)
    puts.known = (placed["ShardId"], placed["SequenceNumber"], "one", data)
    puts.records += len(records) + 1
    return len(records) + 1


def by_kpl(client, puts):
    aggregator = aws_kinesis_agg.aggregator.RecordAggregator()
    full = [aggregator.add_user_record(str(n), event("kpl")) for n in range(500)]
    for aggregate in [*filter(None, full), aggregator.clear_and_get()]:
        key, _, data = aggregate.get_contents()
        client.put_record(StreamName="events", PartitionKey=key, Data=data)
        puts.records += 1
    return 500


def by_command_line(endpoint, puts):
    command = [
        pathlib.Path(sys.executable).parent / "aws", "kinesis", "put-record", "--endpoint-url", endpoint,
        "--stream-name", "events", "--partition-key", "cli", "--data", event("cli"),
    ]
    done = subprocess.run(
        [str(part) for part in command], env={**os.environ, **CREDENTIALS}, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise Failed(f"the AWS command line ended with {done.returncode}: {done.stderr}")
    puts.records += 1
    return 1


def read_back(client):
    """All records of the stream, by GetRecords from the beginning of each shard: shard, place, key and data of each."""
    records = []
    for shard in client.describe_stream(StreamName="events")["StreamDescription"]["Shards"]:
        iterator = client.get_shard_iterator(
            StreamName="events", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        # A closed shard has no iterator after its last record, an open one has always one.
        while iterator is not None:
            answer = client.get_records(ShardIterator=iterator)
            if not answer["Records"]:
                break
            for record in answer["Records"]:
                records.append((shard["ShardId"], record["SequenceNumber"], record["PartitionKey"], record["Data"]))
            iterator = answer.get("NextShardIterator")
    return records


def run():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("duckdb", type=pathlib.Path)
    arguments = parser.parse_args()
    programs, data = Programs(arguments.programs), arguments.folder / "data"
    shutil.rmtree(arguments.folder, ignore_errors=True)
    with Pipeline(programs, data, "--compact-every", "1s") as pipeline:
        client = boto3.client(
            "kinesis", endpoint_url=pipeline.endpoint, region_name="us-east-1",
            aws_access_key_id="any", aws_secret_access_key="any",
        )
        puts = Puts()
        sent = {
            "boto3": by_boto3(client, puts), "kpl": by_kpl(client, puts),
            "cli": by_command_line(pipeline.endpoint, puts),
        }
        sql = "SELECT event_type, count(*) AS events FROM events GROUP BY event_type"
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            text = programs.call(
                programs.iguazu, "query", "--data", data, "--duckdb", arguments.duckdb.absolute(), "--json", sql
            )
            counted = {row["event_type"]: int(row["events"]) for row in json.loads(text or "[]")}
            if counted == sent:
                break
            if time.monotonic() > until:
                raise Failed(f"sent {sent}, but the table has {counted}")
            time.sleep(0.2)
        got = read_back(client)
        pipeline.stop()
    if len(got) != puts.records or len({(shard, place) for shard, place, _, _ in got}) != puts.records:
        raise Failed(f"{puts.records} records were put, and GetRecords gave {len(got)}")
    if puts.known not in got:
        raise Failed(f"GetRecords did not give the record {puts.known} as it was put")
    print(f"RESULT producers boto3={sent['boto3']} kpl={sent['kpl']} cli={sent['cli']} records={len(got)}")
    return 0


main(run)
