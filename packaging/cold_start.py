"""Times the cold start of a function: from the start of its process to its first poll of Lambda's runtime API.

    cold_start.py <program> <folder of contracts>

One server on this machine plays what a start asks for: the runtime API, whose first poll ends the measurement, and the
look at the event source mappings that ingest takes. So the time holds reading the configuration and the contracts and
building the clients, and neither the network, nor TLS, nor what Lambda itself takes to fetch the package.
"""

import http.server
import json
import pathlib
import re
import statistics
import subprocess
import sys
import threading
import time

STARTS = 20
# Longer than any start takes on a machine that does other things too.
PATIENCE_SECONDS = 60
POLL = "/2018-06-01/runtime/invocation/next"
MAPPINGS = "/2015-03-31/event-source-mappings"
MAPPING = {
    "UUID": "00000000-0000-4000-8000-000000000000",
    "EventSourceArn": "arn:aws:kinesis:eu-west-1:000000000000:stream/orders",
    "FunctionArn": "arn:aws:lambda:eu-west-1:000000000000:function:measured",
    "State": "Enabled",
    "ParallelizationFactor": 1,
    "MaximumRetryAttempts": -1,
    "MaximumRecordAgeInSeconds": -1,
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
}


class NoStart(Exception):
    """The function did not come to its first poll; the text says what it said instead."""


class Cloud(http.server.ThreadingHTTPServer):
    """What a function asks at its start, and when it polled."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Question)
        self.polled = threading.Event()
        self.polled_at = None
        self.unexpected = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def address(self):
        return f"127.0.0.1:{self.server_port}"


class Question(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == POLL:
            # Once: a function that polls again has been asked nothing, and that is not its start.
            if not self.server.polled.is_set():
                self.server.polled_at = time.perf_counter()
                self.server.polled.set()
            # Nothing happened yet: Lambda lets the function wait.
            threading.Event().wait(PATIENCE_SECONDS)
        elif self.path.partition("?")[0] == MAPPINGS:
            body = json.dumps({"EventSourceMappings": [MAPPING]}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        else:
            self.refuse()

    def do_POST(self):
        self.refuse()

    def refuse(self):
        self.server.unexpected.append(f"{self.command} {self.path}")
        self.send_error(501)

    def log_message(self, *_):
        """Says nothing: what was asked is no news."""


def environment(address, contracts):
    """Lambda's variables, the function's own, and where the endpoints are."""
    names = set()
    for contract in sorted(contracts.glob("*.toml")):
        names.update(re.findall(r'hmac_sha256\s*=\s*"([a-z0-9_]+)"', contract.read_text()))
    secrets = {f"IGUAZU_SECRET_{name.upper()}": "0" * 64 for name in names}
    return secrets | {
        "AWS_LAMBDA_RUNTIME_API": address,
        "AWS_LAMBDA_FUNCTION_NAME": "measured",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "measured",
        "AWS_SECRET_ACCESS_KEY": "measured",
        "AWS_SESSION_TOKEN": "measured",
        "AWS_ENDPOINT_URL": f"http://{address}",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PATH": "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
        "IGUAZU_BUCKET": "measured",
        "IGUAZU_LEDGER_TABLE": "measured",
        "IGUAZU_CONTRACTS": str(contracts),
    }


def start(program, contracts):
    """Starts the function once; returns the milliseconds to its first poll."""
    with Cloud() as cloud:
        begun = time.perf_counter()
        process = subprocess.Popen(
            [program], env=environment(cloud.address(), contracts), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        try:
            deadline = begun + PATIENCE_SECONDS
            while not cloud.polled.wait(0.05) and process.poll() is None and time.perf_counter() < deadline:
                pass
        finally:
            process.kill()
            said, _ = process.communicate()
            cloud.shutdown()
        if cloud.polled_at is None or cloud.unexpected:
            asked = "".join(f"\nit asked for {question}" for question in cloud.unexpected)
            raise NoStart(f"{program} did not start as expected:{asked}\n{said.decode(errors='replace')}")
        return (cloud.polled_at - begun) * 1000


def measure(program, contracts, starts=STARTS):
    """The median and the greatest of so many starts, in milliseconds."""
    # The first one reads the program from the disk, which is nothing that Lambda would do the same way.
    start(program, contracts)
    times = [start(program, contracts) for _ in range(starts)]
    return statistics.median(times), max(times)


if __name__ == "__main__":
    median, greatest = measure(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve())
    print(f"RESULT cold-start starts={STARTS} median_ms={median:.1f} max_ms={greatest:.1f}")
