"""Starts, kills and stops `iguazu up`, and calls the other programs, for the demonstration, the crash test and benchmarks.

Only Python's own library is needed.
"""

import json
import pathlib
import signal
import socket
import subprocess
import sys
import time

# Longer than anything takes on a machine that does other things too; only a defect comes near it.
PATIENCE_SECONDS = 120


class Failed(Exception):
    """A command that was to succeed did not."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Programs:
    """The programs that were built, in one folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.iguazu = self.folder / "iguazu"
        self.loadgen = self.folder / "loadgen"
        for program in (self.iguazu, self.loadgen):
            if not program.exists():
                raise Failed(f"{program} is not there: build it by `make programs`")

    def ask(self, program, *arguments):
        """Runs a program that says yes (0) or no (1); returns which, and what it printed. Anything else is a failure."""
        command = [str(program), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode not in (0, 1):
            raise Failed(f"{' '.join(command)}\nended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.returncode == 0, done.stdout

    def call(self, program, *arguments):
        """Runs a program to its end; returns what it printed. It has to succeed."""
        yes, printed = self.ask(program, *arguments)
        if not yes:
            raise Failed(f"{program} {' '.join(map(str, arguments))}\nsaid no:\n{printed}")
        return printed


class Pipeline:
    """`iguazu up` over one data folder and one port, as often as it is started."""

    def __init__(self, programs, data, *options):
        self.programs = programs
        self.data = pathlib.Path(data)
        self.port = free_port()
        self.options = [str(option) for option in options]
        self.process = None

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def begin(self):
        """Begins to start, and does not wait until it has."""
        command = [self.programs.iguazu, "up", "--json", "--data", self.data, "--port", self.port, *self.options]
        # What Python ignores stays ignored: a file that may not grow is then an error of the write, and no signal.
        self.process = subprocess.Popen(
            [str(part) for part in command], stdout=subprocess.PIPE, text=True, restore_signals=False
        )

    def start(self):
        self.begin()
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"`iguazu up` did not start: exit code {self.process.wait()}")
        return json.loads(line)

    def kill(self):
        """As a crash does: nothing of it gets to finish anything."""
        self.process.send_signal(signal.SIGKILL)
        code = self.process.wait()
        self.process.stdout.close()
        self.process = None
        if code != -signal.SIGKILL:
            raise Failed(f"`iguazu up` had ended by itself, with exit code {code}, before it was killed")

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            code = self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failed("`iguazu up` did not stop when it was told to") from None
        self.process = None
        if code != 0:
            raise Failed(f"`iguazu up` ended with {code} when it was told to stop")

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        # One that ended by itself is told by what failed of that.
        if self.process is not None and self.process.poll() is None:
            self.kill()


def results(text, name):
    """The numbers of the last line `RESULT <name> a=1 b=2` of a text."""
    lines = [line for line in text.splitlines() if line.startswith(f"RESULT {name} ")]
    if not lines:
        raise Failed(f"there is no line RESULT {name} in:\n{text}")
    return dict(part.split("=", 1) for part in lines[-1].split()[2:])


def main(run):
    """Runs a script; a failure is told in its own words."""
    try:
        sys.exit(run())
    except Failed as failure:
        print(f"\n{failure}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


class Stopwatch:
    def __init__(self):
        self.begun = time.monotonic()

    def seconds(self):
        return time.monotonic() - self.begun
